"""Prefetch templates, prefetched data, and access to the client's FHIR server."""

import itertools
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl

import pytest

from cds_service.errors import PrefetchError
from cds_service.hooks.access import AccessPolicy
from cds_service.hooks.prefetch import FetchFailed, FetchLimits, PrefetchCompleter
from cds_service.hooks.request import FhirGrant, HookRequest
from cds_service.hooks.services import ORDER_SELECT, PATIENT_VIEW, SERVICES, PrefetchKey
from tests.conformance.conftest import (
    CATEGORY,
    LOINC,
    PATIENT,
    SUSPECT,
    Ehr,
    Fhir,
    FhirStub,
    Json,
    complete,
    day,
    grant,
    observation,
    patient,
    report,
    searchset,
    without_uuids,
)

KEYS = sorted({key for service in SERVICES for key in service.prefetch}, key=lambda key: key.name)
# The narrowest searches: by patient, with one category or code at most.
NARROW = {
    ("AllergyIntolerance", "patient"),
    ("Condition", "patient"),
    ("Device", "patient"),
    ("DiagnosticReport", "category+patient"),
    ("MedicationRequest", "patient"),
    ("MedicationStatement", "patient"),
    ("Observation", "category+patient"),
    ("Observation", "code+patient"),
    ("Procedure", "patient"),
}


def parameters(key: PrefetchKey) -> list[tuple[str, str]]:
    return parse_qsl(key.template.partition("?")[2], strict_parsing="?" in key.template)


@pytest.mark.requirement(
    "PRE-1", "PRE-2", "PRE-3", "PRE-4", "PRE-5", "PRE-6", "PRE-14", "PRE-15", "PRE-16", "PRE-17", "PRE-19", "HOOK-OS-13"
)
@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_templates_are_relative_and_hold_the_patient_id_alone(key: PrefetchKey) -> None:
    assert re.fullmatch(
        r"[A-Z][A-Za-z]+(/\{\{context\.patientId\}\}|\?[^{}$]+\{\{context\.patientId\}\}[^{}$]*)", key.template
    )
    assert re.findall(r"\{\{(.*?)\}\}", key.template) == ["context.patientId"]
    assert "_search" not in key.template
    assert not key.template.startswith(("/", "http"))
    assert "%" not in key.template


@pytest.mark.requirement("PRE-7", "PRE-8", "PRE-10", "PRE-11", "PRE-12", "PRE-13")
@pytest.mark.parametrize("key", [key for key in KEYS if not key.is_read], ids=lambda key: key.name)
def test_searches_stay_in_the_portable_subset(key: PrefetchKey) -> None:
    names = [name for name, _ in parameters(key)]
    assert len(names) == len(set(names))
    assert set(names) <= {"patient", "category", "code", "_count", "_sort"}
    asked = dict(parameters(key))
    assert asked.get("_sort", "-date") == "-date"
    for name in ("category", "code"):
        for token in asked.get(name, "x|y").split(","):
            assert re.fullmatch(r"\S+\|\S+|x\|y", token)
    if "code" in asked or "category" in asked:
        # The client encodes: bars and commas stand as they are.
        assert "|" in key.template
    assert (key.resource_type, "+".join(sorted({"patient", "category", "code"} & set(names)))) in NARROW


@pytest.mark.requirement("QRY-1", "QRY-2", "QRY-3")
def test_one_key_for_each_clinical_question(ehr: Ehr, pv_ok: Json) -> None:
    for one in ehr.discovery():
        published = one["prefetch"]
        assert published["patient"] == "Patient/{{context.patientId}}"
        for name, code in (("crp", "1988-5"), ("esr", "30341-2")):
            assert f"code={LOINC}|{code}" in published[name]
            assert published[name].endswith("&_sort=-date&_count=5")
        assert f"category={LOINC}|LP29684-5" in published["reports"]
        assert "&_sort=-date&" in published["reports"]
    crp = pv_ok["prefetch"].pop("labs")
    detail = ehr.cards(pv_ok | {"prefetch": pv_ok["prefetch"] | {"crp": crp}})["cards"][0]["detail"]
    assert "CRP 96 mg/L" in detail
    knee = report("MRI of the left knee. Marrow edema of the femoral condyle.", code={"text": "MRI knee"})
    assert ehr.cards(pv_ok | {"prefetch": complete(PATIENT_VIEW, reports=searchset(knee))}) == {"cards": []}


