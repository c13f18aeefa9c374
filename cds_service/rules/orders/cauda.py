"""O-CES: while cord or cauda equina may be compressed no order is silent unless the urgent one is among them."""

from cds_service.domain.assessment import Draft, DraftKind, Priority
from cds_service.domain.state import ImagingInfection, Labs
from cds_service.domain.vocabulary import Indicator, OrderKind
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, OrderRow, OrderRule, Silence, Window
from cds_service.rules.variables import EMERG

_URGENT = frozenset({"urgent", "asap", "stat"})
_ANSWERS = frozenset({OrderKind.SPINE_REFERRAL, OrderKind.MRI_SPINE, OrderKind.MRI_CONTRAST})


def urgent_order_missing(context: OrderContext) -> Answer:
    """With possible cord or cauda equina compression an urgent spine referral or MRI comes before any other order."""
    state = context.state
    if not context.neurology:
        return Silence("no neurological emergency")
    if any(order.kinds & _ANSWERS and order.priority in _URGENT for order in context.facts.orders):
        return Silence("an urgent referral or MRI is among the drafts")
    infection = state.imaging_infection >= ImagingInfection.M or state.abscess
    mri = () if state.whole_spine_contrast_done else (Draft(DraftKind.MRI_WHOLE_SPINE_CONTRAST, Priority.STAT),)
    drafts = (
        Draft(DraftKind.SPINE_SURGERY_REFERRAL, Priority.STAT),
        *mri,
        *(context.cultures(Priority.STAT) if infection else ()),
        *(context.markers() if infection and state.labs is Labs.U else ()),
    )
    lines = ("c01-infection",) if infection else ()
    why = "neurological emergency without an urgent referral or MRI among the drafts"
    return Advice(Indicator.CRITICAL, why, causes=context.causes(EMERG), drafts=drafts, add_lines=lines)


ROW = OrderRow(
    "O-CES",
    frozenset(),
    (OrderRule("O-CES", "C01", urgent_order_missing, ("R-NG234", "R-GIRFT2023")),),
    Window.ALWAYS,
)
