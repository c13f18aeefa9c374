"""Evaluates one patient: which report leads, what the rules say of it, which cards follow from the decision tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from cds_service.domain.assessment import (
    Assessment,
    Cause,
    ChartCause,
    Citation,
    LabCause,
    LaneOutcome,
    PlannedCard,
    RuleResult,
)
from cds_service.domain.facts import (
    Conflict,
    ConflictKind,
    Gap,
    GapCode,
    PatientFacts,
    Provenance,
    Reading,
    Report,
)
from cds_service.domain.vocabulary import Analyte, BodyRegion, FindingId, Indicator, Lane, Modality
from cds_service.knowledge.organisms import Organisms
from cds_service.knowledge.thresholds import Thresholds
from cds_service.rules.arbitration import Decision, decide
from cds_service.rules.catalogue import RULES
from cds_service.rules.context import BACKGROUND, Basis, RuleContext, prepare
from cds_service.rules.derive import Derived, derive
from cds_service.rules.laboratory import markers
from cds_service.rules.lanes import row_catalogue
from cds_service.rules.ordering import in_one_order
from cds_service.rules.orders import OrderOutcome, evaluate_orders
from cds_service.rules.planning import Planner
from cds_service.rules.polarity import Weight, weight
from cds_service.rules.reports import (
    PRELIMINARY,
    CurrentReports,
    covers_region,
    current_reports,
    findings_of,
    same_episode,
)
from cds_service.rules.rule import Rule
from cds_service.rules.series import contradicting, marker_series

_SHOWN_ALONGSIDE = (
    Analyte.WBC,
    Analyte.PROCALCITONIN,
    Analyte.TEMPERATURE,
    Analyte.BLOOD_CULTURE,
)
# Contradictions on these change no advice.
_HARMLESS = BACKGROUND | {
    FindingId.POSTOPERATIVE,
    FindingId.IMPLANT,
    FindingId.CEMENT,
    FindingId.RADIATION,
    FindingId.ENHANCEMENT,
}
# A contradiction on one of these leaves open what a conservative plan takes for settled.
_SERIOUS = frozenset(
    {
        FindingId.FRACTURE,
        FindingId.FRACTURE_LINE,
        FindingId.RETROPULSION,
        FindingId.UNSTABLE,
        FindingId.LIGAMENT_INJURY,
        FindingId.MALALIGNMENT,
        FindingId.INFECTION_STATED,
        FindingId.ABSCESS_EPIDURAL,
        FindingId.ABSCESS_PARASPINAL,
        FindingId.PARAVERTEBRAL_EDEMA,
        FindingId.PSOAS,
        FindingId.DISC_FLUID,
        FindingId.DISC_DESTROYED,
        FindingId.DISC_ENHANCEMENT,
        FindingId.ENDPLATE_EROSION,
        FindingId.METASTASIS,
        FindingId.TUMOR,
        FindingId.MALIGNANCY_STATED,
        FindingId.LYSIS,
        FindingId.SOFT_MASS,
        FindingId.EXPANSILE,
        FindingId.T1_REPLACED,
        FindingId.SPINAL_HEMATOMA,
        FindingId.CORD,
        FindingId.CORD_SIGNAL,
        FindingId.CAUDA,
        FindingId.CAUDA_MILD,
    }
)
# The list of reports did not come whole.
_INCOMPLETE = frozenset({GapCode.FETCH_INCOMPLETE, GapCode.PREFETCH_MISSING, GapCode.OPERATION_OUTCOME})
# Stands for the report where there is none: it states nothing and triggers nothing.
_NO_REPORT = Report(
    provenance=Provenance("DiagnosticReport"),
    status="unknown",
    effective=None,
    issued=None,
    title="",
    codes=(),
    modality=Modality.UNKNOWN,
    region=BodyRegion.UNKNOWN,
    texts=(),
    reading=Reading(None),
)
_ROW_SENTENCES = {row.id: row.sentence for row in row_catalogue()}


# Advice that must not stand while a newer spine MRI, or the end of this one, has not been read.
_CALM = frozenset({"C50", "C60", "C63", "C80", "C82", "C83"})
_UNREAD_CARD = PlannedCard("C92", "C92", Lane.UNREAD, "UNREAD", Indicator.INFO, missing=("report_text",))


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
        self._rules = rules

    def assess(self, facts: PatientFacts) -> Assessment:
        """Evaluate for the view of a patient. Raises whatever a rule raises: no answer is better than half of one."""
        facts = in_one_order(facts)
        if self._is_child(facts):
            return self._for_child(facts)
        evaluation = self._evaluate(facts)
        cards = self._lane_cards(evaluation)
        unread = _unread_cards(facts, evaluation.reports)
        if _newest_is_unread(facts, evaluation):
            cards = tuple(card for card in cards if card.card_id not in _CALM)
            unread = unread or (_UNREAD_CARD,)
        return self._assessment(facts, evaluation, (*cards, *unread) or _incomplete_cards(facts))

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
        unread = () if evaluation.derived else _unread_cards(facts, evaluation.reports)
        every = (*cards, *unread) or _incomplete_cards(facts)
        shown = [c for c in every if not signing or c.indicator is not Indicator.INFO]
        assessment = self._assessment(facts, evaluation, tuple(shown))
        return replace(assessment, rules=(*assessment.rules, *results))

    def _order_outcomes(self, facts: PatientFacts, evaluation: _Evaluation) -> tuple[OrderOutcome, ...]:
        """Ask the order rules; without any report the chart alone may still tell a neurological emergency (O-CES)."""
        derived = evaluation.derived or derive(prepare(facts, self._basis, _NO_REPORT, (), ()), self._rules)
        return evaluate_orders(
            facts,
            derived.state,
            evaluation.decision,
            self._knowledge.thresholds,
            lead=derived.context.lead,
            variables=derived.variables,
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
        return self._assessment(facts, evaluation, cards or _incomplete_cards(facts))

    def _evaluate(self, facts: PatientFacts) -> _Evaluation:
        """Evaluate the newest report with something to say; older ones only while none before them has."""
        reports = self._current(facts)
        newest: Derived | None = None
        for lead in reports.candidates:
            derived = derive(self._context(facts, reports, lead), self._rules)
            if derived.state.trigger:
                newest = derived
                break
            newest = newest or derived
        if newest is None:
            return _Evaluation(reports, None, Decision(), ())
        conflicts = _conflicts(newest.context)
        serious = any(c.finding in _SERIOUS for c in conflicts)
        state = replace(newest.state, conflict=bool(conflicts), serious_conflict=serious)
        return _Evaluation(reports, replace(newest, state=state), decide(state), conflicts)

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
        planner = Planner(evaluation.derived, self._rules)
        return tuple(planner.plan(card) for card in evaluation.decision.cards)

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
            gaps=_gaps(facts, lead, evaluation.reports.unread),
            conflicts=(*evaluation.conflicts, *(contradicting(derived.context) if derived else ())),
            leading_report=lead,
            labs=_shown_labs(derived.context) if derived else (),
            citations=self._citations(cards),
            series=marker_series(derived.context) if derived else (),
            unknown_drugs=_unknown_drugs(facts),
        )

    def _citations(self, cards: Iterable[PlannedCard]) -> dict[str, Citation]:
        known = self._knowledge.evidence
        return {reference: known[reference] for card in cards for reference in card.evidence}


def _is_before(report: Report, lead: Report, limits: Thresholds) -> bool:
    """Tell whether an examination of the same region took place within a year before the leading one."""
    if report.date is None or lead.date is None or report.date >= lead.date:
        return False
    same = covers_region(report.region, lead.region) or covers_region(lead.region, report.region)
    return same and lead.date - report.date <= limits.earlier_report_days.span


def _conflicts(context: RuleContext) -> tuple[Conflict, ...]:
    """Contradictions that may change the advice: those on long-standing findings are left out."""
    reports = (context.lead, *context.joined)
    found = [c for r in reports for c in r.reading.conflicts if c.finding not in _HARMLESS]
    return (*found, *_between_reports(context))


def _between_reports(context: RuleContext) -> tuple[Conflict, ...]:
    """Two reports of one day and region that state and deny the same finding at the same level."""
    lead = context.lead
    same_day = [
        r
        for r in (*context.joined, *context.earlier)
        if r.date and lead.date and r.date.date() == lead.date.date() and covers_region(r.region, lead.region)
    ]
    return tuple(
        Conflict(ConflictKind.REPORTS, one.finding, (one.sentence, other.sentence), one.levels)
        for report in same_day
        for one in findings_of(lead)
        for other in findings_of(report)
        if one.finding is other.finding
        and one.finding not in _HARMLESS
        and one.levels == other.levels
        and {weight(one), weight(other)} == {Weight.PRESENT, Weight.ABSENT}
    )


def _unread_cards(facts: PatientFacts, reports: CurrentReports) -> tuple[PlannedCard, ...]:
    """One card for spine MRI reports that could not be read: silence would read as all-clear."""
    return (_UNREAD_CARD,) if reports.unread or _lost_reports(facts) else ()


def _lost_reports(facts: PatientFacts) -> bool:
    return any(g.code is GapCode.RESOURCE_UNREADABLE and g.resource.startswith("DiagnosticReport") for g in facts.gaps)


def _newest_is_unread(facts: PatientFacts, evaluation: _Evaluation) -> bool:
    """Tell whether a spine MRI as new as the leading one, or the end of the leading one, could not be read."""
    if evaluation.derived is None:
        return False
    lead = evaluation.derived.context.lead
    cut_short = any(g.code is GapCode.REPORT_TRUNCATED and g.resource == lead.provenance.reference for g in facts.gaps)
    newer = any(r.date is None or lead.date is None or r.date >= lead.date for r in evaluation.reports.unread)
    return cut_short or newer or _lost_reports(facts)


def _incomplete_cards(facts: PatientFacts) -> tuple[PlannedCard, ...]:
    """Say where nothing else is said that reports are missing: the one that matters may be among them."""
    if not any(g.code in _INCOMPLETE and g.resource == "DiagnosticReport" for g in facts.gaps):
        return ()
    return (PlannedCard("C92", "C92-L", Lane.UNREAD, "UNREAD", Indicator.INFO, missing=("report_text",)),)


def _age_cause(facts: PatientFacts) -> tuple[Cause, ...]:
    return (ChartCause("demographics", f"{facts.demographics.age}", None, Provenance("Patient", "birthDate")),)


def _gaps(facts: PatientFacts, lead: Report | None, unread: Iterable[Report]) -> tuple[Gap, ...]:
    """Gaps of the data, with those that only the evaluation knows: unknown age, preliminary, undated, unread report."""
    known = {(gap.code, gap.resource) for gap in facts.gaps}
    named = {gap.resource for gap in facts.gaps}
    more = [_unread_gap(report) for report in unread if report.provenance.reference not in named]
    if facts.demographics.age is None:
        more.append(Gap(GapCode.AGE_UNKNOWN, "Patient", "birthDate", clinical=True))
    if facts.demographics.sex is None:
        more.append(Gap(GapCode.SEX_UNKNOWN, "Patient", "gender", clinical=True))
    if lead is not None:
        place = lead.provenance.reference
        if lead.status in PRELIMINARY:
            more.append(Gap(GapCode.REPORT_PRELIMINARY, place, "status", clinical=True))
        if lead.date is None:
            more.append(Gap(GapCode.MISSING_DATE, place, "effectiveDateTime", clinical=True))
    codes = {gap.code for gap in facts.gaps}
    new = [g for g in more if (g.code, g.resource) not in known and not (g.resource == "Patient" and g.code in codes)]
    return (*facts.gaps, *new)


def _unknown_drugs(facts: PatientFacts) -> tuple[str, ...]:
    """Running drugs that no code list knows: whether one masks markers or bars an NSAID was not looked at."""
    return tuple(dict.fromkeys(m.text for m in facts.medications if m.text and not m.groups and m.running is not False))


def _unread_gap(report: Report) -> Gap:
    code = GapCode.REPORT_LANGUAGE_UNKNOWN if report.texts else GapCode.REPORT_WITHOUT_TEXT
    return Gap(code, report.provenance.reference, "presentedForm", clinical=True)


def _shown_labs(context: RuleContext) -> tuple[LabCause, ...]:
    """CRP and ESR with the word whether they still count, then values that are shown but decide nothing."""
    known = markers(context)
    pairs = ((known.shown_crp, known.crp), (known.shown_esr, known.esr))
    shown = [LabCause(lab, fresh=usable is not None) for lab, usable in pairs if lab is not None]
    window = context.thresholds.labs_before_mri_days.span
    beside = (context.newest(analyte, window) for analyte in _SHOWN_ALONGSIDE)
    return (*shown, *(LabCause(lab) for lab in beside if lab is not None))


def _row_results(lanes: Iterable[LaneOutcome]) -> tuple[RuleResult, ...]:
    return tuple(
        RuleResult(
            rule_id=lane.row,
            fired=True,
            why=_ROW_SENTENCES[lane.row] + (f" Gave way: {lane.suppressed_by}." if lane.suppressed_by else ""),
        )
        for lane in lanes
    )
