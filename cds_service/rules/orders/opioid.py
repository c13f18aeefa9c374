"""O-OPIOID: who is harmed most by an opioid for vertebral pain, and when it does not help."""

from datetime import timedelta

from cds_service.domain.state import Emergency, Fracture, ImagingInfection, ImagingMalignancy
from cds_service.domain.vocabulary import ConditionGroup, DrugGroup, Indicator, OrderKind
from cds_service.rules.orders import cautions
from cds_service.rules.orders.cautions import Caution
from cds_service.rules.orders.chart import days_since
from cds_service.rules.orders.filtration import filtration
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, OrderRow, OrderRule, Silence
from cds_service.rules.orders.words import MORPHINE, mentions


def _advice(caution: Caution, why: str) -> Advice:
    return Advice(caution.indicator, why, caution.reason, caution.params, caution.causes)


def _is_tramadol(context: OrderContext) -> bool:
    return DrugGroup.TRAMADOL_TAPENTADOL in context.order.drug_groups


def _accumulates(context: OrderContext) -> bool:
    order = context.order
    return _is_tramadol(context) or DrugGroup.MORPHINE in order.drug_groups or mentions(order.text, MORPHINE)


def falls(context: OrderContext) -> Answer:
    """With fall risk, from age 75, or after a fracture from a fall: low dose, early review, laxative, bone health."""
    caution = cautions.fall_risk(context.facts, context.thresholds, context.state.fracture)
    if caution is not None:
        return _advice(caution, "fall risk, age, or a fracture from a fall")
    missing = ("age",) if context.facts.demographics.age is None else ()
    return Silence("no fall risk is known", missing)


def sedation(context: OrderContext) -> Answer:
    """With a benzodiazepine, gabapentinoid, alcohol or sleep apnea an opioid may stop the breathing."""
    caution = cautions.sedation(context.facts)
    if caution is not None:
        return _advice(caution, "sedative drug, alcohol or sleep apnea")
    return Silence("no sedative, alcohol dependence or sleep apnea is charted")


def kidney(context: OrderContext) -> Answer:
    """With an eGFR below 30 tramadol and morphine accumulate."""
    if not _accumulates(context):
        return Silence("the opioid does not depend on the kidney in the way tramadol and morphine do")
    caution = cautions.opioid_kidney(context.facts, context.thresholds)
    if caution is not None:
        return _advice(caution, "eGFR below 30 or dialysis with tramadol or morphine")
    current = filtration(context.facts, context.thresholds.kidney_labs_days.span)
    return Silence("no severe kidney impairment is known", () if current else ("egfr",))


def serotonin(context: OrderContext) -> Answer:
    """Tramadol or tapentadol with an SSRI, SNRI, MAO inhibitor or seizures risks serotonin syndrome and seizures."""
    if not _is_tramadol(context):
        return Silence("neither tramadol nor tapentadol")
    caution = cautions.serotonergic(context.facts)
    if caution is not None:
        return _advice(caution, "serotonergic drug or seizure history")
    return Silence("no serotonergic drug and no seizures are charted")


def _onset_days(context: OrderContext) -> int | None:
    """Days since the pain began, from the newest report that says so or from the problem list."""
    facts = context.facts
    told = [
        report.reading.onset_days + since
        for report in facts.reports
        if report.reading.onset_days is not None and (since := days_since(facts, report.date)) is not None
    ]
    charted = [
        days
        for condition in facts.conditions
        if ConditionGroup.BACK_PAIN in condition.groups and (days := days_since(facts, condition.onset)) is not None
    ]
    return max((*told, *charted), default=None)


def acute_pain(context: OrderContext) -> Answer:
    """In acute non-specific pain without fracture an opioid does not help more than placebo."""
    state = context.state
    specific = (
        state.emergency is not Emergency.NONE
        or state.fracture is not Fracture.NONE
        or state.imaging_infection >= ImagingInfection.M
        or state.imaging_malignancy in {ImagingMalignancy.S, ImagingMalignancy.M}
        or context.tumor_known_or_seen
    )
    if specific:
        return Silence("the pain has a specific cause or a red flag is open")
    days = _onset_days(context)
    if days is None:
        return Silence("the onset of pain is unknown", ("onset",))
    if timedelta(days=days) < context.thresholds.opioid_acute_pain_days.span:
        return Advice(Indicator.INFO, "non-specific pain for less than four weeks", "acute-nonspecific")
    return Silence("the pain has lasted longer than four weeks")


ROW: OrderRow = OrderRow(
    "O-OPIOID",
    frozenset({OrderKind.OPIOID}),
    (
        OrderRule("O-OPIOID-a", "O-OPIOID", falls, ("R-BEERS2023",)),
        OrderRule("O-OPIOID-b", "O-OPIOID", sedation, ("R-BEERS2023",)),
        OrderRule("O-OPIOID-b2", "O-OPIOID", kidney, ("R-KDIGO2024",)),
        OrderRule("O-OPIOID-c", "O-OPIOID", serotonin, ("R-BEERS2023",)),
        OrderRule("O-OPIOID-d", "O-OPIOID", acute_pain, ("R-OPAL2023", "R-NG59")),
    ),
)