PREGNANT = {
    "resourceType": "Observation",
    "id": "p-1",
    "status": "final",
    "category": [{"coding": [{"system": CATEGORY, "code": "social-history"}]}],
    "code": {"coding": [{"system": LOINC, "code": "82810-3"}]},
    "subject": {"reference": f"Patient/{PATIENT}"},
    "effectiveDateTime": day(3),
    "valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "77386006"}], "text": "Pregnant"},
}


def fact(kind: str, text: str, **members: Any) -> Json:
    return {
        "resourceType": kind,
        "id": f"{kind.lower()}-1",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "patient": {"reference": f"Patient/{PATIENT}"},
        "code": {"text": text},
    } | members


ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
BREAST_CANCER = fact("Condition", "Breast cancer", clinicalStatus=ACTIVE)
# One resource for each key, and where it shows in what is known of the patient.
KNOWN: dict[str, Json] = {
    "patient": patient(birthDate="1990-01-01"),
    "reports": report(SUSPECT, ago=5),
    "labs": observation("1988-5", 41),
    "crp": observation("1988-5", 41),
    "esr": observation("30341-2", 61, "mm/h"),
    "vitals": observation("8310-5", 39.2, "Cel", category=[{"coding": [{"system": CATEGORY, "code": "vital-signs"}]}]),
    "socialHistory": PREGNANT,
    "conditions": BREAST_CANCER,
    "medicationRequests": fact(
        "MedicationRequest",
        "x",
        status="active",
        intent="order",
        medicationCodeableConcept={"text": "Prednisolone 20 mg"},
    ),
    "medicationStatements": fact(
        "MedicationStatement", "x", status="active", medicationCodeableConcept={"text": "Apixaban"}
    ),
    "procedures": fact("Procedure", "Lumbar spinal fusion", status="completed", performedDateTime=day(20)),
    "devices": fact("Device", "x", status="active", type={"text": "Cardiac pacemaker"}),
    "allergies": fact("AllergyIntolerance", "Gadolinium contrast agent", clinicalStatus=ACTIVE),
}


@pytest.mark.requirement("PRE-20")
@pytest.mark.parametrize("key", ORDER_SELECT.prefetch, ids=lambda key: key.name)
def test_every_key_is_used(ehr2: Ehr, os_ok: Json, key: PrefetchKey) -> None:
    empty = complete(ORDER_SELECT, patient=patient(gender="female"))
    if key.covered_by:
        del empty[key.covered_by]
    value = KNOWN[key.name] if key.is_read else searchset(KNOWN[key.name])

    def known(prefetch: Json) -> Any:
        answer = ehr2.http.post("/preview", json=os_ok | {"prefetch": prefetch})
        assert answer.status_code == 200, answer.text
        shown: Any = answer.json
        reasoning = shown["reasoning"]
        return reasoning["facts"], reasoning["findings"]

    assert known(empty) != known(empty | {key.name: value})


@pytest.mark.requirement("PRE-21")
def test_every_subset_of_keys_is_answered_said_or_refused(ehr2: Ehr, pv_ok: Json) -> None:
    sent = pv_ok["prefetch"]
    names = list(sent)
    with ThreadPoolExecutor(1) as pool:
        completer = PrefetchCompleter(FetchLimits(1.0, 1, 100), pool, monotonic)
        for count in range(len(names) + 1):
            for kept in itertools.combinations(names, count):
                call = HookRequest(PATIENT_VIEW, "i", PATIENT, "Practitioner/1", prefetch={n: sent[n] for n in kept})
                lost = [n for n in names if n not in kept]
                if {"patient", "reports"} & set(lost):
                    with pytest.raises(PrefetchError):
                        completer.complete(call, None)
                    continue
                said = {dict(gap.params)["key"] for gap in completer.complete(call, None).gaps}
                covered = {"crp", "esr"} if "labs" in kept else set()
                assert said == {n for n in lost if n not in covered and n not in {"crp", "esr"}}
    for name in names:
        answer = ehr2.call(pv_ok | {"prefetch": {n: sent[n] for n in names if n != name}})
        assert answer.status_code == (412 if name in {"patient", "reports"} else 200)


