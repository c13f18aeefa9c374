"""O-FDG: FDG-PET/CT after markers and MRI, and what makes it misleading."""

from datetime import date, timedelta
from typing import NamedTuple

from cds_service.domain.assessment import Cause, ConditionCause, MedicationCause
from cds_service.domain.state import (
    ClinicalInfection,
    Fracture,
    ImagingInfection,
    ImagingMalignancy,
    Labs,
    TimeCourse,
)
from cds_service.domain.vocabulary import Analyte, ConditionGroup, DrugGroup, Indicator, OrderKind, ProcedureGroup
from cds_service.rules.measured import above
from cds_service.rules.orders import cautions
from cds_service.rules.orders.chart import (
    charted,
    newest,
    operated_since,
    pregnant,
    seen,
    spine_mri,
    taken_since,
    within,
)
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, OrderRow, OrderRule, Silence
from cds_service.rules.orders.words import STAGING, mentions
from cds_service.rules.variables import FX

_GLUCOSE_SPAN = timedelta(days=1)  # glucose of the day of the order; it is measured again before the scan
_OPERATIONS = (ProcedureGroup.SPINE_SURGERY, ProcedureGroup.VERTEBRAL_AUGMENTATION)
_INJURIES = frozenset(
    {
        ConditionGroup.VERTEBRAL_FRACTURE,
        ConditionGroup.TRAUMA,
        ConditionGroup.HIGH_ENERGY_TRAUMA,
        ConditionGroup.FALL,
        ConditionGroup.SPINE_PROCEDURE_RECENT,
        ConditionGroup.INSTRUMENTATION_RECENT,
    }
)


def _staging(context: OrderContext) -> bool:
    return mentions(f"{context.order.text} {context.order.reason_text}", STAGING)


def markers_first(context: OrderContext) -> Answer:
    """Unless a tumor is staged, CRP and ESR come before FDG-PET/CT; with suspected infection blood cultures as well.

    With CRP among the drafts the step is taken; what is left to say is that its result comes before the scan.
    """
    state = context.state
    if state.labs is not Labs.U:
        return Silence("current markers are known")
    if _staging(context):
        return Silence("a tumor is staged")
    infection = state.imaging_infection >= ImagingInfection.M or state.clinical_infection is not ClinicalInfection.NONE
    drafts = (*context.markers(), *(context.cultures() if infection else ()))
    indicator = Indicator.INFO if context.drafted(OrderKind.CRP) else Indicator.WARNING
    return Advice(indicator, "no current CRP and ESR", drafts=drafts, missing=("crp_esr",))


def low_probability(context: OrderContext) -> Answer:
    """With normal markers, unsuspicious images and no tumor question a positive scan is often false."""
    state = context.state
    quiet = (
        state.labs is Labs.N
        and state.imaging_infection < ImagingInfection.M
        and state.clinical_infection is not ClinicalInfection.SIGN
        and state.imaging_malignancy in {ImagingMalignancy.N, ImagingMalignancy.A}
        and not context.tumor_known_or_seen
        and not _staging(context)
    )
    if quiet:
        return Advice(Indicator.INFO, "normal markers, unsuspicious images, no tumor question", "low-pretest")
    return Silence("markers, images or a tumor question justify the scan")


class _Event(NamedTuple):
    """A fracture or spine operation of the last 12 weeks; the day of a fracture on MRI is unknown."""

    day: date | None
    causes: tuple[Cause, ...]


def _recent_event(context: OrderContext) -> _Event | None:
    facts, limit = context.facts, context.thresholds.pet_fracture_days.span
    operations = operated_since(facts, limit, *_OPERATIONS)
    if operations:
        return _Event(operations[0].on, operations)
    injuries = [
        (condition.onset, ConditionCause(condition))
        for condition in facts.conditions
        if condition.groups & _INJURIES and condition.onset and within(facts, condition.onset, limit)
    ]
    if injuries:
        return _Event(max(day for day, _ in injuries), tuple(cause for _, cause in injuries))
    fractured = context.state.fracture in {Fracture.FRACTURE, Fracture.AVN}
    if fractured and context.state.time is not TimeCourse.PERSISTENT:
        return _Event(None, context.causes(FX))
    return None


def recent_fracture(context: OrderContext) -> Answer:
    """In the 12 weeks after a fracture or spine operation FDG uptake may be false positive."""
    event = _recent_event(context)
    if event is None:
        return Silence("no fracture or spine operation in the last 12 weeks is known")
    params = {"date": event.day} if event.day else {}
    return Advice(Indicator.INFO, "fracture or spine operation in the last 12 weeks", "", params, event.causes)


def preparation(context: OrderContext) -> Answer:
    """G-CSF in the last four weeks, a glucose above 11 mmol/L or pregnancy speak against the scan now."""
    facts, numbers = context.facts, context.thresholds
    known = pregnant(facts)
    if known:
        return Advice(Indicator.WARNING, "pregnancy", "pregnancy", causes=charted(facts, ConditionGroup.PREGNANCY))
    drugs = taken_since(facts, numbers.pet_growth_factor_days.span, DrugGroup.G_CSF)
    if drugs:
        causes = tuple(MedicationCause(drug) for drug in drugs)
        return Advice(Indicator.WARNING, "G-CSF in the last four weeks", "gcsf", causes=causes)
    glucose = newest(facts, Analyte.GLUCOSE, _GLUCOSE_SPAN)
    if glucose is not None and above(glucose, numbers.pet_glucose.value):
        params = {"glucose": cautions.shown(glucose.value)}
        return Advice(Indicator.WARNING, "glucose above the limit", "glucose", params, seen(glucose))
    unknown = (("pregnancy",) if known is None else ()) + (() if glucose else ("glucose",))
    return Silence("no obstacle to preparation is known", unknown)


def mri_first(context: OrderContext) -> Answer:
    """Where MRI is possible it comes before FDG-PET/CT."""
    if spine_mri(context.facts):
        return Silence("a spine MRI is reported")
    if cautions.mr_hazards(context.facts):
        return Silence("an implant may make MRI impossible")
    return Advice(Indicator.INFO, "no spine MRI is reported", "mri-first", missing=("mri",))


ROW: OrderRow = OrderRow(
    "O-FDG",
    frozenset({OrderKind.FDG_PET_CT}),
    (
        OrderRule("O-FDG-a", "O-FDG-a", markers_first, ("R-IDSA2015", "R-ACRSSI2021")),
        OrderRule("O-FDG-b", "O-FDG-b", low_probability, ("R-ACRSSI2021", "R-KIM2019")),
        OrderRule("O-FDG-c", "O-FDG-c", recent_fracture, ("R-ZHUANG2003",)),
        OrderRule("O-FDG-d", "O-FDG-b", preparation, ("R-EANM2019", "R-BREDELLA2008")),
        OrderRule("O-FDG-e", "O-FDG-b", mri_first, ("R-EANM2019", "R-ACRSSI2021")),
    ),
)
