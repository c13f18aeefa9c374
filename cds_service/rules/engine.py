"""Evaluates one patient: which report leads, what the rules say of it, which cards follow from the decision tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from cds_service.domain.assessment import (
    Assessment,
    Cause,
    ChartCause,
    Citation,
    LaneOutcome,
    PlannedCard,
    RuleResult,
)
from cds_service.domain.facts import (
    Conflict,
    PatientFacts,
    Provenance,
    Report,
)
from cds_service.domain.state import ClinicalInfection, Emergency
from cds_service.domain.vocabulary import Indicator, Lane
from cds_service.knowledge.organisms import Organisms
from cds_service.knowledge.thresholds import Thresholds
from cds_service.rules.arbitration import Decision, decide
from cds_service.rules.catalogue import RULES
from cds_service.rules.context import Basis, RuleContext, prepare
from cds_service.rules.contradictions import SERIOUS, contradictions
from cds_service.rules.derive import Derived, Steps, derive
from cds_service.rules.fitting import fitted
from cds_service.rules.lanes import row_catalogue
from cds_service.rules.ordering import in_one_order
from cds_service.rules.orders import OrderOutcome, concerned, evaluate_orders, lane_cards
from cds_service.rules.planning import Planner
from cds_service.rules.reports import NO_REPORT, CurrentReports, covers_region, current_reports, same_episode
from cds_service.rules.rule import Rule
from cds_service.rules.series import contradicting, marker_series
from cds_service.rules.shown import shown_labs
from cds_service.rules.unread import (
    FOREIGN_CARD,
    INCOMPLETE_CARD,
    UNREAD_CARD,
    foreign_cards,
    gaps_of,
    incomplete_cards,
    newest_is_unread,
    outdated_card,
    unread_cards,
)

_ROW_SENTENCES = {row.id: row.sentence for row in row_catalogue()}


# Advice that must not stand while a newer spine MRI, or the end of this one, has not been read.
_CALM = frozenset({"C50", "C60", "C63", "C80", "C82", "C83"})
_UNKNOWN_REPORTS = (UNREAD_CARD, INCOMPLETE_CARD, FOREIGN_CARD)


class KnowledgeLike(Protocol):
    """The part of the knowledge that rules need."""

    @property
    def thresholds(self) -> Thresholds:
        """Numbers."""

    @property
    def organisms(self) -> Organisms:
        """Names of germs."""

    @property
    def evidence(self) -> Mapping[str, Citation]:
        """References by id."""

    @property
    def version(self) -> str:
        """Version of all knowledge."""


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """What was concluded from the leading report, with the reports that could not be read."""

    reports: CurrentReports
    derived: Derived | None
    decision: Decision
    conflicts: tuple[Conflict, ...]


class Engine:
    """Applies the rules and decision tables. It has no state of its own and may be shared by threads."""

    def __init__(self, knowledge: KnowledgeLike, rules: tuple[Rule, ...] = RULES) -> None:
        self._knowledge = knowledge
        self._basis = Basis(knowledge.thresholds, knowledge.organisms)
        self._steps = Steps(rules, self._basis)
        self._evidence = {rule.id: rule.evidence for rule in rules}

    def assess(self, facts: PatientFacts) -> Assessment:
        """Evaluate for the view of a patient. Raises whatever a rule raises: no answer is better than half of one."""
        facts = in_one_order(facts)
        if self._is_child(facts):
            return self._for_child(facts)
        evaluation = self._evaluate(facts)
        cards = self._lane_cards(evaluation)
        unread = unread_cards(facts, evaluation.reports)
        if _newest_unread(facts, evaluation):
            cards = tuple(card for card in cards if card.card_id not in _CALM)
            unread = unread or (UNREAD_CARD,)
        said = (*cards, *unread) or self._instead(facts, evaluation)
        return self._assessment(facts, evaluation, said)

    def assess_orders(self, facts: PatientFacts, *, signing: bool) -> Assessment:
        """Evaluate the draft orders of a session; at signing only warnings and critical cards are kept."""
        facts = in_one_order(facts)
        if self._is_child(facts):
            child = self._for_child(facts)
            return replace(child, cards=()) if signing else child
        evaluation = self._evaluate(facts)
        outcomes = self._order_outcomes(facts, evaluation)
        cards = [outcome.card for outcome in outcomes if outcome.card is not None]
        results = tuple(result for outcome in outcomes for result in outcome.results)
        shown = [card for card in cards if not signing or card.indicator is not Indicator.INFO]
        # At signing a card that only informs gives way, but for an order that the rows judge silence must not stand
        # for a report, or the end of one, that was not read; a card that is shown names it among its gaps.
        judged = concerned(facts)
        unread = self._unread_beside_orders(facts, evaluation, judged=judged)
        more = (unread or self._instead(facts, evaluation)) if not shown else () if evaluation.derived else unread
        shown += [card for card in more if not signing or (judged and card in _UNKNOWN_REPORTS)]
        assessment = self._assessment(facts, evaluation, tuple(shown))
        return replace(assessment, rules=(*assessment.rules, *results))

    def _unread_beside_orders(
        self, facts: PatientFacts, evaluation: _Evaluation, *, judged: bool
    ) -> tuple[PlannedCard, ...]:
        """One card for unread reports; where another report leads only beside orders that a row judges by name."""
        unread = unread_cards(facts, evaluation.reports) or (
            (UNREAD_CARD,) if _newest_unread(facts, evaluation) else ()
        )
        return () if evaluation.derived and not judged else unread

    def _instead(self, facts: PatientFacts, evaluation: _Evaluation) -> tuple[PlannedCard, ...]:
        """Say where no card speaks why that need not mean that there is nothing: at most one card."""
        return incomplete_cards(facts) or self._outdated(facts, evaluation) or foreign_cards(facts)

    def _outdated(self, facts: PatientFacts, evaluation: _Evaluation) -> tuple[PlannedCard, ...]:
        """Name the latest spine MRI where it is too old to be used, and what it or the chart says matters.

        An examination of the last year counts when it would have given cards, an older one only beside a sign of
        emergency or infection in the chart: most patients had some MRI years ago.
        """
        reports = evaluation.reports
        if reports.candidates or reports.unread or not reports.earlier:
            return ()
        latest, limit = reports.earlier[0], self._knowledge.thresholds.earlier_report_days.span
        recent = latest.date is not None and facts.as_of - latest.date <= limit
        told = recent and derive(self._context(facts, reports, latest), self._steps).state.trigger
        chart = derive(prepare(facts, self._basis, NO_REPORT, (), ()), self._steps).state
        alarming = chart.emergency is not Emergency.NONE or chart.clinical_infection is ClinicalInfection.SIGN
        return (outdated_card(latest, facts),) if told or alarming else ()

    def _order_outcomes(self, facts: PatientFacts, evaluation: _Evaluation) -> tuple[OrderOutcome, ...]:
        """Ask the order rules; without any report the chart alone may still tell a neurological emergency (O-CES)."""
        derived = evaluation.derived or derive(prepare(facts, self._basis, NO_REPORT, (), ()), self._steps)
        shown, limits = lane_cards(evaluation.decision), self._knowledge.thresholds
        outcomes = evaluate_orders(
            facts,
            derived.state,
            evaluation.decision,
            limits,
            lead=derived.context.lead,
            variables=derived.variables,
        )
        return tuple(
            replace(o, card=fitted(o.card, facts, derived.state, shown, limits)) if o.card else o for o in outcomes
        )

    # ---- who and which report ----

    def _is_child(self, facts: PatientFacts) -> bool:
        age = facts.demographics.age
        return age is not None and age < self._knowledge.thresholds.adult_years.value

    def _current(self, facts: PatientFacts) -> CurrentReports:
        window = self._knowledge.thresholds.report_window_days.span
        return current_reports(facts.reports, facts.as_of, window)

    def _for_child(self, facts: PatientFacts) -> Assessment:
        """Nothing is evaluated under 18; the card says so where a spine MRI would have been looked at."""
        reports = self._current(facts)
        cards: tuple[PlannedCard, ...] = ()
        if reports.candidates or reports.unread:
            cards = (PlannedCard("C91", "C91", Lane.SCOPE, "SCOPE", Indicator.INFO, causes=_age_cause(facts)),)
        evaluation = _Evaluation(reports, None, Decision(), ())
        return self._assessment(facts, evaluation, cards or incomplete_cards(facts) or foreign_cards(facts))

    def _evaluate(self, facts: PatientFacts) -> _Evaluation:
        """Evaluate the newest report with something to say; older ones only while none before them has."""
        reports = self._current(facts)
        newest: Derived | None = None
        for lead in reports.candidates:
            derived = derive(self._context(facts, reports, lead), self._steps)
            if derived.state.trigger:
                newest = derived
                break
            newest = newest or derived
        if newest is None:
            return _Evaluation(reports, None, Decision(), ())
        conflicts = contradictions(newest.context)
        newest.state.conflict = bool(conflicts)
        newest.state.serious_conflict = any(c.finding in SERIOUS for c in conflicts)
        return _Evaluation(reports, newest, decide(newest.state), conflicts)

    def _context(self, facts: PatientFacts, reports: CurrentReports, lead: Report) -> RuleContext:
        limits = self._knowledge.thresholds
        joined = same_episode(lead, reports.candidates, limits.report_same_episode_days.span)
        before = [
            r
            for r in (*reports.candidates, *reports.earlier)
            if r is not lead and r not in joined and _is_before(r, lead, limits)
        ]
        return prepare(facts, self._basis, lead, joined, before)

    # ---- answer ----

    def _lane_cards(self, evaluation: _Evaluation) -> tuple[PlannedCard, ...]:
        if evaluation.derived is None:
            return ()
        derived, planner = evaluation.derived, Planner(evaluation.derived, self._evidence)
        shown, limits = lane_cards(evaluation.decision), self._knowledge.thresholds
        planned = (planner.plan(card) for card in evaluation.decision.cards)
        return tuple(fitted(card, derived.context.facts, derived.state, shown, limits) for card in planned)

    def _assessment(self, facts: PatientFacts, evaluation: _Evaluation, cards: tuple[PlannedCard, ...]) -> Assessment:
        derived = evaluation.derived
        lead = derived.context.lead if derived else None
        return Assessment(
            as_of=facts.as_of,
            knowledge_version=self._knowledge.version,
            state=derived.state if derived else None,
            variables=derived.variables if derived else (),
            rules=(*(derived.results if derived else ()), *_row_results(evaluation.decision.lanes)),
            lanes=evaluation.decision.lanes,
            cards=cards,
            gaps=gaps_of(facts, lead, evaluation.reports.unread),
            conflicts=(*evaluation.conflicts, *(contradicting(derived.context) if derived else ())),
            leading_report=lead,
            labs=shown_labs(derived.context) if derived else (),
            citations=self._citations(cards),
            series=marker_series(derived.context) if derived else (),
            unknown_drugs=_unknown_drugs(facts),
        )

    def _citations(self, cards: Iterable[PlannedCard]) -> dict[str, Citation]:
        known = self._knowledge.evidence
        return {reference: known[reference] for card in cards for reference in card.evidence}


def _newest_unread(facts: PatientFacts, evaluation: _Evaluation) -> bool:
    derived = evaluation.derived
    return derived is not None and newest_is_unread(facts, evaluation.reports, derived.context.lead)


def _is_before(report: Report, lead: Report, limits: Thresholds) -> bool:
    """Tell whether an examination of the same region took place within a year before the leading one."""
    if report.date is None or lead.date is None or report.date >= lead.date:
        return False
    same = covers_region(report.region, lead.region) or covers_region(lead.region, report.region)
    return same and lead.date - report.date <= limits.earlier_report_days.span


def _age_cause(facts: PatientFacts) -> tuple[Cause, ...]:
    return (ChartCause("demographics", f"{facts.demographics.age}", None, Provenance("Patient", "birthDate")),)


def _unknown_drugs(facts: PatientFacts) -> tuple[str, ...]:
    """Running drugs that no code list knows: whether one masks markers or bars an NSAID was not looked at.

    Common drugs that no rule asks for, and those that act only where they are put, belong to a group of their own.
    """
    return tuple(dict.fromkeys(m.text for m in facts.medications if m.text and not m.groups and m.running is not False))


def _row_results(lanes: Iterable[LaneOutcome]) -> tuple[RuleResult, ...]:
    return tuple(
        RuleResult(
            rule_id=lane.row,
            fired=True,
            why=_ROW_SENTENCES[lane.row] + (f" Gave way: {lane.suppressed_by}." if lane.suppressed_by else ""),
        )
        for lane in lanes
    )
