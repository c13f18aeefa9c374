"""Tokens of prefetch templates: what each stands for, what is refused, what is left out."""

from datetime import date
from typing import Any

import pytest

from cds_service.ehr.fhirpath import NotAllowed, values
from cds_service.ehr.templates import Known, Unfilled, earlier_keys, fill

CONTEXT = {
    "userId": "PractitionerRole/r-1",
    "patientId": "pat-1",
    "selections": ["ServiceRequest/s1", "MedicationRequest/m1"],
    "draftOrders": {
        "resourceType": "Bundle",
        "entry": [
            {
                "resource": {
                    "resourceType": "ServiceRequest",
                    "id": "s1",
                    "requester": {"reference": "PractitionerRole/r-9"},
                }
            },
            {"resource": {"resourceType": "ServiceRequest", "id": "s2"}},
            {
                "resource": {
                    "resourceType": "MedicationRequest",
                    "id": "m1",
                    "medicationReference": {"reference": "Medication/9"},
                }
            },
        ],
    },
}
PATIENT = {
    "resourceType": "Patient",
    "id": "pat-1",
    "active": True,
    "birthDate": "1960-02-29",
    "name": [{"given": ["A&B", "C"]}],
    "generalPractitioner": [{"reference": "Practitioner/g1"}],
}
REMOTE: dict[str, dict[str, Any]] = {
    "Medication/9": {"resourceType": "Medication", "id": "9"},
    "Practitioner/g1": {"resourceType": "Practitioner", "id": "g1"},
    "PractitionerRole/r-9": {
        "resourceType": "PractitionerRole",
        "id": "r-9",
        "practitioner": {"reference": "Practitioner/g1"},
    },
}
DRAFTS = "context.draftOrders.entry.resource"


def resolved(reference: str) -> dict[str, Any] | None:
    return REMOTE.get(reference)


KNOWN = Known(CONTEXT, date(2026, 3, 1), {"patient": PATIENT, "nothing": None}, resolved)


@pytest.mark.parametrize(
    ("template", "query"),
    [
        ("Patient/{{context.patientId}}", "Patient/pat-1"),
        ("{{context.userId}}", "PractitionerRole/r-1"),
        ("PractitionerRole/{{ userPractitionerRoleId }}", "PractitionerRole/r-1"),
        ("Observation?date=ge{{today()}}", "Observation?date=ge2026-03-01"),
        ("Observation?date=ge{{today() - 90 days}}", "Observation?date=ge2025-12-01"),
        ("Observation?date=lt{{today()+1 day}}", "Observation?date=lt2026-03-02"),
        ("Observation?code=http://loinc.org|1988-5,x", "Observation?code=http://loinc.org|1988-5,x"),
        (
            "ServiceRequest?_id={{context.draftOrders.entry.resource.ofType(ServiceRequest).id}}",
            "ServiceRequest?_id=s1,s2",
        ),
        ("Basic?code={{context.selections}}", "Basic?code=ServiceRequest/s1,MedicationRequest/m1"),
        ("Basic?code={{context.nothing | context.patientId}}", "Basic?code=pat-1"),
        ("Person?name={{%patient.name.given}}", "Person?name=A%26B,C"),
        ("Person?active={{%patient.active}}", "Person?active=true"),
        ("Observation?date=gt{{%patient.birthDate + 1 year}}", "Observation?date=gt1961-02-28"),
        (
            f"Medication?_id={{{{{DRAFTS}.ofType(MedicationRequest).medication.resolve().ofType(Medication).id}}}}",
            "Medication?_id=9",
        ),
        ("Practitioner?_id={{%patient.generalPractitioner.resolve().ofType(Practitioner).id}}", "Practitioner?_id=g1"),
        (
            f"Basic?code={{{{{DRAFTS}.requester.resolve().practitioner.resolve().id | %patient.id}}}}",
            "Basic?code=g1,pat-1",
        ),
    ],
)
def test_filled(template: str, query: str) -> None:
    assert fill(template, KNOWN) == query


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("Encounter/{{context.encounterId}}", "{{context.encounterId}} has no value here"),
        ("Practitioner/{{userPractitionerId}}", "has no value here"),
        ("Medication?_id={{%nothing.id}}", "has no value here"),
        ("Medication?_id={{%never.id}}", "has no value here"),
        ("Basic?code={{%patient.name}}", "gives more than a simple value"),
        ("Observation?date=ge{{today() - 99999 days}}&b={{today() - 9999999 days}}", "may use"),
        ("Basic?code={{context.patientId.replace('a','b')}}", "may use"),
        ("Basic?code={{context.patientId.matches('(a+)+')}}", "may use"),
        ("Basic?code={{Patient.id}}", "may use"),
        ("Basic?code={{%patient.name[0].given}}", "may use"),
        ("Basic?code={{%patient." + "a." * 30 + "b}}", "may use"),
        ("Basic?code={{" + "context.a|" * 90 + "context.a}}", "longer than"),
        ("Basic?date={{%patient.id + 1 year}}", "cannot be evaluated"),
        ("https://elsewhere.example.org/Patient/{{context.patientId}}", "neither a read nor a search"),
        ("Patient/{{context.patientId}}/$everything", "neither a read nor a search"),
        ("Patient/{{context.patientId", "neither a read nor a search"),
        ("/Patient/1", "neither a read nor a search"),
        ("Patient/..", "neither a read nor a search"),
    ],
)
def test_left_out(template: str, reason: str) -> None:
    with pytest.raises(Unfilled) as raised:
        fill(template, KNOWN)
    assert reason in str(raised.value)


def test_a_day_before_the_calendar_is_left_out() -> None:
    with pytest.raises(Unfilled, match="is no day of the calendar"):
        fill("Observation?date=ge{{today() - 90000 days}}", Known({}, date(2, 1, 1)))


def test_an_id_cannot_leave_its_place() -> None:
    with pytest.raises(Unfilled):
        fill("Patient/{{context.patientId}}", Known({"patientId": "../metadata"}, date(2026, 1, 1)))
    assert fill("Basic?b={{context.patientId}}", Known({"patientId": "1&c=2"}, date(2026, 1, 1))) == "Basic?b=1%26c%3D2"


def test_earlier_keys() -> None:
    assert earlier_keys("A?b={{%one.id | %two.x.id}}&c={{context.patientId}}") == {"one", "two"}
    assert earlier_keys("A?b={{%one[0]}}") == frozenset()


def test_references_that_lead_nowhere_give_nothing() -> None:
    assert values("%patient.generalPractitioner.resolve().id", {}, {"patient": PATIENT}, lambda _: None) == []


@pytest.mark.parametrize("expression", ["", "context.", "%", "context..a", "context.a +", "context.a + 1 fortnight"])
def test_fragments_are_refused(expression: str) -> None:
    with pytest.raises(NotAllowed):
        values(expression, CONTEXT, {}, resolved)
