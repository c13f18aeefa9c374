"""Cards as they are made for a call: members in the order of the protocol, and nothing that cannot be shown."""

from typing import Any

import pytest

from cards.model import Action, Card, Link, OverrideReason, Source, Suggestion, Topic
from cards.protocol import check

REASON = OverrideReason("https://x.example/reasons", "other", "Other")
ORDER: dict[str, Any] = {"resourceType": "ServiceRequest", "status": "draft"}


def card(**changes: Any) -> Card:
    members: dict[str, Any] = {
        "uuid": "u-1",
        "summary": "A summary",
        "indicator": "info",
        "detail": "Detail",
        "source": Source("Marrow CDS"),
        "override_reasons": (REASON,),
    }
    return Card(**{**members, **changes})


def test_members_without_a_value_are_not_sent() -> None:
    wire = card().to_wire()
    check(wire)
    assert list(wire) == ["uuid", "summary", "indicator", "detail", "source", "overrideReasons"]
    assert wire["source"] == {"label": "Marrow CDS"}
    assert wire["overrideReasons"] == [{"system": "https://x.example/reasons", "code": "other", "display": "Other"}]


def test_full_card_is_what_the_protocol_allows() -> None:
    taken_back = Action("delete", "Take back", resource_id="ServiceRequest/o-1")
    steps = (
        Suggestion("Order CRP", "u-2", (taken_back, Action("create", "Order CRP", ORDER)), is_recommended=True),
        Suggestion("Raise it", "u-3", (Action("update", "Raise it", ORDER | {"id": "o-1"}),)),
    )
    topic = Topic("https://x.example/topics", "C11", "Suspected infection")
    link = Link("Why this card", "https://x.example/about#B1")
    wire = card(suggestions=steps, links=(link,), source=Source("Marrow CDS", "https://x.example", topic)).to_wire()
    check(wire)
    assert list(wire)[5:] == ["suggestions", "selectionBehavior", "overrideReasons", "links"]
    assert [step.get("isRecommended") for step in wire["suggestions"]] == [True, None]
    assert wire["suggestions"][0]["actions"][0] == {
        "type": "delete", "description": "Take back", "resourceId": "ServiceRequest/o-1"
    }  # fmt: skip
    assert wire["links"] == [{"label": "Why this card", "url": "https://x.example/about#B1", "type": "absolute"}]


def test_summary_of_139_characters_is_accepted() -> None:
    assert len(card(summary="x" * 139).summary) == 139


@pytest.mark.parametrize("summary", ["x" * 140, "🦴" * 70, "", "   ", "two\nlines", "tab\there"])
def test_summary_that_is_empty_too_long_or_not_one_line_is_refused(summary: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        card(summary=summary)


@pytest.mark.parametrize("detail", ["", " \n"])
def test_empty_detail_is_refused(detail: str) -> None:
    with pytest.raises(ValueError, match="detail"):
        card(detail=detail)


@pytest.mark.parametrize("label", ["", "x" * 101, "two\nlines"])
def test_label_that_fits_no_button_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        Suggestion(label, "u-2", (Action("create", "Order CRP", ORDER),))


def test_step_without_an_action_is_refused() -> None:
    with pytest.raises(ValueError, match="without an action"):
        Suggestion("Order CRP", "u-2", ())


@pytest.mark.parametrize(
    "members",
    [
        {"type": "create"},
        {"type": "create", "resource": ORDER, "resource_id": "Task/1"},
        {"type": "delete"},
        {"type": "delete", "resource": ORDER, "resource_id": "Task/1"},
        {"type": "delete", "resource_id": "no reference"},
        {"type": "delete", "resource_id": "Task/1\n"},
        {"type": "update", "resource": ORDER},
        {"type": "update"},
        {"type": "update", "resource": ORDER | {"id": "t"}, "resource_id": "Task/t"},
    ],
)
def test_action_with_the_wrong_target_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot"):
        Action(description="Do it", **members)