def cards_with(ehr: Ehr, body: Json, **prefetch: Any) -> Json:
    found: Json = without_uuids(ehr.cards(body | {"prefetch": body["prefetch"] | prefetch}))
    return found


@pytest.mark.requirement("PRE-23", "PRE-24", "PRE-27", "PRE-38")
def test_nothing_found_is_said_in_many_ways_and_asked_once(ehr: Ehr, pv_ok: Json, fhir: Fhir) -> None:
    body = pv_ok | {"fhirServer": fhir.url, "fhirAuthorization": grant()}
    warning = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "processing"}]}
    expected = cards_with(ehr, body, labs=None)
    assert expected["cards"]
    for empty in (
        {"resourceType": "Bundle", "type": "searchset"},
        {"resourceType": "Bundle", "type": "searchset", "entry": []},
        {"resourceType": "Bundle", "type": "searchset", "total": 0},
        {"resourceType": "Bundle", "type": "collection"},
        {"resourceType": "Bundle"},
        {"resourceType": "Bundle", "total": 0, "entry": [{"resource": warning, "search": {"mode": "outcome"}}]},
    ):
        assert cards_with(ehr, body, labs=empty) == expected
    assert fhir.calls == []
    filled = pv_ok["prefetch"]["labs"]
    plain = cards_with(ehr, body)
    for kind in (None, "collection"):
        assert (
            cards_with(
                ehr, body, labs={k: v for k, v in filled.items() if k != "type"} | ({"type": kind} if kind else {})
            )
            == plain
        )


@pytest.mark.requirement("PRE-9", "PRE-22", "PRE-28", "PRE-33", "PRE-34", "PRE-36")
def test_more_other_and_odd_values(ehr: Ehr, pv_ok: Json) -> None:
    plain = cards_with(ehr, pv_ok)
    many = [observation("1988-5", 96), *(observation("1988-5", n, ago=100 + n) for n in range(3, 52))]
    assert "CRP 96 mg/L" in cards_with(ehr, pv_ok, labs=searchset(*many))["cards"][0]["detail"]
    # Chosen: a resource where a Bundle was asked for counts as a result of one entry.
    assert cards_with(ehr, pv_ok, labs=observation("1988-5", 96)) == plain
    provenance = {"resourceType": "Provenance", "id": "p"}
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "informational"}]}
    mixed = searchset(observation("1988-5", 96), provenance, outcome, total=1)
    assert cards_with(ehr, pv_ok, labs=mixed) == plain
    glucose = observation("2345-7", 412.25, "mg/dL", id="glucose-1")
    wrong = observation("1988-5", 287.75, status="entered-in-error", id="wrong-1")
    filtered = cards_with(ehr, pv_ok, labs=searchset(observation("1988-5", 96), glucose, wrong))
    assert [card["summary"] for card in filtered["cards"]] == [card["summary"] for card in plain["cards"]]
    assert not re.search(r"287\.7|412\.2", str(filtered))
    assert cards_with(ehr, pv_ok, **{"-user": {"resourceType": "Practitioner", "id": "1"}}) == plain
    odds: list[Any] = ["123", [], 5]
    for odd in odds:
        assert cards_with(ehr, pv_ok, labs=odd, crp=odd)["cards"]
        broken = ehr.call(pv_ok | {"prefetch": pv_ok["prefetch"] | {"patient": odd}})
        assert broken.status_code == 412


ERROR = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}


@pytest.mark.requirement("PRE-26", "HTTP-2", "HTTP-3")
def test_an_error_outcome_is_no_data_and_not_asked_again(ehr: Ehr, pv_ok: Json, fhir: Fhir) -> None:
    body = pv_ok | {"fhirServer": fhir.url, "fhirAuthorization": grant()}
    known = cards_with(ehr, body)["cards"][0]["detail"]
    for value in (ERROR, searchset(ERROR)):
        detail = cards_with(ehr, body, labs=value)["cards"][0]["detail"]
        assert "CRP 96" not in detail
        assert detail != known
        refused = ehr.call(body | {"prefetch": body["prefetch"] | {"reports": value}})
        assert (refused.status_code, refused.json["issue"][0]["code"]) == (412, "required")
    assert fhir.calls == []


