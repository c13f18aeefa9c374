"""O-BEDREST: bed rest without instability."""

from cds_service.domain.state import Emergency
from cds_service.domain.vocabulary import Indicator, OrderKind
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, OrderRow, OrderRule, Silence


def stay_active(context: OrderContext) -> Answer:
    """Without instability or neurology bed rest for more than two days, or without an end, is advised against."""
    state, days = context.state, context.order.duration_days
    if state.emergency not in {Emergency.NONE, Emergency.SEPSIS} or state.ankylosed_unstable:
        return Silence("instability or neurology is open: surgical advice decides")
    if days is not None and days <= context.thresholds.bed_rest_days.value:
        return Silence("two days at most")
    return Advice(Indicator.INFO, "bed rest for more than two days or without an end")


ROW: OrderRow = OrderRow(
    "O-BEDREST",
    frozenset({OrderKind.BED_REST}),
    (OrderRule("O-BEDREST", "O-BEDREST", stay_active, ("R-NVL2017", "R-SPILF2023")),),
)
