"""``marrow-cds report``: the same counts for a terminal, a program, a spreadsheet and a reader."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.cli.main import cli
from cds_service.config import Settings
from cds_service.store.database import SqlStore
from tests.usage import cohort

PERIOD = ("--from", "2025-12-01", "--to", "2026-11-30")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("state")
    store = SqlStore(Settings(state_dir=place).database)
    store.open()
    cohort.fill(store)
    store.close()
    return place


def run(state: Path, *arguments: str) -> Result:
    found = CliRunner().invoke(cli, ["report", *PERIOD, *arguments], env={"MARROW_STATE_DIR": str(state)})
    assert found.exit_code == 0, (found.output, found.exception)
    return found


def test_terminal_tells_which_rule_annoys_and_which_rate_is_of_few(state: Path) -> None:
    lines = run(state).output.splitlines()
    assert lines[0] == "Cards given from 2025-12-01 to 2026-11-30"
    rule = next(line for line in lines if line.startswith("TRG-FRACTURE"))
    assert rule.split()[1:] == ["120", "10", "80", "30", "89%", "81%", "to", "94%", "more", "often", "than", "others"]
    assert next(line for line in lines if line.startswith("MAL-PAGET-CERTAIN")).endswith("few answers")
    assert any("reports: first card within" in line for line in lines)


def test_forms_say_the_same(state: Path, tmp_path: Path) -> None:
    found = json.loads(run(state, "--format", "json").output)
    assert found["total"]["shown"] == cohort.SHOWN
    assert f"total,,{cohort.SHOWN},{cohort.ACCEPTED},{cohort.OVERRIDDEN}," in run(state, "--format", "csv").output
    only = json.loads(run(state, "--format", "json", "--client", cohort.WEST).output)
    assert [one["id"] for one in only["clients"]] == [cohort.WEST]
    file = tmp_path / "usage.html"
    assert run(state, "--format", "html", "--language", "de", "--out", str(file)).output == f"{file}\n"
    text = file.read_text(encoding="utf-8")
    assert "Wie Karten angenommen werden" in text
    assert "<svg" in text
    # It stands alone and runs nothing.
    assert not re.search(r'(?:src|href)="', text)
    assert "<script" not in text
    assert "Planted" not in text


def test_empty_store_says_so_without_a_rate(tmp_path: Path) -> None:
    assert run(tmp_path).output.splitlines()[2].split() == ["all", "cards", "0", "0", "0", "0"]


def test_place_that_cannot_be_written_is_named(state: Path, tmp_path: Path) -> None:
    arguments = ["report", "--out", str(tmp_path / "none" / "x.csv")]
    found = CliRunner().invoke(cli, arguments, env={"MARROW_STATE_DIR": str(state)})
    assert found.exit_code == 1
    assert "cannot be written" in found.output