@pytest.mark.requirement("PRE-25", "QRY-5", "FHIR-7", "FHIR-8", "FHIR-11", "FHIR-15", "FHIR-16", "REQ-17", "PERF-2")
def test_missing_keys_are_fetched_once_and_give_the_same_cards(ehr: Ehr, pv_ok: Json, fhir: Fhir) -> None:
    body = pv_ok | {"fhirServer": fhir.url, "fhirAuthorization": grant()}
    expected = cards_with(ehr, body)
    assert fhir.calls == []
    del body["prefetch"]["vitals"]
    assert cards_with(ehr, body) == expected
    assert [call["kind"] for call in fhir.calls] == ["Observation"]
    fhir.calls.clear()
    assert without_uuids(ehr.cards(body | {"prefetch": {}})) == expected
    assert len(fhir.calls) == len([key for key in PATIENT_VIEW.prefetch if not key.covered_by])
    for call in fhir.calls:
        assert call["method"] == "GET"
        assert call["headers"]["Authorization"] == "Bearer opaque-grant-7"
        assert call["headers"]["Accept"].startswith("application/fhir+json")
        assert "opaque" not in call["path"]


@pytest.mark.requirement("PRE-29", "PRE-30", "PRE-31")
def test_pages_are_followed_at_home_only_and_not_for_ever(ehr: Ehr, pv_ok: Json, fhir: Fhir) -> None:
    access = {"fhirServer": fhir.url, "fhirAuthorization": grant()}
    paged = searchset(observation("1988-5", 96), total=2)

    def with_next(url: str) -> Json:
        labs = paged | {"link": [{"relation": "next", "url": url}]}
        return pv_ok | {"prefetch": pv_ok["prefetch"] | {"labs": labs}}

    second = f"{fhir.url}/Observation?page=2"
    plain = ehr.cards(pv_ok)["cards"][0]["detail"]
    said = ehr.cards(with_next(second))["cards"][0]["detail"]
    assert said != plain
    assert fhir.calls == []
    ehr.cards(with_next(second) | access)
    assert [call["path"] for call in fhir.calls] == ["/fhir/Observation?page=2"]
    assert fhir.calls[0]["headers"]["Authorization"] == "Bearer opaque-grant-7"
    fhir.calls.clear()
    elsewhere = second.replace("/fhir/", "/other/")
    assert ehr.cards(with_next(elsewhere) | access)["cards"][0]["detail"] == said
    assert ehr.cards(with_next("https://evil.example.org/fhir/Observation") | access)["cards"][0]["detail"] == said
    assert fhir.calls == []
    loop = searchset(observation("1988-5", 96), link=[{"relation": "next", "url": second}])
    FhirStub.moods["Observation"] = lambda stub: stub.answer(loop)
    ehr.cards(with_next(second) | access)
    assert len(fhir.calls) == 1
    fhir.calls.clear()

    def endless(stub: FhirStub) -> None:
        further = {"relation": "next", "url": f"{fhir.url}/Observation?page={len(fhir.calls) + 2}"}
        stub.answer(searchset(observation("1988-5", 96), link=[further]))

    FhirStub.moods["Observation"] = endless
    ehr.cards(with_next(second) | access)
    assert len(fhir.calls) == ehr.backend.settings.max_pages


@pytest.mark.requirement("PRE-32")
def test_data_of_another_patient_reach_no_card(ehr: Ehr, pv_ok: Json) -> None:
    foreign = observation("1988-5", 311.75, id="foreign-1", subject={"reference": "Patient/somebody-else"})
    answer = cards_with(ehr, pv_ok, labs=searchset(observation("1988-5", 96), foreign))
    assert [c["summary"] for c in answer["cards"]] == [c["summary"] for c in cards_with(ehr, pv_ok)["cards"]]
    assert "311.7" not in str(answer)
    refused = ehr.call(pv_ok | {"prefetch": pv_ok["prefetch"] | {"patient": patient(id="somebody-else")}})
    assert refused.status_code == 400
    assert "somebody-else" not in refused.text


