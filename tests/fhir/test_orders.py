"""Draft orders, complete and not, to what they ask for."""

from collections.abc import Callable
from typing import Any

import pytest

from cds_service.domain.facts import GapCode, OrderFact, PatientFacts
from cds_service.domain.vocabulary import DrugGroup
from cds_service.domain.vocabulary import OrderKind as K

Extract = Callable[..., PatientFacts]
SUBJECT = {"subject": {"reference": "Patient/p1"}}
CPT = "http://www.ama-assn.org/go/cpt"
LOINC = "http://loinc.org"
MRI = {K.MRI_ANY, K.MRI_SPINE}


def service(text: str = "", *codes: tuple[str, str], **members: Any) -> dict[str, Any]:
    concept: dict[str, Any] = {"text": text} if text else {}
    if codes:
        concept["coding"] = [{"system": system, "code": code} for system, code in codes]
    order = {"resourceType": "ServiceRequest", "id": "s1", "status": "draft", "intent": "plan", "code": concept}
    return order | SUBJECT | members


def drug(text: str, **members: Any) -> dict[str, Any]:
    concept = {"medicationCodeableConcept": {"text": text}}
    return (
        {"resourceType": "MedicationRequest", "id": "m1", "status": "draft", "intent": "order"}
        | SUBJECT
        | concept
        | members
    )


def only(extract: Extract, order: Any, **options: Any) -> OrderFact:
    (fact,) = extract(draft_orders=[order], **options).orders
    return fact


@pytest.mark.parametrize(
    ("order", "kinds"),
    [
        (service("Kyphoplasty L1"), {K.VERTEBRAL_AUGMENTATION}),
        (service("Vertebroplastie"), {K.VERTEBRAL_AUGMENTATION}),
        (service("Cifoplastie"), {K.VERTEBRAL_AUGMENTATION}),
        (service("", (CPT, "22513")), {K.VERTEBRAL_AUGMENTATION}),
        (service("CT-guided biopsy of L3 vertebra"), {K.SPINE_BIOPSY}),
        (service("CT-gesteuerte Punktion Bandscheibe"), {K.SPINE_BIOPSY}),
        (service("Biopsie vertebrală"), {K.SPINE_BIOPSY}),
        (service("Prostate biopsy"), {K.OTHER}),
        (service("MRI lumbar spine without contrast"), MRI),
        (service("MRI lumbar spine without and with contrast"), MRI | {K.MRI_CONTRAST}),
        (service("MRT der Gesamtwirbelsäule nativ und mit KM"), MRI | {K.MRI_CONTRAST}),
        (service("MRT LWS nativ"), MRI),
        (service("IRM coloană lombară cu substanță de contrast"), MRI | {K.MRI_CONTRAST}),
        (service("IRM coloană lombară fără contrast"), MRI),
        (service("MRI knee"), {K.MRI_ANY}),
        (service("MRI", bodySite=[{"text": "lumbar spine"}]), MRI),
        (service("", (CPT, "72148")), MRI),
        (service("", (CPT, "72158")), MRI | {K.MRI_CONTRAST}),
        (service("", (LOINC, "24968-0")), MRI),
        (service("", (LOINC, "24967-2")), MRI | {K.MRI_CONTRAST}),
        (service("CT head with contrast"), {K.OTHER}),
        (service("", (CPT, "70460")), {K.OTHER}),
        (service("FDG-PET/CT"), {K.FDG_PET_CT}),
        (service("Skelettszintigraphie"), {K.SCINTIGRAPHY}),
        (service("Bone scan"), {K.SCINTIGRAPHY}),
        (service("CRP"), {K.CRP}),
        (service("VSH și PCR"), {K.CRP, K.ESR}),
        (service("Blutkulturen 2x"), {K.BLOOD_CULTURE}),
        (service("Referral to neurosurgery"), {K.SPINE_REFERRAL}),
        (service("Trimitere neurochirurgie"), {K.SPINE_REFERRAL}),
        (service("Referral", performerType={"text": "Spine surgeon"}), {K.SPINE_REFERRAL}),
        (service("Extrakorporale Stoßwellentherapie"), {K.SHOCK_WAVE}),
        (service("Oxigenoterapie hiperbară"), {K.HYPERBARIC_OXYGEN}),
        (service("Bettruhe"), {K.BED_REST}),
        (service("Epidural steroid injection L4/5"), {K.EPIDURAL_STEROID, K.GLUCOCORTICOID}),
        (drug("Ibuprofen 600 mg"), {K.NSAID}),
        (drug("Ibuprofen gel"), {K.OTHER}),
        (drug("Tramadol 50 mg"), {K.OPIOID}),
        (drug("Dexamethason 8 mg"), {K.GLUCOCORTICOID}),
        (drug("Ceftriaxone 2 g"), {K.ANTIBIOTIC}),
        (drug("Zoledronsäure"), {K.BONE_TARGETED}),
        (drug("Calcitonin nasal spray"), {K.CALCITONIN}),
        (drug("Iloprost"), {K.ILOPROST}),
        (drug("Lisinopril 10 MG Oral Tablet"), {K.OTHER}),
        (drug("Gentamicin", dosageInstruction=[{"route": {"text": "Augentropfen"}}]), {K.OTHER}),
    ],
)
def test_kinds_of_orders(order: dict[str, Any], kinds: set[K], extract: Extract) -> None:
    assert only(extract, order).kinds == kinds


