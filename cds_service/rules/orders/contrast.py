"""O-GAD: gadolinium contrast after a reaction, in kidney disease, in pregnancy, and as the first study."""

from cds_service.domain.state import Emergency, ImagingInfection, ImagingMalignancy
from cds_service.domain.vocabulary import ConditionGroup, DrugGroup, Indicator, OrderKind
from cds_service.rules.orders import cautions
from cds_service.rules.orders.chart import charted, pregnant, spine_mri
from cds_service.rules.orders.filtration import filtration
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, OrderRow, OrderRule, Silence


def earlier_reaction(context: OrderContext) -> Answer:
    """After a severe reaction to gadolinium contrast another way is found; an ungraded reaction is graded first."""
    entries = [entry for entry in context.facts.allergies if DrugGroup.GADOLINIUM in entry.groups]
    causes = cautions.allergy(context.facts, DrugGroup.GADOLINIUM)
    if any(entry.severe is True for entry in entries):
        return Advice(Indicator.CRITICAL, "severe reaction to gadolinium contrast", causes=causes)
    if any(entry.severe is None for entry in entries):
        why = "reaction to gadolinium contrast of unknown severity"
        return Advice(Indicator.WARNING, why, causes=causes, missing=("allergies",))
    return Silence("no severe reaction to gadolinium contrast is charted")


def kidney(context: OrderContext) -> Answer:
    """With an eGFR below 30, dialysis or acute kidney injury a group II agent is used and nothing urgent is delayed."""
    caution = cautions.kidney_failure(context.facts, context.thresholds)
    if caution is not None:
        why = "eGFR below 30, dialysis or acute kidney injury"
        return Advice(Indicator.INFO, why, caution.reason, caution.params, caution.causes)
    current = filtration(context.facts, context.thresholds.kidney_labs_days.span)
    return Silence("no severe kidney impairment is known", () if current else ("egfr",))


def pregnancy(context: OrderContext) -> Answer:
    """In pregnancy a native study comes first; contrast only if it changes management."""
    known = pregnant(context.facts)
    if known:
        causes = charted(context.facts, ConditionGroup.PREGNANCY)
        return Advice(Indicator.WARNING, "pregnancy", "pregnancy", causes=causes)
    return Silence("no pregnancy is known", ("pregnancy",) if known is None else ())


def native_first(context: OrderContext) -> Answer:
    """Before any reported MRI and without a suspicious image a native study is often enough."""
    state = context.state
    if spine_mri(context.facts):
        return Silence("a spine MRI is reported")
    quiet = (
        state.imaging_infection < ImagingInfection.M
        and state.imaging_malignancy in {ImagingMalignancy.N, ImagingMalignancy.A}
        and state.emergency is Emergency.NONE
    )
    if quiet:
        return Advice(Indicator.INFO, "no MRI is reported and no image is suspicious", "mri-first", missing=("mri",))
    return Silence("a suspicious image is reported")


ROW: OrderRow = OrderRow(
    "O-GAD",
    frozenset({OrderKind.MRI_CONTRAST}),
    (
        OrderRule("O-GAD-a", "O-GAD-a", earlier_reaction, ("R-ACRNKF2021",)),
        OrderRule("O-GAD-b", "O-GAD", kidney, ("R-ACRNKF2021",)),
        OrderRule("O-GAD-c", "O-GAD-c", pregnancy, ("R-ACRSSI2021",)),
        OrderRule("O-GAD-d", "O-GAD-d", native_first, ("R-ACRSSI2021",)),
    ),
)
