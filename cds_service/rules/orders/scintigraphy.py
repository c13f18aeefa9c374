"""O-SCINT: bone scintigraphy is a weak answer to the question of spine infection."""

from cds_service.domain.state import ImagingInfection, Inflammatory
from cds_service.domain.vocabulary import Indicator, OrderKind
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, OrderRow, OrderRule, Silence
from cds_service.rules.orders.words import STAGING, mentions
from cds_service.rules.variables import IMG_INF


def infection_question(context: OrderContext) -> Answer:
    """For suspected spine infection MRI or FDG-PET/CT answers better; a scan suits mapping of CNO and metastases."""
    if context.state.imaging_infection < ImagingInfection.M:
        return Silence("imaging does not suggest infection")
    if context.state.inflammatory is Inflammatory.CNO:
        return Silence("mapping of a CNO pattern is a good use")
    if mentions(f"{context.order.text} {context.order.reason_text}", STAGING):
        return Silence("a tumor is staged")
    return Advice(Indicator.INFO, "scintigraphy while infection is suspected", causes=context.causes(IMG_INF))


ROW: OrderRow = OrderRow(
    "O-SCINT",
    frozenset({OrderKind.SCINTIGRAPHY}),
    (OrderRule("O-SCINT", "O-SCINT", infection_question, ("R-SPILF2023", "R-ACRSSI2021")),),
)
