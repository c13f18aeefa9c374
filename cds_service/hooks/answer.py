"""Answers one hook call: complete the chart, evaluate, write the cards, keep what was issued.

An exception anywhere on the clinical path goes up and becomes a 5xx, because an empty list of cards reads as "all
clear". Only keeping the record may fail without the clinician noticing; that is logged and counted.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from cards.model import Card
from cds_service.domain.assessment import Assessment, PlannedCard
from cds_service.domain.vocabulary import Language
from cds_service.hooks.evaluate import Evaluation, Evaluator
from cds_service.hooks.prefetch import Chart, ChartAccess, PrefetchCompleter
from cds_service.hooks.request import HookRequest
from cds_service.security.clients import OPEN, Client
from cds_service.store.records import IssuedCard, Store, StoreError, patient_hash

_log = logging.getLogger("cds_service.answer")


class Writer(Protocol):
    """Writes cards in a language."""

    def write(
        self,
        assessment: Assessment,
        language: Language,
        *,
        patient_id: str,
        base_url: str = "",
        new_uuid: Callable[[], str],
    ) -> tuple[Card, ...]:
        """Return one card for each planned card, in order."""


@dataclass(frozen=True, slots=True)
class WrittenCard:
    """A card beside the plan it was written from, so that feedback finds its rules again."""

    card: Card
    plan: PlannedCard


@dataclass(frozen=True, slots=True)
class Answer:
    """Cards for one call. ``evaluation`` and ``chart`` are ``None`` when there was nothing to evaluate."""

    written: tuple[WrittenCard, ...] = ()
    evaluation: Evaluation | None = None
    chart: Chart | None = None
    recorded: bool = True

    @property
    def wire(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return {"cards": [written.card.to_wire() for written in self.written]}


class CardDesk:
    """Writes the cards of an assessment. ``base_url`` is where links of the cards lead."""

    def __init__(self, writer: Writer, base_url: str, new_uuid: Callable[[], str]) -> None:
        self._writer = writer
        self._base_url = base_url
        self._new_uuid = new_uuid

    def write(self, assessment: Assessment, language: Language, patient_id: str) -> tuple[WrittenCard, ...]:
        """Write all planned cards, each beside its plan."""
        written: list[WrittenCard] = []
        for plan in assessment.cards:
            cards = self._writer.write(
                replace(assessment, cards=(plan,)),
                language,
                patient_id=patient_id,
                base_url=self._base_url,
                new_uuid=self._new_uuid,
            )
            written.extend(WrittenCard(card, plan) for card in cards)
        return tuple(written)


def _no_limit() -> Callable[[], bool]:
    return lambda: True


class HookDesk:
    """Answers hook calls. ``open_access`` gives the client's FHIR server, or nothing when it may not be used.

    ``start`` begins the time of one call and returns the question whether there is still some of it.
    """

    def __init__(
        self,
        *,
        completer: PrefetchCompleter,
        open_access: Callable[[HookRequest, frozenset[str] | None], ChartAccess | None],
        evaluator: Evaluator,
        cards: CardDesk,
        store: Store,
        hash_key: bytes,
        start: Callable[[], Callable[[], bool]] = _no_limit,
    ) -> None:
        self._completer = completer
        self._open_access = open_access
        self._evaluator = evaluator
        self._cards = cards
        self._store = store
        self._hash_key = hash_key
        self._start = start
        self.unrecorded = 0

    def answer(self, request: HookRequest, language: Language, as_of: datetime, client: Client = OPEN) -> Answer:
        """Answer ``request`` of ``client`` at ``as_of``. Raises PrefetchError (412) and RequestError (400)."""
        if request.lay_reader or request.nothing_to_check:
            return Answer()
        in_time = self._start()
        chart = self._completer.complete(request, self._open_access(request, client.fhir_servers))
        evaluation = self._evaluator.for_hook(
            request.service.hook,
            chart.resources,
            patient_id=request.patient_id,
            as_of=as_of,
            orders=request.orders,
            selections=request.selections,
            gaps=chart.gaps,
            in_time=in_time,
        )
        written = self._cards.write(evaluation.assessment, language, request.patient_id)
        issued = self._issued(request, language, as_of, written, evaluation.assessment.knowledge_version)
        return Answer(written, evaluation, chart, recorded=self._record(issued))

    def _issued(
        self,
        request: HookRequest,
        language: Language,
        as_of: datetime,
        written: Sequence[WrittenCard],
        knowledge_version: str,
    ) -> list[IssuedCard]:
        patient = patient_hash(self._hash_key, request.patient_id)
        return [
            IssuedCard(
                uuid=one.card.uuid,
                service=request.service.id,
                hook_instance=request.hook_instance,
                card_id=one.plan.card_id,
                text_id=one.plan.text_id,
                indicator=one.plan.indicator,
                rule_ids=one.plan.rule_ids,
                suggestions=tuple(step.uuid for step in one.card.suggestions or ()),
                language=language,
                knowledge_version=knowledge_version,
                patient=patient,
                issued_at=as_of,
            )
            for one in written
        ]

    def _record(self, issued: Sequence[IssuedCard]) -> bool:
        try:
            self._store.record_issued(issued)
        except StoreError as error:
            self.unrecorded += len(issued)
            _log.error("%d issued cards were not recorded: %s", len(issued), error)
            return False
        return True
