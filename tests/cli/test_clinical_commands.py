"""Commands on real knowledge: preview, explain, knowledge, read."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

import fhir_fixtures
from cds_service.cli.main import cli
from cds_service.hooks.services import PATIENT_VIEW


@pytest.fixture(autouse=True)
def fresh_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def run(*arguments: str, given: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, list(arguments), input=given)


def test_preview_prints_cards_of_every_kind_of_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Wide enough for the path of the folder, however deep that is.
    monkeypatch.setenv("COLUMNS", "300")
    moment = datetime.now(UTC) - timedelta(minutes=1)
    bundle, call, text = (tmp_path / name for name in ("bundle.json", "call.json", "report.txt"))
    bundle.write_text(json.dumps(fhir_fixtures.bundle("t11-before-labs", moment)))
    call.write_text(json.dumps(fhir_fixtures.hook_request("t11-before-labs", PATIENT_VIEW.to_wire(), moment)))
    text.write_text("MRT LWS: Knochenmarködem LWK 4 mit Flüssigkeitssignal der Bandscheibe L4/5.")
    result = run("preview", "--json", "--language", "de", str(bundle), str(call), str(text))
    assert result.exit_code == 0, result.output
    lines = [orjson.loads(line) for line in result.stdout.splitlines()]
    assert [Path(line["file"]).name for line in lines] == ["bundle.json", "call.json", "report.txt"]
    assert [card["summary"] for card in lines[0]["cards"]] == [card["summary"] for card in lines[1]["cards"]]
    assert lines[2]["cards"]
    shown = run("preview", str(bundle), str(text))
    assert "bundle.json" in shown.output
    assert "Source: Marrow CDS" in shown.output


def test_explain_names_rules_that_fired_and_that_did_not(tmp_path: Path) -> None:
    scenario = fhir_fixtures.scenario("t11-before-labs")
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(fhir_fixtures.bundle(scenario.name)))
    day = scenario.as_of.date().isoformat()
    shown = run("explain", str(path), "--as-of", day)
    assert shown.exit_code == 0, shown.output
    explained = orjson.loads(run("explain", "--json", str(path), "--as-of", day).stdout)
    outcomes = {rule["fired"] for rule in explained["rules"]}
    assert outcomes == {True, False}
    assert explained["asOf"].startswith(day)


def test_input_that_cannot_be_evaluated_is_named(tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text("{}")
    result = run("preview", str(path))
    assert result.exit_code == 1
    assert "must be a FHIR Bundle" in str(result.exception)


def test_knowledge_lists_rules_rows_orders_thresholds_and_references() -> None:
    printed = run("knowledge").output
    for part in ("# Clinical knowledge", "## Rules: infection", "## Rows of the decision table", "## Advice on draft"):
        assert part in printed
    assert "| crp_raised | 10 | mg/L |" in printed
    assert "- **R-IDSA2015**" in printed


def test_read_answers_line_by_line() -> None:
    lines = [
        {"id": "a", "language": "en", "text": "Bone marrow edema of L4. No fracture."},
        {"id": "b", "text": "Knochenmarködem LWK 3. Keine Fraktur."},
    ]
    given = b"\n".join([orjson.dumps(lines[0]), b"{broken", orjson.dumps(lines[1])])
    result = run("read", given=given)
    assert result.exit_code == 1
    answers = [orjson.loads(line) for line in result.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == ["a", "b"]
    edema = {"finding": "bone_marrow_edema", "status": "present", "levels": ["L4"]}
    assert edema in answers[0]["pred"]["findings"]
    assert set(answers[0]["pred"]) == {"findings", "pathway", "edema"}
    assert result.stderr.startswith("line 2")
