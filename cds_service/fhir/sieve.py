"""Tells results that nobody reads from those that matter, by the JSON of their code and category alone.

What cannot be recognised matters: a result without a code, or with one that cannot be made out, is read like any other.
"""

from collections.abc import Iterable
from typing import final

from cds_service.fhir.labs import LabReader
from cds_service.fhir.node import Node, unheard
from cds_service.fhir.outline import joined
from cds_service.fhir.pregnancy import is_about_pregnancy
from cds_service.fhir.received import ReceivedResource
from cds_service.fhir.reports import ReportReader
from cds_service.fhir.symptoms import states_symptoms

_SIEVED = frozenset({"Observation", "DiagnosticReport"})
# A laboratory has few hundred codes, each written alike every time; of longer ones nothing is remembered.
_MOST_REMEMBERED = 4_096
_LONGEST_REMEMBERED = 1_000


@final
class Sieve:
    """Knows Observations and laboratory reports from which no fact and no gap that matters can come.

    Answers are kept by the JSON of code and category, bounded in number and length, and the same for every patient.
    """

    def __init__(self, labs: LabReader, reports: ReportReader) -> None:
        self._labs = labs
        self._reports = reports
        self._known: dict[str, dict[bytes, bool]] = {kind: {} for kind in _SIEVED}

    def left_of(self, items: Iterable[ReceivedResource]) -> list[ReceivedResource]:
        """Return the resources that have to be read, in their order; one without an outline always has to be."""
        left: list[ReceivedResource] = []
        for item in items:
            outline = item.outline
            known = self._known.get(item.kind)
            # a panel, and Observations inside a laboratory report, are read apart
            if known is None or outline is None or outline.component or outline.contained:
                left.append(item)
                continue
            held_back = known.get(joined((outline.code, outline.category)))
            if held_back is None:
                held_back = self._looked_at(item.kind, bytes(outline.code), bytes(outline.category))
            if not held_back:
                left.append(item)
        return left

    def _looked_at(self, kind: str, code: bytes, category: bytes) -> bool:
        node = unheard(b'{"code":%b,"category":%b}' % (code or b"null", category or b"null"))
        answer = node is not None and (
            self._is_other_result(node) if kind == "Observation" else self._is_other_report(node)
        )
        if len(code) + len(category) <= _LONGEST_REMEMBERED:
            known = self._known[kind]
            if len(known) >= _MOST_REMEMBERED:
                known.clear()
            known[joined((code, category))] = answer
        return answer

    def _is_other_result(self, node: Node) -> bool:
        """Tell whether nobody asks for a result: neither its code nor any of its words is one that is read."""
        concept = node.concept("code")
        return (
            bool(concept)
            and not is_about_pregnancy(concept)
            and not states_symptoms(node)
            and self._labs.analyte(concept) is None
        )

    def _is_other_report(self, node: Node) -> bool:
        return self._reports.is_laboratory(node) and not self._labs.states_results(node)
