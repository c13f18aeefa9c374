"""How long an acknowledged card stays away while nothing changes; emergencies always come back."""

from datetime import timedelta

from cds_service.domain.assessment import PlannedCard
from cds_service.domain.vocabulary import Indicator, Lane
from cds_service.knowledge.thresholds import Thresholds
from cds_service.rules.unread import OUTDATED

# Suspected infection, proven bacteria, suspected metastasis, and a report that nobody could read.
_URGENT = frozenset({"C11", "C12", "C20", "C92"})


def repeat_span(card: PlannedCard, limits: Thresholds) -> timedelta | None:
    """Return for how long a card is not shown again after acknowledgement; ``None`` when it is always shown.

    Critical cards, safety cards and advice on orders are never held back. Source: suppression S4 of the design.
    """
    if card.indicator is Indicator.CRITICAL or card.lane in {Lane.SAFETY, Lane.ORDER}:
        return None
    urgent = card.card_id in _URGENT and card.text_id != OUTDATED
    limit = limits.repeat_lock_urgent_days if urgent else limits.repeat_lock_days
    return limit.span
