"""What a FHIR server answers, what it refuses, and what is said about it."""

from datetime import date
from typing import Any

import pytest
import responses

from cds_service.ehr.calls import CallFailed, Calls, Timing
from cds_service.ehr.prefetch import prefetch
from cds_service.ehr.server import FhirServer
from cds_service.ehr.templates import Known
from tests.ehr.stub_fhir import StubFhir, serving

BASE = "http://fhir.example.org/r4"
FHIR = "application/fhir+json"


def server(base: str = BASE, token: str = "") -> FhirServer:
    return FhirServer(base, Calls(30, Timing(pause=lambda _: None)), token)


def bundle(*ids: str, following: str = "") -> dict[str, Any]:
    entries = [{"resource": {"resourceType": "Observation", "id": one}} for one in ids]
    links = [{"relation": "next", "url": following}] if following else []
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, "link": links}


def ids(found: dict[str, Any]) -> list[str]:
    return [entry["resource"]["id"] for entry in found["entry"]]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, {}, "has no FHIR interface there"),
        (401, {}, "refuses GET metadata (HTTP 401): it wants a login, give a token with --fhir-token"),
        (403, {}, "it wants a login"),
        (400, {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "bad"}]}, "with HTTP 400: bad"),
        (200, {"resourceType": "Patient"}, "is not a FHIR R4 server"),
        (200, [], "is not a FHIR R4 server"),
        (200, {"resourceType": "CapabilityStatement", "fhirVersion": "3.0.2"}, "speaks FHIR 3.0.2, needed is R4"),
        (200, {"resourceType": "CapabilityStatement"}, "speaks FHIR of an unknown version"),
    ],
)
@responses.activate
def test_a_wrong_server_is_named(status: int, body: Any, words: str) -> None:
    responses.get(f"{BASE}/metadata", status=status, json=body)
    with pytest.raises(CallFailed) as raised:
        server().check()
    assert words in str(raised.value)
    assert BASE in str(raised.value)


@responses.activate
def test_headers_of_a_call() -> None:
    responses.get(f"{BASE}/Patient/1", json={"resourceType": "Patient", "id": "1"})
    assert server(BASE + "/", "secret").read("Patient/1") == {"resourceType": "Patient", "id": "1"}
    sent = responses.calls[0].request.headers
    assert (sent["Accept"], sent["Cache-Control"], sent["Authorization"]) == (FHIR, "no-cache", "Bearer secret")


@pytest.mark.parametrize("status", [404, 410])
@responses.activate
def test_what_is_not_there_is_none(status: int) -> None:
    responses.get(f"{BASE}/Patient/1", status=status, json={})
    assert server().read("Patient/1") is None


@responses.activate
def test_a_token_that_is_refused_is_named() -> None:
    responses.get(f"{BASE}/Patient/1", status=403, json={})
    with pytest.raises(CallFailed, match="its token is not accepted"):
        server(token="old").read("Patient/1")


@responses.activate
def test_pages_are_joined() -> None:
    responses.get(f"{BASE}/Observation?code=a%7Cb", json=bundle("1", following=f"{BASE}?_getpages=x"))
    responses.get(f"{BASE}?_getpages=x", json=bundle("2"))
    found = server().search("Observation?code=a|b")
    assert ids(found) == ["1", "2"]
    assert found["link"] == []


@pytest.mark.parametrize("elsewhere", ["http://other.example.org/r4?p=2", "https://fhir.example.org/r4?p=2", BASE[:-1]])
@responses.activate
def test_a_page_elsewhere_is_not_asked_for_and_stays_named(elsewhere: str) -> None:
    responses.get(f"{BASE}/Observation", json=bundle("1", following=elsewhere))
    found = server(token="secret").search("Observation")
    assert ids(found) == ["1"]
    assert found["link"][0]["url"] == elsewhere
    assert len(responses.calls) == 1


@responses.activate
def test_pages_without_end_are_left() -> None:
    responses.get(f"{BASE}/Observation", json=bundle("1", following=f"{BASE}/Observation"))
    found = server().search("Observation", pages=3)
    assert ids(found) == ["1", "1", "1"]
    assert found["link"]


@responses.activate
def test_an_answer_that_is_no_bundle_is_named() -> None:
    responses.get(f"{BASE}/Observation", json={"resourceType": "Patient"})
    with pytest.raises(CallFailed, match="something else than a Bundle"):
        server().search("Observation")


@responses.activate
def test_a_transaction_without_its_result_has_failed() -> None:
    responses.post(BASE, json={"resourceType": "Bundle", "entry": []})
    with pytest.raises(CallFailed, match="something else than its result"):
        server().transaction([{"request": {"method": "DELETE", "url": "Patient/1"}}])


@responses.activate
def test_the_places_of_a_transaction() -> None:
    told = [{"location": "Patient/1/_history/3"}, {"location": f"{BASE}/Patient/2"}, {"status": "204"}]
    responses.post(BASE, json={"resourceType": "Bundle", "entry": [{"response": one} for one in told]})
    entries = [{"request": {"method": "DELETE", "url": f"Patient/{n}"}} for n in range(3)]
    assert server().transaction(entries) == ["Patient/1", "Patient/2", ""]


def test_prefetch_asks_for_all_and_names_what_it_left_out() -> None:
    stub = StubFhir()
    subject = {"reference": "Patient/p1"}
    stub.held = {
        "Patient/p1": {"resourceType": "Patient", "id": "p1", "managingOrganization": {"reference": "Organization/o1"}},
        "Organization/o1": {"resourceType": "Organization", "id": "o1"},
        **{f"Observation/{n}": {"resourceType": "Observation", "id": str(n), "subject": subject} for n in range(45)},
    }
    stub.failures = {"Condition": [403, 403, 403, 403]}
    templates = {
        "organization": "Organization/{{%patient.managingOrganization.resolve().id}}",
        "patient": "Patient/{{context.patientId}}",
        "labs": "Observation?patient={{context.patientId}}&_count=20",
        "conditions": "Condition?patient={{context.patientId}}",
        "device": "Device/d1",
        "visit": "Encounter/{{context.encounterId}}",
        "one": "Basic?code={{%two.id}}",
        "two": "Basic?code={{%one.id}}",
    }
    with serving(stub) as base:
        fhir = server(base)
        known = Known({"patientId": "p1"}, date(2026, 1, 1), resolve=fhir.read)
        found = prefetch(templates, fhir, known)
    assert found.values["patient"] == stub.held["Patient/p1"]
    assert found.values["organization"] == stub.held["Organization/o1"]
    assert found.values["device"] is None
    assert len((found.values["labs"] or {})["entry"]) == 45
    assert found.left_out.keys() == {"conditions", "visit", "one", "two"}
    assert "HTTP 403" in found.left_out["conditions"]
    assert found.left_out["one"] == "builds upon itself"
