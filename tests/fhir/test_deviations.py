"""Each ordinary deviation of real records: its usable content is kept, its neighbour is kept, and a gap names it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from cds_service.domain.facts import Comparator, GapCode, PatientFacts
from cds_service.domain.vocabulary import Analyte, ConditionGroup, Modality

Resource = dict[str, Any]
CRP = {
    "resourceType": "Observation",
    "id": "crp",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "1988-5", "display": "CRP"}]},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2026-03-30T08:00:00Z",
    "valueQuantity": {"value": 42, "unit": "mg/L", "system": "http://unitsofmeasure.org", "code": "mg/L"},
}
NEIGHBOUR = {
    "resourceType": "Observation",
    "id": "esr",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "30341-2"}]},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2026-03-30T08:00:00Z",
    "valueQuantity": {"value": 55, "unit": "mm/h"},
}
REPORT = {
    "resourceType": "DiagnosticReport",
    "id": "mri",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "24968-0"}], "text": "MR lumbar spine"},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2026-03-29T08:00:00Z",
    "issued": "2026-03-29T10:00:00Z",
    "conclusion": "Edema of the L3 body.",
}
CONDITION = {
    "resourceType": "Condition",
    "id": "dm",
    "clinicalStatus": {"coding": [{"code": "active"}]},
    "verificationStatus": {"coding": [{"code": "confirmed"}]},
    "code": {"text": "Type 2 diabetes"},
    "subject": {"reference": "Patient/p1"},
}


def changed(resource: Resource, **members: Any) -> Resource:
    """A copy with members set, or taken out where the value is ``...``."""
    result = copy.deepcopy(resource)
    for name, value in members.items():
        if value is ...:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def crp_is_read(facts: PatientFacts) -> bool:
    return [(lab.value, lab.unit) for lab in facts.labs if lab.analyte is Analyte.CRP] == [(42.0, "mg/L")]


def crp_is_left_out(facts: PatientFacts) -> bool:
    return not [lab for lab in facts.labs if lab.analyte is Analyte.CRP]


def crp_is_below_four(facts: PatientFacts) -> bool:
    found = [(lab.value, lab.comparator) for lab in facts.labs if lab.analyte is Analyte.CRP]
    return found == [(4.0, Comparator.LT)]


def report_is_read(facts: PatientFacts) -> bool:
    return [(r.modality, [t.text for t in r.texts]) for r in facts.reports] == [
        (Modality.MR, ["Edema of the L3 body."])
    ]


def diabetes_is_known(facts: PatientFacts) -> bool:
    return any(ConditionGroup.DIABETES in c.groups for c in facts.conditions)


CASES: dict[str, tuple[Resource, GapCode, str, Callable[[PatientFacts], bool]]] = {
    "unknown extra element": (changed(CRP, color="red"), GapCode.UNKNOWN_ELEMENT, "color", crp_is_read),
    "id longer than 64": (changed(CRP, id="x" * 80), GapCode.INVALID_ID, "id", crp_is_read),
    "id with underscore": (changed(CRP, id="my_crp"), GapCode.INVALID_ID, "id", crp_is_read),
    "id that is no text": (changed(CRP, id=17), GapCode.INVALID_ID, "id", crp_is_read),
    "date-time without zone": (
        changed(CRP, effectiveDateTime="2026-03-30T08:00:00"),
        GapCode.INVALID_DATE,
        "effectiveDateTime",
        crp_is_read,
    ),
    "date-time without seconds": (
        changed(CRP, effectiveDateTime="2026-03-30T08:00Z"),
        GapCode.INVALID_DATE,
        "effectiveDateTime",
        crp_is_read,
    ),
    "date that is none": (
        changed(CRP, effectiveDateTime="yesterday"),
        GapCode.INVALID_DATE,
        "effectiveDateTime",
        crp_is_read,
    ),
    "issued as a plain date": (changed(REPORT, issued="2026-03-29"), GapCode.INVALID_DATE, "issued", report_is_read),
    "numeric value as text": (
        changed(CRP, valueQuantity={"value": "42", "unit": "mg/L"}),
        GapCode.INVALID_TYPE,
        "valueQuantity.value",
        crp_is_read,
    ),
    "comparator": (
        changed(CRP, valueQuantity={"value": 4, "unit": "mg/L", "comparator": "<"}, flag=1),
        GapCode.UNKNOWN_ELEMENT,
        "flag",
        crp_is_below_four,
    ),
    "empty display": (
        changed(CRP, code={"coding": [{"system": "http://loinc.org", "code": "1988-5", "display": ""}]}),
        GapCode.EMPTY_VALUE,
        "code.coding[0].display",
        crp_is_read,
    ),
    "empty array": (changed(CRP, category=[]), GapCode.EMPTY_VALUE, "category", crp_is_read),
    "explicit null": (changed(CRP, category=None), GapCode.NULL_VALUE, "category", crp_is_read),
    "null in an array": (changed(CRP, interpretation=[None]), GapCode.NULL_VALUE, "interpretation[0]", crp_is_read),
    "missing status": (changed(CRP, status=...), GapCode.MISSING_STATUS, "status", crp_is_read),
    "missing code": (changed(CRP, code=...), GapCode.MISSING_CODE, "code", crp_is_left_out),
    "missing code of a problem": (
        changed(CONDITION, code=..., note=[{"text": "diabetes"}]),
        GapCode.MISSING_CODE,
        "code",
        diabetes_is_known,
    ),
    "status verified": (changed(CRP, status="verified"), GapCode.UNKNOWN_STATUS, "status", crp_is_read),
    "status prelim": (changed(REPORT, status="prelim"), GapCode.UNKNOWN_STATUS, "status", report_is_read),
    "valueString with comparator and unit": (
        changed(CRP, valueQuantity=..., valueString="<4 mg/L", odd=1),
        GapCode.UNKNOWN_ELEMENT,
        "odd",
        crp_is_below_four,
    ),
    "valueString without unit": (
        changed(CRP, valueQuantity=..., valueString="<4"),
        GapCode.MISSING_UNIT,
        "value",
        crp_is_left_out,
    ),
    "quantity without unit": (
        changed(CRP, valueQuantity={"value": 42}),
        GapCode.MISSING_UNIT,
        "value",
        crp_is_left_out,
    ),
    "unknown unit": (
        changed(CRP, valueQuantity={"value": 42, "unit": "blobs"}),
        GapCode.UNKNOWN_UNIT,
        "value",
        crp_is_left_out,
    ),
    "implausible value": (
        changed(CRP, valueQuantity={"value": 42000, "unit": "mg/L"}),
        GapCode.IMPLAUSIBLE_VALUE,
        "value",
        crp_is_left_out,
    ),
    "negative value": (
        changed(CRP, valueQuantity={"value": -3, "unit": "mg/L"}),
        GapCode.IMPLAUSIBLE_VALUE,
        "value",
        crp_is_left_out,
    ),
    "two values": (changed(CRP, valueString="raised"), GapCode.AMBIGUOUS_VALUE, "value", crp_is_read),
    "panel component without value": (
        changed(CRP, component=[{"code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}}]),
        GapCode.MISSING_VALUE,
        "component[0].value",
        crp_is_read,
    ),
    "narrative without div": (changed(CRP, text={"status": "generated"}), GapCode.EMPTY_VALUE, "text.div", crp_is_read),
    "element of a newer version": (
        changed(CRP, triggeredBy=[{"type": "reflex"}]),
        GapCode.OTHER_VERSION_ELEMENT,
        "triggeredBy",
        crp_is_read,
    ),
    "broken base64": (
        changed(REPORT, presentedForm=[{"contentType": "text/plain", "data": "%%%=="}]),
        GapCode.ATTACHMENT_UNREADABLE,
        "presentedForm[0].data",
        report_is_read,
    ),
    "conclusion of blanks": (
        changed(
            REPORT,
            conclusion="   ",
            presentedForm=[{"contentType": "text/plain", "data": "RWRlbWEgb2YgdGhlIEwzIGJvZHku"}],
        ),
        GapCode.EMPTY_VALUE,
        "conclusion",
        report_is_read,
    ),
    "future date": (
        changed(CRP, effectiveDateTime="2027-01-01"),
        GapCode.FUTURE_DATE,
        "effectiveDateTime",
        crp_is_read,
    ),
    "text where an array belongs": (
        changed(CRP, referenceRange="0 to 5"),
        GapCode.INVALID_TYPE,
        "referenceRange",
        crp_is_read,
    ),
    "plain code where a concept belongs": (
        changed(CONDITION, clinicalStatus="active"),
        GapCode.INVALID_TYPE,
        "clinicalStatus",
        diabetes_is_known,
    ),
    "preliminary report": (
        changed(REPORT, status="preliminary"),
        GapCode.REPORT_PRELIMINARY,
        "status",
        report_is_read,
    ),
    "withdrawn result": (
        changed(CRP, status="entered-in-error"),
        GapCode.WITHDRAWN,
        "status",
        crp_is_left_out,
    ),
    "cancelled result": (changed(CRP, status="cancelled"), GapCode.WITHDRAWN, "status", crp_is_left_out),
    "refuted problem": (
        changed(CONDITION, verificationStatus={"coding": [{"code": "refuted"}]}),
        GapCode.WITHDRAWN,
        "verificationStatus",
        lambda facts: not facts.conditions,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_deviation_costs_neither_its_content_nor_its_neighbour(
    name: str, extract: Callable[..., PatientFacts]
) -> None:
    resource, code, element, kept = CASES[name]
    facts = extract(resource, NEIGHBOUR)
    assert kept(facts)
    assert [lab.value for lab in facts.labs if lab.analyte is Analyte.ESR] == [55.0]
    gaps = [(gap.code, gap.element) for gap in facts.gaps]
    assert (code, element) in gaps
    named = next(gap.resource for gap in facts.gaps if (gap.code, gap.element) == (code, element))
    assert named.startswith(resource["resourceType"])


@pytest.mark.parametrize(
    "members", [{"imagingStudy": [{"reference": "ImagingStudy/1"}]}, {"media": [{"link": {"reference": "Media/1"}}]}]
)
def test_elements_that_only_r4_knows_are_no_flaw(members: Resource, extract: Callable[..., PatientFacts]) -> None:
    facts = extract(changed(REPORT, **members))
    assert report_is_read(facts)
    assert facts.gaps == ()


def test_clean_resources_leave_no_gap(extract: Callable[..., PatientFacts]) -> None:
    facts = extract(CRP, NEIGHBOUR, REPORT, CONDITION)
    assert facts.gaps == ()
    assert crp_is_read(facts)
    assert report_is_read(facts)
    assert diabetes_is_known(facts)


def test_a_bundle_with_a_broken_entry_and_an_outcome_keeps_the_rest(extract: Callable[..., PatientFacts]) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [
            {
                "resource": {
                    "resourceType": "OperationOutcome",
                    "issue": [{"severity": "warning", "code": "processing"}],
                }
            },
            {"resource": {"id": "no type"}},
            {"resource": None},
            "no object",
            {"resource": CRP},
        ],
    }
    facts = extract(bundle, NEIGHBOUR)
    assert crp_is_read(facts)
    assert {(gap.code, gap.clinical) for gap in facts.gaps} == {
        (GapCode.OPERATION_OUTCOME, False),
        (GapCode.RESOURCE_UNREADABLE, True),
        (GapCode.MISSING_VALUE, False),
        (GapCode.INVALID_TYPE, False),
    }


@pytest.mark.parametrize("severity", ["error", "fatal"])
def test_a_failed_outcome_is_a_clinical_gap(severity: str, extract: Callable[..., PatientFacts]) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "exception"}]}
    assert [(gap.code, gap.clinical) for gap in extract(outcome).gaps] == [(GapCode.OPERATION_OUTCOME, True)]


@pytest.mark.parametrize("item", ["text", 5, [], None, True])
def test_what_is_no_resource_becomes_a_gap(item: Any, extract: Callable[..., PatientFacts]) -> None:
    facts = extract(item, CRP)
    assert crp_is_read(facts)
    assert [gap.resource for gap in facts.gaps] == ["resource[1]"]
