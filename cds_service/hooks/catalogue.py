"""The rules as a reviewer reads them: id, sentence, field of knowledge, references."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cds_service.domain.assessment import Citation


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One clinical rule. ``subject`` is the state variable it argues about or the order it looks at."""

    id: str
    group: str
    subject: str
    sentence: str
    evidence: tuple[str, ...]


def cited(entries: Iterable[CatalogueEntry], citations: Mapping[str, Citation]) -> tuple[Citation, ...]:
    """Return the references that the entries name, each once, in order of id."""
    wanted = {reference for entry in entries for reference in entry.evidence}
    return tuple(citations[name] for name in sorted(wanted & set(citations)))
