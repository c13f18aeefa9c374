"""Strict validation names every flaw, and the element lists fit the full models."""

from typing import Any

import pytest
from fhir.resources import get_fhir_model_class as r5_model
from fhir.resources.R4B import get_fhir_model_class as r4_model

from cds_service.fhir.elements import R4_ELEMENTS, R5_ELEMENTS
from cds_service.fhir.validate import Issue, validate

GOOD: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "id": "s",
    "status": "draft",
    "intent": "proposal",
    "priority": "urgent",
    "code": {"text": "CRP"},
    "subject": {"reference": "Patient/p1"},
}


def test_a_sound_resource_has_no_issue() -> None:
    assert validate([GOOD]) == []


@pytest.mark.parametrize(
    ("members", "issue"),
    [
        ({"color": 1}, Issue("ServiceRequest/s", "color", "extra_forbidden")),
        ({"status": "verified"}, Issue("ServiceRequest/s", "status", "code is in no value set")),
        ({"intent": "wish"}, Issue("ServiceRequest/s", "intent", "code is in no value set")),
        ({"priority": "now"}, Issue("ServiceRequest/s", "priority", "code is in no value set")),
        ({"subject": None}, Issue("ServiceRequest/s", "subject", "missing")),
    ],
)
def test_each_flaw_is_named(members: dict[str, Any], issue: Issue) -> None:
    resource = {name: value for name, value in (GOOD | members).items() if value is not None}
    assert issue in validate([resource])


@pytest.mark.parametrize(
    ("resource", "issue"),
    [
        (5, Issue("resource", "resourceType", "is missing")),
        ({"resourceType": "Foo"}, Issue("Foo", "resourceType", "is no resource type of this FHIR version")),
        (
            {
                "resourceType": "Condition",
                "subject": {"display": "x"},
                "clinicalStatus": {"coding": [{"system": "http://x", "code": "sleepy"}]},
            },
            Issue("Condition", "clinicalStatus", "code is in no value set"),
        ),
        (
            {
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": "CRP"},
                "valueQuantity": {"value": 1, "comparator": "~"},
            },
            Issue("Observation", "valueQuantity.comparator", "code is in no value set"),
        ),
        ({"resourceType": "Bundle", "type": "collection", "entry": 5}, Issue("Bundle", "entry", "is no array")),
        (
            {"resourceType": "Bundle", "type": "collection", "entry": [{}]},
            Issue("Bundle", "entry[0].resource", "is missing"),
        ),
        (
            {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": GOOD | {"status": "x"}}]},
            Issue("ServiceRequest/s", "status", "code is in no value set"),
        ),
    ],
)
def test_flaws_of_other_types_and_bundles(resource: Any, issue: Issue) -> None:
    assert issue in validate([resource])


def names(model: Any) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items() if not name.endswith("__ext")}


@pytest.mark.parametrize("kind", sorted(R4_ELEMENTS))
def test_the_element_lists_fit_the_full_models(kind: str) -> None:
    assert names(r4_model(kind)) - {"resource_type", "fhir_comments"} <= R4_ELEMENTS[kind]


@pytest.mark.parametrize("kind", sorted(R5_ELEMENTS))
def test_newer_elements_are_those_of_the_newer_version(kind: str) -> None:
    newer = names(r5_model(kind)) - names(r4_model(kind))
    assert {name for name in newer if not name.startswith("occurence")} <= R5_ELEMENTS[kind]
    assert not R5_ELEMENTS[kind] & R4_ELEMENTS[kind]
