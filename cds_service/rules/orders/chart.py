"""Questions to the chart that several order rules ask; each answer keeps the facts it rests on."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TypeAlias

from cds_service.domain.assessment import (
    Cause,
    ChartCause,
    ConditionCause,
    LabCause,
    MedicationCause,
    OrderCause,
    StatedCause,
)
from cds_service.domain.facts import LabValue, Medication, OrderFact, PatientFacts, Report
from cds_service.domain.vocabulary import (
    Analyte,
    ConditionGroup,
    DeviceGroup,
    DrugGroup,
    FindingId,
    Modality,
    ProcedureGroup,
    Status,
)
from cds_service.rules.measured import standing
from cds_service.rules.reports import findings_of, in_window, newest_first, passes_gate

# Seen by magnetic resonance alone, so that the report must be of an MRI.
_MR_ONLY = frozenset({FindingId.EDEMA, FindingId.EDEMA_ENDPLATE, FindingId.EDEMA_DIFFUSE, FindingId.MODIC1})

DrugCause: TypeAlias = MedicationCause | OrderCause


def days_since(facts: PatientFacts, day: date | None) -> int | None:
    """Whole days between a date and now; ``None`` without a date."""
    if day is None:
        return None
    return (facts.as_of.date() - (day.date() if isinstance(day, datetime) else day)).days


def within(facts: PatientFacts, day: date | None, limit: timedelta) -> bool:
    """Whether a date is known and lies in the past, at most ``limit`` before now."""
    days = days_since(facts, day)
    return days is not None and 0 <= days <= limit.days


def without_old_reports(facts: PatientFacts, limit: timedelta) -> PatientFacts:
    """The same facts with reports of at most ``limit`` ago: what an old report told of the patient may be outdated."""
    current = tuple([each for each in facts.reports if in_window(each, facts.as_of, limit)])
    return facts if len(current) == len(facts.reports) else replace(facts, reports=current)


def newest(facts: PatientFacts, analyte: Analyte, limit: timedelta | None = None) -> LabValue | None:
    """The newest dated numeric result of one analyte, at most ``limit`` old."""
    dated = [
        (lab.collected, lab)
        for lab in facts.labs
        if lab.analyte is analyte and lab.value is not None and lab.collected is not None
    ]
    fresh = [pair for pair in dated if pair[0] <= facts.as_of and (limit is None or facts.as_of - pair[0] <= limit)]
    return max((lab for _, lab in fresh), key=standing) if fresh else None


def seen(lab: LabValue | None) -> tuple[LabCause, ...]:
    """A result as cause."""
    return () if lab is None else (LabCause(lab),)


def charted(facts: PatientFacts, *groups: ConditionGroup) -> tuple[Cause, ...]:
    """Problems of the groups that are not over, from the problem list and from the history in the reports."""
    found: list[Cause] = [
        ConditionCause(each)
        for each in facts.conditions
        if each.active is not False and each.status is Status.PRESENT and not each.groups.isdisjoint(groups)
    ]
    for report in facts.reports:
        told = [fact for fact in report.reading.stated if fact.group in groups and fact.status is Status.PRESENT]
        found.extend([StatedCause(fact, report.provenance) for fact in told])
    return tuple(found)


def charted_since(facts: PatientFacts, limit: timedelta, *groups: ConditionGroup) -> tuple[Cause, ...]:
    """Problems of the groups that are active, at most ``limit`` past, or without any date and end."""
    wanted = frozenset(groups)
    return tuple(
        ConditionCause(condition)
        for condition in facts.conditions
        if condition.groups & wanted
        and condition.status in {Status.PRESENT, Status.HISTORICAL}
        and (
            condition.active is True
            or within(facts, condition.abated or condition.onset or condition.recorded, limit)
            or (condition.active is None and not (condition.abated or condition.onset or condition.recorded))
        )
    )


def taken(facts: PatientFacts, *groups: DrugGroup) -> tuple[Medication, ...]:
    """Drugs of the groups that are not known to be stopped."""
    known = [drug for drug in facts.medications if not drug.groups.isdisjoint(groups)]
    return tuple([drug for drug in known if drug.running is not False])


def taking(facts: PatientFacts, *groups: DrugGroup, besides: OrderFact | None = None) -> tuple[DrugCause, ...]:
    """Drugs of the groups that the patient takes, and drafts of such drugs other than ``besides``."""
    drafted = [order for order in facts.orders if not order.drug_groups.isdisjoint(groups) and order != besides]
    found: list[DrugCause] = [MedicationCause(drug) for drug in taken(facts, *groups)]
    found.extend([OrderCause(order) for order in drafted])
    return tuple(found)


def taken_since(facts: PatientFacts, limit: timedelta, *groups: DrugGroup) -> tuple[Medication, ...]:
    """Drugs of the groups that run, or whose last known day is at most ``limit`` ago."""
    wanted = frozenset(groups)
    return tuple(
        drug
        for drug in facts.medications
        if drug.groups & wanted and (drug.running is not False or within(facts, drug.end or drug.start, limit))
    )


def drug_text(cause: DrugCause) -> str:
    """Name of the drug as charted or drafted."""
    return cause.medication.text if isinstance(cause, MedicationCause) else cause.order.text


def implanted(facts: PatientFacts, *groups: DeviceGroup) -> tuple[ChartCause, ...]:
    """Devices of the groups."""
    known = [device for device in facts.devices if not device.groups.isdisjoint(groups)]
    return tuple([ChartCause("device", device.text, None, device.provenance) for device in known])


def operated_since(facts: PatientFacts, limit: timedelta, *groups: ProcedureGroup) -> tuple[ChartCause, ...]:
    """Procedures of the groups at most ``limit`` ago, newest first."""
    wanted = frozenset(groups)
    done = [
        ChartCause("procedure", procedure.text, procedure.performed, procedure.provenance)
        for procedure in facts.procedures
        if procedure.groups & wanted and within(facts, procedure.performed, limit)
    ]
    return tuple(sorted(done, key=lambda cause: cause.on or date.min, reverse=True))


def spine_mri(facts: PatientFacts) -> tuple[Report, ...]:
    """Spine MRI reports, newest first, undated ones last; one of unknown modality counts when it states edema."""
    return newest_first(
        report
        for report in facts.reports
        if passes_gate(report)
        and (report.modality is Modality.MR or any(each.finding in _MR_ONLY for each in findings_of(report)))
    )


def pregnant(facts: PatientFacts) -> bool | None:
    """Whether the patient is pregnant; ``None`` when nothing says so."""
    if facts.pregnancy.pregnant is None and charted(facts, ConditionGroup.PREGNANCY):
        return True
    return facts.pregnancy.pregnant
