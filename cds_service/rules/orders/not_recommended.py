"""O-CALC, O-ESWT, O-HBO, O-ILO: treatments that have no vertebral evidence and are not an option of this service."""

from cds_service.domain.vocabulary import Indicator, OrderKind
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, OrderRow, OrderRule, Silence
from cds_service.rules.orders.words import OTHER_SITES, SPINE, mentions


def _not_recommended(context: OrderContext, reason: str, indicator: Indicator = Indicator.INFO) -> Advice:
    order = context.order
    params = {"order": order.text} if order.text else {}
    return Advice(indicator, "no evidence for vertebral edema", reason, params)


def calcitonin(context: OrderContext) -> Answer:
    """Calcitonin is not suggested: its long-term use carries a cancer risk."""
    return _not_recommended(context, "calcitonin", Indicator.WARNING)


def shock_wave(context: OrderContext) -> Answer:
    """Shock waves over the spine have no evidence, and lung and cord lie in the field."""
    order = context.order
    place = f"{order.text} {order.body_text} {order.reason_text}"
    if mentions(place, OTHER_SITES) and not mentions(place, SPINE):
        return Silence("the order names another part of the body")
    return _not_recommended(context, "shock-wave")


def hyperbaric_oxygen(context: OrderContext) -> Answer:
    """Hyperbaric oxygen has no vertebral trial; published series are on hip and knee."""
    return _not_recommended(context, "hyperbaric-oxygen")


def iloprost(context: OrderContext) -> Answer:
    """Iloprost is studied in the hip only and off-label."""
    return _not_recommended(context, "iloprost")


ROWS: tuple[OrderRow, ...] = (
    OrderRow(
        "O-CALC",
        frozenset({OrderKind.CALCITONIN}),
        (OrderRule("O-CALC", "O-NOTREC", calcitonin, ("R-EMACALC2012",)),),
    ),
    OrderRow(
        "O-ESWT",
        frozenset({OrderKind.SHOCK_WAVE}),
        (OrderRule("O-ESWT", "O-NOTREC", shock_wave, ("R-NG59",)),),
    ),
    OrderRow(
        "O-HBO",
        frozenset({OrderKind.HYPERBARIC_OXYGEN}),
        (OrderRule("O-HBO", "O-NOTREC", hyperbaric_oxygen, ("R-ECHM2017", "R-UHMS2024")),),
    ),
    OrderRow(
        "O-ILO",
        frozenset({OrderKind.ILOPROST}),
        (OrderRule("O-ILO", "O-NOTREC", iloprost, ("R-ILOPROSTMETA",)),),
    ),
)
