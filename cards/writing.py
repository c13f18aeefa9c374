"""What one card is written from, and the small parts that every block of its detail is made of."""

from collections.abc import Iterable
from dataclasses import dataclass

from cards.catalogue import Catalogue
from cards.escape import markdown_text
from cards.wording import Wording
from cds_service.domain.assessment import Assessment, PlannedCard

QUOTE = 280


@dataclass(frozen=True, slots=True)
class Writing:
    """Everything the detail of one card is written from. ``text_id`` names the words chosen for the card."""

    card: PlannedCard
    text_id: str
    assessment: Assessment
    wording: Wording
    catalogue: Catalogue


def heading(key: str, wording: Wording) -> str:
    """Return a block heading in bold."""
    return f"**{wording.name('headings', key)}**"


def bullets(items: Iterable[str]) -> str:
    """Return a Markdown list."""
    return "\n".join(f"- {item}" for item in items)


def quote(sentence: str, wording: Wording, limit: int = QUOTE) -> str:
    """Quote a sentence of the record, harmless as Markdown."""
    return wording.phrase("quote", value=markdown_text(sentence, limit))
