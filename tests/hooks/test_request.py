"""Checking hook calls: every wrong member named, every legal oddity of real clients accepted."""

from typing import Any

import pytest

from cds_service.hooks.request import InvalidRequest, read_request
from cds_service.hooks.services import ORDER_SELECT, ORDER_SIGN, PATIENT_VIEW

ORDER = {"resourceType": "MedicationRequest", "id": "request-1", "status": "draft"}


def body(hook: str = "patient-view", context: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    base = {"userId": "Practitioner/p1", "patientId": "pt-1"}
    return {"hook": hook, "hookInstance": "i-1", "context": base | (context or {})} | members


def drafts(*orders: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [{"resource": order} for order in orders]}


def problems(service: Any, given: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        read_request(service, given)
    return {problem.field: problem.code for problem in refused.value.problems}


def test_unknown_members_and_leftovers_are_ignored() -> None:
    given = body(x1=1, user="u", patient="p", extension="text", prefetch=None, context={"x1": 1, "encounterId": None})
    request = read_request(PATIENT_VIEW, given)
    assert (request.patient_id, request.encounter_id, request.prefetch) == ("pt-1", "", {})


@pytest.mark.parametrize("version", [None, "", "1", "1.0", "1.1", "1.0.2", "2.0"])
def test_known_versions_of_a_hook_are_accepted(version: Any) -> None:
    assert read_request(PATIENT_VIEW, body(hookVersion=version)).patient_id == "pt-1"


@pytest.mark.parametrize("given", [None, [], "x", 3])
def test_only_an_object_is_a_call(given: Any) -> None:
    assert problems(PATIENT_VIEW, given) == {"body": "invalid"}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, {"hook": "required", "hookInstance": "required", "context": "required"}),
        (body(context={}) | {"context": {}}, {"context.userId": "required", "context.patientId": "required"}),
        (body() | {"context": "x"}, {"context": "invalid"}),
        (body(hook="order-sign"), {"hook": "invalid"}),
        (body(hookInstance=5), {"hookInstance": "invalid"}),
        (body(hookVersion="99.0"), {"hookVersion": "invalid"}),
        (body(hookVersion="latest"), {"hookVersion": "invalid"}),
        (body(hookVersion=1), {"hookVersion": "invalid"}),
        (body(hookInstance=""), {"hookInstance": "required"}),
        (body(hookInstance="x" * 201), {"hookInstance": "invalid"}),
        (body(context={"patientId": "a b"}), {"context.patientId": "invalid"}),
        (body(context={"patientId": "../Patient/1"}), {"context.patientId": "invalid"}),
        (body(context={"patientId": 7}), {"context.patientId": "invalid"}),
        (body(context={"encounterId": {}}), {"context.encounterId": "invalid"}),
        (body(context={"userId": "Practitioner/"}), {"context.userId": "invalid"}),
        (body(prefetch=[]), {"prefetch": "invalid"}),
        (body(fhirServer=5), {"fhirServer": "invalid"}),
    ],
)
def test_wrong_members_are_named(given: dict[str, Any], named: dict[str, str]) -> None:
    assert problems(PATIENT_VIEW, given) == named


@pytest.mark.parametrize("user", ["Practitioner/1", "PractitionerRole/role-77", "Patient/1", "RelatedPerson/a.b"])
def test_every_kind_of_user_is_known(user: str) -> None:
    request = read_request(PATIENT_VIEW, body(context={"userId": user}))
    assert request.lay_reader == user.startswith(("Patient", "RelatedPerson"))


@pytest.mark.parametrize("patient", ["Patient/pt-1", "pt-1"])
def test_patient_may_come_as_reference(patient: str) -> None:
    assert read_request(PATIENT_VIEW, body(context={"patientId": patient})).patient_id == "pt-1"


def test_long_ids_with_underscores_are_accepted() -> None:
    assert read_request(PATIENT_VIEW, body(context={"patientId": "a_" * 60})).patient_id == "a_" * 60


def test_patient_view_has_always_something_to_check() -> None:
    assert not read_request(PATIENT_VIEW, body()).nothing_to_check


