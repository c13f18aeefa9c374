"""CRP and ESR that a laboratory calls raised without a number that could be used."""

from typing import Final

from cds_service.domain.vocabulary import Analyte
from cds_service.fhir.node import Node
from cds_service.knowledge.codes import Labs
from cds_service.reading.phrases import PhraseMatcher

# Markers that some laboratories report in a word: raised, though nobody can tell by how much.
_MARKERS: Final = frozenset({Analyte.CRP, Analyte.ESR})
_HIGH_CODES: Final = frozenset({"H", "HH", "HU", "H>"})
_DENYING: Final = frozenset(
    {"not", "no", "non", "nicht", "kein", "keine", "nu", "fără", "fara", "never", "without", "ohne"}
)


class RaisedWords:
    """Tells a raised marker by words or flags. Matchers are prepared once."""

    def __init__(self, labs: Labs) -> None:
        self._raised = PhraseMatcher({"raised": labs.raised.all()})
        self._against = PhraseMatcher({"against": (*labs.negative.all(), *labs.indeterminate.all())})

    def flagged(self, node: Node, analyte: Analyte) -> bool:
        """Tell whether the laboratory flags a marker as high, whatever its value."""
        codes = {coding.code for concept in node.concepts("interpretation") for coding in concept.codings}
        return analyte in _MARKERS and bool(codes & _HIGH_CODES)

    def said(self, node: Node, analyte: Analyte, text: str) -> bool:
        """Tell whether words or flags call a marker raised, and none of the words denies or doubts it."""
        denied = not _DENYING.isdisjoint(text.lower().replace(",", " ").split())
        if analyte not in _MARKERS or denied or self._against.find(text):
            return False
        return bool(self._raised.find(text)) or self.flagged(node, analyte)
