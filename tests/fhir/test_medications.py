"""Drugs with their groups, doses and times."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from cds_service.domain.facts import GapCode, Medication, PatientFacts
from cds_service.domain.vocabulary import DrugGroup as D

Extract = Callable[..., PatientFacts]
SUBJECT = {"subject": {"reference": "Patient/p1"}}
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"


def drug(text: str = "", *codes: tuple[str, str], kind: str = "MedicationStatement", **members: Any) -> dict[str, Any]:
    concept: dict[str, Any] = {"text": text} if text else {}
    if codes:
        concept["coding"] = [{"system": system, "code": code} for system, code in codes]
    return (
        {"resourceType": kind, "id": "m1", "status": "active", "medicationCodeableConcept": concept} | SUBJECT | members
    )


def only(facts: PatientFacts) -> Medication:
    (medication,) = facts.medications
    return medication


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("Ibuprofen 600 mg", {D.NSAID}),
        ("Voltaren 75", {D.NSAID}),
        ("Nurofen Forte", {D.NSAID}),
        ("Diclofenac Gel 1 %", {D.WITHOUT_BEARING}),
        ("Prednisolon 20 mg", {D.GLUCOCORTICOID}),
        ("Medrol 16 mg", {D.GLUCOCORTICOID}),
        ("Hydrocortison Creme", {D.WITHOUT_BEARING}),
        ("Adalimumab 40 mg s.c.", {D.TNF_BLOCKER, D.IMMUNOSUPPRESSANT}),
        ("Metotrexat 15 mg/săptămână", {D.IMMUNOSUPPRESSANT}),
        ("Tocilizumab", {D.IL6_BLOCKER, D.IMMUNOSUPPRESSANT}),
        ("Rinvoq 15 mg", {D.JAK_INHIBITOR}),
        ("Apixaban 5 mg", {D.ANTICOAGULANT}),
        ("Sintrom", {D.ANTICOAGULANT}),
        ("Clopidogrel 75 mg", {D.ANTIPLATELET, D.P2Y12}),
        ("ASS 100", {D.ANTIPLATELET, D.SALICYLATE}),
        ("Tramadol 100 mg", {D.OPIOID, D.TRAMADOL_TAPENTADOL}),
        ("Morphin 10 mg", {D.OPIOID, D.MORPHINE}),
        ("Novalgin Tropfen", {D.METAMIZOLE}),
        ("Algocalmin", {D.METAMIZOLE}),
        ("Zoledronic acid 5 mg", {D.BONE_TARGETED, D.ZOLEDRONATE}),
        ("Amoxicilină + acid clavulanic", {D.ANTIBIOTIC}),
        ("Augentropfen Gentamicin", {D.WITHOUT_BEARING}),
        ("Sertralin 50", {D.SSRI_SNRI}),
        ("Pregabalin 75 mg", {D.BENZODIAZEPINE_GABAPENTINOID}),
        ("Ramipril 5 mg", {D.ACE_ARB}),
        ("Torasemid 10", {D.DIURETIC}),
        ("Filgrastim", {D.G_CSF}),
        ("Calcitonin nasal spray", {D.CALCITONIN}),
        ("Levothyroxine", {D.WITHOUT_BEARING}),
    ],
)
def test_names_tell_the_groups(text: str, groups: set[D], extract: Extract) -> None:
    assert only(extract(drug(text))).groups == groups


@pytest.mark.parametrize(
    ("system", "code", "groups"),
    [
        (RXNORM, "5640", {D.NSAID}),
        (ATC, "M01AE01", {D.NSAID}),
        (ATC, "M01AX05", set()),
        ("http://fhir.de/CodeSystem/bfarm/atc", "J01CA04", {D.ANTIBIOTIC}),
        (ATC, "L04AB04", {D.TNF_BLOCKER, D.IMMUNOSUPPRESSANT}),
        (ATC, "B01AC11", {D.ILOPROST}),
        (RXNORM, "77655", set()),
    ],
)
def test_codes_tell_the_groups(system: str, code: str, groups: set[D], extract: Extract) -> None:
    assert only(extract(drug("", (system, code)))).groups == groups


def test_a_local_route_takes_the_systemic_groups_away(extract: Extract) -> None:
    resource = drug("Dexamethason", dosage=[{"route": {"text": "inhalativ"}}])
    assert only(extract(resource)).groups == {D.WITHOUT_BEARING}


DAILY = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}


@pytest.mark.parametrize(
    ("text", "dosage", "daily", "equivalent"),
    [
        ("Prednisolon 7,5 mg", None, 7.5, 7.5),
        ("Prednisolon 20 mg 1-0-0", None, 20, 20),
        ("Prednisolon 5 mg 1-0-1", None, 10, 10),
        ("Prednison 5 mg 1-0-½", None, 7.5, 7.5),
        ("Prednison 10 mg 2x1", None, 20, 20),
        ("Prednisone 10 mg every other day", None, 5, 5),
        ("Prednisone 10 mg bid", None, 20, 20),
        ("Methylprednisolone 16 mg", None, 16, 20),
        ("Metilprednisolon 1 g iv", None, 1000, 1250),
        ("Dexamethason 4 mg 3x täglich", None, 12, 80),
        ("Hydrocortison 20 mg", None, 20, 5),
        ("Dexametazonă 0,75 mg", None, 0.75, 5),
        ("Prednison", None, None, None),
        ("Prednisolone 5 mg/ml", None, None, None),
        ("Prednison", {"timing": DAILY, "doseAndRate": [{"doseQuantity": {"value": 15, "unit": "mg"}}]}, 15, 15),
        ("Prednison 5 mg", {"timing": DAILY, "doseAndRate": [{"doseQuantity": {"value": 3, "unit": "Tabl."}}]}, 15, 15),
        (
            "Prednison 5 mg",
            {"timing": DAILY, "doseAndRate": [{"doseQuantity": {"value": 3, "code": "{pill}"}}]},
            15,
            15,
        ),
        (
            "Prednison",
            {"timing": {"code": {"coding": [{"code": "BID"}]}}, "doseQuantity": {"value": 5, "unit": "mg"}},
            10,
            10,
        ),
        (
            "Prednison",
            {"timing": {"repeat": {"when": ["MORN", "NIGHT"]}}, "doseQuantity": {"value": 5, "unit": "mg"}},
            10,
            10,
        ),
        (
            "Prednison",
            {
                "timing": {"repeat": {"frequency": 1, "period": 12, "periodUnit": "h"}},
                "doseAndRate": [
                    {"doseRange": {"low": {"value": 5, "unit": "mg"}, "high": {"value": 10, "unit": "mg"}}}
                ],
            },
            20,
            20,
        ),
        ("Prednison 20 mg", {"text": "1-0-0-0"}, 20, 20),
        ("Prednison", {"text": "20 mg de două ori pe zi"}, 40, 40),
        ("Prednison 20 mg", {"text": "once weekly"}, pytest.approx(20 / 7), pytest.approx(20 / 7, rel=1e-3)),
    ],
)
def test_daily_dose_and_prednisone_equivalent(
    text: str, dosage: dict[str, Any] | None, daily: float | None, equivalent: float | None, extract: Extract
) -> None:
    resource = drug(text) | ({"dosage": [dosage]} if dosage else {})
    medication = only(extract(resource))
    assert medication.daily_dose_mg == daily
    assert medication.prednisone_equivalent == equivalent


def test_of_several_stages_the_highest_dose_counts(extract: Extract) -> None:
    stages = [{"timing": DAILY, "doseQuantity": {"value": value, "unit": "mg"}} for value in (40, 20, 10)]
    assert only(extract(drug("Prednison", dosage=stages))).daily_dose_mg == 40


@pytest.mark.parametrize(
    ("kind", "members", "running"),
    [
        ("MedicationStatement", {"status": "active"}, True),
        ("MedicationStatement", {"status": "completed"}, False),
        ("MedicationStatement", {"status": "unknown"}, None),
        ("MedicationStatement", {"status": "active", "effectivePeriod": {"end": "2026-02-01"}}, False),
        ("MedicationStatement", {"status": "active", "effectivePeriod": {"end": "2026-09-01"}}, True),
        ("MedicationRequest", {"status": "on-hold"}, None),
        ("MedicationRequest", {"status": "stopped"}, False),
        ("MedicationAdministration", {"status": "in-progress"}, True),
        ("MedicationAdministration", {"status": "completed", "effectiveDateTime": "2026-03-30"}, True),
        ("MedicationAdministration", {"status": "completed", "effectiveDateTime": "2026-03-10"}, False),
        ("MedicationAdministration", {"status": "completed"}, False),
    ],
)
def test_running_is_three_valued(kind: str, members: dict[str, Any], *, running: bool | None, extract: Extract) -> None:
    assert only(extract(drug("Ibuprofen", kind=kind, **members))).running is running


@pytest.mark.parametrize("status", ["entered-in-error", "not-taken", "cancelled", "draft"])
def test_what_was_never_taken_is_left_out(status: str, extract: Extract) -> None:
    assert extract(drug("Ibuprofen", status=status)).medications == ()


@pytest.mark.parametrize(
    ("members", "start", "end"),
    [
        ({"effectiveDateTime": "2026-03-17"}, date(2026, 3, 17), None),
        ({"effectivePeriod": {"start": "2026-03-01", "end": "2026-03-10"}}, date(2026, 3, 1), date(2026, 3, 10)),
        ({"authoredOn": "2026-03-02"}, date(2026, 3, 2), None),
        (
            {"dosage": [{"timing": {"repeat": {"boundsPeriod": {"start": "2026-02-03"}}}}]},
            date(2026, 2, 3),
            None,
        ),
        ({}, None, None),
    ],
)
def test_times_of_a_drug(members: dict[str, Any], start: date | None, end: date | None, extract: Extract) -> None:
    medication = only(extract(drug("Ibuprofen", **members)))
    assert (medication.start, medication.end) == (start, end)


def test_a_time_told_in_the_name_counts(extract: Extract) -> None:
    assert only(extract(drug("Prednisolon 10 mg seit 3 Wochen"))).start == date(2026, 3, 10)


def test_the_same_drug_as_request_and_statement_is_one(extract: Extract) -> None:
    request = drug("Prednison 10 mg", kind="MedicationRequest", id="r1", authoredOn="2026-03-20")
    statement = drug("prednison 10 mg", id="s1", effectiveDateTime="2026-01-05")
    assert only(extract(request, statement)).start == date(2026, 1, 5)


@pytest.mark.parametrize(
    ("members", "others"),
    [
        (
            {"medicationReference": {"reference": "Medication/x"}},
            [{"resourceType": "Medication", "id": "x", "code": {"text": "Ibuprofen"}}],
        ),
        (
            {"medicationReference": {"reference": "https://fhir.example.org/r4/Medication/x/_history/2"}},
            [{"resourceType": "Medication", "id": "x", "code": {"text": "Ibuprofen"}}],
        ),
        (
            {
                "medicationReference": {"reference": "#x"},
                "contained": [{"resourceType": "Medication", "id": "x", "code": {"text": "Ibuprofen"}}],
            },
            [],
        ),
        (
            {
                "medicationReference": {"reference": "#x"},
                "contained": [
                    {
                        "resourceType": "Medication",
                        "id": "x",
                        "ingredient": [{"itemCodeableConcept": {"text": "Ibuprofen"}}],
                    }
                ],
            },
            [],
        ),
        ({"medicationReference": {"display": "Ibuprofen 400"}}, []),
        ({"medication": {"concept": {"text": "Ibuprofen"}}}, []),
        (
            {"medication": {"reference": {"reference": "Medication/x"}}},
            [{"resourceType": "Medication", "id": "x", "code": {"text": "Ibuprofen"}}],
        ),
    ],
)
def test_the_drug_is_found_by_every_form_of_reference(
    members: dict[str, Any], others: list[dict[str, Any]], extract: Extract
) -> None:
    resource = drug() | members
    del resource["medicationCodeableConcept"]
    assert only(extract(resource, *others)).groups == {D.NSAID}


def test_a_drug_without_name_is_a_clinical_gap(extract: Extract) -> None:
    facts = extract({"resourceType": "MedicationStatement", "id": "m", "status": "active"} | SUBJECT)
    assert facts.medications == ()
    assert [(gap.code, gap.clinical) for gap in facts.gaps] == [(GapCode.MISSING_CODE, True)]


def test_the_reason_is_kept(extract: Extract) -> None:
    resource = drug("Ciprofloxacin", reasonCode=[{"text": "Cystitis"}], reasonReference=[{"display": "UTI"}])
    assert only(extract(resource)).reason == "Cystitis; UTI"


@pytest.mark.parametrize("status", ["", "verified"])
def test_odd_statuses_leave_the_question_open(status: str, extract: Extract) -> None:
    facts = extract(drug("Ibuprofen", status=status))
    assert only(facts).running is None
    assert facts.gaps
