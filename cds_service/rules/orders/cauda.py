"""O-CES: while cord or cauda equina may be compressed no order is silent unless the urgent one is among them."""

from cds_service.domain.assessment import Draft, DraftKind, Priority
from cds_service.domain.state import ImagingInfection, Labs
from cds_service.domain.vocabulary import Indicator, OrderKind
from cds_service.rules.orders.order_rule import (
    Advice,
    Answer,
    OrderContext,
    OrderRow,
    OrderRule,
    Silence,
    Window,
    is_coded,
)
from cds_service.rules.variables import EMERG

_URGENT = frozenset({"urgent", "asap", "stat"})
_IMAGES = frozenset({OrderKind.MRI_SPINE, OrderKind.MRI_CONTRAST})
_ANSWERS = _IMAGES | {OrderKind.SPINE_REFERRAL}


def _missing_answers(context: OrderContext, waiting: frozenset[OrderKind]) -> tuple[Draft, ...]:
    """Referral and MRI that are not among the drafts; a draft that only waits is raised instead if a code names it."""
    referral = () if OrderKind.SPINE_REFERRAL in waiting else (Draft(DraftKind.SPINE_SURGERY_REFERRAL, Priority.STAT),)
    imaged = context.state.whole_spine_contrast_done or waiting & _IMAGES
    return (*referral, *(() if imaged else (Draft(DraftKind.MRI_WHOLE_SPINE_CONTRAST, Priority.STAT),)))


def urgent_order_missing(context: OrderContext) -> Answer:
    """With possible cord or cauda equina compression an urgent spine referral or MRI comes before any other order."""
    state = context.state
    if not context.neurology:
        return Silence("no neurological emergency")
    if any(order.kinds & _ANSWERS and order.priority in _URGENT for order in context.facts.orders):
        return Silence("an urgent referral or MRI is among the drafts")
    waiting = [order for order in context.facts.orders if order.kinds & _ANSWERS and is_coded(order)]
    infection = state.imaging_infection >= ImagingInfection.M or state.abscess
    drafts = (
        *(Draft(DraftKind.RAISE_PRIORITY, Priority.STAT, target=order.provenance) for order in waiting),
        *_missing_answers(context, frozenset(kind for order in waiting for kind in order.kinds)),
        *(context.cultures(Priority.STAT) if infection else ()),
        *(context.markers() if infection and state.labs is Labs.U else ()),
    )
    lines = ("c01-infection",) if infection else ()
    why = "neurological emergency without an urgent referral or MRI among the drafts"
    return Advice(Indicator.CRITICAL, why, causes=context.causes(EMERG), drafts=drafts, add_lines=lines)


ROW: OrderRow = OrderRow(
    "O-CES",
    frozenset(),
    (OrderRule("O-CES", "C01", urgent_order_missing, ("R-NG234", "R-GIRFT2023")),),
    Window.ALWAYS,
)
