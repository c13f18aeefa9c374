"""Evaluates previews on the path of a hook call; nothing is kept, and only what was asked for is fetched."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import fhir_fixtures
from cds_service.domain.vocabulary import Language
from cds_service.errors import KnowledgeError, RequestError
from cds_service.hooks.evaluate import Evaluation, Evaluator
from cds_service.hooks.prefetch import PrefetchCompleter
from cds_service.hooks.preview.form import from_form
from cds_service.hooks.preview.inputs import PreviewInput, from_bundle
from cds_service.hooks.preview.picks import Picks
from cds_service.hooks.preview.servers import ChartServers
from cds_service.hooks.preview.time import CallTime
from cds_service.hooks.preview.words import preview_words
from cds_service.hooks.request import FieldProblem, InvalidRequest, read_request
from cds_service.hooks.services import PATIENT_VIEW, SERVICES, Hook
from cds_service.hooks.writing import CardDesk, WrittenCard, by_reference
from cds_service.knowledge.load import Knowledge, with_overlay
from cds_service.rules.engine import Engine

_LONGEST_OVERLAY = 64_000
_NOTHING_EVALUATED = PreviewInput("", ())


@dataclass(frozen=True, slots=True)
class Shown:
    """What one hook says: the evaluation, and its cards beside their plans."""

    hook: Hook
    evaluation: Evaluation
    written: tuple[WrittenCard, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """Everything behind one preview: the view of the chart first, the draft orders after it.

    ``knowledge`` is what it was judged by, ``given`` what it was judged on; ``shown`` is empty when nothing was
    evaluated.
    """

    shown: tuple[Shown, ...]
    given: PreviewInput
    language: Language
    as_of: datetime
    knowledge: Knowledge

    @property
    def written(self) -> tuple[WrittenCard, ...]:
        """All cards."""
        return tuple(card for one in self.shown for card in one.written)

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """All evaluations."""
        return tuple(one.evaluation for one in self.shown)


class PreviewDesk:
    """Evaluates previews.

    ``start`` begins the time of one call. ``servers`` are those from which a chart may be fetched.
    """

    def __init__(
        self,
        completer: PrefetchCompleter,
        evaluator: Evaluator,
        cards: CardDesk,
        knowledge: Knowledge,
        start: Callable[[], CallTime] = CallTime,
        servers: ChartServers | None = None,
    ) -> None:
        self._completer = completer
        self._evaluator = evaluator
        self._cards = cards
        self._knowledge = knowledge
        self._start = start
        self._servers = servers
        self.picks = Picks(knowledge.codes)
        # A language that lacks a word is refused at the start, not at the first call.
        preview_words()

    @property
    def servers(self) -> ChartServers:
        """FHIR servers that may be asked. Raises RequestError where none is."""
        if self._servers is None:
            raise RequestError("no FHIR server may be asked here", field="server")
        return self._servers

    @property
    def listed_servers(self) -> tuple[str, ...]:
        """Origins of the FHIR servers that may be asked."""
        return self._servers.listed if self._servers else ()

    @property
    def local_servers(self) -> bool:
        """Whether FHIR servers of this machine may be asked."""
        return self._servers is not None and self._servers.local

    @property
    def knowledge(self) -> Knowledge:
        """What is judged by."""
        return self._knowledge

    def start(self) -> CallTime:
        """Begin the time of one call."""
        return self._start()

    def preview(
        self,
        body: Any,
        language: Language,
        as_of: datetime,
        *,
        dated: bool = False,
        in_time: CallTime | None = None,
    ) -> Preview:
        """Evaluate what was typed, pasted, chosen or is to be fetched. Raises RequestError naming what cannot be read.

        ``dated`` says that the moment was asked for; a fixture stands on its own day otherwise. ``in_time`` is the
        time of a call that does more than this; it begins here when left out.
        """
        if not isinstance(body, dict):
            raise InvalidRequest((FieldProblem("body", "must be a JSON object"),))
        knowledge, evaluator = self._judging(body)
        left = in_time or self._start()
        given, moment = self._given(body, as_of, left, dated=dated)
        shown = tuple(self._shown(hook, given, evaluator, language, moment, left) for hook in _hooks(given))
        return Preview(shown, given, language, moment, knowledge)

    def rejudged(self, preview: Preview) -> Evaluator:
        """Return the evaluator by which a preview was judged."""
        same = preview.knowledge is self._knowledge
        return self._evaluator if same else self._evaluator.with_rules(Engine(preview.knowledge))

    def write(self, preview: Preview, evaluation: Evaluation) -> tuple[WrittenCard, ...]:
        """Write the cards of another evaluation of the same patient."""
        given = preview.given
        return self._cards.write(evaluation.assessment, preview.language, given.patient_id, by_reference(given.orders))

    # ---- what was given ----

    def _judging(self, body: Mapping[str, Any]) -> tuple[Knowledge, Evaluator]:
        overlay = body.get("overlay")
        if overlay in (None, ""):
            return self._knowledge, self._evaluator
        if not isinstance(overlay, str) or len(overlay) > _LONGEST_OVERLAY:
            problem = FieldProblem(
                "overlay", f"must be the text of a TOML file of at most {_LONGEST_OVERLAY} characters"
            )
            raise InvalidRequest((problem,))
        try:
            knowledge = with_overlay(self._knowledge, overlay)
        except KnowledgeError as error:
            raise InvalidRequest((FieldProblem("overlay", str(error)),)) from None
        return knowledge, self._evaluator.with_rules(Engine(knowledge))

    def _given(
        self, body: Mapping[str, Any], as_of: datetime, in_time: CallTime, *, dated: bool
    ) -> tuple[PreviewInput, datetime]:
        if body.get("resourceType") == "Bundle":
            return from_bundle(body), as_of
        if "hook" in body:
            return self._from_call(body, "request"), as_of
        if "fixture" in body:
            return self._from_fixture(body, as_of, dated=dated)
        if "server" in body:
            return self.servers.chart(body, self._completer, in_time), as_of
        if "text" in body:
            return from_form(body, as_of, self._knowledge.codes, self.picks), as_of
        raise RequestError("must be a FHIR Bundle, a CDS Hooks request or an object with text", field="body")

    def _from_call(self, body: Mapping[str, Any], source: str) -> PreviewInput:
        service = next((one for one in SERVICES if one.hook == body.get("hook")), SERVICES[0])
        request = read_request(service, body)
        if request.lay_reader or request.nothing_to_check:
            return replace(_NOTHING_EVALUATED, source=source)
        chart = self._completer.complete(request, None)
        return PreviewInput(
            request.patient_id,
            chart.resources,
            request.orders,
            chart.gaps,
            request.selections,
            service.hook if service.hook is not Hook.PATIENT_VIEW else Hook.ORDER_SELECT,
            only_orders=service.hook is not Hook.PATIENT_VIEW,
            source=source,
        )

    def _from_fixture(self, body: Mapping[str, Any], as_of: datetime, *, dated: bool) -> tuple[PreviewInput, datetime]:
        name = body.get("fixture")
        if name not in fhir_fixtures.scenarios():
            raise RequestError("is not a fixture of this service", field="fixture")
        scenario = fhir_fixtures.scenario(str(name))
        moment = as_of if dated else scenario.as_of
        service = next((one for one in SERVICES if one.hook.value == scenario.hook), PATIENT_VIEW)
        call = fhir_fixtures.hook_request(scenario.name, service.to_wire(), moment)
        return self._from_call(call, "fixture"), moment

    # ---- evaluation ----

    def _shown(
        self,
        hook: Hook,
        given: PreviewInput,
        evaluator: Evaluator,
        language: Language,
        as_of: datetime,
        in_time: CallTime,
    ) -> Shown:
        evaluation = evaluator.for_hook(
            hook,
            given.resources,
            patient_id=given.patient_id,
            as_of=as_of,
            orders=given.orders,
            selections=list(given.selected),
            gaps=given.gaps,
            in_time=in_time,
        )
        written = self._cards.write(evaluation.assessment, language, given.patient_id, by_reference(given.orders))
        return Shown(hook, evaluation, written)


def _hooks(given: PreviewInput) -> tuple[Hook, ...]:
    if not given.patient_id:
        return ()
    if given.only_orders:
        return (given.order_hook,)
    return (Hook.PATIENT_VIEW, given.order_hook) if given.orders else (Hook.PATIENT_VIEW,)
