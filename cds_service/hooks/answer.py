"""Answers one hook call: complete the chart, evaluate, write the cards, keep what was issued.

An exception anywhere on the clinical path goes up and becomes a 5xx, because an empty list of cards reads as "all
clear". Only keeping the record may fail without the clinician noticing; that is logged and counted.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

from cards.model import Card
from cds_service.domain.assessment import Assessment, PlannedCard
from cds_service.domain.vocabulary import Language
from cds_service.hooks.evaluate import Evaluation, Evaluator
from cds_service.hooks.prefetch import Chart, ChartAccess, PrefetchCompleter
from cds_service.hooks.release import older_than_r4
from cds_service.hooks.repeat import RepeatLock, Screened
from cds_service.hooks.request import HookRequest
from cds_service.hooks.services import Hook
from cds_service.security.clients import OPEN, Client
from cds_service.store.records import IssuedCard, Store, StoreError, patient_hash

_log = logging.getLogger("cds_service.answer")


_NO_ORDERS: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


def by_reference(orders: Sequence[Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    """Return draft orders as received by ``Type/id``, as changes of them need."""
    return {f"{order.get('resourceType')}/{order.get('id')}": order for order in orders}


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
        drafts: Mapping[str, Mapping[str, Any]] = _NO_ORDERS,
    ) -> tuple[Card, ...]:
        """Return one card for each planned card, in order."""


@dataclass(frozen=True, slots=True)
class WrittenCard:
    """A card beside the plan it was written from, so that feedback finds its rules again."""

    card: Card
    plan: PlannedCard

    @property
    def without_drafts(self) -> "WrittenCard":
        """The same advice in words alone."""
        kept = self.card.model_copy(update={"suggestions": None, "selection_behavior": None})
        return replace(self, card=kept)


@dataclass(frozen=True, slots=True)
class Answer:
    """Cards for one call. ``evaluation`` and ``chart`` are ``None`` when there was nothing to evaluate."""

    written: tuple[WrittenCard, ...] = ()
    evaluation: Evaluation | None = None
    chart: Chart | None = None
    recorded: bool = True
    locked: tuple[str, ...] = ()

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

    def write(
        self,
        assessment: Assessment,
        language: Language,
        patient_id: str,
        orders: Mapping[str, Mapping[str, Any]] = _NO_ORDERS,
    ) -> tuple[WrittenCard, ...]:
        """Write all planned cards, each beside its plan; ``orders`` are the drafts as received, by ``Type/id``."""
        written: list[WrittenCard] = []
        for plan in assessment.cards:
            cards = self._writer.write(
                replace(assessment, cards=(plan,)),
                language,
                patient_id=patient_id,
                base_url=self._base_url,
                new_uuid=self._new_uuid,
                drafts=orders,
            )
            written.extend(WrittenCard(card, plan) for card in cards)
        return tuple(written)


def _with_grant_of(client: Client, request: HookRequest) -> HookRequest:
    """Drop a grant that was made out to another service than the one that ``client`` registered."""
    if request.grant is None or client.fhir_client_id in ("", request.grant.subject):
        return request
    _log.warning("access token not used: it was granted to another client id")
    return replace(request, grant=None)


def _no_limit() -> Callable[[], bool]:
    return lambda: True


class HookDesk:
    """Answers hook calls. ``open_access`` gives the client's FHIR server, or nothing when it may not be used.

    ``start`` begins the time of one call and returns the question whether there is still some of it. ``repeats`` holds
    acknowledged cards back; without it every card is shown every time.
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
        repeats: RepeatLock | None = None,
    ) -> None:
        self._completer = completer
        self._open_access = open_access
        self._evaluator = evaluator
        self._cards = cards
        self._store = store
        self._hash_key = hash_key
        self._start = start
        self._repeats = repeats
        self.unrecorded = 0

    def answer(self, request: HookRequest, language: Language, as_of: datetime, client: Client = OPEN) -> Answer:
        """Answer ``request`` of ``client`` at ``as_of``. Raises PrefetchError (412) and RequestError (400)."""
        if request.lay_reader or request.nothing_to_check:
            return Answer()
        in_time = self._start()
        request = _with_grant_of(client, request)
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
        screened = self._screened(request, evaluation, as_of, client)
        written = self._cards.write(screened.assessment, language, request.patient_id, by_reference(request.orders))
        if older_than_r4((*chart.resources, *request.orders)):
            written = tuple(one.without_drafts for one in written)
        issued = self._issued(request, client, language, as_of, written, evaluation.assessment)
        recorded = self._record(issued)
        if self._repeats is not None and screened.states:
            self._repeats.remember(screened, [one.card.uuid for one in written])
        return Answer(written, evaluation, chart, recorded=recorded, locked=screened.locked)

    def _screened(self, request: HookRequest, evaluation: Evaluation, as_of: datetime, client: Client) -> Screened:
        """Hold acknowledged cards back when a chart is opened; advice on orders is always given."""
        if self._repeats is None or request.service.hook is not Hook.PATIENT_VIEW:
            return Screened(evaluation.assessment)
        return self._repeats.screen(evaluation, request.patient_id, as_of, wanted=client.repeat_lock)

    def _issued(
        self,
        request: HookRequest,
        client: Client,
        language: Language,
        as_of: datetime,
        written: Sequence[WrittenCard],
        assessment: Assessment,
    ) -> list[IssuedCard]:
        patient = patient_hash(self._hash_key, request.patient_id)
        report = assessment.leading_report
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
                knowledge_version=assessment.knowledge_version,
                patient=patient,
                issued_at=as_of,
                client=client.issuer,
                report_at=report.issued if report else None,
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
