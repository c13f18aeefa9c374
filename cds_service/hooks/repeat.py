"""The repeat lock: an acknowledged card stays away while nothing changes; a change or a failure shows it again."""

import hashlib
import hmac
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson

from cds_service.domain.assessment import Assessment, PlannedCard
from cds_service.domain.facts import PatientFacts, Report
from cds_service.hooks.evaluate import Evaluation
from cds_service.store.records import StoreError

_log = logging.getLogger("cds_service.repeat")


class ShownStates(Protocol):
    """Where the states that cards were shown for are kept beside the feedback on them."""

    def acknowledged(self, states: Collection[str]) -> Mapping[str, datetime]:
        """Return when each of the states was last answered with feedback. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class CardState:
    """What the lock knows a card by: the hash of the state that it is for, and how long it may stay away."""

    name: str
    span: timedelta | None


def _in_order(value: Any) -> Any:
    """Return a set, which has no order of its own, as a list that is always the same."""
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"no part of the facts: {type(value).__name__}")


def _json(entry: Any) -> bytes:
    return orjson.dumps(entry, default=_in_order)


def _of_report(report: Report) -> bytes:
    texts = hashlib.sha256("\x1f".join([text.text for text in report.texts]).encode()).hexdigest()
    return _json((report.provenance.reference, report.status, report.effective, report.issued, texts))


def fingerprint(facts: PatientFacts, assessment: Assessment) -> bytes:
    """Return a hash of all that the answer rests on except the clock: the same hash means an unchanged state.

    What depends on the clock (whether results still count, weeks since onset) enters through state and planned cards.
    Entries of a list may come in any order. Control characters, which no JSON text holds, part entries and lists.
    """
    cards = [(card.text_id, card.row, card.indicator, card.add_lines) for card in assessment.cards]
    entries = (
        facts.conditions, facts.medications, facts.procedures, facts.allergies, facts.devices, facts.labs,
        [gap for gap in assessment.gaps if gap.clinical],
    )  # fmt: skip
    parts = [
        _json((assessment.knowledge_version, facts.demographics, facts.pregnancy, assessment.state, cards)),
        b"\x1e".join(sorted([_of_report(report) for report in facts.reports])),
        *(b"\x1e".join(sorted([_json(entry) for entry in listed])) for listed in entries),
    ]
    return hashlib.sha256(b"\x1f".join(parts)).digest()


def _name(card: PlannedCard) -> str:
    return f"{card.text_id} {card.row} {card.indicator.value}"


class RepeatLock:
    """Holds acknowledged cards back for the time that ``span`` gives; ``enabled`` where a client does not say."""

    def __init__(
        self,
        store: ShownStates,
        hash_key: bytes,
        span: Callable[[PlannedCard], timedelta | None],
        *,
        enabled: bool = True,
    ) -> None:
        self._store = store
        self._hash_key = hash_key
        self._span = span
        self._enabled = enabled
        self.failures = 0

    def holds(self, *, wanted: bool | None) -> bool:
        """Whether cards may be held back; ``wanted`` is the choice of the client, ``None`` leaves it to the setting."""
        return self._enabled if wanted is None else wanted

    def states(self, evaluation: Evaluation, patient_id: str) -> tuple[CardState, ...]:
        """Return the state of each planned card, in order."""
        cards = evaluation.assessment.cards
        names = self._names(evaluation, patient_id) if cards else ()
        return tuple(CardState(name, self._span(card)) for card, name in zip(cards, names, strict=True))

    def held_back(self, states: Iterable[CardState], as_of: datetime) -> frozenset[str]:
        """Return the names of those whose cards were acknowledged for this very state and not long ago.

        When the store fails, none is.
        """
        spans = {state.name: state.span for state in states if state.span is not None}
        known = self._acknowledged(tuple(spans))
        return frozenset(name for name, span in spans.items() if name in known and as_of - known[name] < span)

    def _names(self, evaluation: Evaluation, patient_id: str) -> tuple[str, ...]:
        report = evaluation.assessment.leading_report
        reference = report.provenance.reference if report else ""
        found = fingerprint(evaluation.facts, evaluation.assessment)
        return tuple(
            hmac.digest(
                self._hash_key,
                b"\x1f".join((b"repeat", patient_id.encode(), reference.encode(), _name(card).encode(), found)),
                "sha256",
            ).hex()
            for card in evaluation.assessment.cards
        )

    def _acknowledged(self, names: Collection[str]) -> Mapping[str, datetime]:
        try:
            return self._store.acknowledged(names) if names else {}
        except StoreError as error:
            self.failures += 1
            _log.error("repeat lock: %s; the cards are shown", error)
            return {}
