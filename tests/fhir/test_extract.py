"""Whose data are read, which version of them, and that nothing ever ends the extraction."""

import copy
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.domain.facts import Gap, GapCode, PatientFacts
from cds_service.fhir.extract import FactExtractor
from cds_service.fhir.received import receive
from cds_service.knowledge.codes import load_codes

from .conftest import AS_OF, PATIENT, Holder, SilentReader

Extract = Callable[..., PatientFacts]


def condition(subject: Any = ..., **members: Any) -> dict[str, Any]:
    resource: dict[str, Any] = {"resourceType": "Condition", "id": "c1", "code": {"text": "Fever"}}
    if subject is not ...:
        resource["subject"] = subject
    return resource | members


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p1"},
        {"reference": "https://fhir.example.org/r4/Patient/p1"},
        {"reference": "Patient/p1/_history/3"},
        {"reference": "p1"},
        {"reference": "#pat"},
        {"reference": "urn:uuid:p1"},
        {"display": "the patient"},
        "Patient/p1",
        ...,
    ],
)
def test_resources_of_the_patient_are_read(subject: Any, extract: Extract) -> None:
    assert len(extract(condition(subject)).conditions) == 1


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p2"},
        {"reference": "Patient/P1"},
        {"reference": "Group/p1"},
        {"reference": "https://fhir.example.org/r4/Patient/p2"},
        {"reference": "urn:uuid:unknown"},
    ],
)
def test_resources_of_others_are_excluded_and_said(subject: Any, extract: Extract) -> None:
    facts = extract(condition(subject))
    assert facts.conditions == ()
    assert facts.gaps == (Gap(GapCode.FOREIGN_PATIENT, "Condition/c1", clinical=True),)


def test_another_patient_resource_is_excluded(extractor: FactExtractor) -> None:
    facts = extractor.extract([{**PATIENT, "id": "p2"}], patient_id="p1", as_of=AS_OF)
    assert facts.demographics.age is None
    assert GapCode.FOREIGN_PATIENT in {gap.code for gap in facts.gaps}


def test_uuid_references_are_resolved_through_the_bundle(extractor: FactExtractor) -> None:
    address = "urn:uuid:0d2f1c1e-0000-4000-8000-000000000001"
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": address, "resource": PATIENT},
            {"fullUrl": "urn:uuid:0d2f1c1e-0000-4000-8000-000000000002", "resource": condition({"reference": address})},
        ],
    }
    assert len(extractor.extract([bundle], patient_id="p1", as_of=AS_OF).conditions) == 1


def test_bundles_in_bundles_are_opened_to_a_depth(intake: Any) -> None:
    bundle: dict[str, Any] = {"resourceType": "Bundle", "entry": [{"resource": condition()}]}
    for _ in range(8):
        bundle = {"resourceType": "Bundle", "entry": [{"resource": bundle}]}
    assert receive([bundle], intake) == []
    assert [gap.code for gap in intake.log.all()] == [GapCode.RESOURCE_UNREADABLE]


def test_of_two_versions_the_newer_one_counts(extract: Extract) -> None:
    old = condition(meta={"lastUpdated": "2026-01-01T00:00:00Z"})
    new = condition(code={"text": "Discitis"}, meta={"lastUpdated": "2026-02-01T00:00:00Z"})
    assert [c.text for c in extract(old, new).conditions] == ["Discitis"]
    assert [c.text for c in extract(new, old).conditions] == ["Discitis"]


def test_of_equal_versions_the_first_counts(extract: Extract) -> None:
    assert [c.text for c in extract(condition(), condition(code={"text": "Discitis"})).conditions] == ["Fever"]


def test_resources_without_id_all_stay(extract: Extract) -> None:
    resource = condition()
    del resource["id"]
    other = copy.deepcopy(resource) | {"code": {"text": "Chills"}}
    facts = extract(resource, other)
    assert [c.provenance.reference for c in facts.conditions] == ["Condition[1]", "Condition[2]"]


def test_types_that_nobody_reads_are_noted(extract: Extract) -> None:
    facts = extract({"resourceType": "Immunization", "id": "i"}, {"resourceType": "Encounter", "id": "e"})
    assert [(gap.code, gap.resource) for gap in facts.gaps] == [(GapCode.UNEXPECTED_RESOURCE, "Immunization/i")]


def test_gaps_of_the_caller_come_first(extract: Extract) -> None:
    given_gap = Gap(GapCode.PREFETCH_MISSING, "Observation")
    assert extract(condition(color=1), gaps=[given_gap]).gaps[0] == given_gap


