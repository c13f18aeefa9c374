"""The threat model names for each mitigation the test that shows it, and each of them exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    line.split(" | ")
    for line in (ROOT / "SECURITY.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| (\d|all)", line)
]
NAMED = sorted({name for row in ROWS for name in re.findall(r"`([\w/]+::[\w*]+)`", row[-1])})


def test_every_mitigation_names_a_test() -> None:
    assert len(ROWS) > 15
    assert [row[1] for row in ROWS if "::" not in row[-1]] == []


@pytest.mark.parametrize("name", NAMED)
def test_named_test_exists(name: str) -> None:
    file, function = name.split("::")
    source = (ROOT / "tests" / f"{file}.py").read_text(encoding="utf-8")
    assert re.search(rf"^def {function.replace('*', '')}", source, re.MULTILINE)
