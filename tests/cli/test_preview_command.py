"""``preview`` on a terminal: the chain of reasons, a comparison, a synthetic patient instead of a file."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from cds_service.cli.main import cli

TEXT = "MRI thoracic spine. Diffuse sclerosis of T11 with paravertebral edema. Smooth endplates. No fracture, no lysis."


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("MARROW_BUDGET_SECONDS", "60")


@pytest.fixture
def report(tmp_path: Path) -> str:
    path = tmp_path / "report.txt"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["preview", *arguments])


def test_explain_prints_the_whole_chain(report: str) -> None:
    shown = run("--explain", report)
    assert shown.exit_code == 0, shown.output
    for part in (
        "Findings", "Spine", "Lanes, in order of precedence", "Rules that fired", "Silent rules", "What would change",
        "TRG-DENSE-WITH-SOFT-TISSUE", "raised (20 mg/L)", "C11-EDEMA", "R-IDSA2015", "No change with",
    ):  # fmt: skip
        assert part in shown.output, part


def test_explain_as_json_holds_the_same(report: str) -> None:
    (line,) = run("--explain", "--json", report).stdout.splitlines()
    found = orjson.loads(line)
    assert found["view"]["lanes"]
    assert found["changes"]["complete"] is True
    (plain,) = run("--json", report).stdout.splitlines()
    assert set(orjson.loads(plain)) == {"file", "cards", "reasoning"}


def test_a_synthetic_patient_instead_of_a_file() -> None:
    shown = run("--fixture", "spondylodiscitis-l4-l5", "--explain", "--language", "de")
    assert shown.exit_code == 0, shown.output
    assert "Course" in shown.output
    assert "erhöht über 10 mg/L" in shown.output
    assert run().exit_code == 2
    assert run("--fixture", "nobody").exit_code == 2


def test_compare_with_a_language_an_overlay_and_a_file(report: str, tmp_path: Path) -> None:
    assert "Nothing differs" in run("--compare", "ro", report).output
    overlay = tmp_path / "site.toml"
    overlay.write_text('[parameters]\ncrp_raised = { value = 6, reason = "own assay" }\n', encoding="utf-8")
    assert "crp_raised: 10 mg/L -> 6 mg/L" in run("--compare", str(overlay), report).output
    other = tmp_path / "other.txt"
    other.write_text(f"{TEXT} Epidural abscess at T11.", encoding="utf-8")
    shown = run("--compare", str(other), report).output
    assert "+ C02" in shown
    assert "+ epidural abscess" in shown
    overlay.unlink()
    assert "cannot be read" in str(run("--compare", str(overlay), report).exception)


def test_what_acts_on_a_terminal_is_not_printed(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_text(f"{TEXT} \x1b[31mred\x07 \u202eturned [bold]kept[/bold]", encoding="utf-8")
    shown = run("--explain", str(path)).output
    assert "\x1b[31m" not in shown
    assert "\x07" not in shown
    assert "\u202e" not in shown
    assert "[bold]kept[/bold]" in shown


def test_a_lay_reader_is_told_why_nothing_is_shown(tmp_path: Path) -> None:
    call = {
        "hook": "patient-view",
        "hookInstance": "9f4d74f6-a7e0-486a-bd2f-9a7f8589b2b3",
        "context": {"userId": "Patient/p", "patientId": "p"},
    }
    path = tmp_path / "call.json"
    path.write_bytes(orjson.dumps(call))
    assert "Nothing was evaluated" in run("--explain", str(path)).output
