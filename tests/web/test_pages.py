"""Preview, knowledge and health pages: readable for people, JSON for programs, nothing loaded from elsewhere."""

import re
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from cds_service.security.clients import ClientDirectory
from cds_service.security.outbound import FetchRefused

TYPED = {
    "text": "Marrow edema of L4.",
    "language": "en",
    "patient": {"age": 70, "sex": "female", "pregnant": False},
    "labs": [{"name": "CRP", "value": 12, "unit": "mg/L", "date": "2026-11-20"}, {"code": "30341-2", "value": "<5"}],
    "conditions": ["diabetes"],
    "medications": ["metformin"],
}


def test_typed_report_goes_the_way_of_fhir_resources(world: Any) -> None:
    answer = world.client().post("/preview", json=TYPED)
    assert answer.status_code == 200
    assert len(answer.json["cards"]) == 1
    assert answer.headers["Cache-Control"] == "no-store"
    by_type: dict[str, list[Any]] = {}
    for resource in world.middle.calls[0]["resources"]:
        by_type.setdefault(resource["resourceType"], []).append(resource)
    assert by_type["Patient"][0]["birthDate"] == "1956-01-01"
    assert by_type["DiagnosticReport"][0]["conclusion"] == "Marrow edema of L4."
    assert [o["code"] for o in by_type["Observation"]] == [
        {"coding": [{"system": "http://loinc.org", "code": "82810-3"}]},
        {"text": "CRP"},
        {"coding": [{"system": "http://loinc.org", "code": "30341-2"}]},
    ]
    assert by_type["Observation"][1]["valueQuantity"] == {"value": 12, "unit": "mg/L"}
    assert by_type["Observation"][2]["valueString"] == "<5"
    assert by_type["Condition"][0]["code"] == {"text": "diabetes"}
    assert by_type["MedicationStatement"][0]["medicationCodeableConcept"] == {"text": "metformin"}


def test_reasoning_shows_rules_and_gaps(client: Any, patient_view: dict[str, Any]) -> None:
    reasoning = client.post("/preview", json=patient_view).json["reasoning"]
    assert reasoning["rules"] == [
        {"id": "R-VIEW", "fired": True, "why": "a report is there", "missing": [], "causes": []}
    ]
    assert reasoning["knowledgeVersion"] == "2026-11-21+test"
    assert {
        "code": "prefetch-missing", "resource": "Device", "clinical": True, "params": [["key", "devices"]]
    } in reasoning["gaps"]  # fmt: skip


def test_orders_add_the_order_rules(client: Any) -> None:
    answer = client.post("/preview", json=TYPED | {"orders": ["vertebroplasty"]})
    assert [rule["id"] for rule in answer.json["reasoning"]["rules"]] == ["R-VIEW", "R-SELECT"]
    assert len(answer.json["cards"]) == 2


def test_bundle_is_previewed_with_its_patient_and_drafts(world: Any, report: dict[str, Any]) -> None:
    draft = {"resourceType": "ServiceRequest", "id": "o1", "status": "draft"}
    entries = [{"resource": report}, {"resource": draft}, {"resource": {"resourceType": "OperationOutcome"}}, {}, None]
    answer = world.client().post("/preview", json={"resourceType": "Bundle", "type": "collection", "entry": entries})
    assert answer.status_code == 200
    assert [call["patient_id"] for call in world.middle.calls] == ["pt-1", "pt-1"]
    assert world.middle.calls[1]["selections"] == ["ServiceRequest/o1"]
    assert [r["resourceType"] for r in world.middle.calls[0]["resources"]] == ["DiagnosticReport"]


def test_call_without_anything_to_evaluate_says_so(client: Any, order_select: dict[str, Any]) -> None:
    order_select["context"]["selections"] = []
    answer = client.post("/preview", json=order_select)
    assert answer.json["cards"] == []
    assert "Nothing was evaluated" in answer.json["reasoning"]["note"]


def test_preview_of_an_earlier_day(world: Any) -> None:
    client = world.client()
    assert client.post("/preview?asOf=2026-03-31", json=TYPED).status_code == 200
    assert world.middle.calls[0]["as_of"].isoformat() == "2026-03-31T23:59:00+00:00"
    for wanted in ("soon", "9999-12-31", "0001-01-01", "%00", "2026-03-31T00:00"):
        assert client.post(f"/preview?asOf={wanted}", json=TYPED).json["issue"][0]["expression"] == ["asOf"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ([], ["body"]),
        ({"x": 1}, ["body"]),
        ({"text": " "}, ["text"]),
        ({"text": "a", "language": "fr"}, ["language"]),
        ({"text": "a", "patient": 3}, ["patient"]),
        ({"text": "a", "patient": {"age": "old", "sex": "x"}}, ["patient.age", "patient.sex"]),
        ({"text": "a", "patient": {"pregnant": "?"}}, ["patient.pregnant"]),
        ({"text": "a", "labs": {}, "conditions": "x"}, ["conditions"]),
        ({"text": "a", "labs": "CRP"}, ["labs"]),
        ({"text": "a", "labs": [{"value": 1}, {"name": "CRP"}]}, ["labs[0]", "labs[1].value"]),
        ({"text": "a", "labs": [{"name": "CRP", "value": 1, "date": "x"}]}, ["labs[0].date"]),
        ({"text": "a", "orders": [1]}, ["orders[0]"]),
        ({"resourceType": "Bundle", "entry": {"a": 1}}, ["entry"]),
        ({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient"}}] * 2}, ["entry"]),
        ({"hook": "patient-view"}, ["hookInstance", "context"]),
        ({"text": "Edema of L4.", "medication": ["x"], "labs": [{"name": "CRP", "value": 1, "units": "mg/L"}]},
         ["medication", "labs[0].units"]),
        ({"text": "Edema of L4.", "patient": {"agee": 70}, "Mr. Smith, 70": 1}, ["?", "patient.agee"]),
    ],
)  # fmt: skip
def test_unusable_previews_name_their_members(client: Any, body: Any, fields: list[str]) -> None:
    answer = client.post("/preview", json=body)
    assert answer.status_code == 400
    assert [issue["expression"][0] for issue in answer.json["issue"]] == fields


def test_empty_form_loads_from_this_service_alone_and_runs_nothing_of_the_page(client: Any) -> None:
    answer = client.get("/preview")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert '<label for="text">' in answer.text
    assert set(re.findall(r'(?:src|href)="(/[^"]*|https?:[^"]*)"', answer.text)) >= {"/static/preview/main.js"}
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)
    assert set(re.findall(r"<script[^>]*>", answer.text)) == {
        '<script src="/static/theme.js">',
        '<script type="module" src="/static/preview/main.js">',
        '<script type="application/json" id="words">',
    }


