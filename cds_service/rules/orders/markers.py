"""O-CRP: markers that are known already, ESR without CRP, and markers under a masking drug."""

from datetime import datetime

from cds_service.domain.assessment import Draft, DraftKind, LabCause
from cds_service.domain.facts import LabValue
from cds_service.domain.state import ClinicalInfection, MarkerMask
from cds_service.domain.vocabulary import Analyte, DrugGroup, Indicator, OrderKind
from cds_service.rules.orders.chart import newest, taken
from cds_service.rules.orders.masking import masking_drugs
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, OrderRow, OrderRule, Silence
from cds_service.rules.variables import CRP_MASK

_ANALYTES = ((OrderKind.CRP, Analyte.CRP, "O-CRP-dup"), (OrderKind.ESR, Analyte.ESR, "O-ESR-dup"))


def _monitoring(context: OrderContext) -> bool:
    """After an operation and under treatment of an infection repeats are wanted."""
    state = context.state
    return state.post_treatment or state.known_infection or bool(taken(context.facts, DrugGroup.ANTIBIOTIC))


def _known(context: OrderContext) -> list[tuple[datetime, LabValue, str]] | None:
    """The recent result of every marker that is ordered, or ``None`` when one is missing."""
    numbers = context.thresholds
    hot = context.state.clinical_infection is ClinicalInfection.SIGN
    limit = numbers.lab_duplicate_hot_hours.span if hot else numbers.lab_duplicate_days.span
    results = []
    for kind, analyte, text in _ANALYTES:
        if kind in context.order.kinds:
            lab = newest(context.facts, analyte, limit)
            if lab is None or lab.collected is None:
                return None
            results.append((lab.collected, lab, text))
    return results


def repeated(context: OrderContext) -> Answer:
    """The same marker within three days, or one day with a sign of infection, adds nothing outside monitoring."""
    if _monitoring(context):
        return Silence("repeats are wanted after an operation and under treatment")
    results = _known(context)
    if not results:
        return Silence("no recent result of the same marker")
    collected, _, text = results[0]
    causes = tuple(LabCause(lab) for _, lab, _ in results)
    return Advice(
        Indicator.INFO,
        "the same marker has a recent result",
        params={"date": collected.date()},
        causes=causes,
        drafts=context.removal(),
        text_id=text,
    )


def esr_alone(context: OrderContext) -> Answer:
    """An ESR without CRP leaves infection open; CRP is added."""
    if OrderKind.ESR not in context.order.kinds or context.drafted(OrderKind.CRP):
        return Silence("CRP is ordered")
    if newest(context.facts, Analyte.CRP, context.thresholds.labs_before_mri_days.span) is not None:
        return Silence("a current CRP is known")
    return Advice(Indicator.INFO, "ESR without CRP", drafts=context.offer(Draft(DraftKind.CRP)), missing=("crp",))


def masked(context: OrderContext) -> Answer:
    """Under a glucocorticoid, IL-6 or JAK inhibitor, recent antibiotic or liver failure markers may be falsely low."""
    if context.state.mask is MarkerMask.NONE:
        return Silence("nothing is known to mask the markers")
    drugs = masking_drugs(context)
    params = {"mask": drugs} if drugs else {}
    return Advice(Indicator.INFO, "markers may be falsely low", "", params, context.causes(CRP_MASK))


ROW: OrderRow = OrderRow(
    "O-CRP",
    frozenset({OrderKind.CRP, OrderKind.ESR}),
    (
        OrderRule("O-CRP-a", "O-CRP-dup", repeated),
        OrderRule("O-CRP-b", "O-CRP-esr", esr_alone, ("R-IDSA2015", "R-SPILF2023")),
        OrderRule("O-CRP-c", "O-CRP-mask", masked, ("R-DAVIS2020",)),
    ),
)
