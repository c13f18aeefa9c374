"""The feedback endpoint: kept, linked to the card and its rules, never lost silently."""

from typing import Any

import pytest
from sqlalchemy import create_engine, text

VIEW = "/cds-services/marrow-edema-patient-view"
FEEDBACK = f"{VIEW}/feedback"
WHEN = "2026-11-21T06:05:07.544Z"


@pytest.fixture
def card(client: Any, patient_view: dict[str, Any]) -> str:
    return str(client.post(VIEW, json=patient_view).json["cards"][0]["uuid"])


def accepted(card_id: str, **changes: Any) -> dict[str, Any]:
    item = {
        "card": card_id,
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": "ca825bb0-1049-4206-a53f-c57548e0c163"}],
        "outcomeTimestamp": WHEN,
    } | changes
    return {name: value for name, value in item.items() if value is not None}


def overridden(card: str, **changes: Any) -> dict[str, Any]:
    return {"card": card, "outcome": "overridden", "outcomeTimestamp": WHEN} | changes


def test_accepted_card_is_linked_to_its_rules(world: Any, client: Any, card: str) -> None:
    answer = client.post(FEEDBACK, json={"feedback": [accepted(card)]})
    assert (answer.status_code, answer.json) == (200, {"kept": 1})
    (kept,) = world.store.feedback()
    assert kept.feedback.outcome == "accepted"
    assert kept.feedback.outcome_at.isoformat() == "2026-11-21T06:05:07.544000+00:00"
    assert kept.feedback.accepted_suggestions == ("ca825bb0-1049-4206-a53f-c57548e0c163",)
    assert kept.card.rule_ids == ("R-VIEW",)
    assert kept.card.knowledge_version == "2026-11-21+test"


def test_double_accept_counts_once_and_a_later_override_stays_beside_it(world: Any, client: Any, card: str) -> None:
    for when in (WHEN, "2026-11-21T06:05:08.001Z"):
        assert client.post(FEEDBACK, json={"feedback": [accepted(card, outcomeTimestamp=when)]}).status_code == 200
    assert client.post(FEEDBACK, json={"feedback": [overridden(card)]}).status_code == 200
    assert [(kept.feedback.outcome, kept.repeats) for kept in world.store.feedback()] == [
        ("accepted", 1),
        ("overridden", 0),
    ]


@pytest.mark.parametrize(
    ("given", "code", "comment"),
    [
        ({}, "", ""),
        ({"overrideReason": {}}, "", ""),
        (
            {"overrideReason": {"reason": {"code": "patient-refused", "system": "http://example.org/o"}}},
            "patient-refused",
            "",
        ),
        ({"overrideReason": {"reason": {"code": "x"}, "userComment": "seen"}}, "x", "seen"),
        ({"overrideReason": {"userComment": "already drawn"}}, "", "already drawn"),
        ({"overrideReasons": {"reason": {"code": "site-7"}}}, "site-7", ""),
        ({"overrideReasons": {"extension": {"com.example.reason": [{"code": "site-8"}]}}}, "site-8", ""),
        ({"overrideReasons": [{"code": "site-9"}]}, "site-9", ""),
        ({"overrideReason": "declined"}, "", ""),
        ({"overrideReason": {"reason": {"code": 5, "display": None}}}, "", ""),
    ],
)
def test_reasons_are_read_in_every_dialect(
    world: Any, client: Any, card: str, given: dict[str, Any], code: str, comment: str
) -> None:
    assert client.post(FEEDBACK, json={"feedback": [overridden(card, **given)]}).status_code == 200
    (kept,) = world.store.feedback()
    assert (kept.feedback.reason_code, kept.feedback.comment) == (code, comment)


def test_card_of_somebody_else_is_kept_and_flagged(world: Any, client: Any) -> None:
    assert client.post(FEEDBACK, json={"feedback": [overridden("unknown-card")]}).status_code == 200
    (kept,) = world.store.feedback()
    assert kept.card is None


def test_no_feedback_is_fine(client: Any) -> None:
    assert client.post(FEEDBACK, json={"feedback": []}).json == {"kept": 0}


@pytest.mark.parametrize("body", [{}, {"feedback": {}}, [], {"feedback": None}])
def test_body_without_list_is_refused(client: Any, body: Any) -> None:
    assert client.post(FEEDBACK, json=body).status_code == 400


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"card": None}, "card"),
        ({"card": 7}, "card"),
        ({"outcome": None}, "outcome"),
        ({"outcome": "ignored"}, "outcome"),
        ({"outcomeTimestamp": None}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2026-03-01"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2026-03-01T10:00:00"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2026-13-01T10:00:00Z"}, "outcomeTimestamp"),
        ({"acceptedSuggestions": None}, "acceptedSuggestions"),
        ({"acceptedSuggestions": []}, "acceptedSuggestions"),
        ({"acceptedSuggestions": [{"id": 3}]}, "acceptedSuggestions"),
        ({"acceptedSuggestions": "x"}, "acceptedSuggestions"),
    ],
)
def test_unusable_item_is_named_and_the_good_one_kept(
    world: Any, client: Any, changes: dict[str, Any], field: str
) -> None:
    bad = accepted("some-card", **changes)
    answer = client.post(FEEDBACK, json={"feedback": [bad, overridden("other-card")]})
    assert answer.status_code == 400
    assert [issue["expression"] for issue in answer.json["issue"]] == [[f"feedback[0].{field}"]]
    assert [kept.feedback.card for kept in world.store.feedback()] == ["other-card"]


def test_item_that_is_no_object_is_named(client: Any) -> None:
    answer = client.post(FEEDBACK, json={"feedback": ["x"]})
    assert answer.json["issue"][0]["expression"] == ["feedback[0]"]


@pytest.mark.parametrize(
    "when", ["2026-03-03T10:02:11Z", "2026-03-03t12:02:11.123456789+02:00", "2026-03-03T10:02:11+00:00"]
)
def test_times_are_kept_in_utc(world: Any, client: Any, when: str) -> None:
    client.post(FEEDBACK, json={"feedback": [overridden("card", outcomeTimestamp=when)]})
    (kept,) = world.store.feedback()
    assert kept.feedback.outcome_at.isoformat().startswith("2026-03-03T10:02:11")


def test_failed_store_is_told_to_the_client(world: Any, caplog: pytest.LogCaptureFixture) -> None:
    with create_engine(world.backend.settings.database).begin() as connection:
        connection.execute(text("DROP TABLE feedback"))
    item = overridden("card", overrideReason={"userComment": "Loopback refused"})
    answer = world.client().post(FEEDBACK, json={"feedback": [item]})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "30"
    assert answer.json["issue"][0]["code"] == "transient"
    assert "record feedback: OperationalError" in caplog.text
    assert "Loopback" not in caplog.text


def test_comment_is_capped_and_never_logged(world: Any, caplog: pytest.LogCaptureFixture) -> None:
    item = overridden("card", overrideReason={"userComment": "Loopback " * 1000})
    with caplog.at_level("DEBUG"):
        world.client().post(FEEDBACK, json={"feedback": [item]})
    (kept,) = world.store.feedback()
    assert len(kept.feedback.comment) == 4000
    assert "Loopback" not in caplog.text