def test_form_answers_with_readable_cards(world: Any) -> None:
    form = {
        "text": "Ödem LWK 4.",
        "cards": "de",
        "age": "70",
        "sex": "female",
        "pregnant": "no",
        "labs": "CRP 84 mg/L 2026-11-20\nBSG: <10",
        "conditions": "Diabetes\n\n",
        "medications": "",
        "orders": "",
    }
    answer = world.client().post("/preview", data=form)
    assert answer.status_code == 200
    assert answer.headers["Content-Language"] == "de"
    assert "Ödem: CRP erwägen" in answer.text
    assert "<strong>Seen</strong>: edema &lt;b&gt;here&lt;/b&gt;" in answer.text
    observations = [r for r in world.middle.calls[0]["resources"] if r["resourceType"] == "Observation"][1:]
    assert observations[0]["valueQuantity"] == {"value": 84.0, "unit": "mg/L"}
    assert observations[0]["effectiveDateTime"] == "2026-11-20"
    assert observations[1]["valueString"] == "<10"


def test_form_with_a_flaw_is_shown_again_with_what_was_typed(client: Any) -> None:
    answer = client.post("/preview", data={"text": "", "labs": "12", "age": "x"})
    assert answer.status_code == 400
    assert "is not like &#34;CRP 12 mg/L" in answer.text


def test_empty_bundle_has_no_card(client: Any) -> None:
    assert client.post("/preview", json={"resourceType": "Bundle", "entry": []}).json["cards"] == []


def test_start_page_leads_to_the_preview(client: Any) -> None:
    assert client.get("/").headers["Location"] == "/preview"


def test_health(client: Any) -> None:
    assert client.get("/livez").json == {"status": "ok"}
    for path in ("/readyz", "/health"):
        answer = client.get(path)
        assert (answer.status_code, answer.json["store"]) == (200, "ok")


def test_not_ready_without_store(world: Any) -> None:
    world.store._database.engine.dispose()
    world.store._database.engine = create_engine("sqlite:////nonexistent/place/x.sqlite")
    client = world.client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["store"]) == (503, "failed")
    assert answer.headers["Retry-After"] == "30"
    assert client.get("/health").json["status"] == "degraded"
    assert client.get("/livez").status_code == 200


CALLERS = """
[[client]]
issuer = "https://one.example.org"
name = "One"
jwks_url = "https://one.example.org/jwks.json"

[[client]]
issuer = "https://two.example.org"
name = "Two"
jwks_url = "https://two.example.org/jwks.json"
"""


def test_ready_only_with_keys_of_some_caller(world: Any, tmp_path: Path) -> None:
    (tmp_path / "clients.toml").write_text(CALLERS)
    answering: set[str] = set()
    now = [0.0]

    def fetch(url: str) -> Any:
        if url not in answering:
            raise FetchRefused("connection failed")
        return {"keys": []}

    directory = ClientDirectory(tmp_path / "clients.toml", fetch, lambda: now[0])
    client = world.client(directory=directory)
    for address, keys, status in (
        ("", "missing", 503),
        ("https://one.example.org/jwks.json", "incomplete", 200),
        ("https://two.example.org/jwks.json", "ok", 200),
    ):
        answering.add(address)
        now[0] += 3600.0
        directory.warm()
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json["keys"]) == (status, keys)
        assert ("Retry-After" in answer.headers) == (status == 503)
    assert answer.json["status"] == "ok"


def test_keys_that_are_missing_are_asked_for_by_whoever_looks(world: Any, tmp_path: Path) -> None:
    (tmp_path / "clients.toml").write_text(CALLERS)
    asked = threading.Event()

    def fetch(url: str) -> Any:
        del url
        asked.set()
        return {"keys": []}

    directory = ClientDirectory(tmp_path / "clients.toml", fetch, lambda: 0.0)
    assert world.client(directory=directory).get("/readyz").status_code == 503
    assert asked.wait(60)


@pytest.mark.parametrize("is_open", [True, False])
def test_pages_lead_to_the_preview_where_it_answers(world: Any, *, is_open: bool) -> None:
    client = world.client(settings=replace(world.backend.settings, preview=is_open))
    assert ('href="/preview"' in client.get("/about/knowledge").text) is is_open
    assert (client.get("/preview").status_code == 200) is is_open