@pytest.mark.requirement("PRE-35")
@pytest.mark.parametrize("form", ["relative", "absolute", "versioned", "urn", "contained"])
def test_every_form_of_reference_leads_to_the_same_card(ehr: Ehr, pv_ok: Json, form: str) -> None:
    owner = {
        "relative": f"Patient/{PATIENT}",
        "absolute": f"https://ehr.example.org/fhir/Patient/{PATIENT}",
        "versioned": f"Patient/{PATIENT}/_history/1",
    }.get(form, f"Patient/{PATIENT}")
    asked = {
        "resourceType": "MedicationRequest",
        "id": "mr-1",
        "status": "active",
        "intent": "order",
        "subject": {"reference": owner},
        "authoredOn": day(3)[:10],
    }
    medication = {"resourceType": "Medication", "id": "m-1", "code": {"text": "Prednisolone"}}
    if form == "urn":
        asked["medicationReference"] = {"reference": "urn:uuid:6f7c9d4a-2a55-4f0e-9a5d-0d6f0f0c5b11"}
        bundle = searchset(asked, medication, total=1)
        bundle["entry"][1] |= {
            "fullUrl": "urn:uuid:6f7c9d4a-2a55-4f0e-9a5d-0d6f0f0c5b11",
            "search": {"mode": "include"},
        }
    elif form == "contained":
        bundle = searchset(asked | {"contained": [medication], "medicationReference": {"reference": "#m-1"}})
    else:
        bundle = searchset(asked | {"medicationReference": {"reference": "Medication/m-1"}}, medication, total=1)
    labs = searchset(observation("1988-5", 96, subject={"reference": owner}))
    expected = searchset(
        asked | {"subject": {"reference": f"Patient/{PATIENT}"}, "medicationCodeableConcept": {"text": "Prednisolone"}}
    )
    for entry in expected["entry"]:
        entry["resource"].pop("medicationReference", None)
    plain = cards_with(ehr, pv_ok, medicationRequests=expected)
    found = cards_with(ehr, pv_ok, medicationRequests=bundle, labs=labs)
    assert [card["summary"] for card in found["cards"]] == [card["summary"] for card in plain["cards"]]
    assert found["cards"][0]["detail"] == plain["cards"][0]["detail"]


@pytest.mark.requirement("QRY-4")
@pytest.mark.parametrize(("status", "counts"), [("active", True), ("entered-in-error", False)])
def test_status_of_problems_is_looked_at_here(ehr2: Ehr, pv_ok: Json, status: str, counts: bool) -> None:  # noqa: FBT001
    problem = dict(BREAST_CANCER)
    if status == "entered-in-error":
        system = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
        problem["verificationStatus"] = {"coding": [{"system": system, "code": status}]}
    body = pv_ok | {"prefetch": pv_ok["prefetch"] | {"conditions": searchset(problem)}}
    shown: Any = ehr2.http.post("/preview", json=body).json
    facts = shown["reasoning"]["facts"]
    assert ("breast" in str(facts.get("conditions", "")).lower()) == counts


@pytest.mark.requirement("FHIR-1", "FHIR-2", "FHIR-3", "FHIR-6")
@pytest.mark.parametrize(
    ("changes", "used"),
    [
        ({"access_token": None}, False),
        ({"access_token": ""}, False),
        ({"token_type": "MAC"}, False),
        ({"token_type": "bearer"}, True),
        ({"expires_in": 0}, False),
        ({"expires_in": -5}, False),
        ({"expires_in": "300"}, True),
        ({"patient": "another"}, False),
        ({"patient": PATIENT}, True),
        ({"scope": "patient/Observation.rs"}, True),
    ],
)
def test_only_a_usable_grant_is_used(ehr: Ehr, pv_ok: Json, fhir: Fhir, changes: Json, used: bool) -> None:  # noqa: FBT001
    del pv_ok["prefetch"]["reports"]
    FhirStub.moods["DiagnosticReport"] = lambda stub: (
        stub.answer(searchset(report(SUSPECT))) if stub.headers.get("Authorization") else stub.answer({}, 401)
    )
    answer = ehr.call(pv_ok | {"fhirServer": fhir.url, "fhirAuthorization": grant(**changes)})
    assert answer.status_code == (200 if used else 412)
    assert {call["headers"].get("Authorization") for call in fhir.calls} == {"Bearer opaque-grant-7" if used else None}