def test_a_moment_without_zone_is_taken_as_utc(extractor: FactExtractor) -> None:
    naive = datetime(2026, 3, 31, 12, 0)  # noqa: DTZ001 - that is the point
    assert extractor.extract([PATIENT], patient_id="p1", as_of=naive).as_of == AS_OF


def test_gaps_hold_no_text_of_the_record(extract: Extract) -> None:
    facts = extract(condition(color="SECRET", id="SECRET SECRET", onsetDateTime="SECRET", clinicalStatus="SECRET"))
    assert facts.gaps
    assert "SECRET" not in repr(facts.gaps)


def test_a_resource_full_of_flaws_does_not_flood(extract: Extract) -> None:
    facts = extract(condition(category=[None] * 500))
    assert len(facts.gaps) == 40


# ---- nothing ends the extraction ----

EXTRACTOR = FactExtractor(Holder(load_codes()), SilentReader())
KINDS = [
    "Patient", "DiagnosticReport", "Observation", "Condition", "MedicationRequest", "MedicationStatement",
    "Procedure", "AllergyIntolerance", "Device", "DeviceUseStatement", "Bundle", "OperationOutcome",
    "ServiceRequest", "Odd",
]  # fmt: skip
NAMES = [
    "id", "status", "code", "text", "coding", "system", "subject", "reference", "valueQuantity", "value", "unit",
    "component", "referenceRange", "high", "effectiveDateTime", "effectivePeriod", "issued", "presentedForm",
    "data", "contentType", "conclusion", "conclusionCode", "onsetDateTime", "onsetAge", "clinicalStatus",
    "medicationCodeableConcept", "dosage", "timing", "repeat", "doseAndRate", "contained", "entry", "resource",
    "hasMember", "category", "meta", "lastUpdated", "name", "type", "device", "reaction", "issue", "birthDate",
    "gender", "div", "bodySite", "note", "medication", "concept",
]  # fmt: skip
TELLING = ["CRP", "1988-5", "http://loinc.org", "mg/L", "<4 mg/L", "2026-03-01", "Patient/p1", "#x", "final", "MB"]
LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=12) | st.sampled_from(TELLING)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=14,
)
RESOURCES = st.builds(
    lambda kind, members: {**members, "resourceType": kind},
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(NAMES), TREES, max_size=8),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(RESOURCES | TREES, max_size=4), st.lists(RESOURCES, max_size=2))
def test_no_json_ends_the_extraction(resources: list[Any], drafts: list[Any]) -> None:
    facts = EXTRACTOR.extract(
        [PATIENT, *resources], patient_id="p1", as_of=AS_OF, draft_orders=drafts, selections=["ServiceRequest/x"]
    )
    assert isinstance(facts, PatientFacts)


def test_the_order_of_resources_does_not_matter_for_the_set_of_facts(extract: Extract) -> None:
    resources = [
        condition(id=f"c{n}", code={"text": text}) for n, text in enumerate(["Fever", "Chills", "Osteoporosis", "HIV"])
    ]
    shuffled = resources[:]
    random.Random(7).shuffle(shuffled)  # noqa: S311 - no secret
    assert set(extract(*resources).conditions) == set(extract(*shuffled).conditions)


def test_as_of_moves_with_its_zone(extractor: FactExtractor) -> None:
    facts = extractor.extract([PATIENT], patient_id="p1", as_of=datetime(2026, 5, 4, 1, tzinfo=UTC))
    assert facts.demographics.age == 70


def test_many_resources_are_all_read(extractor: FactExtractor) -> None:
    resources = [
        condition(
            id=f"c{number}", code={"text": ["Type 2 diabetes", "Low back pain", "Z.n. Mammakarzinom"][number % 3]}
        )
        for number in range(1000)
    ]
    facts = extractor.extract([PATIENT, *resources], patient_id="p1", as_of=AS_OF)
    assert len(facts.conditions) == 1000


def test_a_document_that_may_be_an_outside_report_is_named_on_the_card(extract: Extract) -> None:
    document = {"resourceType": "DocumentReference", "id": "d", "subject": {"reference": "Patient/p1"}}
    gaps = extract(document).gaps
    assert [(gap.code, gap.clinical) for gap in gaps if gap.resource == "DocumentReference/d"] == [
        (GapCode.UNEXPECTED_RESOURCE, True)
    ]
