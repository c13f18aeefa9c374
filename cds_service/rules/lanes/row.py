"""Row of a decision table: a clinical sentence with its condition, outcome and evidence. Holds no clinical content."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cds_service.domain.assessment import LaneOutcome
from cds_service.domain.state import LaneState
from cds_service.domain.vocabulary import Indicator, Lane

NO_CARD = ""

Seen = TypeVar("Seen")
Urgency = Callable[[LaneState], Indicator]


@dataclass(frozen=True, slots=True)
class Row(Generic[Seen]):
    """One row. ``applies`` is a pure condition whose docstring is the clinical sentence of the row.

    ``card`` is the card (or card variant) that the row gives, ``NO_CARD`` for none; ``urgency`` its indicator.
    Rows are tried in the order of their table and the first that applies decides; the last applies always.
    """

    id: str
    lane: Lane
    applies: Callable[[Seen], bool]
    card: str = NO_CARD
    urgency: Urgency | None = None
    outcome_words: str = ""
    evidence: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The clinical condition in words, on one line."""
        return " ".join((self.applies.__doc__ or "").split())

    @property
    def outcome_text(self) -> str:
        """What the row gives, for the catalogue: card and indicator, or "no card"."""
        return f"{self.card} ({self.outcome_words})" if self.card else "no card"

    def outcome(self, state: LaneState) -> LaneOutcome:
        """Outcome of the row for a patient to whom it applies."""
        indicator = self.urgency(state) if self.urgency else None
        return LaneOutcome(lane=self.lane, row=self.id, card=self.card, indicator=indicator)


def always_info(_state: LaneState) -> Indicator:
    """Urgency of a row that is for information in every state."""
    return Indicator.INFO


def always_warning(_state: LaneState) -> Indicator:
    """Urgency of a row that warns in every state."""
    return Indicator.WARNING


def always_critical(_state: LaneState) -> Indicator:
    """Urgency of a row that is critical in every state."""
    return Indicator.CRITICAL


def warning_if(condition: Callable[[LaneState], bool]) -> Urgency:
    """Urgency of a row that warns under ``condition`` and is for information otherwise."""

    def urgency(state: LaneState) -> Indicator:
        return Indicator.WARNING if condition(state) else Indicator.INFO

    return urgency


def first_match(rows: Iterable[Row[Seen]], seen: Seen) -> Row[Seen]:
    """First row that applies. Raises LookupError when a table has a hole, so that no lane is silently empty."""
    for row in rows:
        if row.applies(seen):
            return row
    raise LookupError("no row of the decision table applies")
