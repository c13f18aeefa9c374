"""Meaning of imaging codes and of coded conclusions."""

from collections.abc import Iterable, Mapping

from cds_service.domain.facts import Coding, Span, TextFinding
from cds_service.domain.vocabulary import Certainty, FindingId, Language, Section, Status
from cds_service.fhir.matching import CodeIndex
from cds_service.fhir.node import Concept
from cds_service.knowledge.code_groups import (
    CodedFinding,
    CodeGroup,
    CodeList,
    CodeSystem,
    ImagingCode,
    Terms,
    system_of,
)

_NO_TERMS = Terms(en=("-",), de=("-",), ro=("-",))


class ImagingIndex:
    """Examination codes by system."""

    def __init__(self, codes: Iterable[ImagingCode]) -> None:
        self._codes: dict[tuple[CodeSystem, str], ImagingCode] = {}
        for entry in codes:
            for system, listed in (
                (CodeSystem.LOINC, entry.loinc),
                (CodeSystem.SNOMED, entry.snomed),
                (CodeSystem.CPT, entry.cpt),
            ):
                self._codes.update({(system, code): entry for code in listed})

    def find(self, codings: Iterable[Coding]) -> ImagingCode | None:
        """Return what the first known code means."""
        for coding in codings:
            system = system_of(coding.system)
            entry = self._codes.get((system, coding.code)) if system else None
            if entry is not None:
                return entry
        return None


class CodedFindings:
    """Findings that codes of a conclusion state."""

    def __init__(self, findings: Mapping[FindingId, CodedFinding]) -> None:
        self._index = CodeIndex(
            {
                name.value: CodeGroup(
                    terms=_NO_TERMS, snomed=CodeList(verified=entry.snomed), icd10=CodeList(verified=entry.icd10)
                )
                for name, entry in findings.items()
            }
        )

    def find(self, concepts: Iterable[Concept], language: Language) -> tuple[TextFinding, ...]:
        """Return the findings; the sentence is the words of the code, and no level is known from a code."""
        found: dict[FindingId, TextFinding] = {}
        for concept in concepts:
            for name in sorted(self._index.find(concept.codings).certain):
                span = Span(0, len(concept.label))
                found.setdefault(
                    FindingId(name),
                    TextFinding(
                        finding=FindingId(name),
                        status=Status.PRESENT,
                        certainty=Certainty.CERTAIN,
                        levels=(),
                        span=span,
                        sentence_span=span,
                        sentence=concept.label,
                        section=Section.IMPRESSION,
                        language=language,
                    ),
                )
        return tuple(found.values())
