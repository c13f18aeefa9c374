"""The facts of one evaluation, prepared once, and the questions that rules ask of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType

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
    Status,
)
from cds_service.knowledge.organisms import Organisms
from cds_service.knowledge.thresholds import Thresholds
from cds_service.rules.history import HistoryItem, histories
from cds_service.rules.levels import covers, in_order, sites, touches
from cds_service.rules.measured import standing
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
_NOTHING: Mapping[str, tuple[Signal, ...]] = MappingProxyType({})
_NO_VALUES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RuleContext:
    """Prepared facts of one patient at one moment, with the state variables decided so far.

    ``lead`` is the leading report, ``joined`` the other current reports of the same episode, ``earlier`` all other
    readable spine MRI reports, newest first. ``findings`` are those of ``lead`` and ``joined``. ``values`` and
    ``signals`` hold the state variables that are decided already, by name; a rule sees only those before its own.
    """

    facts: PatientFacts
    thresholds: Thresholds
    organisms: Organisms
    lead: Report
    joined: tuple[Report, ...] = ()
    earlier: tuple[Report, ...] = ()
    findings: tuple[FindingCause, ...] = ()
    history: tuple[HistoryItem, ...] = ()
    values: Mapping[str, str] = field(default_factory=lambda: _NO_VALUES, hash=False)
    signals: Mapping[str, tuple[Signal, ...]] = field(default_factory=lambda: _NOTHING, hash=False)

    # ---- time ----

    @property
    def as_of(self) -> datetime:
        """Moment of evaluation."""
        return self.facts.as_of

    @property
    def today(self) -> date:
        """Day of evaluation."""
        return self.facts.as_of.date()

    @property
    def mri_day(self) -> date | None:
        """Day of the leading examination."""
        return self.lead.date.date() if self.lead.date else None

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
        return tuple(f for f in self.findings if f.finding.finding in ids and weight(f.finding) >= least)

    def possible(self, *ids: FindingId) -> tuple[FindingCause, ...]:
        """Statements of these findings that are present, probable or possible."""
        return self.stated(*ids, least=Weight.POSSIBLE)

    def denied(self, *ids: FindingId) -> tuple[FindingCause, ...]:
        """Statements that these findings are absent."""
        return tuple(f for f in self.findings if f.finding.finding in ids and weight(f.finding) is Weight.ABSENT)

    @property
    def edema(self) -> tuple[FindingCause, ...]:
        """Statements of marrow edema, present or possible."""
        return self.possible(*EDEMA)

    @property
    def technique(self) -> Technique:
        """How the leading examination was done."""
        return self.lead.reading.technique

    # ---- places ----

    @property
    def active_levels(self) -> tuple[str, ...]:
        """Levels of all findings, present or possible, that are neither long-standing nor normal."""
        active = (f.finding for f in self.findings if f.finding.finding not in BACKGROUND)
        return in_order(level for f in active if weight(f) >= Weight.POSSIBLE and not _is_old(f) for level in f.levels)

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
        return tuple(f for f in causes if touches(f.finding.levels, wanted))

    # ---- history ----

    def having(self, *groups: ConditionGroup) -> tuple[HistoryItem, ...]:
        """Entries of these groups that are stated as true and are not said to be over."""
        return tuple(i for i in self._of(groups) if i.status is Status.PRESENT and not i.over)

    def ever(self, *groups: ConditionGroup) -> tuple[HistoryItem, ...]:
        """Entries of these groups that are or were true."""
        return tuple(i for i in self._of(groups) if i.status in {Status.PRESENT, Status.HISTORICAL})

    def recent(self, limit: timedelta, *groups: ConditionGroup) -> tuple[HistoryItem, ...]:
        """Entries whose last known day is at most ``limit`` ago; one that is not over and has no day counts."""
        return tuple(i for i in self.ever(*groups) if self._is_recent(i, limit))

    def _is_recent(self, item: HistoryItem, limit: timedelta) -> bool:
        days = self.days_since(item.last_day())
        return not item.over if days is None else days <= limit.days

    def _of(self, groups: tuple[ConditionGroup, ...]) -> Iterator[HistoryItem]:
        wanted = frozenset(groups)
        return (item for item in self.history if item.groups & wanted)

    @property
    def recent_trauma(self) -> tuple[HistoryItem, ...]:
        """Trauma or a fall of the last six weeks; one without a date counts when the report's history states it."""
        groups = (ConditionGroup.TRAUMA, ConditionGroup.HIGH_ENERGY_TRAUMA, ConditionGroup.FALL)
        limit = self.thresholds.trauma_recent_days.span.days
        return tuple(
            i
            for i in self.ever(*groups)
            if (not i.charted and i.started is None and not i.over)
            or (i.started is not None and 0 <= (self.today - i.started).days <= limit)
            or (i.charted and i.started is None and not i.over and (self.days_since(i.recorded) or 0) <= limit)
        )

    # ---- laboratory ----

    def results(self, *analytes: Analyte) -> tuple[LabValue, ...]:
        """Results of these tests, newest first; those without a date last, those dated in the future left out.

        Of several results of one moment a corrected one comes first, then a final one, then the more alarming value.
        """
        dated = [lab for lab in self.facts.labs if lab.analyte in analytes and lab.collected is not None]
        past = [lab for lab in dated if lab.collected is not None and lab.collected <= self.as_of]
        undated = [lab for lab in self.facts.labs if lab.analyte in analytes and lab.collected is None]
        return (
            *sorted(past, key=standing, reverse=True),
            *sorted(undated, key=standing, reverse=True),
        )

    def newest(self, analyte: Analyte, limit: timedelta) -> LabValue | None:
        """Newest result of one test that was collected at most ``limit`` before now."""
        return next((lab for lab in self.results(analyte) if self._within(lab, limit)), None)

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
        return tuple(m for m in self.facts.medications if m.groups & frozenset(groups) and m.running is not False)

    def taken_since(self, limit: timedelta, *groups: DrugGroup) -> tuple[Medication, ...]:
        """Drugs of these groups that are taken, or were at most ``limit`` ago."""
        return tuple(
            m
            for m in self.facts.medications
            if m.groups & frozenset(groups) and (m.running is not False or self._ended_within(m, limit))
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
            ChartCause("procedure", p.text, p.performed, p.provenance)
            for p in self.facts.procedures
            if p.groups & frozenset(groups)
        )

    def operated(self, limit: timedelta, *groups: ProcedureGroup) -> tuple[ChartCause, ...]:
        """Procedures of these groups at most ``limit`` ago."""
        return tuple(
            ChartCause("procedure", p.text, p.performed, p.provenance)
            for p in self.facts.procedures
            if p.groups & frozenset(groups)
            and p.performed is not None
            and 0 <= (self.today - p.performed).days <= limit.days
        )

    def implanted(self, *groups: DeviceGroup) -> tuple[ChartCause, ...]:
        """Devices of these groups."""
        return tuple(
            ChartCause("device", d.text, None, d.provenance) for d in self.facts.devices if d.groups & frozenset(groups)
        )

    # ---- decided variables ----

    def value(self, variable: str) -> str:
        """Value of a variable that was decided before; empty when none of its rules fired."""
        return self.values.get(variable, "")

    def fired(self, variable: str) -> tuple[Signal, ...]:
        """Signals of a variable that was decided before."""
        return self.signals.get(variable, ())

    def deciding(self, values: dict[str, str], signals: dict[str, tuple[Signal, ...]]) -> "RuleContext":
        """The same facts with a view of what the caller decides, one variable after the other."""
        return replace(self, values=MappingProxyType(values), signals=MappingProxyType(signals))


