"""The command line: help, errors in one line, cards and rules readable."""

import io
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from cds_service.cli.inputs import moment, read_input
from cds_service.cli.main import cli, run
from cds_service.cli.shown import show_cards, show_rules
from cds_service.errors import RequestError

CARD = {
    "summary": "Edema [L4]: consider CRP",
    "indicator": "warning",
    "detail": "**Seen**: edema\n\n- one\n- two",
    "source": {"label": "Marrow CDS"},
    "suggestions": [{"label": "Order CRP"}],
}


def printed(show: Any, value: Any) -> str:
    console = Console(file=io.StringIO(), width=100, record=True)
    show(console, value)
    return console.export_text()


def test_help_lists_every_command_and_each_has_its_own() -> None:
    listed = CliRunner().invoke(cli, ["--help"])
    assert listed.exit_code == 0
    for name in ("serve", "preview", "explain", "knowledge", "read", "assertion"):
        assert f"  {name} " in listed.output
        assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0


def test_unknown_command_is_named() -> None:
    result = CliRunner().invoke(cli, ["dance"])
    assert result.exit_code == 2
    assert "dance" in result.output


def test_fault_of_a_setting_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MARROW_PORT", "x")
    monkeypatch.setattr("sys.argv", ["marrow-cds", "serve"])
    with pytest.raises(SystemExit) as stopped:
        run()
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "marrow-cds: MARROW_PORT: must be a whole number from 0 to 65535\n"


def test_service_for_everybody_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["marrow-cds", "serve", "--host", "0.0.0.0"])  # noqa: S104 - must be refused
    with pytest.raises(SystemExit) as stopped:
        run()
    assert stopped.value.code == 2
    assert "MARROW_CLIENTS" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'\n {"resourceType": "Bundle"}', {"resourceType": "Bundle"}),
        (b"[1]", [1]),
        ("MRT: Ödem L4".encode(), {"text": "MRT: Ödem L4"}),
        (b"\xef\xbb\xbfMRI", {"text": "MRI"}),
    ],
)
def test_file_is_json_or_the_text_of_a_report(tmp_path: Path, content: bytes, found: Any) -> None:
    path = tmp_path / "input"
    path.write_bytes(content)
    assert read_input(path) == found


@pytest.mark.parametrize(
    ("content", "message"), [(b'{"a": \n}', "line 2, column 1"), (b"\xff\xfe", "neither JSON nor")]
)
def test_unreadable_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "input"
    path.write_bytes(content)
    with pytest.raises(RequestError, match=message):
        read_input(path)
    with pytest.raises(RequestError, match="cannot be read"):
        read_input(tmp_path / "none")


def test_moment_is_the_end_of_the_day() -> None:
    assert moment("2026-03-31").isoformat() == "2026-03-31T23:59:00+00:00"
    assert moment(None).tzinfo is not None
    with pytest.raises(RequestError, match="--as-of"):
        moment("soon")


def test_cards_are_readable() -> None:
    shown = printed(show_cards, [CARD])
    for part in ("WARNING", "Edema [L4]: consider CRP", "Seen: edema", "[ ] Order CRP", "Source: Marrow CDS"):
        assert part in shown


def test_no_card_is_said() -> None:
    assert "Missing data are not negative findings" in printed(show_cards, [])


def test_nothing_run_is_said() -> None:
    assert "No rule ran" in printed(show_rules, {"rules": []})
    assert "no order" in printed(show_rules, {"note": "no order"})


def test_rules_are_shown_fired_first_with_reasons() -> None:
    rules = [
        {"id": "R-2", "fired": False, "why": "no fever", "missing": ["temperature"]},
        {"id": "R-1", "fired": True, "why": "edema", "missing": []},
    ]
    lanes = [{"lane": "B", "row": "B3", "card": "C10"}, {"lane": "E", "row": "none"}]
    gaps = [{"resource": "Observation/1", "element": "valueQuantity", "code": "missing-unit"}]
    finding = {"finding": "F-EDEMA", "status": "present", "levels": ["L4"], "sentence": "Edema of L4 [new]."}
    reports = [{"report": "DiagnosticReport/1", "date": None, "findings": [finding]}]
    shown = printed(show_rules, {"findings": reports, "rules": rules, "lanes": lanes, "gaps": gaps})
    assert "Edema of L4 [new]." in shown
    assert shown.index("R-1") < shown.index("R-2")
    assert "temperature" in shown
    assert "C10" in shown
    assert "Not used: Observation/1 valueQuantity (missing-unit)" in shown
