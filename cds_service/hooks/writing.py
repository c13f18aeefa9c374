"""Writes the cards of an assessment, each beside the plan it was written from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Protocol

from cards.model import Card
from cds_service.domain.assessment import Assessment, PlannedCard
from cds_service.domain.vocabulary import Language

_NO_ORDERS: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


def by_reference(orders: Sequence[Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    """Return draft orders as received by ``Type/id``, as changes of them need."""
    return {f"{order.get('resourceType')}/{order.get('id')}": order for order in orders}


class Writer(Protocol):
    """Writes cards in a language."""

    def write(
        self,
        assessment: Assessment,
        language: Language,
        *,
        patient_id: str,
        base_url: str = "",
        new_uuid: Callable[[], str],
        drafts: Mapping[str, Mapping[str, Any]] = _NO_ORDERS,
    ) -> tuple[Card, ...]:
        """Return one card for each planned card, in order."""


@dataclass(frozen=True, slots=True)
class WrittenCard:
    """A card beside the plan it was written from, so that feedback finds its rules again."""

    card: Card
    plan: PlannedCard

    @property
    def without_drafts(self) -> "WrittenCard":
        """The same advice in words alone."""
        return replace(self, card=replace(self.card, suggestions=()))


class CardDesk:
    """Writes the cards of an assessment. ``base_url`` is where links of the cards lead."""

    def __init__(self, writer: Writer, base_url: str, new_uuid: Callable[[], str]) -> None:
        self._writer = writer
        self._base_url = base_url
        self.new_uuid = new_uuid

    def write(
        self,
        assessment: Assessment,
        language: Language,
        patient_id: str,
        orders: Mapping[str, Mapping[str, Any]] = _NO_ORDERS,
    ) -> tuple[WrittenCard, ...]:
        """Write all planned cards, each beside its plan; ``orders`` are the drafts as received, by ``Type/id``."""
        cards = self._writer.write(
            assessment,
            language,
            patient_id=patient_id,
            base_url=self._base_url,
            new_uuid=self.new_uuid,
            drafts=orders,
        )
        return tuple(WrittenCard(card, plan) for card, plan in zip(cards, assessment.cards, strict=True))
