"""What is exported gives the same again: hook calls the same cards, test cases the cards they name."""

import importlib.util
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import fhir_fixtures
from cds_service.app import create_app
from cds_service.config import Settings
from cds_service.domain.vocabulary import Language
from cds_service.hooks.preview.desk import PreviewDesk
from cds_service.hooks.preview.export import exported
from tests.preview.conftest import NOW

TYPED: list[dict[str, Any]] = [
    {"text": "MRT der LWS. Knochenmarködem in LWK 4.", "language": "de", "patient": {"age": 61, "sex": "male"}},
    {
        "text": "MRI thoracic spine. Diffuse sclerosis of T11 with paravertebral edema. No fracture, no lysis.",
        "title": "MRI thoracic spine",
        "patient": {"age": 33, "sex": "female", "pregnant": True, "onset": "2026-09-01"},
        "labs": [
            {"analyte": "CRP", "value": 64, "unit": "mg/L"},
            {"analyte": "TEMPERATURE", "value": 38.6, "unit": "Cel"},
            {"name": "blood culture", "value": "no growth"},
        ],
        "conditions": ["Diabetes"],
        "medications": ["prednisone 20 mg"],
        "history": [{"group": "CANCER", "on": "2020-01-01"}, {"group": "PACEMAKER_ICD"}, {"group": "SPINE_SURGERY"}],
        "reports": [{"text": "MRI thoracic spine. Marrow edema of T11.", "date": "2026-08-01"}],
        "orders": ["kyphoplasty T11", {"kind": "NSAID"}, {"kind": "MRI_CONTRAST"}],
    },
    {
        "text": "MRI lumbar spine. Fresh wedge fracture of L1.",
        "orders": [{"kind": "OPIOID"}],
        "orderHook": "order-sign",
    },
]


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    settings = Settings(state_dir=tmp_path_factory.mktemp("state"), repeat_lock=False, budget_seconds=60)
    return create_app(settings).test_client()


def words(cards: Any) -> list[Any]:
    return [(card["summary"], card["indicator"], [s["label"] for s in card.get("suggestions", ())]) for card in cards]


def round_trip(http: FlaskClient, body: Any) -> tuple[list[Any], list[Any]]:
    """Return the cards of the preview, and those of the exported calls."""
    shown: Any = http.post("/preview", json=body).json
    calls: Any = http.post("/preview/export", json=body).json
    answered: list[Any] = []
    for call in calls["hookRequests"]:
        answer = http.post(f"/cds-services/{call['service']}", json=call["body"])
        assert answer.status_code == 200, answer.json
        found: Any = answer.json
        answered += found["cards"]
    return words(shown["cards"]), words(answered)


@pytest.mark.parametrize("body", TYPED)
def test_exported_calls_give_the_same_cards(http: FlaskClient, body: Any) -> None:
    shown, answered = round_trip(http, body)
    assert shown
    assert shown == answered


@pytest.mark.parametrize("name", fhir_fixtures.scenarios())
def test_an_exported_fixture_gives_its_cards_today(http: FlaskClient, name: str) -> None:
    calls: Any = http.post("/preview/export", json={"fixture": name}).json
    cards: list[Any] = []
    for call in calls["hookRequests"]:
        found: Any = http.post(f"/cds-services/{call['service']}", json=call["body"]).json
        cards += found["cards"]
    told = [card["source"]["topic"]["code"] for card in cards]
    expected = [card.text.replace("-", "") for card in fhir_fixtures.scenario(name).cards]
    assert len(told) == len(expected)
    assert all(one.startswith(other) for one, other in zip(told, expected, strict=True))


def test_nothing_is_exported_from_hours_that_are_still_ahead(desk: PreviewDesk) -> None:
    night = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)
    found = exported(
        {"fixture": "pregnancy"}, lambda body, language: desk.preview(body, language, NOW), Language.EN, night
    )
    (result,) = found["hookRequests"][0]["body"]["prefetch"]["labs"]["entry"]
    at = datetime.fromisoformat(result["resource"]["effectiveDateTime"])
    assert timedelta(0) < night - at < timedelta(days=1)


def test_an_exported_bundle_gives_the_same_cards(http: FlaskClient) -> None:
    body = fhir_fixtures.bundle("spondylodiscitis-l4-l5", datetime.now(UTC))
    shown, answered = round_trip(http, body)
    assert shown == answered
    exported: Any = http.post("/preview/export", json=body).json
    again: Any = http.post("/preview", json=exported["bundle"]).json
    assert words(again["cards"]) == shown


def test_a_call_is_exported_as_it_came_without_its_access(http: FlaskClient) -> None:
    body = fhir_fixtures.hook_request(
        "t11-raised-labs", {"hook": "patient-view", "prefetch": {"patient": "Patient/{{context.patientId}}"}}
    )
    body["prefetch"]["reports"] = {"resourceType": "Bundle", "type": "searchset", "entry": []}
    secret = {"fhirServer": "https://ehr.example.org", "fhirAuthorization": {"access_token": "xyzzy"}}
    exported: Any = http.post("/preview/export?asOf=2026-03-16", json=body | secret).json
    (call,) = exported["hookRequests"]
    assert call["service"] == "marrow-edema-patient-view"
    assert {"fhirServer", "fhirAuthorization"} & call["body"].keys() == set()
    assert call["body"]["context"] == body["context"]


def test_a_test_case_is_one_that_the_safety_cases_can_run(http: FlaskClient) -> None:
    body = {
        "text": 'MRI lumbar spine. Marrow edema of L4 "as before".\nNo fracture.',
        "patient": {"age": 61, "sex": "male"},
        "labs": [{"analyte": "CRP", "value": 48, "unit": "mg/L"}],
        "conditions": ["Diabetes"],
        "medications": ["ibuprofen 400 mg"],
    }
    exported: Any = http.post("/preview/export", json=body).json
    (case,) = tomllib.loads(exported["testCase"]["text"])["case"]
    spec = importlib.util.spec_from_file_location("cases", Path(__file__).parents[1] / "safety" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    cases = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cases)
    extractor, engine = cases._parts()
    facts = extractor.extract(cases._resources(case), patient_id="p", as_of=cases.AS_OF)
    shown = [f"{card.text_id} {card.indicator}" for card in engine.assess(facts).cards]
    assert shown == case["cards"] != []


@pytest.mark.parametrize(
    "more",
    [
        {"patient": {"age": 61}},
        {"patient": {"age": 61, "sex": "male", "pregnant": False}},
        {"history": [{"group": "CANCER"}]},
        {"orders": ["x", "y"]},
        {"labs": [{"name": "lactate", "value": 3, "unit": "mmol/L"}]},
    ],
)
def test_what_a_test_case_has_no_words_for_is_a_bundle(http: FlaskClient, more: Any) -> None:
    body = {"text": "MRI lumbar spine. Marrow edema of L4.", "patient": {"age": 61, "sex": "male"}} | more
    exported: Any = http.post("/preview/export", json=body).json
    assert exported["testCase"] is None
    assert exported["bundle"]["entry"]