@dataclass(frozen=True, slots=True)
class Basis:
    """Knowledge that rules ask: the numbers and the names of germs."""

    thresholds: Thresholds
    organisms: Organisms


def prepare(
    facts: PatientFacts, basis: Basis, lead: Report, joined: Iterable[Report], earlier: Iterable[Report]
) -> RuleContext:
    """Prepare the facts around a leading report. Findings come from it and from the reports joined to it.

    History sentences of earlier reports count only through the leading and joined ones: they may be outdated.
    """
    beside = tuple(joined)
    current = (lead, *beside)
    return RuleContext(
        facts=facts,
        thresholds=basis.thresholds,
        organisms=basis.organisms,
        lead=lead,
        joined=beside,
        earlier=tuple(earlier),
        findings=tuple(cause for report in current for cause in as_causes(report)),
        history=tuple(histories(facts.conditions, current)),
    )


def _is_old(finding: TextFinding) -> bool:
    return Qualifier.OLD in finding.qualifiers


def levels_of(causes: Iterable[Cause]) -> tuple[str, ...]:
    """Levels that finding causes name, from cranial to caudal, without repeats."""
    return in_order(level for cause in causes if isinstance(cause, FindingCause) for level in cause.finding.levels)


def has(finding: FindingCause, *qualifiers: Qualifier) -> bool:
    """Tell whether a statement carries one of the qualifiers."""
    return bool(finding.finding.qualifiers & frozenset(qualifiers))


def without(causes: Iterable[FindingCause], *qualifiers: Qualifier) -> tuple[FindingCause, ...]:
    """Statements that carry none of the qualifiers."""
    return tuple(f for f in causes if not has(f, *qualifiers))


def items(found: Iterable[HistoryItem]) -> tuple[Cause, ...]:
    """History entries as causes."""
    return tuple(item.cause for item in found)


def drugs(found: Iterable[Medication]) -> tuple[Cause, ...]:
    """Drugs as causes."""
    return tuple(MedicationCause(drug) for drug in found)


def labs(*found: LabValue | None) -> tuple[Cause, ...]:
    """Results as causes, without the missing ones."""
    return tuple(LabCause(lab) for lab in found if lab is not None)
