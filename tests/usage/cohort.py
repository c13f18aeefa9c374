"""A made-up year of cards and answers: one rule that annoys, one that few answered, one that is followed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cards.catalogue import OVERRIDE_REASON_SYSTEM
from cds_service.store.database import SqlStore
from cds_service.store.records import Feedback, IssuedCard, Outcome
from tests.store.keeping import keep

LAST = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
EAST, WEST = "https://east.example.org", "https://west.example.org"
PATIENT, COMMENT = "0123456789abcdef" * 4, "Mrs. Planted-Name refuses"
DISPLAY = "as discussed with Mr. Planted-Display"
# Rules, card, service, how many, accepted, overridden.
GROUPS: tuple[tuple[tuple[str, ...], str, str, int, int, int], ...] = (
    (("TRG-FRACTURE", "LAB-CRP-NORMAL"), "C40", "marrow-edema-patient-view", 120, 10, 80),
    (("INF-SPINE-PROCEDURE", "LAB-CRP-RAISED"), "C10", "marrow-edema-patient-view", 200, 110, 20),
    (("MAL-LESION",), "C20", "marrow-edema-patient-view", 60, 24, 16),
    (("MAL-PAGET-CERTAIN",), "C36", "marrow-edema-order-sign", 3, 0, 2),
    (("TRG-CONTRADICTION",), "C31", "marrow-edema-patient-view", 30, 0, 0),
)
SHOWN, ACCEPTED, OVERRIDDEN = (sum(numbers) for numbers in list(zip(*GROUPS, strict=True))[3:])
REASONS = (
    (OVERRIDE_REASON_SYSTEM, "already-done"),
    (OVERRIDE_REASON_SYSTEM, "report-misread"),
    ("", ""),
    ("urn:site", "R17"),
)


def card(name: str, at: datetime, rules: Sequence[str], **changes: object) -> IssuedCard:
    """One issued card."""
    values: dict[str, object] = {
        "uuid": name,
        "service": "marrow-edema-patient-view",
        "hook_instance": "0c6d5c1a-2f7c-4a0f-8a51-2f8f2a1d7c11",
        "card_id": "C10",
        "text_id": "C10",
        "indicator": "warning",
        "rule_ids": tuple(rules),
        "suggestions": ("a",),
        "language": "en",
        "knowledge_version": "2026-11-21+test",
        "patient": PATIENT,
        "issued_at": at,
        "client": EAST,
        "report_at": at - timedelta(hours=3),
    }
    return IssuedCard(**values | changes)  # type: ignore[arg-type]  # the names are those above


def answer(about: IssuedCard, outcome: Outcome, number: int = 0, **changes: object) -> Feedback:
    """What was reported on a card."""
    system, code = REASONS[number % len(REASONS)] if outcome is Outcome.OVERRIDDEN else ("", "")
    values: dict[str, object] = {
        "card": about.uuid,
        "service": about.service,
        "outcome": outcome,
        "outcome_at": about.issued_at,
        "received_at": about.issued_at + timedelta(minutes=5),
        "accepted_suggestions": ("a",) if outcome is Outcome.ACCEPTED else (),
        "reason_system": system,
        "reason_code": code,
        "reason_display": DISPLAY,
        "comment": COMMENT,
    }
    return Feedback(**values | changes)  # type: ignore[arg-type]  # the names are those above


def fill(store: SqlStore) -> None:
    """Keep the year."""
    number = 0
    for rules, card_id, service, shown, accepted, overridden in GROUPS:
        cards, told = [], []
        for place in range(shown):
            number += 1
            at = LAST - timedelta(days=(number * 7) % 300, minutes=number)
            one = card(
                f"{number:08}-0000-4000-8000-000000000000",
                at,
                rules,
                card_id=card_id,
                text_id=card_id,
                service=service,
                client=(EAST, WEST, "", None)[place % 4],
                indicator=("info", "warning", "critical")[place % 3],
                patient=f"{number:064}",
                report_at=None if place % 5 == 0 else at - timedelta(minutes=number * number),
            )
            cards.append(one)
            if place < accepted + overridden:
                outcome = Outcome.ACCEPTED if place < accepted else Outcome.OVERRIDDEN
                told.append(answer(one, outcome, place))
        keep(store, cards)
        store.record_feedback(told)
