"""The facts of one evaluation, prepared once, and the questions that rules ask of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import wraps
from typing import Any, TypeVar

from cds_service.domain.assessment import (
    Cause,
    ChartCause,
    FindingCause,
    LabCause,
    MedicationCause,
    Signal,
)
from cds_service.domain.facts import LabValue, Medication, PatientFacts, Report, Technique, TextFinding
from cds_service.domain.vocabulary import (
    Analyte,
    ConditionGroup,
    DeviceGroup,
    DrugGroup,
    FindingId,
    ProcedureGroup,
    Qualifier,
)
from cds_service.knowledge.organisms import Organisms
from cds_service.knowledge.thresholds import Thresholds
from cds_service.rules.history import HistoryItem, histories
from cds_service.rules.levels import covers, in_order, sites, touches
from cds_service.rules.lookup import by_finding, by_group
from cds_service.rules.polarity import Weight, weight
from cds_service.rules.reports import as_causes

EDEMA = (
    FindingId.EDEMA,
    FindingId.EDEMA_ENDPLATE,
    FindingId.EDEMA_DIFFUSE,
    FindingId.CONTUSION,
)
# Long-standing or normal findings, which stand at many levels of most reports, and those beside the spine: they make no
# second place of disease.
BACKGROUND = frozenset(
    {
        FindingId.DISC_DEGENERATION,
        FindingId.DISC_BULGE,
        FindingId.DISC_HERNIATION,
        FindingId.DISC_VACUUM,
        FindingId.DISC_NORMAL,
        FindingId.ANNULAR_FISSURE,
        FindingId.MODIC2,
        FindingId.MODIC3,
        FindingId.ENDPLATE_DEGENERATION,
        FindingId.ENDPLATE_INTACT,
        FindingId.CANAL_STENOSIS,
        FindingId.FORAMINAL_STENOSIS,
        FindingId.ROOT,
        FindingId.FACET_DEGENERATION,
        FindingId.SPONDYLOSIS,
        FindingId.SPONDYLOLISTHESIS,
        FindingId.DEGENERATIVE_CHANGE,
        FindingId.DEFORMITY,
        FindingId.KYPHOSIS,
        FindingId.ANKYLOSIS,
        FindingId.OSTEOPOROSIS,
        FindingId.HEMATOPOIETIC,
        FindingId.EXTRASPINAL_SUSPICION,
    }
)


@dataclass(frozen=True, slots=True)
class Basis:
    """Knowledge that rules ask: the numbers and the names of germs."""

    thresholds: Thresholds
    organisms: Organisms


class RuleContext:
    """Prepared facts of one patient at one moment, with the state variables decided so far.

    ``lead`` is the leading report, ``joined`` the other current reports of the same episode, ``earlier`` all other
    readable spine MRI reports, newest first. ``findings`` are those of ``lead`` and ``joined``. ``values`` and
    ``signals`` hold the state variables that are decided already, by name; a rule sees only those before its own.

    Facts are sorted once by what rules ask for, since all rules together ask some hundred times.
    """

    def __init__(
        self, facts: PatientFacts, basis: Basis, lead: Report, joined: tuple[Report, ...], earlier: tuple[Report, ...]
    ) -> None:
        self.facts = facts
        self.thresholds = basis.thresholds
        self.organisms = basis.organisms
        self.lead = lead
        self.joined = joined
        self.earlier = earlier
        current = (lead, *joined)
        self.findings = tuple([cause for report in current for cause in as_causes(report)])
        self.values: dict[str, str] = {}
        self.signals: dict[str, tuple[Signal, ...]] = {}
        # Answers that hang on the facts alone, and those that hang on variables; how often variables were asked for.
        self.kept: dict[object, Any] = {}
        self.answers: dict[object, Any] = {}
        self.variables_asked = 0
        # Moment and day of evaluation, and day of the leading examination.
        self.as_of = facts.as_of
        self.today = facts.as_of.date()
        self.mri_day = lead.date.date() if lead.date else None
        self._stated = by_finding(self.findings)
        self._charted = by_group(facts, tuple(histories(facts.conditions, current)))
        # Everything that the chart holds, by the words of rules.
        self.words = self._stated.words() | self._charted.words()
        self._edema: tuple[FindingCause, ...] | None = None
        self._recent_trauma: tuple[HistoryItem, ...] | None = None
        self._active_levels: tuple[str, ...] | None = None

    def decide(self, variable: str, value: str, signals: tuple[Signal, ...]) -> None:
        """Keep a variable that rules have set; what was asked before it was known may now be answered otherwise."""
        self.values[variable] = value
        self.signals[variable] = signals
        self.answers.clear()

    def leave(self, variable: str, value: str) -> None:
        """Keep a variable that no rule has set, with the value that it has then."""
        self.values[variable] = value
        if value:
            self.answers.clear()

    # ---- time ----

    def days_since(self, day: date | None) -> int | None:
        """Whole days from ``day`` to today; ``None`` without a day."""
        return None if day is None else (self.today - day).days

    # ---- demographics ----

    @property
    def age(self) -> int | None:
        """Completed years."""
        return self.facts.demographics.age

    # ---- findings ----

    def stated(self, *ids: FindingId, least: Weight = Weight.PRESENT) -> tuple[FindingCause, ...]:
        """Statements of these findings that weigh at least ``least``; probable counts as present."""
        return self._stated.present.of(ids) if least is Weight.PRESENT else self._stated.possible.of(ids)

    def possible(self, *ids: FindingId) -> tuple[FindingCause, ...]:
        """Statements of these findings that are present, probable or possible."""
        return self._stated.possible.of(ids)

    def denied(self, *ids: FindingId) -> tuple[FindingCause, ...]:
        """Statements that these findings are absent."""
        return self._stated.absent.of(ids)

    def named(self, *ids: FindingId) -> tuple[FindingCause, ...]:
        """Statements of these findings, whatever they say of them: past, asked for and not assessable as well."""
        return self._stated.named.of(ids)

    @property
    def edema(self) -> tuple[FindingCause, ...]:
        """Statements of marrow edema, present or possible."""
        if self._edema is None:
            self._edema = self.possible(*EDEMA)
        return self._edema

    @property
    def technique(self) -> Technique:
        """How the leading examination was done."""
        return self.lead.reading.technique

    # ---- places ----

    @property
    def active_levels(self) -> tuple[str, ...]:
        """Levels of all findings, present or possible, that are neither long-standing nor normal."""
        if self._active_levels is None:
            active = [f.finding for f in self.findings if f.finding.finding not in BACKGROUND]
            counting = [f for f in active if weight(f) >= Weight.POSSIBLE and not _is_old(f)]
            self._active_levels = in_order([level for f in counting for level in f.levels])
        return self._active_levels

    @property
    def one_site(self) -> bool:
        """Tell whether all active findings lie at one place, or none names a level."""
        return sites([self.active_levels]) <= 1

    def explains(self, benign: Iterable[FindingCause], levels: Iterable[str]) -> bool:
        """Tell whether benign statements lie at every one of ``levels``; without any, wherever disease is reported.

        A benign statement without level explains something only in a report about one single place, so that a benign
        pattern never quiets a suspicious one elsewhere.
        """
        known = list(benign)
        if not known:
            return False
        named = [level for f in known for level in f.finding.levels]
        wanted = tuple(levels) or self.active_levels
        if named and wanted:
            return covers(named, wanted)
        return self.one_site

    def at(self, causes: Iterable[FindingCause], levels: Iterable[str]) -> tuple[FindingCause, ...]:
        """Statements at one of ``levels``; a missing level on either side may be the same place."""
        wanted = tuple(levels)
        return tuple([f for f in causes if touches(f.finding.levels, wanted)])

    # ---- history ----

    def having(self, *groups: ConditionGroup) -> tuple[HistoryItem, ...]:
        """Entries of these groups that are stated as true and are not said to be over."""
        return self._charted.true.of(groups)

    def ever(self, *groups: ConditionGroup) -> tuple[HistoryItem, ...]:
        """Entries of these groups that are or were true."""
        return self._charted.ever.of(groups)

    def recent(self, limit: timedelta, *groups: ConditionGroup) -> tuple[HistoryItem, ...]:
        """Entries whose last known day is at most ``limit`` ago; one that is not over and has no day counts."""
        return tuple([i for i in self.ever(*groups) if self._is_recent(i, limit)])

    def _is_recent(self, item: HistoryItem, limit: timedelta) -> bool:
        days = self.days_since(item.last_day())
        return not item.over if days is None else days <= limit.days

    @property
    def recent_trauma(self) -> tuple[HistoryItem, ...]:
        """Trauma or a fall of the last six weeks; one without a date counts when the report's history states it."""
        if self._recent_trauma is None:
            groups = (ConditionGroup.TRAUMA, ConditionGroup.HIGH_ENERGY_TRAUMA, ConditionGroup.FALL)
            self._recent_trauma = tuple([i for i in self.ever(*groups) if self._is_recent_trauma(i)])
        return self._recent_trauma

    def _is_recent_trauma(self, item: HistoryItem) -> bool:
        limit = self.thresholds.trauma_recent_days.span.days
        if item.started is not None:
            return 0 <= (self.today - item.started).days <= limit
        return not item.over and (not item.charted or (self.days_since(item.recorded) or 0) <= limit)

    # ---- laboratory ----

    def results(self, *analytes: Analyte) -> tuple[LabValue, ...]:
        """Results of these tests, newest first; those without a date last, those dated in the future left out.

        Of several results of one moment a corrected one comes first, then a final one, then the more alarming value.
        """
        return self._charted.results.of(analytes)

    def newest(self, analyte: Analyte, limit: timedelta) -> LabValue | None:
        """Newest result of one test that was collected at most ``limit`` before now."""
        for lab in self.results(analyte):
            if self._within(lab, limit):
                return lab
        return None

    def within(self, limit: timedelta, *analytes: Analyte) -> tuple[LabValue, ...]:
        """Results of these tests that were collected at most ``limit`` before now, newest first."""
        return tuple(lab for lab in self.results(*analytes) if self._within(lab, limit))

    def cultures(self, limit: timedelta) -> tuple[LabValue, ...]:
        """Blood cultures collected at most ``limit`` before now; an undated one counts."""
        found = self.results(Analyte.BLOOD_CULTURE)
        return tuple(lab for lab in found if lab.collected is None or self._within(lab, limit))

    def _within(self, lab: LabValue, limit: timedelta) -> bool:
        return lab.collected is not None and self.as_of - lab.collected <= limit

    # ---- drugs, procedures, devices ----

    def taking(self, *groups: DrugGroup) -> tuple[Medication, ...]:
        """Drugs of these groups that are not known to be stopped."""
        return tuple([m for m in self._charted.drugs.of(groups) if m.running is not False])

    def taken_since(self, limit: timedelta, *groups: DrugGroup) -> tuple[Medication, ...]:
        """Drugs of these groups that are taken, or were at most ``limit`` ago."""
        return tuple(
            [m for m in self._charted.drugs.of(groups) if m.running is not False or self._ended_within(m, limit)]
        )

    def _ended_within(self, drug: Medication, limit: timedelta) -> bool:
        days = self.days_since(drug.end or drug.start)
        return days is not None and days <= limit.days

    @property
    def masking_steroids(self) -> tuple[Medication, ...]:
        """Glucocorticoids at the dose and for the time that blunt CRP; an unread dose or start counts."""
        limits = self.thresholds
        return tuple(
            m
            for m in self.taking(DrugGroup.GLUCOCORTICOID)
            if (m.prednisone_equivalent is None or m.prednisone_equivalent >= limits.mask_prednisone_dose.value)
            and (m.start is None or (self.today - m.start).days >= limits.mask_prednisone_days.value)
        )

    def ever_operated(self, *groups: ProcedureGroup) -> tuple[ChartCause, ...]:
        """Procedures of these groups at any time."""
        return tuple(
            [ChartCause("procedure", p.text, p.performed, p.provenance) for p in self._charted.procedures.of(groups)]
        )

    def operated(self, limit: timedelta, *groups: ProcedureGroup) -> tuple[ChartCause, ...]:
        """Procedures of these groups at most ``limit`` ago."""
        return tuple(
            [
                ChartCause("procedure", p.text, p.performed, p.provenance)
                for p in self._charted.procedures.of(groups)
                if p.performed is not None and 0 <= (self.today - p.performed).days <= limit.days
            ]
        )

    def implanted(self, *groups: DeviceGroup) -> tuple[ChartCause, ...]:
        """Devices of these groups."""
        return tuple([ChartCause("device", d.text, None, d.provenance) for d in self._charted.devices.of(groups)])

    # ---- decided variables ----

    def value(self, variable: str) -> str:
        """Value of a variable that was decided before; empty when none of its rules fired."""
        self.variables_asked += 1
        return self.values.get(variable, "")

    def fired(self, variable: str) -> tuple[Signal, ...]:
        """Signals of a variable that was decided before."""
        self.variables_asked += 1
        return self.signals.get(variable, ())


