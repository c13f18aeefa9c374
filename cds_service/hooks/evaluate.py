"""The clinical use cases behind the hooks: chart resources in, facts and assessment out; no HTTP and no clock here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cds_service.domain.assessment import Assessment
from cds_service.domain.facts import Gap, PatientFacts
from cds_service.fhir.received import Survey
from cds_service.hooks.services import Hook
from cds_service.telemetry.laps import UNWATCHED, Laps, Stage


def always() -> bool:
    """Say that there is time."""
    return True


class Extractor(Protocol):
    """Turns FHIR resources into facts."""

    def extract(
        self,
        resources: Iterable[Any],
        *,
        patient_id: str,
        as_of: datetime,
        draft_orders: Sequence[Any] = (),
        selections: Sequence[str] = (),
        gaps: Sequence[Gap] = (),
        in_time: Callable[[], bool] = always,
        survey: Survey = Survey.WHOLE,
    ) -> PatientFacts:
        """Return what the resources say of the patient; foreign, unreadable and late ones become gaps."""


class Rules(Protocol):
    """Assesses facts."""

    def assess(self, facts: PatientFacts) -> Assessment:
        """Assess a patient whose chart was opened."""

    def assess_orders(self, facts: PatientFacts, *, signing: bool) -> Assessment:
        """Assess draft orders; when ``signing`` only warnings and critical cards remain."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Facts and what the rules concluded from them."""

    facts: PatientFacts
    assessment: Assessment


class Evaluator:
    """Joins the extractor and the rules."""

    def __init__(self, extractor: Extractor, rules: Rules) -> None:
        self._extractor = extractor
        self._rules = rules

    def with_rules(self, rules: Rules) -> "Evaluator":
        """Return an evaluator that reads alike and judges by other rules."""
        return Evaluator(self._extractor, rules)

    def judge(self, hook: Hook, facts: PatientFacts) -> Assessment:
        """Assess facts that are there already."""
        if hook is Hook.PATIENT_VIEW:
            return self._rules.assess(facts)
        return self._rules.assess_orders(facts, signing=hook is Hook.ORDER_SIGN)

    def patient_view(
        self,
        resources: Iterable[Any],
        *,
        patient_id: str,
        as_of: datetime,
        gaps: Sequence[Gap] = (),
        in_time: Callable[[], bool] = always,
    ) -> Evaluation:
        """Assess the chart of ``patient_id`` at ``as_of``."""
        return self.for_hook(
            Hook.PATIENT_VIEW, resources, patient_id=patient_id, as_of=as_of, gaps=gaps, in_time=in_time
        )

    def for_hook(  # noqa: PLR0913 - all that a call may bring
        self,
        hook: Hook,
        resources: Iterable[Any],
        *,
        patient_id: str,
        as_of: datetime,
        orders: Sequence[Any] = (),
        selections: Sequence[str] = (),
        gaps: Sequence[Gap] = (),
        in_time: Callable[[], bool] = always,
        laps: Laps = UNWATCHED,
        survey: Survey = Survey.WHOLE,
    ) -> Evaluation:
        """Run the use case that belongs to ``hook``; what is not read while ``in_time`` says yes becomes a gap.

        With a ``survey`` of what is read alone the facts are the same, and fewer flaws are listed.
        """
        drafts: dict[str, Any] = {}
        if hook is not Hook.PATIENT_VIEW:
            drafts = {
                "draft_orders": orders,
                "selections": selections if hook is Hook.ORDER_SELECT else _all_of(orders),
            }
        facts = self._extractor.extract(
            resources, patient_id=patient_id, as_of=as_of, gaps=gaps, in_time=in_time, survey=survey, **drafts
        )
        laps.done(Stage.EXTRACT)
        assessment = self.judge(hook, facts)
        laps.done(Stage.ASSESS)
        return Evaluation(facts, assessment)


def _all_of(orders: Sequence[Any]) -> list[str]:
    """Return every draft as selected, as it is at signing."""
    return [f"{order.get('resourceType')}/{order.get('id')}" for order in orders]
