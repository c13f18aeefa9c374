"""The strict models refuse what the protocol forbids."""

from typing import Any

import pytest
from pydantic import ValidationError

from cards.protocol import Action, Card, Link, OverrideReason, Source, Suggestion, Topic, check

REASON = OverrideReason(system="https://x.example/reasons", code="other", display="Other")


def card(**changes: Any) -> Card:
    members: dict[str, Any] = {
        "uuid": "u-1",
        "summary": "A summary",
        "indicator": "info",
        "detail": "Detail",
        "source": Source(label="Marrow CDS"),
        "override_reasons": (REASON,),
    }
    return Card(**{**members, **changes})


def step(**changes: Any) -> Suggestion:
    actions = (Action(type="create", description="Order CRP", resource={"resourceType": "ServiceRequest"}),)
    return Suggestion(**{"label": "Order CRP", "uuid": "u-2", "actions": actions, **changes})


def test_summary_of_139_characters_is_accepted() -> None:
    assert len(card(summary="x" * 139).summary) == 139


@pytest.mark.parametrize("summary", ["x" * 140, "🦴" * 70, "", "   ", "two\nlines", "tab\there"])
def test_summary_that_is_empty_too_long_or_not_one_line_is_refused(summary: str) -> None:
    with pytest.raises(ValidationError):
        card(summary=summary)


@pytest.mark.parametrize(
    "changes",
    [
        {"indicator": "hard-stop"},
        {"detail": ""},
        {"unknown": "member"},
        {"override_reasons": ()},
        {"links": ()},
        {"suggestions": ()},
        {"suggestions": (step(),)},
        {"selection_behavior": "any"},
        {"suggestions": (step(),), "selection_behavior": "all"},
        {
            "suggestions": (step(is_recommended=True), step(is_recommended=True)),
            "selection_behavior": "at-most-one",
        },
    ],
)
def test_card_against_the_protocol_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        card(**changes)


def test_alternatives_may_have_one_recommended_step() -> None:
    steps = (step(is_recommended=True), step())
    made = card(suggestions=steps, selection_behavior="at-most-one")
    assert [one.is_recommended for one in made.suggestions or ()] == [True, None]


@pytest.mark.parametrize(
    "members",
    [
        {"type": "create"},
        {"type": "create", "resource": {"resourceType": "Task"}, "resource_id": "Task/1"},
        {"type": "delete"},
        {"type": "delete", "resource": {"resourceType": "Task"}, "resource_id": "Task/1"},
        {"type": "delete", "resource_id": "no reference"},
        {"type": "update", "resource": {"resourceType": "Task"}},
        {"type": "update"},
        {"type": "update", "resource": {"resourceType": "Task", "id": "t"}, "resource_id": "Task/t"},
    ],
)
def test_action_with_the_wrong_target_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Action(description="Do it", **members)


def test_card_is_checked_by_its_names_on_the_wire() -> None:
    action = Action(type="delete", description="Take back", resource_id="ServiceRequest/o-1")
    made = card(suggestions=(step(actions=(action,)),), selection_behavior="any")
    wire = made.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert wire["suggestions"][0]["actions"][0]["resourceId"] == "ServiceRequest/o-1"
    check(wire)
    with pytest.raises(ValidationError, match="selectionBehavior"):
        check(wire | {"selectionBehavior": "all"})
    with pytest.raises(ValidationError, match="overrideReasons"):
        check({name: value for name, value in wire.items() if name != "overrideReasons"})


@pytest.mark.parametrize(
    "identity", ["a_b", "x" * 200, "draft:1.2~3", "temp-00000000-0000-4000-8000-000000000000", "ä|1"]
)
def test_id_of_a_draft_comes_back_as_it_was_sent(identity: str) -> None:
    target = f"MedicationRequest/{identity}"
    assert Action(type="delete", description="Take back", resource_id=target).resource_id == target


@pytest.mark.parametrize("url", ["javascript:alert(1)", "/relative", "https://", "ftp://x.example", "https://a b"])
def test_link_that_a_browser_cannot_open_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Link(label="Rule", url=url)


@pytest.mark.parametrize("code", ["C11-E", "", "x" * 101])
def test_topic_code_is_short_and_alphanumeric(code: str) -> None:
    with pytest.raises(ValidationError):
        Topic(system="https://x.example", code=code)
