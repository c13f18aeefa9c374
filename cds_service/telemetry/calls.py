"""What is known of one call once it is answered, in words that may be counted and traced: no data of a patient."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cds_service.telemetry.laps import Laps


class SeenCard(Protocol):
    """One card of an answer: its id and indicator, and the rules behind it."""

    @property
    def card_id(self) -> str:
        """Id in the catalogue of cards, not of this card."""

    @property
    def indicator(self) -> str:
        """How urgent it is."""

    @property
    def rule_ids(self) -> Sequence[str]:
        """The rules behind it."""


@dataclass(slots=True)
class SeenCall:
    """One request, filled in while it is answered. ``service`` is empty where it is no call of a CDS service.

    ``client`` is the name in the registry, ``instance`` the hook instance when it is a UUID; ``trace`` the trace id
    and ``parent`` the span of the caller that it is part of, as hexadecimal digits. ``evaluated`` tells a hook call
    from feedback.
    """

    laps: Laps = field(default_factory=Laps)
    trace: str = ""
    parent: str = ""
    sampled: bool = True
    endpoint: str = ""
    status: int = 0
    service: str = ""
    client: str = ""
    instance: str = ""
    evaluated: bool = False
    refused: str = ""
    cards: Sequence[SeenCard] = ()
    gaps: Sequence[str] = ()
    missing: Sequence[str] = ()
    fetched: Sequence[str] = ()
    held_back: int = 0
