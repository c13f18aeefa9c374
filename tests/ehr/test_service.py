"""What a CDS service may answer, and what is no answer of one; references that tokens follow."""

from typing import Any

import pytest
import responses

from cds_service.ehr.calls import CallFailed, Calls, Timing
from cds_service.ehr.prefetch import resolver
from cds_service.ehr.server import FhirServer
from cds_service.ehr.service import CdsService, Offer
from tests.ehr.stub_fhir import StubFhir, serving

BASE = "http://cds.example.org"
OFFER = Offer("one", "patient-view", {})
CARD = {"summary": "S", "indicator": "info", "source": {"label": "L"}}


def service(base: str = BASE, **more: str) -> CdsService:
    return CdsService(base, Calls(30, Timing(pause=lambda _: None)), lambda audience: f"Bearer for {audience}", **more)


@pytest.mark.parametrize("base", [BASE, f"{BASE}/", f"{BASE}/cds-services"])
@responses.activate
def test_discovery_by_any_spelling_of_the_address(base: str) -> None:
    listed: list[Any] = [
        {"id": "other", "hook": "order-sign"},
        "odd",
        {"id": "one", "hook": "patient-view", "prefetch": {"a": "Patient/1", "b": 3}},
    ]
    responses.get(f"{BASE}/cds-services", json={"services": listed})
    assert service(base).offer("patient-view") == Offer("one", "patient-view", {"a": "Patient/1"})


@responses.activate
def test_tokens_are_made_out_to_the_public_address() -> None:
    responses.post(f"{BASE}/cds-services/one", json={"cards": []})
    responses.post(f"{BASE}/cds-services/one/feedback", status=204)
    asked = service(public="https://public.example.org/", language="de")
    assert asked.cards(OFFER, {}) == []
    asked.feedback(OFFER, [])
    sent = [call.request.headers for call in responses.calls]
    assert [one["Authorization"] for one in sent] == [
        "Bearer for https://public.example.org/cds-services/one",
        "Bearer for https://public.example.org/cds-services/one/feedback",
    ]
    assert sent[0]["Accept-Language"] == "de"


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"cards": {}},
        {"cards": ["x"]},
        {"cards": [CARD | {"indicator": "hard-stop"}]},
        {"cards": [CARD | {"summary": None}]},
        {"cards": [CARD | {"source": "x"}]},
    ],
)
@responses.activate
def test_what_is_no_card_is_not_shown(body: Any) -> None:
    responses.post(f"{BASE}/cds-services/one", json=body)
    with pytest.raises(CallFailed, match="something else than cards"):
        service().cards(OFFER, {})


@responses.activate
def test_what_the_service_says_of_a_refusal_is_passed_on() -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "patient is missing"}]}
    responses.post(f"{BASE}/cds-services/one", status=412, json=outcome)
    responses.post(f"{BASE}/cds-services/one/feedback", status=400, json=outcome)
    with pytest.raises(CallFailed, match="answered one with HTTP 412: patient is missing"):
        service().cards(OFFER, {})
    with pytest.raises(CallFailed, match="answered the feedback with HTTP 400: patient is missing"):
        service().feedback(OFFER, [])


def test_references_lead_to_drafts_and_to_the_own_server_only() -> None:
    draft = {"resourceType": "ServiceRequest", "id": "d1"}
    held = {"resourceType": "Practitioner", "id": "p1"}
    stub = StubFhir(held={"Practitioner/p1": held})
    with serving(stub) as base:
        resolve = resolver({"draftOrders": {"entry": [{"resource": draft}]}}, FhirServer(base, Calls(30)))
        assert resolve("ServiceRequest/d1") == draft
        assert resolve("Practitioner/p1/_history/2") == held
        assert resolve(f"{base}/Practitioner/p1") == held
        asked = len(stub.asked)
        for elsewhere in ("http://other.example.org/fhir/Practitioner/p1", "#p1", "urn:uuid:1/2", "a"):
            assert resolve(elsewhere) is None
        assert len(stub.asked) == asked
        assert resolver({}, FhirServer(base, Calls(30)))("ServiceRequest/d1") is None
