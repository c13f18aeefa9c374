"""O-STEROID: glucocorticoids before tissue, in possible infection, and in metastatic cord compression."""

from cds_service.domain.state import Emergency, ImagingInfection, ImagingMalignancy
from cds_service.domain.vocabulary import ConditionGroup, Indicator, OrderKind
from cds_service.rules.orders.chart import charted
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, OrderRow, OrderRule, Silence
from cds_service.rules.variables import CLIN_INF, EMERG, IMG_INF, LAB, MAL_CLIN, MAL_HIST, MAL_IMG, MAL_LAB


def _infection_possible(context: OrderContext) -> bool:
    return context.state.imaging_infection >= ImagingInfection.M or context.lane_shows("C11", "C12", "C14")


def before_tissue(context: OrderContext) -> Answer:
    """While lymphoma, myeloma or an unknown tumor is suspected and the patient is stable, biopsy comes first."""
    if context.state.emergency in {Emergency.NEURO, Emergency.SEPSIS}:
        return Silence("an emergency decides")
    if OrderKind.EPIDURAL_STEROID in context.order.kinds and _infection_possible(context):
        return Silence("possible infection decides about an epidural injection")
    if context.marrow_tumor_suspected:
        causes = context.causes(MAL_IMG, MAL_LAB, MAL_CLIN, MAL_HIST)
        return Advice(Indicator.WARNING, "tumor of unknown tissue, stable, no neurology", causes=causes)
    return Silence("no lymphoma, myeloma or unknown tumor is suspected")


def possible_infection(context: OrderContext) -> Answer:
    """In possible spine infection a glucocorticoid may worsen it and mask markers; no epidural injection."""
    if _infection_possible(context):
        causes = context.causes(IMG_INF, CLIN_INF, LAB)
        return Advice(Indicator.WARNING, "spine infection is possible", causes=causes)
    return Silence("no spine infection is suspected")


def cord_compression(context: OrderContext) -> Answer:
    """In metastatic cord compression with a deficit dexamethasone follows the specialist pathway, with a PPI."""
    seen = context.state.imaging_malignancy in {ImagingMalignancy.S, ImagingMalignancy.M}
    if context.neurology and (seen or context.tumor_known_or_seen):
        causes = context.causes(EMERG, MAL_IMG, MAL_HIST)
        return Advice(Indicator.INFO, "neurology with suspected metastatic compression", causes=causes)
    return Silence("no neurology together with a tumor")


def side_effects(context: OrderContext) -> Answer:
    """In diabetes glucose is watched, in osteoporosis bone is protected."""
    diabetes = charted(context.facts, ConditionGroup.DIABETES)
    if diabetes:
        return Advice(Indicator.INFO, "diabetes", "diabetes", causes=diabetes)
    bones = charted(context.facts, ConditionGroup.OSTEOPOROSIS, ConditionGroup.FRAGILITY_FRACTURE)
    if bones:
        return Advice(Indicator.INFO, "osteoporosis or fragility fracture", "osteoporosis", causes=bones)
    return Silence("neither diabetes nor osteoporosis is charted")


ROW: OrderRow = OrderRow(
    "O-STEROID",
    frozenset({OrderKind.GLUCOCORTICOID, OrderKind.EPIDURAL_STEROID}),
    (
        OrderRule("O-STEROID-a", "O-STEROID-a", before_tissue, ("R-NG234",)),
        OrderRule("O-STEROID-b", "O-STEROID-b", possible_infection, ("R-IDSA2015",)),
        OrderRule("O-STEROID-c", "O-STEROID-c", cord_compression, ("R-NG234", "R-CG75")),
        OrderRule("O-STEROID-d", "O-STEROID-d", side_effects, ("R-DVO2023",)),
    ),
)