@pytest.mark.requirement("FHIR-3")
def test_an_expired_grant_is_not_used_for_the_next_page() -> None:
    now = [0.0]
    calls: list[str] = []

    class Transport:
        def get(self, url: str, *, token: str, seconds: float, form: str = "") -> Any:
            assert (url, form) == ("http://127.0.0.1:1/f/Patient/1", "")
            assert seconds
            calls.append(token)
            return {}

    granted = HookRequest(PATIENT_VIEW, "i", PATIENT, "Practitioner/1", fhir_server="http://127.0.0.1:1/f")
    access = AccessPolicy((), Transport(), lambda: now[0]).open(replace(granted, grant=FhirGrant("t", 1.0)))
    assert access is not None
    access.get("Patient/1", 1)
    now[0] = 1.5
    with pytest.raises(FetchFailed, match="expired"):
        access.get("Patient/1", 1)
    assert calls == ["t"]


@pytest.mark.requirement("FHIR-4", "CLI-4")
@pytest.mark.parametrize(
    "scope",
    [
        "user/Observation.read",
        "user/Observation.rs",
        "patient/*.*",
        "system/*.cruds",
        "PATIENT.READ (R4) [x] [y z]",
        "",
    ],
)
def test_no_scope_is_refused(ehr: Ehr, pv_ok: Json, fhir: Fhir, scope: str) -> None:
    del pv_ok["prefetch"]["vitals"]
    assert ehr.cards(pv_ok | {"fhirServer": fhir.url, "fhirAuthorization": grant(scope=scope)})["cards"]
    assert len(fhir.calls) == 1


@pytest.mark.requirement("FHIR-5")
@pytest.mark.parametrize(("subject", "used"), [("spine-service", True), ("another-app", False), (None, False)])
def test_a_grant_to_another_service_is_not_used(
    ehr: Ehr,
    pv_ok: Json,
    fhir: Fhir,
    caplog: pytest.LogCaptureFixture,
    subject: Any,
    used: bool,  # noqa: FBT001
) -> None:
    del pv_ok["prefetch"]["vitals"]
    client = ehr.with_client(fhir_client_id="spine-service")
    client.cards(pv_ok | {"fhirServer": fhir.url, "fhirAuthorization": grant(subject=subject)})
    assert [("Authorization" in call["headers"]) for call in fhir.calls] == [used]
    assert ("another client id" in caplog.text) != used


@pytest.mark.requirement("FHIR-9", "LOG-1", "LOG-7", "SEC-25")
def test_the_grant_leaves_no_trace(ehr: Ehr, pv_ok: Json, fhir: Fhir, caplog: pytest.LogCaptureFixture) -> None:
    body = pv_ok | {"fhirServer": fhir.url, "fhirAuthorization": grant()}
    with caplog.at_level("DEBUG"):
        answers = [ehr.call(body | {"prefetch": {}}), ehr.call(body | {"context": {}})]
        FhirStub.moods["DiagnosticReport"] = lambda stub: stub.answer({}, 500)
        answers.append(ehr.call(body | {"prefetch": {}}))
    assert [answer.status_code for answer in answers] == [200, 400, 412]
    count = len(fhir.calls)
    kept = b"".join(p.read_bytes() for p in ehr.backend.settings.state_path.rglob("*") if p.is_file())
    for place in (*(answer.get_data() for answer in answers), caplog.text.encode(), kept):
        assert b"opaque-grant-7" not in place
    assert SUSPECT[:60].encode() not in kept
    assert PATIENT.encode() not in kept
    assert len(fhir.calls) == count


@pytest.mark.requirement("FHIR-10")
def test_an_open_server_is_asked_without_token_only_where_it_is_listed(ehr: Ehr, pv_ok: Json, fhir: Fhir) -> None:
    del pv_ok["prefetch"]["vitals"]
    closed = ehr.with_client(fhir_servers=frozenset())
    closed.cards(pv_ok | {"fhirServer": fhir.url})
    assert fhir.calls == []
    ehr.with_client(fhir_servers=frozenset({fhir.url})).cards(pv_ok | {"fhirServer": fhir.url})
    assert [call["headers"].get("Authorization") for call in fhir.calls] == [None]


