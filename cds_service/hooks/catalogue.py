"""The references behind the catalogue of rules."""

from collections.abc import Iterable, Mapping

from cds_service.domain.assessment import Citation
from cds_service.rules.catalogue import CatalogueEntry


def cited(entries: Iterable[CatalogueEntry], citations: Mapping[str, Citation]) -> tuple[Citation, ...]:
    """Return the references that the entries name, each once, in order of id."""
    wanted = {reference for entry in entries for reference in entry.evidence}
    return tuple(citations[name] for name in sorted(wanted & set(citations)))
