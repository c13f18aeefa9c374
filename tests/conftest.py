"""Options of the whole test suite."""

import io
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cds_service.web.logs import JsonLines

# Fixtures for every test that needs a browser, a database server or Redis.
from tests.browser.chromium import chromium  # noqa: F401 - used by name
from tests.servers.fixtures import own_postgresql, own_redis, postgresql  # noqa: F401 - used by name

# Every test fails during which a log line, a metric or a span names a synthetic patient.
from tests.telemetry.whole_run import nothing_of_a_patient_is_told, patient_listener  # noqa: F401 - used by name

FAULTS = Path(__file__).parents[1] / "docs" / "operations" / "faults.md"
_FAULTS_HEAD = (
    "| fault | calls sent | answered | refused | broken | rows expected | found |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", default=False, help="enumerate every state instead of a sample")
    parser.addoption("--write-faults", action="store_true", default=False, help="write docs/operations/faults.md anew")
    parser.addoption("--screenshots", action="store_true", default=False, help="write docs/images/preview-*.png anew")


def _note_requirements(item: pytest.Item) -> None:
    """Write the requirement ids of a test, and the version it runs for, to its report."""
    ids = [name for marker in item.iter_markers("requirement") for name in marker.args]
    if ids:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        item.user_properties += [("requirements", ids), ("profile", str(parameters.get("ehr", "")))]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        _note_requirements(item)
    if config.getoption("--full"):
        return
    skip = pytest.mark.skip(reason="needs --full")
    for item in items:
        if item.get_closest_marker("full"):
            item.add_marker(skip)


def _show_faults(terminalreporter: pytest.TerminalReporter) -> None:
    """Print ``record_property("fault", line)`` of all tests as one table."""
    rows = [
        str(line)
        for report in terminalreporter.getreports("passed")
        for name, line in report.user_properties
        if name == "fault"
    ]
    if rows:
        terminalreporter.section("faults")
        table = "\n".join([*_FAULTS_HEAD, *rows])
        terminalreporter.write_line(table)
        if terminalreporter.config.getoption("--write-faults"):
            before, _, after = FAULTS.read_text().partition(_FAULTS_HEAD[0])
            FAULTS.write_text(before + table + "\n\n" + after.partition("\n\n")[2])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests counted and tabled.

    Counted is the sum of ``record_property("counted", (what, number))`` of all of them, tabled is each
    ``record_property("tabled", (case, outcome))``.
    """
    _show_faults(terminalreporter)
    counts: Counter[str] = Counter()
    outcomes: dict[str, str] = {}
    for report in terminalreporter.getreports("passed"):
        for name, counted in report.user_properties:
            if name == "counted":
                counts[counted[0]] += counted[1]
            elif name == "tabled":
                outcomes[counted[0]] = counted[1]
    if counts:
        terminalreporter.section("counted")
        for what, number in counts.items():
            terminalreporter.write_line(f"{number:6} {what}")
    if outcomes:
        terminalreporter.section("fault -> outcome")
        for case, outcome in outcomes.items():
            terminalreporter.write_line(f"{case:64} {outcome}")


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that the process logs, at every level, as it would be written."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)
