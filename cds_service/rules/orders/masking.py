"""Names of the drugs behind "normal markers do not reassure", for the sentence on a card."""

from cds_service.domain.assessment import MedicationCause
from cds_service.domain.vocabulary import DrugGroup
from cds_service.rules.orders.chart import taken
from cds_service.rules.orders.order_rule import OrderContext
from cds_service.rules.variables import CRP_MASK

_DRUGS = (DrugGroup.GLUCOCORTICOID, DrugGroup.IL6_BLOCKER, DrugGroup.JAK_INHIBITOR, DrugGroup.ANTIBIOTIC)


def masking_drugs(context: OrderContext) -> tuple[str, ...]:
    """Drugs that gave the mask, as charted; without known causes all running drugs that can mask."""
    known = context.causes(CRP_MASK)
    drugs = (
        [cause.medication for cause in known if isinstance(cause, MedicationCause)]
        if known
        else taken(context.facts, *_DRUGS)
    )
    return tuple(dict.fromkeys(drug.text for drug in drugs if drug.text))
