"""Tells results that nobody reads from those that matter, by the JSON of their code and category alone.

What cannot be recognised matters: a result without a code, or with one that cannot be made out, is read like any other.
"""

from collections.abc import Callable
from typing import final

from cds_service.fhir.labs import LabReader
from cds_service.fhir.node import Concept, unheard
from cds_service.fhir.outline import Outline
from cds_service.fhir.pregnancy import is_about_pregnancy
from cds_service.fhir.received import ReceivedResource
from cds_service.fhir.reports import ReportReader
from cds_service.fhir.symptoms import states_symptoms

# A laboratory has few hundred codes, each written alike every time; of longer ones nothing is remembered.
_MOST_REMEMBERED = 4_096
_LONGEST_REMEMBERED = 1_000


@final
class Remembered:
    """A question about JSON whose answers are kept: bounded in number and length, and the same for every patient."""

    def __init__(self, question: Callable[[bytes], bool]) -> None:
        self._question = question
        self._known: dict[bytes, bool] = {}

    def ask(self, raw: bytes) -> bool:
        """Return the answer for a piece of JSON."""
        known = self._known.get(raw)
        if known is not None:
            return known
        answer = self._question(raw)
        if len(raw) <= _LONGEST_REMEMBERED:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[raw] = answer
        return answer


@final
class Sieve:
    """Knows Observations and laboratory reports from which no fact and no gap that matters can come."""

    def __init__(self, labs: LabReader, reports: ReportReader) -> None:
        self._labs = labs
        self._reports = reports
        self._is_other_code = Remembered(self._other_code)
        self._is_other_category = Remembered(_other_category)
        self._is_other_report = Remembered(self._other_report)

    def holds_back(self, item: ReceivedResource) -> bool:
        """Tell whether a resource needs no reading. Without an outline it always does."""
        outline = item.outline
        if outline is None:
            return False
        if item.kind == "Observation":
            return self._is_other_result(outline)
        if item.kind == "DiagnosticReport":
            code, category = bytes(outline.code), bytes(outline.category)
            # Observations inside a laboratory report are read apart
            return not outline.contained and self._is_other_report.ask(
                b'{"code":%b,"category":%b}' % (code or b"null", category or b"null")
            )
        return False

    def _is_other_result(self, outline: Outline) -> bool:
        """Tell whether nobody asks for a result: neither its code nor any of its words is one that is read."""
        if outline.component or not self._is_other_code.ask(bytes(outline.code)):
            return False
        return not outline.category or self._is_other_category.ask(bytes(outline.category))

    def _other_code(self, raw: bytes) -> bool:
        node = unheard(b'{"code":%b}' % raw)
        concept = node.concept("code") if node is not None else Concept()
        return bool(concept) and not is_about_pregnancy(concept) and self._labs.analyte(concept) is None

    def _other_report(self, raw: bytes) -> bool:
        node = unheard(raw)
        return node is not None and self._reports.is_laboratory(node) and not self._labs.states_results(node)


def _other_category(raw: bytes) -> bool:
    node = unheard(b'{"category":%b}' % raw)
    return node is not None and not states_symptoms(node)