Answer = TypeVar("Answer")


def remembered(ask: Callable[[RuleContext], Answer]) -> Callable[[RuleContext], Answer]:
    """Answer a question once for an evaluation; one that asks variables, once until the next of them is set."""

    @wraps(ask)
    def answer(context: RuleContext) -> Answer:
        found: Answer
        if ask in context.kept:
            found = context.kept[ask]
        elif ask in context.answers:
            found = context.answers[ask]
            context.variables_asked += 1
        else:
            before = context.variables_asked
            found = ask(context)
            known = context.kept if context.variables_asked == before else context.answers
            known[ask] = found
        return found

    return answer


def prepare(
    facts: PatientFacts, basis: Basis, lead: Report, joined: Iterable[Report], earlier: Iterable[Report]
) -> RuleContext:
    """Prepare the facts, which stand in one order, around a leading report.

    Findings come from it and from the reports joined to it. History sentences of earlier reports count only through
    the leading and joined ones: they may be outdated.
    """
    return RuleContext(facts, basis, lead, tuple(joined), tuple(earlier))


def _is_old(finding: TextFinding) -> bool:
    return Qualifier.OLD in finding.qualifiers


def levels_of(causes: Iterable[Cause]) -> tuple[str, ...]:
    """Levels that finding causes name, from cranial to caudal, without repeats."""
    return in_order([level for cause in causes if isinstance(cause, FindingCause) for level in cause.finding.levels])


def has(finding: FindingCause, *qualifiers: Qualifier) -> bool:
    """Tell whether a statement carries one of the qualifiers."""
    return not finding.finding.qualifiers.isdisjoint(qualifiers)


def without(causes: Iterable[FindingCause], *qualifiers: Qualifier) -> tuple[FindingCause, ...]:
    """Statements that carry none of the qualifiers."""
    return tuple([f for f in causes if f.finding.qualifiers.isdisjoint(qualifiers)])


def items(found: Iterable[HistoryItem]) -> tuple[Cause, ...]:
    """History entries as causes."""
    return tuple([item.cause for item in found])


def drugs(found: Iterable[Medication]) -> tuple[Cause, ...]:
    """Drugs as causes."""
    return tuple([MedicationCause(drug) for drug in found])


def labs(*found: LabValue | None) -> tuple[Cause, ...]:
    """Results as causes, without the missing ones."""
    return tuple([LabCause(lab) for lab in found if lab is not None])
