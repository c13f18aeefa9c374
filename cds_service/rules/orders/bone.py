"""O-BISPH: bone-targeted drugs: kidney, calcium, vitamin D, teeth, indication and pregnancy."""

from datetime import timedelta

from cds_service.domain.assessment import Cause, ConditionCause, Draft, DraftKind, OrderCause
from cds_service.domain.facts import LabValue
from cds_service.domain.state import Fracture, ImagingMalignancy, Inflammatory
from cds_service.domain.vocabulary import (
    Analyte,
    ConditionGroup,
    DrugGroup,
    FindingId,
    Indicator,
    OrderKind,
    ProcedureGroup,
    Status,
)
from cds_service.rules.measured import below
from cds_service.rules.orders import cautions
from cds_service.rules.orders.chart import charted, newest, operated_since, pregnant, seen
from cds_service.rules.orders.filtration import filtration
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, OrderRow, OrderRule, Silence
from cds_service.rules.orders.words import DENTAL, mentions
from cds_service.rules.variables import KNOWN_METS, MAL_HIST, MAL_IMG

_EVER = timedelta(days=36_525)
_BONE_DISEASE = (
    ConditionGroup.OSTEOPOROSIS,
    ConditionGroup.FRAGILITY_FRACTURE,
    ConditionGroup.VERTEBRAL_FRACTURE,
    ConditionGroup.PAGET,
    ConditionGroup.BONE_METASTASES,
    ConditionGroup.MYELOMA,
)


def kidney(context: OrderContext) -> Answer:
    """Zoledronate is not given with an eGFR below 35."""
    if DrugGroup.ZOLEDRONATE not in context.order.drug_groups:
        return Silence("not zoledronate")
    now = filtration(context.facts)
    if now is not None and now.below(context.thresholds.egfr_zoledronate.value):
        params = {"egfr": cautions.shown(now.egfr.value)}
        return Advice(Indicator.WARNING, "eGFR below 35", "egfr", params, now.causes)
    dialysis = (*charted(context.facts, ConditionGroup.DIALYSIS), *cautions.dialysis_procedures(context.facts))
    if dialysis:
        return Advice(Indicator.WARNING, "dialysis", "dialysis", {}, dialysis)
    current = filtration(context.facts, context.thresholds.kidney_labs_days.span)
    return Silence("the eGFR is not known to be low", () if current else ("egfr",))


def _low_calcium(context: OrderContext) -> LabValue | None:
    """A calcium below the limit of its laboratory; an ionised one with its limit says more than a total one."""
    # No correction for albumin: laboratories report corrected values under the same name.
    numbers = context.thresholds
    limit = numbers.malignancy_labs_days.span
    ionised = newest(context.facts, Analyte.CALCIUM_IONISED, limit)
    if ionised is not None and ionised.lower_normal is not None:
        return ionised if below(ionised, ionised.lower_normal) else None
    total = newest(context.facts, Analyte.CALCIUM, limit)
    lowest = (total.lower_normal if total else None) or numbers.calcium_lower_normal.value
    return total if below(total, lowest) else None


def calcium(context: OrderContext) -> Answer:
    """Low calcium is corrected before a bone-targeted drug."""
    low = _low_calcium(context)
    if low is not None:
        return Advice(Indicator.WARNING, "low calcium", "hypocalcemia", {}, seen(low))
    if newest(context.facts, Analyte.CALCIUM, context.thresholds.malignancy_labs_days.span) is None:
        return Silence("calcium is unknown", ("calcium",))
    return Silence("calcium is not low")


def vitamin_d(context: OrderContext) -> Answer:
    """A 25-OH vitamin D below 30 nmol/L is corrected before a bone-targeted drug."""
    level = newest(context.facts, Analyte.VITAMIN_D)
    if level is not None and below(level, context.thresholds.vitamin_d_very_low.value):
        return Advice(Indicator.WARNING, "low vitamin D", "vitamin-d", {}, seen(level))
    return Silence("vitamin D is not known to be low", () if level else ("vitamin_d",))


