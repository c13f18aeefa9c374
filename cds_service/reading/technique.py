"""Reads how the examination was done: contrast, fat-saturated sequences, diffusion, limits."""

from collections.abc import Iterable, Sequence
from typing import Final

from cds_service.domain.facts import Technique, TextFinding
from cds_service.domain.vocabulary import FindingId, Status
from cds_service.reading.lexicon import Hit

_TECHNIQUE: Final = frozenset({"contrast_done", "native", "fat_saturated", "diffusion", "limited"})
_CONTRAST: Final = frozenset({"contrast_done", "native"})
_ENHANCING: Final = frozenset({FindingId.ENHANCEMENT, FindingId.DISC_ENHANCEMENT})


def technique_of(texts: Iterable[Sequence[Hit]], findings: Sequence[TextFinding]) -> Technique:
    """Return what marks in texts say of the technique; not stated stays None. Enhancement seen proves contrast."""
    names: set[str] = set()
    for marks in texts:
        names |= {hit.name for hit in _uncovered(marks)}
    enhancing = any(f.finding in _ENHANCING and f.status is Status.PRESENT for f in findings)
    contrast = True if "contrast_done" in names or enhancing else (False if "native" in names else None)
    return Technique(
        contrast=contrast,
        stir_or_fat_saturated=True if "fat_saturated" in names else None,
        diffusion=True if "diffusion" in names else None,
        limited=True if "limited" in names else None,
    )


def _uncovered(marks: Sequence[Hit]) -> list[Hit]:
    """Drop the "without" of "without and with contrast": a longer phrase about contrast covers a shorter one."""
    technique = [mark for mark in marks if mark.name in _TECHNIQUE]
    contrast = {(n, mark.last - mark.first) for mark in technique if mark.name in _CONTRAST for n in _numbers(mark)}
    longest: dict[int, int] = {}
    for number, size in contrast:
        longest[number] = max(size, longest.get(number, 0))
    return [mark for mark in technique if all(longest.get(n, 0) <= mark.last - mark.first for n in _numbers(mark))]


def _numbers(mark: Hit) -> range:
    return range(mark.first, mark.last + 1)
