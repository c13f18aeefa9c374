"""Calls in the manner of the official web client: incomplete drafts, unknown prefetch keys, clicks without orders."""

import json
from pathlib import Path
from typing import Any

import pytest

from cds_service.hooks.services import SERVICES

RECORDINGS = Path(__file__).parents[3] / "shared" / "clients" / "cds-hooks-sandbox"
RECORDED = sorted(RECORDINGS.glob("[0-9]*.json"))
SERVICE_OF = {service.hook.value: service.id for service in SERVICES}
CONTEXT = {"patientId": "pat-7", "userId": "Practitioner/COREPRACTITIONER1"}
PATIENT = {"resourceType": "Patient", "id": "pat-7", "gender": "male", "birthDate": "1950-02-03"}
REPORTS = {
    "resourceType": "Bundle",
    "type": "searchset",
    "total": 0,
    "link": [{"relation": "self", "url": "http://x/y"}],
}
DRAFT = {"resourceType": "MedicationRequest", "id": "request-9", "status": "draft", "authoredOn": "Invalid date"}


def call(hook: str, context: dict[str, Any] | None = None, prefetch: dict[str, Any] | None = None) -> dict[str, Any]:
    """A call as the client makes it: always with its FHIR server, never with encounter or token."""
    body = {
        "hookInstance": "2b4fd9de-6f52-4b1f-8b0f-6a3c4e5f6071",
        "hook": hook,
        "fhirServer": "http://127.0.0.1:9/fhir",
        "context": CONTEXT | (context or {}),
    }
    return body | ({"prefetch": prefetch} if prefetch is not None else {})


def drafts(*orders: dict[str, Any]) -> dict[str, Any]:
    return {
        "selections": [f"{order['resourceType']}/{order['id']}" for order in orders],
        "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order} for order in orders]},
    }


COMPLETE = {"patient": PATIENT, "reports": REPORTS, "user": {"resourceType": "Practitioner", "id": "C"}}
CHOSEN = DRAFT | {
    "category": {"coding": [{"system": "http://example.org/category", "code": "community"}]},
    "medicationCodeableConcept": {"text": "Ibuprofen 400 MG", "coding": [{}]},
    "reasonCode": {"coding": [{}], "text": "pain"},
    "dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": {"start": "0002-01-02"}}}}],
}
IMAGING = {
    "resourceType": "ServiceRequest",
    "id": "request-8",
    "status": "draft",
    "intent": "plan",
    "code": {"coding": [{}]},
    "reasonCode": [],
}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (call("patient-view", prefetch=COMPLETE), 200),
        (call("patient-view", prefetch={"patient": PATIENT}), 412),
        (call("patient-view"), 412),
        (call("order-select", drafts(DRAFT), COMPLETE), 200),
        (call("order-select", drafts(CHOSEN), COMPLETE), 200),
        (call("order-select", drafts(IMAGING), COMPLETE | {"byDraft": REPORTS}), 200),
        (call("order-select", drafts(DRAFT), {"patient": PATIENT}), 412),
        (call("order-select", prefetch={"patient": PATIENT}), 200),
        (call("order-select"), 200),
        (call("order-sign", drafts(CHOSEN), COMPLETE), 200),
        (call("order-sign", prefetch={}), 200),
    ],
)
def test_calls_in_the_manner_of_the_web_client(client: Any, body: dict[str, Any], status: int) -> None:
    headers = {"Origin": "http://127.0.0.1:8181", "Accept": "application/json"}
    answer = client.post(f"/cds-services/{SERVICE_OF[body['hook']]}", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert ("cards" in answer.json) == (status == 200)
    assert answer.headers["Access-Control-Allow-Origin"] == "http://127.0.0.1:8181"


def test_accept_twice_then_dismiss_is_all_taken(client: Any) -> None:
    item = {"card": "d4d1", "outcome": "accepted", "acceptedSuggestions": [{"id": "ca8"}]}
    dismissed = {"card": "d4d1", "outcome": "overridden", "outcomeTimestamp": "2026-11-21T06:05:09.850Z"}
    for sent in (item | {"outcomeTimestamp": "2026-11-21T06:05:07.544Z"},) * 2 + (dismissed,):
        address = f"/cds-services/{SERVICES[0].id}/feedback"
        assert client.post(address, json={"feedback": [sent]}).status_code == 200


@pytest.mark.skipif(not RECORDED, reason="the recordings of the web client are not beside this checkout")
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_calls_are_answered(client: Any, path: Path) -> None:
    recorded = json.loads(path.read_text(encoding="utf-8"))
    body = recorded["body"]
    if recorded["path"].endswith("/feedback"):
        address, expected = f"/cds-services/{SERVICES[0].id}/feedback", {200}
    else:
        address, expected = f"/cds-services/{SERVICE_OF[body['hook']]}", {200, 412}
    headers = {name: value for name, value in recorded["headers"].items() if name != "authorization"}
    answer = client.post(address, json=body, headers=headers)
    assert answer.status_code in expected, answer.text