def dental_surgery(context: OrderContext) -> Answer:
    """Planned dental surgery comes before a bone-targeted drug (osteonecrosis of the jaw)."""
    facts = context.facts
    causes: tuple[Cause, ...] = (
        *(ConditionCause(entry) for entry in facts.conditions if mentions(entry.text, DENTAL)),
        *(OrderCause(order) for order in facts.orders if mentions(order.text, DENTAL)),
    )
    if causes:
        return Advice(Indicator.WARNING, "dental surgery is planned", "dental", {}, causes)
    return Silence("no planned dental surgery is charted")


def pregnancy(context: OrderContext) -> Answer:
    """In pregnancy, or when it is possible, a bone-targeted drug is avoided."""
    known = pregnant(context.facts)
    if known:
        causes = charted(context.facts, ConditionGroup.PREGNANCY)
        return Advice(Indicator.WARNING, "pregnancy", "pregnancy", {}, causes)
    return Silence("no pregnancy is known", ("pregnancy",) if known is None else ())


def anabolic(context: OrderContext) -> Answer:
    """Teriparatide and its kin are not for bone with a tumor, a suspected one, Paget disease or after irradiation."""
    if DrugGroup.BONE_ANABOLIC not in context.order.drug_groups:
        return Silence("not an anabolic drug")
    facts, state = context.facts, context.state
    charts = charted(
        facts,
        ConditionGroup.BONE_METASTASES,
        ConditionGroup.MYELOMA,
        ConditionGroup.PAGET,
        ConditionGroup.RADIOTHERAPY,
    )
    irradiated = operated_since(facts, _EVER, ProcedureGroup.RADIOTHERAPY_SPINE)
    suspected = state.imaging_malignancy in {ImagingMalignancy.S, ImagingMalignancy.M} or context.tumor_known_or_seen
    if not (charts or irradiated or suspected):
        return Silence("no tumor of bone, Paget disease or irradiation is known or suspected")
    causes = (*charts, *irradiated, *context.causes(KNOWN_METS, MAL_IMG, MAL_HIST))
    return Advice(Indicator.WARNING, "tumor of bone known or not excluded", "anabolic-tumor", {}, causes)


def off_label(context: OrderContext) -> Answer:
    """For edema without osteoporosis, fracture or tumor a bone-targeted drug is off-label with weak evidence."""
    state = context.state
    stated = any(
        finding.finding in {FindingId.OSTEOPOROSIS, FindingId.PAGET} and finding.status is Status.PRESENT
        for report in context.facts.reports
        for finding in (*report.reading.findings, *report.coded)
    )
    indicated = (
        state.fracture is not Fracture.NONE
        # A specialist may give it early when CNO threatens a vertebra.
        or state.inflammatory is Inflammatory.CNO
        or context.tumor_known_or_seen
        or stated
        or charted(context.facts, *_BONE_DISEASE)
    )
    if indicated:
        return Silence("a bone disease is charted or reported")
    drafts = context.offer(Draft(DraftKind.DXA))
    return Advice(Indicator.INFO, "edema without osteoporosis or fracture", "off-label", drafts=drafts)


ROW: OrderRow = OrderRow(
    "O-BISPH",
    frozenset({OrderKind.BONE_TARGETED}),
    (
        OrderRule("O-BISPH-a1", "O-BISPH", kidney, ("R-DVO2023",)),
        OrderRule("O-BISPH-a2", "O-BISPH", calcium, ("R-DVO2023",)),
        OrderRule("O-BISPH-a3", "O-BISPH", vitamin_d, ("R-DVO2023",)),
        OrderRule("O-BISPH-a4", "O-BISPH", dental_surgery, ("R-DVO2023",)),
        OrderRule("O-BISPH-d", "O-BISPH", anabolic, ("R-TERIPARATIDE",)),
        OrderRule("O-BISPH-c", "O-BISPH", pregnancy, ("R-DVO2023",)),
        OrderRule("O-BISPH-b", "O-BISPH", off_label, ("R-ZOMARS", "R-KOIVISTO2014")),
    ),
)
