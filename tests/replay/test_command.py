"""The command as a person runs it."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.cli.main import cli
from cds_service.errors import MarrowError


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("MARROW_PATIENT_HASH_KEY", "made-up key of the tests, long enough")
    return CliRunner()


def replay(run: CliRunner, *arguments: object) -> Result:
    return run.invoke(cli, ["replay", *map(str, arguments)])


def test_results_and_page(run: CliRunner, export: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    reports = (json.loads(line) for line in (export / "DiagnosticReport.ndjson").read_text().splitlines())
    rows = [f"{one['subject']['reference']},{one['id']},infection" for one in reports]
    labels.write_text("patient,report,outcome\n" + "\n".join(rows) + "\n")
    out = tmp_path / "out"
    before = os.umask(0o022)
    try:
        done = replay(run, export, "--out", out, "--jobs", 1, "--labels", labels)
    finally:
        os.umask(before)
    assert done.exit_code == 0, done.output
    assert {path.stat().st_mode & 0o077 for path in (out, *out.rglob("*"))} == {0}
    assert "cards" in done.output
    summary = json.loads((out / "summary.json").read_text())
    assert summary["reports"] == len(rows)
    assert summary["labelled"]
    assert (out / "misses.ndjson").read_text()
    page = (out / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert str(summary["cards_total"]) in page
    again = replay(run, export, "--out", out, "--jobs", 1)
    assert isinstance(again.exception, MarrowError)
    assert "holds the results" in str(again.exception)


def test_a_site_overlay_is_compared_with_the_base(
    run: CliRunner, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = tmp_path / "site.toml"
    overlay.write_text('[parameters.crp_raised]\nvalue = 8\nreason = "local committee"\n', encoding="utf-8")
    assert replay(run, export, "--out", tmp_path / "base", "--as-of", "2027-01-01", "--jobs", 1).exit_code == 0
    monkeypatch.setenv("MARROW_KNOWLEDGE_OVERLAY", str(overlay))
    assert replay(run, export, "--out", tmp_path / "new", "--as-of", "2027-01-01", "--jobs", 1).exit_code == 0
    done = replay(run, "--compare", tmp_path / "base", tmp_path / "new")
    assert done.exit_code == 0
    found = json.loads(done.output)
    assert found["knowledge"]["base"] != found["knowledge"]["new"]
    assert found["totals"]["reports"] == sum(found["totals"][name] for name in ("same", "changed"))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "INPUT"),
        (["nowhere", "--out", "x"], "nowhere"),
        (["x", "--out", "y", "--as-of", "soon"], "date"),
    ],
)
def test_wrong_words_are_named(
    run: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = replay(run, *arguments)
    assert done.exit_code != 0
    assert word in f"{done.output} {done.exception}"