def test_drug_groups_of_an_order_are_kept(extract: Extract) -> None:
    fact = only(extract, drug("Clopidogrel 75 mg"))
    assert fact.drug_groups == {DrugGroup.ANTIPLATELET, DrugGroup.P2Y12}


@pytest.mark.parametrize(
    "order",
    [
        {"resourceType": "MedicationRequest", "id": "m1", "status": "draft"} | SUBJECT,
        {"resourceType": "ServiceRequest"},
        {"resourceType": "ServiceRequest", "code": None, "reasonCode": [], "id": ""},
        {"resourceType": "NutritionOrder", "oralDiet": {}},
    ],
)
def test_incomplete_drafts_stay_as_other(order: dict[str, Any], extract: Extract) -> None:
    facts = extract(draft_orders=[order])
    assert [fact.kinds for fact in facts.orders] == [{K.OTHER}]
    assert GapCode.MISSING_CODE in {gap.code for gap in facts.gaps}


@pytest.mark.parametrize(
    "order",
    [
        {"resourceType": "DeviceRequest", "id": "d", "codeCodeableConcept": {"text": "Shock wave therapy"}},
        {"resourceType": "DeviceRequest", "id": "d", "codeReference": {"display": "Shock wave unit"}},
        {"resourceType": "CommunicationRequest", "id": "c", "payload": [{"contentString": "Shock wave therapy?"}]},
        {"resourceType": "NutritionOrder", "id": "n", "oralDiet": {"type": [{"text": "shock wave"}]}},
        {"resourceType": "ServiceRequest", "id": "s", "code": {"concept": {"text": "Shock wave therapy"}}},
        {"resourceType": "ServiceRequest", "id": "s", "code": "Shock wave therapy"},
        {"resourceType": "ServiceRequest", "id": "s", "category": [{"text": "Shock wave therapy"}]},
        {"resourceType": "Task", "id": "t", "description": "Shock wave therapy"},
    ],
)
def test_what_is_asked_for_is_found_in_every_type(order: dict[str, Any], extract: Extract) -> None:
    assert only(extract, order).kinds == {K.SHOCK_WAVE}


def test_reason_place_duration_and_priority_are_kept(extract: Extract) -> None:
    order = service(
        "Bed rest",
        bodySite=[{"text": "lumbar spine"}],
        orderDetail=[{"text": "strict"}],
        reasonCode=[{"text": "Back pain"}],
        reasonReference=[{"display": "Sciatica"}],
        note=[{"text": "for a week"}],
        priority="URGENT",
        occurrencePeriod={"start": "2026-04-01", "end": "2026-04-08"},
    )
    fact = only(extract, order)
    assert fact.reason_text == "Back pain; Sciatica; for a week"
    assert fact.body_text == "lumbar spine strict"
    assert (fact.duration_days, fact.priority) == (7, "urgent")


@pytest.mark.parametrize(
    ("members", "days"),
    [
        ({"dispenseRequest": {"expectedSupplyDuration": {"value": 30, "unit": "days"}}}, 30),
        ({"dispenseRequest": {"expectedSupplyDuration": {"value": 2, "code": "wk"}}}, 14),
        ({"dispenseRequest": {"expectedSupplyDuration": {"value": 2, "code": "moon"}}}, None),
        ({"dosageInstruction": [{"timing": {"repeat": {"boundsDuration": {"value": 5, "code": "d"}}}}]}, 5),
        ({"occurrenceTiming": {"repeat": {"boundsDuration": {"value": 3, "code": "d"}}}}, 3),
        ({"occurrencePeriod": {"start": "2026-04-01"}}, None),
        ({}, None),
    ],
)
def test_duration_of_an_order(members: dict[str, Any], days: int | None, extract: Extract) -> None:
    assert only(extract, drug("Ibuprofen", **members)).duration_days == days


@pytest.mark.parametrize(
    ("selections", "chosen"),
    [
        (["ServiceRequest/s1"], [True, False]),
        (["s1"], [True, False]),
        (["ServiceRequest/s1", "MedicationRequest/m1"], [True, True]),
        ([], [True, True]),
        (["ServiceRequest/gone"], [True, True]),
    ],
)
def test_selections_mark_the_orders(selections: list[str], chosen: list[bool], extract: Extract) -> None:
    facts = extract(draft_orders=[service("CRP"), drug("Ibuprofen")], selections=selections)
    assert [order.selected for order in facts.orders] == chosen


def test_orders_may_come_as_a_bundle_with_their_medication(extract: Extract) -> None:
    order = drug("") | {"medicationReference": {"reference": "Medication/x"}}
    del order["medicationCodeableConcept"]
    medication = {"resourceType": "Medication", "id": "x", "code": {"text": "Ibuprofen"}}
    bundle = {"resourceType": "Bundle", "entry": [{"resource": order}, {"resource": medication}]}
    assert only(extract, bundle).kinds == {K.NSAID}


@pytest.mark.parametrize("members", [{"status": "entered-in-error"}, {"status": "revoked"}, {"doNotPerform": True}])
def test_revoked_orders_do_not_count(members: dict[str, Any], extract: Extract) -> None:
    assert extract(draft_orders=[service("CRP", **members)]).orders == ()


def test_orders_for_somebody_else_are_left_out(extract: Extract) -> None:
    facts = extract(draft_orders=[service("CRP", subject={"reference": "Patient/other"})])
    assert facts.orders == ()
    assert [gap.code for gap in facts.gaps] == [GapCode.FOREIGN_PATIENT]
