"""Run the tests that carry requirement ids, print the table and write the document: ``python -m tests.conformance``."""

import sys
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from tests.conformance.registry import (
    DOCUMENT,
    FAILS,
    PASSES,
    PROFILES,
    STRENGTHS,
    TESTS,
    UNTESTED,
    cells_of,
    counts,
    render,
    requirements,
    results_of,
    verdict,
)


class Outcomes:
    """Collects (id, profile, outcome) of every test that carries ids."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the outcome of the call, and any failure before or after it."""
        if report.when != "call" and report.passed:
            return
        properties: dict[str, Any] = dict(report.user_properties)
        outcome = PASSES if report.passed else FAILS
        self.found += [(name, properties.get("profile", ""), outcome) for name in properties.get("requirements", ())]


def main(arguments: list[str]) -> int:
    """Return 0 when nothing that binds the service fails or stays untested."""
    outcomes = Outcomes()
    options = ["-q", "-n", "2", "-m", "requirement", "-p", "no:cacheprovider", str(TESTS)]
    status = pytest.main(options, plugins=[outcomes])
    results = results_of(outcomes.found)
    console = Console(width=100)
    table = Table("id", "strength", *PROFILES, "result", title="Requirements of CDS Hooks")
    for one in requirements():
        table.add_row(one.id, one.strength, *cells_of(one, results), verdict(one, results))
    console.print(table)
    summed = Table("strength", "all", "passes", "fails", "argued", "not ours", "untested", title="By strength")
    for strength, counted in counts(results):
        names = (PASSES, FAILS, "argued", "not ours", "untested")
        summed.add_row(strength, str(counted.total()), *(str(counted[name]) for name in names))
    console.print(summed)
    text = render(results)
    if "--check" in arguments:
        current = DOCUMENT.read_text(encoding="utf-8") == text
        console.print("docs/conformance.md is current." if current else "docs/conformance.md is not current.")
        return int(status != 0 or not current)
    DOCUMENT.write_text(text, encoding="utf-8")
    console.print(f"Written: docs/{DOCUMENT.name} ({UNTESTED} means untested; {len(STRENGTHS)} strengths)")
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
