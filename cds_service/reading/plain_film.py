"""Reads the narrowing of a level on a plain film, which shows no canal, as that of its disc."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from cds_service.domain.facts import TextFinding
from cds_service.domain.vocabulary import FindingId
from cds_service.reading.words import Words

_FILM: Final = frozenset({"radiograph", "radiographs", "radiography", "views", "film", "films", "xray", "xrays"})
# what shows the canal
_SECTIONS: Final = frozenset({"mr", "mri", "mrt", "rmn", "irm", "ct", "tomography", "myelogram", "myelography"})
_CANAL: Final = ("canal", "steno", "thecal", "cord", "sac", "spinal narrow")
_NARROWING: Final = "narrow"


def on_plain_film(findings: list[TextFinding], words: Words) -> list[TextFinding]:
    """Return the findings of one text; on a film "narrowing of C5-6" speaks of the disc."""
    if not any(f.finding is FindingId.CANAL_STENOSIS for f in findings) or not _is_plain_film(words):
        return findings
    return [replace(f, finding=FindingId.DISC_DEGENERATION) if _is_of_level(f) else f for f in findings]


def _is_plain_film(words: Words) -> bool:
    named = not _FILM.isdisjoint(words.words) or _follows(words.words, "x", ("ray", "rays"))
    return named and _SECTIONS.isdisjoint(words.words)


def _follows(words: Sequence[str], one: str, others: tuple[str, ...]) -> bool:
    return any(a == one and b in others for a, b in pairwise(words))


def _is_of_level(finding: TextFinding) -> bool:
    start = finding.span.start - finding.sentence_span.start
    said = finding.sentence[start : start + finding.span.end - finding.span.start].lower()
    narrow = finding.finding is FindingId.CANAL_STENOSIS and _NARROWING in said
    return narrow and not any(word in said for word in _CANAL)
