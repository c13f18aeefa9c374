"""Bleeding risk of a needle procedure at the spine; biopsy and cement augmentation ask the same rules."""

from cds_service.domain.vocabulary import Analyte, ConditionGroup, DrugGroup, Indicator
from cds_service.rules.measured import above, below
from cds_service.rules.orders import cautions
from cds_service.rules.orders.chart import charted, newest, seen, taking
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, Silence


def coagulation(context: OrderContext) -> Answer:
    """With an INR above 1.8 or platelets below 50 ×10⁹/L coagulation is corrected first; above 1.5 it is watched."""
    facts, numbers = context.facts, context.thresholds
    inr = newest(facts, Analyte.INR, numbers.coagulation_days.span)
    platelets = newest(facts, Analyte.PLATELETS, numbers.coagulation_days.span)
    inr_params = {} if inr is None else {"inr": cautions.shown(inr.value)}
    if above(inr, numbers.inr_warning.value):
        return Advice(Indicator.WARNING, "INR above the limit", "inr", inr_params, seen(inr))
    if platelets is not None and below(platelets, numbers.platelets_low.value):
        count = {"platelets": cautions.shown(platelets.value)}
        return Advice(Indicator.WARNING, "platelets below the limit", "platelets", count, seen(platelets))
    if above(inr, numbers.inr_info.value):
        return Advice(Indicator.INFO, "INR in the range that is watched", "inr", inr_params, seen(inr))
    return Silence("INR and platelets are not known to be abnormal", unknown_coagulation(context))


def unknown_coagulation(context: OrderContext) -> tuple[str, ...]:
    """Which of INR and platelets have no current value."""
    limit = context.thresholds.coagulation_days.span
    wanted = ((Analyte.INR, "inr"), (Analyte.PLATELETS, "platelets"))
    return tuple(name for analyte, name in wanted if newest(context.facts, analyte, limit) is None)


def antithrombotics(context: OrderContext) -> Answer:
    """Anticoagulants and P2Y12 inhibitors are paused by protocol; with a recent stent only together with cardiology."""
    facts = context.facts
    stent = charted(facts, ConditionGroup.CORONARY_STENT)
    anticoagulants = cautions.anticoagulation(facts)
    if anticoagulants:
        causes = (*anticoagulants, *stent)
        return Advice(Indicator.WARNING, "an anticoagulant is active", "anticoagulant", {}, causes)
    inhibitors = taking(facts, DrugGroup.P2Y12)
    if inhibitors:
        return Advice(Indicator.WARNING, "a P2Y12 inhibitor is active", "antiplatelet", {}, (*inhibitors, *stent))
    return Silence("no anticoagulant and no P2Y12 inhibitor is charted")


def coagulation_unknown(context: OrderContext) -> Answer:
    """Without INR or platelets of the last 30 days a coagulation screen is considered."""
    missing = unknown_coagulation(context)
    if missing:
        return Advice(Indicator.INFO, "INR or platelets are not current", "coagulation-unknown", missing=missing)
    return Silence("INR and platelets are current")
