"""Answers one hook call: complete the chart, evaluate, write the cards, and name what is to be kept of it.

An exception anywhere on the clinical path goes up and becomes a 5xx, because an empty list of cards reads as "all
clear".
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cds_service.domain.vocabulary import Language
from cds_service.fhir.received import Survey
from cds_service.hooks.advice import Advice, AdvisedCard, advised
from cds_service.hooks.evaluate import Evaluation, Evaluator
from cds_service.hooks.memory import AdviceMemory, CallDigest
from cds_service.hooks.prefetch import ChartAccess, PrefetchCompleter
from cds_service.hooks.release import older_than_r4
from cds_service.hooks.repeat import CardState, RepeatLock
from cds_service.hooks.request import HookRequest
from cds_service.hooks.sent import SentCall
from cds_service.hooks.services import Hook, Service
from cds_service.hooks.writing import CardDesk, by_reference
from cds_service.security.clients import OPEN, Client
from cds_service.security.tokens import Caller
from cds_service.store.records import IssuedCard, patient_hash
from cds_service.store.repeats import ShownCard
from cds_service.telemetry.laps import UNWATCHED, Laps, Stage

_log = logging.getLogger("cds_service.answer")


@dataclass(frozen=True, slots=True)
class Answer:
    """Cards for one call, and what is to be kept of them before they leave: ``issued`` and ``shown``.

    ``missing`` and ``fetched`` are prefetch keys, ``gaps`` codes, ``locked`` the text ids of cards held back.
    """

    cards: tuple[AdvisedCard, ...] = ()
    issued: tuple[IssuedCard, ...] = ()
    shown: tuple[ShownCard, ...] = ()
    gaps: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    fetched: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()

    @property
    def body(self) -> bytes:
        """Return the JSON of the answer."""
        return b'{"cards":[%s]}' % b",".join([card.body for card in self.cards])


def _with_grant_of(client: Client, request: HookRequest) -> HookRequest:
    """Drop a grant that was made out to another service than the one that ``client`` registered."""
    if request.grant is None or client.fhir_client_id in ("", request.grant.subject):
        return request
    _log.warning("access token not used: it was granted to another client id")
    return replace(request, grant=None)


def _no_limit() -> Callable[[], bool]:
    return lambda: True


class _Noted:
    """A FHIR server of which is known whether it was asked."""

    def __init__(self, access: ChartAccess) -> None:
        self._access = access
        self.asked = False

    def get(self, address: str, seconds: float) -> Any:
        """Ask it."""
        self.asked = True
        return self._access.get(address, seconds)


class HookDesk:
    """Answers hook calls. ``open_access`` gives the client's FHIR server, or nothing when it may not be used.

    ``start`` begins the time of one call and returns the question whether there is still some of it. ``repeats`` holds
    acknowledged cards back; without it every card is shown every time. ``memory`` spares evaluating the same chart
    twice in a moment.
    """

    def __init__(
        self,
        *,
        completer: PrefetchCompleter,
        open_access: Callable[[HookRequest, frozenset[str] | None], ChartAccess | None],
        evaluator: Evaluator,
        cards: CardDesk,
        hash_key: bytes,
        start: Callable[[], Callable[[], bool]] = _no_limit,
        repeats: RepeatLock | None = None,
        memory: AdviceMemory | None = None,
    ) -> None:
        self._completer = completer
        self._open_access = open_access
        self._evaluator = evaluator
        self._cards = cards
        self._hash_key = hash_key
        self._start = start
        self._repeats = repeats
        self._memory = memory

    def digest(
        self, sent: SentCall, service: Service, language: Language, caller: Caller, as_of: datetime
    ) -> CallDigest | None:
        """Return what the call is known by for a moment, if it may be."""
        return self._memory.digest(sent, service, language, caller, as_of) if self._memory is not None else None

    def answer(
        self,
        request: HookRequest,
        language: Language,
        as_of: datetime,
        client: Client = OPEN,
        laps: Laps = UNWATCHED,
        digest: CallDigest | None = None,
    ) -> Answer:
        """Answer ``request`` of ``client`` at ``as_of``, and remember the advice when the call has a ``digest``.

        Raises PrefetchError (412) and RequestError (400).
        """
        if request.lay_reader or request.nothing_to_check:
            return Answer()
        request = _with_grant_of(client, request)
        advice = self._advise(request, language, as_of, client, laps)
        if self._memory is not None and digest is not None:
            self._memory.keep(digest, client, request, advice)
        answer = self._given(advice, request, language, as_of, client)
        laps.done(Stage.HOLD)
        return answer

    def answer_again(
        self, digest: CallDigest, language: Language, as_of: datetime, client: Client, laps: Laps = UNWATCHED
    ) -> tuple[HookRequest, Answer] | None:
        """Answer a call like one of a moment ago, if there was one: what is held back is decided anew."""
        found = self._memory.find(digest, client) if self._memory is not None else None
        if found is None:
            return None
        request, advice = found
        answer = self._given(advice.anew(self._cards.new_uuid), request, language, as_of, client)
        laps.done(Stage.HOLD)
        return request, answer

    def _advise(self, request: HookRequest, language: Language, as_of: datetime, client: Client, laps: Laps) -> Advice:
        """Evaluate the chart and write all its cards."""
        in_time = self._start()
        opened = self._open_access(request, client.fhir_servers)
        access = _Noted(opened) if opened is not None else None
        chart = self._completer.complete(request, access)
        laps.done(Stage.COMPLETE)
        evaluation = self._evaluator.for_hook(
            request.service.hook,
            chart.resources,
            patient_id=request.patient_id,
            as_of=as_of,
            orders=request.orders,
            selections=request.selections,
            gaps=chart.gaps,
            in_time=in_time,
            laps=laps,
            survey=Survey.READ,
        )
        states = self._states(request, evaluation, client)
        laps.done(Stage.SCREEN)
        assessment = evaluation.assessment
        written = self._cards.write(assessment, language, request.patient_id, by_reference(request.orders))
        if older_than_r4((*chart.resources, *request.orders)):
            written = tuple(one.without_drafts for one in written)
        cards = advised(written, client.version, states)
        laps.done(Stage.WRITE)
        report = assessment.leading_report
        return Advice(
            cards=cards,
            knowledge_version=assessment.knowledge_version,
            report_at=report.issued if report else None,
            gaps=tuple(gap.code.value for gap in assessment.gaps),
            missing=chart.missing,
            fetched=chart.fetched,
            # Another token might reach what is missing.
            lasting=in_time() and not (access is not None and access.asked) and not (chart.missing and request.grant),
        )

    def _states(self, request: HookRequest, evaluation: Evaluation, client: Client) -> tuple[CardState, ...] | None:
        """Return what cards may be held back by when a chart is opened; advice on orders is always given."""
        if self._repeats is None or request.service.hook is not Hook.PATIENT_VIEW:
            return None
        if not self._repeats.holds(wanted=client.repeat_lock):
            return None
        return self._repeats.states(evaluation, request.patient_id)

    def _given(
        self, advice: Advice, request: HookRequest, language: Language, as_of: datetime, client: Client
    ) -> Answer:
        """Give the cards that are not held back now."""
        states = [card.state for card in advice.cards if card.state is not None]
        held = self._repeats.held_back(states, as_of) if self._repeats is not None else frozenset()
        cards = tuple(card for card in advice.cards if card.state is None or card.state.name not in held)
        return Answer(
            cards=cards,
            issued=self._issued(cards, advice, request, language, as_of, client),
            shown=tuple(ShownCard(card.uuid, card.state.name) for card in cards if card.state is not None),
            gaps=advice.gaps,
            missing=advice.missing,
            fetched=advice.fetched,
            locked=tuple(card.text_id for card in advice.cards if card not in cards),
        )

    def _issued(
        self,
        cards: tuple[AdvisedCard, ...],
        advice: Advice,
        request: HookRequest,
        language: Language,
        as_of: datetime,
        client: Client,
    ) -> tuple[IssuedCard, ...]:
        patient = patient_hash(self._hash_key, request.patient_id)
        return tuple(
            IssuedCard(
                uuid=card.uuid,
                service=request.service.id,
                hook_instance=request.hook_instance,
                card_id=card.card_id,
                text_id=card.text_id,
                indicator=card.indicator,
                rule_ids=card.rule_ids,
                suggestions=card.suggestions,
                language=language,
                knowledge_version=advice.knowledge_version,
                patient=patient,
                issued_at=as_of,
                client=client.issuer,
                report_at=advice.report_at,
            )
            for card in cards
        )