@pytest.mark.requirement("FHIR-11")
@pytest.mark.parametrize("label", ["application/fhir+json", "application/json; charset=utf-8", "application/json+fhir"])
def test_every_label_of_fhir_json_is_read(ehr: Ehr, pv_ok: Json, fhir: Fhir, label: str) -> None:
    labs = pv_ok["prefetch"].pop("labs")
    expected = without_uuids(ehr.cards(pv_ok | {"prefetch": pv_ok["prefetch"] | {"labs": labs}}))
    FhirStub.moods["Observation"] = lambda stub: stub.answer(labs, label=label)
    assert without_uuids(ehr.cards(pv_ok | {"fhirServer": fhir.url})) == expected


def refusals() -> Iterator[tuple[str, Callable[[FhirStub], None]]]:
    for status in (401, 403, 404, 429, 500):
        yield str(status), lambda stub, status=status: stub.answer({}, status)  # type: ignore[misc]
    yield "HTML", lambda stub: stub.answer(b"<html>", label="text/html")
    yield "XML", lambda stub: stub.answer(b"<Bundle/>", label="application/fhir+xml")


@pytest.mark.requirement("FHIR-12", "HTTP-2", "HTTP-3", "CLI-9")
@pytest.mark.parametrize("mood", [mood for _, mood in refusals()], ids=[name for name, _ in refusals()])
def test_refusals_of_the_server_become_our_own_answer(
    ehr: Ehr, pv_ok: Json, fhir: Fhir, mood: Callable[[FhirStub], None]
) -> None:
    del pv_ok["prefetch"]["devices"]
    FhirStub.moods |= {"Device": mood, "DiagnosticReport": mood}
    body = pv_ok | {"fhirServer": fhir.url, "fhirAuthorization": grant()}
    assert ehr.cards(body)["cards"]
    del body["prefetch"]["reports"]
    assert ehr.call(body).status_code == 412


@pytest.mark.requirement("FHIR-14")
def test_a_redirect_is_not_followed(ehr: Ehr, pv_ok: Json, fhir: Fhir) -> None:
    del pv_ok["prefetch"]["vitals"]
    elsewhere = fhir.url.replace("127.0.0.1", "localhost") + "/Elsewhere"
    FhirStub.moods["Observation"] = lambda stub: stub.answer({}, 302, Location=elsewhere)
    ehr.cards(pv_ok | {"fhirServer": fhir.url, "fhirAuthorization": grant()})
    assert [call["kind"] for call in fhir.calls] == ["Observation"]


@pytest.mark.requirement("PERF-3", "QRY-6")
def test_missing_keys_are_asked_for_at_the_same_time(ehr2: Ehr, pv_ok: Json, fhir: Fhir) -> None:
    met = threading.Barrier(3)

    def wait_for_the_others(stub: FhirStub) -> None:
        met.wait(2.0)
        stub.answer(searchset())

    for kind, key in (("Device", "devices"), ("Procedure", "procedures"), ("Condition", "conditions")):
        FhirStub.moods[kind] = wait_for_the_others
        del pv_ok["prefetch"][key]
    complete_detail = ehr2.cards(pv_ok | {"fhirServer": fhir.url})["cards"][0]["detail"]
    assert not met.broken
    assert len(fhir.calls) == 3
    FhirStub.moods.clear()
    assert ehr2.cards(pv_ok | {"fhirServer": fhir.url})["cards"][0]["detail"] == complete_detail


@pytest.mark.requirement("PERF-4", "QRY-6")
def test_a_server_that_never_answers_ends_with_the_time_of_the_call(
    ehr2: Ehr, pv_ok: Json, fhir: Fhir, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    completer = ehr2.backend.hooks._completer
    monkeypatch.setattr(completer, "_limits", replace(completer._limits, seconds=2.0))

    def never(stub: FhirStub) -> None:
        release.wait(300)
        stub.answer(searchset())

    FhirStub.moods |= {"Device": never, "DiagnosticReport": never}
    body = pv_ok | {"fhirServer": fhir.url, "fhirAuthorization": grant()}
    del body["prefetch"]["devices"]
    assert ehr2.cards(body)["cards"]
    del body["prefetch"]["reports"]
    refused = ehr2.call(body)
    # The answers came while the server was still silent.
    assert not release.is_set()
    release.set()
    assert (refused.status_code, refused.json["issue"][0]["code"]) == (412, "required")
    assert "timeout" in refused.json["issue"][0]["diagnostics"]