@pytest.mark.parametrize(
    ("service", "context"),
    [
        (ORDER_SELECT, {}),
        (ORDER_SELECT, {"draftOrders": drafts(ORDER), "selections": []}),
        (ORDER_SELECT, {"draftOrders": {"resourceType": "Bundle"}, "selections": ["MedicationRequest/request-1"]}),
        (ORDER_SELECT, {"draftOrders": drafts(ORDER), "selections": ["MedicationRequest/other"]}),
        (ORDER_SELECT, {"draftOrders": drafts(ORDER | {"status": "cancelled"}), "selections": ["request-1"]}),
        (ORDER_SIGN, {}),
        (ORDER_SIGN, {"draftOrders": drafts("x", None, ORDER | {"status": "entered-in-error"})}),
    ],
)
def test_form_without_orders_has_nothing_to_check(service: Any, context: dict[str, Any]) -> None:
    assert read_request(service, body(service.hook, context)).nothing_to_check


@pytest.mark.parametrize("selection", ["MedicationRequest/request-1", "request-1"])
def test_selection_is_found_among_the_drafts(selection: str) -> None:
    context = {"draftOrders": drafts({"resourceType": "ServiceRequest", "id": "s"}, ORDER), "selections": [selection]}
    request = read_request(ORDER_SELECT, body("order-select", context))
    assert request.selections == ("MedicationRequest/request-1",)
    assert len(request.orders) == 2


def test_draft_of_an_order_form_that_was_just_opened_is_accepted() -> None:
    opened = ORDER | {"status": ["draft"], "category": {"coding": [{}]}, "reasonCode": [], "authoredOn": "Invalid date"}
    context = {"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": opened}]}, "selections": ["request-1"]}
    assert read_request(ORDER_SELECT, body("order-select", context)).orders == (opened,)


@pytest.mark.parametrize(
    ("context", "named"),
    [
        ({"draftOrders": drafts(ORDER)}, {"context.selections": "required"}),
        ({"selections": ["a"]}, {"context.draftOrders": "required"}),
        ({"draftOrders": [], "selections": []}, {"context.draftOrders": "invalid"}),
        ({"draftOrders": {"resourceType": "List"}, "selections": []}, {"context.draftOrders": "invalid"}),
        ({"draftOrders": drafts() | {"entry": {}}, "selections": []}, {"context.draftOrders.entry": "invalid"}),
        ({"draftOrders": drafts(), "selections": [{}]}, {"context.selections": "invalid"}),
        ({"draftOrders": drafts(), "selections": "x"}, {"context.selections": "invalid"}),
    ],
)  # fmt: skip
def test_wrong_order_members_are_named(context: dict[str, Any], named: dict[str, str]) -> None:
    assert problems(ORDER_SELECT, body("order-select", context)) == named


GRANT = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "scope": "s", "subject": "c"}


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [({}, 300.0), ({"token_type": "bearer"}, 300.0), ({"expires_in": "300"}, None), ({"expires_in": True}, None),
     ({"patient": "pt-1"}, 300.0), ({"patient": "Patient/pt-1"}, 300.0), ({"scope": "[a] b"}, 300.0)],
)  # fmt: skip
def test_usable_grants(changes: dict[str, Any], seconds: float | None) -> None:
    request = read_request(PATIENT_VIEW, body(fhirServer="https://ehr/fhir/", fhirAuthorization=GRANT | changes))
    assert request.grant is not None
    assert (request.grant.token, request.grant.seconds) == ("opaque", seconds)
    assert request.fhir_server == "https://ehr/fhir"
    assert "opaque" not in repr(request) + repr(request.grant)


@pytest.mark.parametrize(
    "changes",
    [{"access_token": ""}, {"access_token": 5}, {"access_token": "a\nb"}, {"access_token": "ä"}, {"token_type": "MAC"},
     {"token_type": None}, {"expires_in": 0}, {"expires_in": -5}, {"patient": "pt-2"}, {"patient": ["pt-1"]}],
)  # fmt: skip
def test_unusable_grants_mean_no_access_and_no_error(changes: dict[str, Any]) -> None:
    given = body(fhirServer="https://ehr/fhir", fhirAuthorization=GRANT | changes)
    assert read_request(PATIENT_VIEW, given).grant is None


@pytest.mark.parametrize("grant", ["x", None, []])
def test_grant_of_another_kind_is_ignored(grant: Any) -> None:
    assert read_request(PATIENT_VIEW, body(fhirServer="https://e/f", fhirAuthorization=grant)).grant is None


def test_grant_without_server_is_ignored() -> None:
    assert read_request(PATIENT_VIEW, body(fhirAuthorization=GRANT)).grant is None
