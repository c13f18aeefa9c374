"""The repeat lock: an acknowledged card stays away while nothing changes; a change or a failure shows it again."""

import hashlib
import hmac
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson

from cds_service.domain.assessment import Assessment, PlannedCard
from cds_service.domain.facts import PatientFacts, Report
from cds_service.hooks.evaluate import Evaluation
from cds_service.hooks.reasoning import plain
from cds_service.store.records import StoreError
from cds_service.store.repeats import ShownCard

_log = logging.getLogger("cds_service.repeat")


class ShownStates(Protocol):
    """Where shown states are kept."""

    def record(self, shown: Sequence[ShownCard]) -> None:
        """Keep for which states cards were shown. Raises StoreError."""

    def acknowledged(self, states: Collection[str]) -> Mapping[str, datetime]:
        """Return when each of the states was last answered with feedback. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class Screened:
    """An assessment without the cards held back. ``states`` has the hash of each card left, ``locked`` the text ids."""

    assessment: Assessment
    states: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()


def _of_report(report: Report) -> dict[str, Any]:
    texts = hashlib.sha256("\x1f".join(text.text for text in report.texts).encode()).hexdigest()
    return {
        "report": report.provenance.reference,
        "status": report.status,
        "dates": [plain(report.effective), plain(report.issued)],
        "texts": texts,
    }


def fingerprint(facts: PatientFacts, assessment: Assessment) -> bytes:
    """Return everything that the answer rests on except the clock, in one order: equal bytes mean an unchanged state.

    What depends on the clock (whether results still count, weeks since onset) enters through state and planned cards.
    """
    entries = {
        name: sorted(orjson.dumps(plain(entry), option=orjson.OPT_SORT_KEYS).decode() for entry in getattr(facts, name))
        for name in ("conditions", "medications", "procedures", "allergies", "devices")
    }
    whole = entries | {
        # There may be thousands of results; they hold no sets, so that their short form is always the same.
        "labs": sorted(map(repr, facts.labs)),
        "knowledge": assessment.knowledge_version,
        "patient": [plain(facts.demographics), plain(facts.pregnancy)],
        "reports": sorted(orjson.dumps(_of_report(report)).decode() for report in facts.reports),
        "gaps": sorted(orjson.dumps(plain(gap)).decode() for gap in assessment.gaps if gap.clinical),
        "state": plain(assessment.state) if assessment.state else {},
        "cards": [[card.text_id, card.row, card.indicator.value, list(card.add_lines)] for card in assessment.cards],
    }
    return orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)


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

    def screen(self, evaluation: Evaluation, patient_id: str, as_of: datetime, *, wanted: bool | None) -> Screened:
        """Return the assessment without the cards that were acknowledged for this very state and not long ago.

        ``wanted`` is the choice of the client, ``None`` leaves it to the setting. When the store fails, all cards stay.
        """
        assessment = evaluation.assessment
        if not (self._enabled if wanted is None else wanted) or not assessment.cards:
            return Screened(assessment)
        states = self._states(evaluation, patient_id)
        pairs = tuple(zip(assessment.cards, states, strict=True))
        known = self._acknowledged([state for card, state in pairs if self._span(card) is not None])
        held = {state for card, state in pairs if self._is_locked(card, known.get(state), as_of)}
        return Screened(
            replace(assessment, cards=tuple(card for card, state in pairs if state not in held)),
            tuple(state for state in states if state not in held),
            tuple(card.text_id for card, state in pairs if state in held),
        )

    def remember(self, screened: Screened, uuids: Sequence[str]) -> None:
        """Keep for which states the cards with these uuids were shown; a failure only means that they show again."""
        try:
            pairs = zip(uuids, screened.states, strict=False)
            self._store.record([ShownCard(uuid, state) for uuid, state in pairs])
        except StoreError as error:
            self._failed(error)

    def _states(self, evaluation: Evaluation, patient_id: str) -> tuple[str, ...]:
        report = evaluation.assessment.leading_report
        reference = report.provenance.reference if report else ""
        found = fingerprint(evaluation.facts, evaluation.assessment)
        return tuple(
            hmac.new(
                self._hash_key,
                b"\x1f".join((b"repeat", patient_id.encode(), reference.encode(), _name(card).encode(), found)),
                hashlib.sha256,
            ).hexdigest()
            for card in evaluation.assessment.cards
        )

    def _acknowledged(self, states: Collection[str]) -> Mapping[str, datetime]:
        try:
            return self._store.acknowledged(states) if states else {}
        except StoreError as error:
            self._failed(error)
            return {}

    def _is_locked(self, card: PlannedCard, acknowledged: datetime | None, as_of: datetime) -> bool:
        span = self._span(card)
        return span is not None and acknowledged is not None and as_of - acknowledged < span

    def _failed(self, error: StoreError) -> None:
        self.failures += 1
        _log.error("repeat lock: %s; the cards are shown", error)
