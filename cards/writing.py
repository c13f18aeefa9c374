"""What one card is written from, and the small parts that every block of its detail is made of."""

from collections.abc import Iterable
from typing import Final

from cards.catalogue import Catalogue
from cards.escape import markdown_text
from cards.phrases import finding_phrases, newest
from cards.wording import Wording
from cds_service.domain.assessment import Assessment, LabCause, PlannedCard
from cds_service.domain.vocabulary import Analyte

QUOTE = 280


class Writing:
    """Everything that one card is written from. ``text_id`` names the words chosen for the card.

    What both the summary and several blocks of the detail name is worked out once, when it is first asked for.
    """

    __slots__ = ("_findings", "_labs", "_newest", "assessment", "card", "catalogue", "text_id", "wording")

    def __init__(
        self, card: PlannedCard, text_id: str, assessment: Assessment, wording: Wording, catalogue: Catalogue
    ) -> None:
        self.card: Final = card
        self.text_id: Final = text_id
        self.assessment: Final = assessment
        self.wording: Final = wording
        self.catalogue: Final = catalogue
        self._findings: list[str] | None = None
        self._labs: list[LabCause] | None = None
        self._newest: dict[Analyte, LabCause | None] = {}

    @property
    def findings(self) -> list[str]:
        """Findings that the reports behind the card state, in words, most important first."""
        if self._findings is None:
            self._findings = finding_phrases(self.card.causes, self.wording, self.catalogue)
        return self._findings

    @property
    def labs(self) -> list[LabCause]:
        """Results that the card rests on."""
        if self._labs is None:
            self._labs = [cause for cause in self.card.causes if isinstance(cause, LabCause)]
        return self._labs

    def newest(self, analyte: Analyte) -> LabCause | None:
        """Return the result of a test that counts, of those shown and those that the card rests on."""
        if analyte not in self._newest:
            self._newest[analyte] = newest((*self.assessment.labs, *self.labs), analyte)
        return self._newest[analyte]


def heading(key: str, wording: Wording) -> str:
    """Return a block heading in bold."""
    return f"**{wording.name('headings', key)}**"


def bullets(items: Iterable[str]) -> str:
    """Return a Markdown list."""
    return "\n".join(f"- {item}" for item in items)


def quote(sentence: str, wording: Wording, limit: int = QUOTE) -> str:
    """Quote a sentence of the record, harmless as Markdown."""
    return wording.phrase("quote", value=markdown_text(sentence, limit))
