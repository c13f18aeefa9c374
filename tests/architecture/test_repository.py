"""What is in the repository is meant to be there and speaks of nothing outside it."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP_LEVEL = {
    ".ci", ".dockerignore", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile", "LICENSE", "Makefile",
    "README.md", "SECURITY.md", "cards", "cds_service", "deploy", "docker-compose.yml", "docs", "fhir_fixtures",
    "pyproject.toml", "requirements-run.lock", "requirements.lock", "scripts", "tests",
}  # fmt: skip
# Built from parts, so that this file does not contain what it looks for.
UNWANTED = {
    "unfinished work": re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b"),
    "a folder of one machine": re.compile("|".join(("/wo" + "rk/", "/t" + "mp/bash", "/ro" + "ot/"))),
    "a package registry": re.compile(
        "|".join(("pypi" + r"\.org", "python" + "hosted", "npm" + "js", "crates" + r"\.io"))
    ),
    "an unwritten function": re.compile("NotImplemented" + "Error"),
}
TEXT = {".py", ".md", ".toml", ".json", ".html", ".css", ".js", ".sql", ".sh", ".yml", ".lock", ".txt", ""}


@cache
def tracked() -> tuple[Path, ...]:
    """Files under version control; in an unpacked archive every file that is not hidden or generated."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        return tuple(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file())
    generated = {".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
    return tuple(p for p in ROOT.rglob("*") if p.is_file() and not generated & set(p.relative_to(ROOT).parts))


def test_top_level_is_as_agreed() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} - {".coverage"} == TOP_LEVEL


@pytest.mark.parametrize("subject", UNWANTED)
def test_no_file_holds(subject: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked()
        if path.suffix in TEXT
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if UNWANTED[subject].search(line)
    ]
    assert found == []


def test_no_tracked_file_is_large() -> None:
    large = {str(path.relative_to(ROOT)): path.stat().st_size for path in tracked() if path.stat().st_size > 500_000}
    assert large == {}


def test_every_package_of_the_product_says_what_it_is() -> None:
    product = ("cds_service", "cards", "fhir_fixtures")
    folders = {path.parent for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in product}
    documented = {p for p in folders if (p / "__init__.py").read_text(encoding="utf-8").startswith('"""')}
    assert folders - documented == set()
