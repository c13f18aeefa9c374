"""Reads how the examination was done: contrast, fat-saturated sequences, diffusion, limits."""

from collections.abc import Sequence

from cds_service.domain.facts import Technique, TextFinding
from cds_service.domain.vocabulary import FindingId, Status
from cds_service.reading.lexicon import Hit, Hits
from cds_service.reading.words import Words

_ENHANCING = frozenset({FindingId.ENHANCEMENT, FindingId.DISC_ENHANCEMENT})


def technique_of(title: str, texts: Sequence[tuple[Words, Hits]], findings: Sequence[TextFinding]) -> Technique:
    """Return what the report says of its technique; not stated stays None. Enhancement seen proves contrast."""
    names: set[str] = set()
    for _, hits in texts:
        names |= {hit.name for hit in _uncovered(hits.mark)}
    enhancing = any(f.finding in _ENHANCING and f.status is Status.PRESENT for f in findings)
    _ = title
    contrast = True if "contrast_done" in names or enhancing else (False if "native" in names else None)
    return Technique(
        contrast=contrast,
        stir_or_fat_saturated=True if "fat_saturated" in names else None,
        diffusion=True if "diffusion" in names else None,
        limited=True if "limited" in names else None,
    )


def _uncovered(marks: Sequence[Hit]) -> list[Hit]:
    """Drop the "without" of "without and with contrast"."""
    technique = [m for m in marks if m.name in {"contrast_done", "native", "fat_saturated", "diffusion", "limited"}]
    return [
        m
        for m in technique
        if not any(
            o is not m and o.first <= m.first and o.last >= m.last and o.last - o.first > m.last - m.first
            for o in technique
            if o.name in {"contrast_done", "native"}
        )
    ]
