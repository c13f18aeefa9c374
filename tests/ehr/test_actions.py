"""Suggestions become transactions that harm nobody else, and feedback that the service understands."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.ehr.actions import Acceptance, accepted, choices, chosen, descriptions, marks_of, overridden
from cds_service.ehr.calls import Calls
from cds_service.ehr.server import FhirServer
from cds_service.errors import RequestError
from tests.ehr.stub_fhir import StubFhir, serving

MOMENT = datetime(2026, 3, 3, 10, 2, 11, tzinfo=UTC)
STAMP = "2026-03-03T10:02:11.000Z"
SUBJECT = {"reference": "Patient/p1"}


def order(**more: Any) -> dict[str, Any]:
    return {"resourceType": "ServiceRequest", "status": "draft", "subject": SUBJECT, **more}


def suggestion(number: int, *actions: dict[str, Any]) -> dict[str, Any]:
    return {"label": f"Step {number}", "uuid": f"s-{number}", "actions": list(actions)}


def create(resource: dict[str, Any]) -> dict[str, Any]:
    return {"type": "create", "description": "New order", "resource": resource}


def card(*suggestions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"uuid": "c-1", "summary": "S", "indicator": "info", "suggestions": list(suggestions), **more}


REASONS = [{"system": "http://x.example.org", "code": "done", "display": "Already done"}]
CARDS = [
    card(suggestion(1, create(order())), suggestion(2, create(order())), selectionBehavior="at-most-one"),
    {"uuid": "c-2", "summary": "S", "indicator": "info", "overrideReasons": REASONS},
    card(suggestion(3, create(order())), uuid="c-3", selectionBehavior="any"),
]


def entries(*actions: dict[str, Any], held: dict[str, Any] | None = None, marks: Any = None) -> list[dict[str, Any]]:
    with serving(StubFhir(held=held or {})) as base:
        acceptance = Acceptance("p1", FhirServer(base, Calls(30)), marks or {})
        return acceptance.entries(choices([card(suggestion(1, *actions))]))


def test_numbers_go_over_all_cards() -> None:
    assert [(one.number, one.label, one.card["uuid"]) for one in choices(CARDS)] == [
        (1, "Step 1", "c-1"),
        (2, "Step 2", "c-1"),
        (3, "Step 3", "c-3"),
    ]
    assert [one.number for one in chosen(CARDS, [3, 1, 3])] == [3, 1]


@pytest.mark.parametrize(
    ("numbers", "words"), [([4], "there are 3 suggestions"), ([0], "there are 3"), ([1, 2], "lets one of them")]
)
def test_what_cannot_be_chosen_is_said(numbers: list[int], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        chosen(CARDS, numbers)


def test_a_new_order_is_created_once_for_its_suggestion() -> None:
    first, again = entries(create(order(id="tmp"))), entries(create(order(id="tmp")))
    assert first == again
    (entry,) = first
    assert entry["request"] == {
        "method": "POST",
        "url": "ServiceRequest",
        "ifNoneExist": f"identifier=urn:ietf:rfc:3986|{entry['fullUrl']}",
    }
    assert entry["resource"] == order(identifier=[{"system": "urn:ietf:rfc:3986", "value": entry["fullUrl"]}])


def test_new_resources_refer_to_each_other() -> None:
    plan = {"resourceType": "CarePlan", "subject": SUBJECT, "activity": [{"reference": {"reference": "Task/t"}}]}
    task = {"resourceType": "Task", "id": "t", "for": SUBJECT}
    made = entries(create(plan), create(task))
    assert made[0]["resource"]["activity"][0]["reference"]["reference"] == made[1]["fullUrl"]
    assert made[0]["resource"]["subject"] == SUBJECT


def test_a_type_without_identifiers_gets_none() -> None:
    (entry,) = entries(create({"resourceType": "Binary"}))
    assert entry["request"] == {"method": "POST", "url": "Binary"}
    assert entry["resource"] == {"resourceType": "Binary"}


def test_what_is_new_takes_over_tag_and_label() -> None:
    tag, other = {"system": "urn:seed", "code": "t"}, {"system": "urn:other", "code": "o"}
    label = {"code": "HTEST"}
    marks = marks_of({"meta": {"tag": [tag, other], "security": [label, {"code": "R"}]}}, "urn:seed")
    assert marks == {"tag": [tag], "security": [label]}
    assert marks_of({}, "urn:seed") == {}
    (entry,) = entries(create(order(meta={"tag": [other]})), marks=marks)
    assert entry["resource"]["meta"] == {"tag": [other, tag], "security": [label]}


def test_update_and_delete_name_their_target() -> None:
    changed = order(id="d1", meta={"versionId": "7"}, note=[{"text": "x"}])
    old = {"ServiceRequest/d2": order(id="d2")}
    made = entries(
        {"type": "update", "description": "u", "resource": changed},
        {"type": "delete", "description": "d", "resourceId": "ServiceRequest/d2"},
        {"type": "delete", "description": "d", "resource": "ServiceRequest/d3"},
        held=old,
    )
    assert made[0]["request"] == {"method": "PUT", "url": "ServiceRequest/d1", "ifMatch": 'W/"7"'}
    assert made[0]["resource"] == changed
    assert [one["request"] for one in made[1:]] == [
        {"method": "DELETE", "url": "ServiceRequest/d2"},
        {"method": "DELETE", "url": "ServiceRequest/d3"},
    ]


STRANGER = {"ServiceRequest/d1": order(id="d1", subject={"reference": "Patient/other"})}


@pytest.mark.parametrize(
    "action",
    [
        create(order(subject={"reference": "Patient/other"})),
        create({"resourceType": "Task", "for": {"reference": "http://x.example.org/Patient/other"}}),
        {"type": "update", "resource": order(id="d1")},
        {"type": "delete", "resourceId": "ServiceRequest/d1"},
    ],
)
def test_nothing_is_done_to_another_patient(action: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="of another patient, nothing was done"):
        entries(action, held=STRANGER)


@pytest.mark.parametrize(
    "action", [{}, {"type": "create"}, {"type": "create", "resource": {}}, {"type": "delete"}, {"type": "move"}]
)
def test_an_unreadable_action_is_refused(action: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="suggestion 1: "):
        entries(action)


def test_feedback_for_what_was_accepted() -> None:
    taken = chosen([card(suggestion(1), suggestion(2)), CARDS[2]], [1, 2, 3])
    assert accepted(taken, MOMENT) == [
        {
            "card": "c-1",
            "outcome": "accepted",
            "acceptedSuggestions": [{"id": "s-1"}, {"id": "s-2"}],
            "outcomeTimestamp": STAMP,
        },
        {"card": "c-3", "outcome": "accepted", "acceptedSuggestions": [{"id": "s-3"}], "outcomeTimestamp": STAMP},
    ]
    assert descriptions(taken[2:]) == ["New order"]


def test_feedback_for_what_was_not_followed() -> None:
    (item,) = overridden(CARDS, [2], "done", "seen", MOMENT)
    assert item == {
        "card": "c-2",
        "outcome": "overridden",
        "overrideReason": {"reason": REASONS[0], "userComment": "seen"},
        "outcomeTimestamp": STAMP,
    }
    assert "overrideReason" not in overridden(CARDS, [1], "", "", MOMENT)[0]


@pytest.mark.parametrize(
    ("number", "reason", "words"),
    [
        (4, "", "there are 3 cards"),
        (0, "", "there are 3 cards"),
        (2, "nope", r"card 2 offers done \(Already done\)"),
        (1, "done", "card 1 offers none"),
    ],
)
def test_an_unknown_card_or_reason_is_said(number: int, reason: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        overridden(CARDS, [number], reason, "", MOMENT)


def test_a_card_without_uuid_cannot_be_told_of() -> None:
    with pytest.raises(RequestError, match="has no uuid"):
        overridden([{"summary": "S"}], [1], "", "", MOMENT)
