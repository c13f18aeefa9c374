"""Demographics, procedures, allergies, devices and pregnancy."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from cds_service.domain.facts import GapCode, PatientFacts, Sex
from cds_service.domain.vocabulary import DeviceGroup, DrugGroup, ProcedureGroup
from cds_service.fhir.extract import FactExtractor

from .conftest import AS_OF

Extract = Callable[..., PatientFacts]
SUBJECT = {"subject": {"reference": "Patient/p1"}}
LOINC = "http://loinc.org"


@pytest.mark.parametrize(
    ("members", "age", "sex", "noted"),
    [
        ({"gender": "male", "birthDate": "1956-03-31"}, 70, Sex.MALE, set()),
        ({"gender": "female", "birthDate": "1956-04-01"}, 69, Sex.FEMALE, set()),
        ({"gender": "female", "birthDate": "1956"}, 70, Sex.FEMALE, set()),
        ({"gender": "other", "birthDate": "1956"}, 70, None, {GapCode.SEX_UNKNOWN}),
        ({"birthDate": "1956-04-01"}, 69, None, {GapCode.SEX_UNKNOWN}),
        ({"gender": "male"}, None, Sex.MALE, {GapCode.AGE_UNKNOWN}),
        ({"gender": "male", "birthDate": "1856"}, None, Sex.MALE, {GapCode.AGE_UNKNOWN}),
        ({"gender": "male", "birthDate": "2030-01-01"}, None, Sex.MALE, {GapCode.AGE_UNKNOWN, GapCode.FUTURE_DATE}),
        ({"gender": "male", "birthDate": "31.03.1956"}, 70, Sex.MALE, {GapCode.INVALID_DATE}),
    ],
)
def test_age_and_sex(
    members: dict[str, Any], age: int | None, sex: Sex | None, noted: set[GapCode], extractor: FactExtractor
) -> None:
    patient = {"resourceType": "Patient", "id": "p1"} | members
    facts = extractor.extract([patient], patient_id="p1", as_of=AS_OF)
    assert (facts.demographics.age, facts.demographics.sex) == (age, sex)
    assert {gap.code for gap in facts.gaps} == noted


def test_without_patient_age_and_sex_are_clinical_gaps(extractor: FactExtractor) -> None:
    facts = extractor.extract([], patient_id="p1", as_of=AS_OF)
    assert {(gap.code, gap.clinical) for gap in facts.gaps} == {
        (GapCode.AGE_UNKNOWN, True),
        (GapCode.SEX_UNKNOWN, True),
    }


def procedure(text: str, *codes: tuple[str, str], **members: Any) -> dict[str, Any]:
    coding = [{"system": system, "code": code} for system, code in codes]
    code = {"text": text, "coding": coding} if codes else {"text": text}
    return {"resourceType": "Procedure", "id": "pr", "status": "completed", "code": code} | SUBJECT | members


P = ProcedureGroup


@pytest.mark.parametrize(
    ("resource", "groups"),
    [
        (procedure("L4/5 discectomy"), {P.SPINE_SURGERY}),
        (procedure("Spondylodese L3-L5"), {P.SPINE_SURGERY}),
        (procedure("Discectomie lombară"), {P.SPINE_SURGERY}),
        (procedure("Epidural steroid injection"), {P.SPINAL_INJECTION}),
        (procedure("Infiltrație epidurală"), {P.SPINAL_INJECTION}),
        (procedure("PDA"), {P.SPINAL_ANESTHESIA}),
        (procedure("Ballonkyphoplastie L1"), {P.VERTEBRAL_AUGMENTATION}),
        (procedure("TRUS-guided prostate biopsy"), {P.UROGENITAL_GI_INSTRUMENTATION}),
        (procedure("Koloskopie"), {P.UROGENITAL_GI_INSTRUMENTATION}),
        (procedure("Biopsy", bodySite=[{"text": "L3 vertebra"}]), {P.SPINE_BIOPSY}),
        (procedure("Strahlentherapie LWS"), {P.RADIOTHERAPY_SPINE}),
        (procedure("Hemodialysis"), {P.DIALYSIS}),
        (procedure("", ("http://www.ama-assn.org/go/cpt", "62323")), {P.SPINAL_INJECTION}),
        (procedure("Appendectomy"), set()),
    ],
)
def test_procedures(resource: dict[str, Any], groups: set[P], extract: Extract) -> None:
    (fact,) = extract(resource).procedures
    assert fact.groups == groups


@pytest.mark.parametrize(
    ("members", "performed"),
    [
        ({"performedDateTime": "2026-02-01"}, date(2026, 2, 1)),
        ({"performedPeriod": {"start": "2026-02-02T08:00:00Z"}}, date(2026, 2, 2)),
        ({"performedPeriod": {"end": "2026-02-03"}}, date(2026, 2, 3)),
        ({"performedString": "vor 2 Wochen"}, date(2026, 3, 17)),
        ({"performedAge": {"value": 60}}, date(2016, 1, 1)),
        ({"occurrenceDateTime": "2026-02-04"}, date(2026, 2, 4)),
        ({}, None),
    ],
)
def test_dates_of_procedures(members: dict[str, Any], performed: date | None, extract: Extract) -> None:
    (fact,) = extract(procedure("Discectomy", **members)).procedures
    assert fact.performed == performed


@pytest.mark.parametrize("status", ["not-done", "entered-in-error", "preparation"])
def test_what_was_not_done_is_no_procedure(status: str, extract: Extract) -> None:
    assert extract(procedure("Discectomy", status=status)).procedures == ()


@pytest.mark.parametrize(("status", "code"), [("", GapCode.MISSING_STATUS), ("done", GapCode.UNKNOWN_STATUS)])
def test_odd_statuses_of_procedures_are_noted(status: str, code: GapCode, extract: Extract) -> None:
    facts = extract(procedure("Discectomy", status=status, performedDateTime="2026-01-01"))
    assert len(facts.procedures) == 1
    assert code in {gap.code for gap in facts.gaps}


def test_a_procedure_without_code_is_read_from_its_note(extract: Extract) -> None:
    resource = procedure("", note=[{"text": "discectomy"}], performedDateTime="2026-01-01")
    (fact,) = extract(resource).procedures
    assert fact.groups == {P.SPINE_SURGERY}


def allergy(text: str, **members: Any) -> dict[str, Any]:
    return {
        "resourceType": "AllergyIntolerance",
        "id": "a",
        "code": {"text": text},
        "patient": {"reference": "Patient/p1"},
    } | members


@pytest.mark.parametrize(
    ("resource", "groups", "severe"),
    [
        (allergy("Ibuprofen"), {DrugGroup.NSAID}, None),
        (allergy("Gadolinium contrast", criticality="high"), {DrugGroup.GADOLINIUM}, True),
        (allergy("Kontrastmittel", criticality="low"), {DrugGroup.GADOLINIUM}, False),
        (allergy("NSAR", reaction=[{"severity": "severe"}]), {DrugGroup.NSAID}, True),
        (allergy("NSAR", reaction=[{"severity": "mild"}]), {DrugGroup.NSAID}, False),
        (allergy("NSAR", reaction=[{"manifestation": [{"text": "Anaphylaxis"}]}]), {DrugGroup.NSAID}, True),
        (allergy("Drug", reaction=[{"substance": {"text": "diclofenac"}}]), {DrugGroup.NSAID}, None),
        (allergy("Peanut"), set(), None),
    ],
)
def test_allergies(resource: dict[str, Any], groups: set[DrugGroup], *, severe: bool | None, extract: Extract) -> None:
    (fact,) = extract(resource).allergies
    assert (set(fact.groups), fact.severe) == (groups, severe)


@pytest.mark.parametrize(
    "members",
    [
        {"verificationStatus": {"coding": [{"code": "refuted"}]}},
        {"verificationStatus": {"coding": [{"code": "entered-in-error"}]}},
        {"clinicalStatus": {"coding": [{"code": "resolved"}]}},
        {"code": {}},
    ],
)
def test_refuted_resolved_and_empty_allergies_do_not_count(members: dict[str, Any], extract: Extract) -> None:
    assert extract(allergy("Ibuprofen", **members)).allergies == ()


def device(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Device", "id": "d", "status": "active", "patient": {"reference": "Patient/p1"}} | members


@pytest.mark.parametrize(
    ("resource", "groups"),
    [
        (device(type={"text": "Cardiac pacemaker"}), {DeviceGroup.PACEMAKER_ICD}),
        (
            device(type={"coding": [{"system": "http://snomed.info/sct", "code": "14106009"}]}),
            {DeviceGroup.PACEMAKER_ICD},
        ),
        (
            device(deviceName=[{"name": "Cochlea-Implantat", "type": "user-friendly-name"}]),
            {DeviceGroup.COCHLEAR_IMPLANT},
        ),
        (device(type=[{"text": "Implant"}, {"text": "Spinal cord stimulator"}]), {DeviceGroup.NEUROSTIMULATOR}),
        (device(displayName="Portkatheter"), {DeviceGroup.CENTRAL_LINE}),
        (device(type={"text": "Hip prosthesis"}), set()),
    ],
)
def test_devices(resource: dict[str, Any], groups: set[DeviceGroup], extract: Extract) -> None:
    (fact,) = extract(resource).devices
    assert fact.groups == groups


@pytest.mark.parametrize("members", [{"status": "inactive"}, {"status": "entered-in-error"}, {}])
def test_removed_and_nameless_devices_do_not_count(members: dict[str, Any], extract: Extract) -> None:
    resource = device(type={"text": "Pacemaker"}) | members if members else device()
    assert extract(resource).devices == ()


@pytest.mark.parametrize(
    ("link", "known", "count"),
    [
        ({"reference": "Device/d"}, "active", 2),
        ({"reference": "Device/d"}, "inactive", 0),
        ({"display": "Pacemaker"}, None, 1),
    ],
)
def test_use_statements_point_at_their_device(
    link: dict[str, str], known: str | None, count: int, extract: Extract
) -> None:
    use = {"resourceType": "DeviceUseStatement", "id": "u", "status": "active", "device": link} | SUBJECT
    others = [device(type={"text": "Pacemaker"}, status=known)] if known else []
    assert [fact.groups for fact in extract(use, *others).devices] == [{DeviceGroup.PACEMAKER_ICD}] * count


# ---- pregnancy ----


def status(answer: dict[str, Any], code: str = "82810-3", **members: Any) -> dict[str, Any]:
    return (
        {
            "resourceType": "Observation",
            "id": f"preg-{code}",
            "status": "final",
            "code": {"coding": [{"system": LOINC, "code": code}]},
            "effectiveDateTime": "2026-03-31",
        }
        | SUBJECT
        | answer
        | members
    )


def problem(text: str, *codes: str, **members: Any) -> dict[str, Any]:
    coding = [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code} for code in codes]
    code = {"text": text, "coding": coding} if codes else {"text": text}
    return {"resourceType": "Condition", "id": "preg", "code": code} | SUBJECT | members


def coded(code: str) -> dict[str, Any]:
    return {"valueCodeableConcept": {"coding": [{"code": code}]}}


@pytest.mark.parametrize(
    ("resources", "pregnant", "weeks", "after"),
    [
        ([], None, None, None),
        ([status(coded("77386006"))], True, None, None),
        ([status(coded("60001007"))], False, None, None),
        ([status(coded("LA4489-6"))], None, None, None),
        ([status({"valueString": "schwanger"})], True, None, None),
        ([status({"valueString": "nicht schwanger"})], False, None, None),
        ([status({"valueBoolean": True})], True, None, None),
        ([status(coded("77386006"), effectiveDateTime="2025-01-01")], None, None, None),
        ([status(coded("77386006"), status="entered-in-error")], None, None, None),
        ([status({"valueQuantity": {"value": 24, "unit": "wk"}}, "18185-9")], True, 24, None),
        ([status({"valueQuantity": {"value": 170, "unit": "d", "code": "d"}}, "18185-9")], True, 24, None),
        (
            [status({"valueQuantity": {"value": 20, "unit": "wk"}}, "18185-9", effectiveDateTime="2026-03-03")],
            True,
            24,
            None,
        ),
        ([status({"valueDateTime": "2026-07-21"}, "11778-8")], True, 24, None),
        ([status({"valueDateTime": "some day"}, "11778-8")], None, None, None),
        ([status({"valueDateTime": "2025-10-14"}, "8665-2")], None, None, None),
        ([status({"valueDateTime": "2025-10-14"}, "8665-2"), status(coded("77386006"))], True, 24, None),
        ([status({"valueString": "yes"}, "63895-7")], None, None, True),
        ([problem("Pregnancy 24 weeks", recordedDate="2026-03-31")], True, 24, None),
        ([problem("Schwangerschaft, 20. SSW", recordedDate="2026-03-03")], True, 24, None),
        ([problem("Sarcină 24 săptămâni")], True, 24, None),
        ([problem("Pregnancy", "Z3A.24", recordedDate="2026-03-31")], True, 24, None),
        ([problem("Pregnancy", onsetDateTime="2023-01-01")], None, None, None),
        ([problem("Pregnancy", clinicalStatus={"coding": [{"code": "resolved"}]})], None, None, None),
        ([problem("Postpartum", recordedDate="2025-12-01")], None, None, True),
        ([problem("Postpartum", recordedDate="2023-12-01")], None, None, None),
        ([problem("Suspected pregnancy")], None, None, None),
    ],
)
def test_pregnancy(
    resources: list[dict[str, Any]], *, pregnant: bool | None, weeks: int | None, after: bool | None, extract: Extract
) -> None:
    found = extract(*resources).pregnancy
    assert (found.pregnant, found.weeks, found.postpartum_or_lactating) == (pregnant, weeks, after)


def test_the_newest_statement_wins(extract: Extract) -> None:
    earlier = status(coded("77386006"), effectiveDateTime="2026-01-05")
    later = status(coded("60001007"), id="later", effectiveDateTime="2026-03-05")
    assert extract(later, earlier).pregnancy.pregnant is False


def test_a_recent_positive_test_counts(extract: Extract) -> None:
    resource = status({"valueCodeableConcept": {"text": "positive"}}, "2106-3", effectiveDateTime="2026-03-20")
    assert extract(resource).pregnancy.pregnant is True
