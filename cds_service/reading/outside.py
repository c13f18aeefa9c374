"""Reads what a report says of a suspicious mass outside the spine, which no spinal gate may keep back."""

from collections.abc import Iterator
from typing import Final

from cds_service.domain.vocabulary import FindingId
from cds_service.reading.lexicon import OTHER, Hit, Hits, Lexicon
from cds_service.reading.mentions import Mention

# how far the word of suspicion may stand from the mass, and the mass from its organ
_REACH: Final = 12
_ORGAN_REACH: Final = 8
# a level only says at which height the organ lies
_WEAK_PENALTY: Final = 3


def extraspinal(here: Hits, lexicon: Lexicon) -> Iterator[Mention]:
    """Yield each word of suspicion about a mass that lies nearer to an organ than to the spine.

    The word of suspicion carries the mention, so that "not suspicious for malignancy" denies it.
    """
    for hit in here.process:
        for composition in lexicon.compositions.get(hit.name, ()):
            if OTHER not in composition.anatomy:
                continue
            (wanted,) = composition.also
            near = (p for p in here.process if p.name in wanted and _apart(p, hit) <= _REACH)
            mass = next((p for p in near if _lies_outside(p, here, lexicon)), None)
            if mass is not None:
                yield Mention(
                    composition.finding,
                    hit.first,
                    hit.last,
                    min(hit.first, mass.first),
                    max(hit.last, mass.last),
                    literal=False,
                )


def _lies_outside(mass: Hit, here: Hits, lexicon: Lexicon) -> bool:
    named = [a for a in here.anatomy if a.name not in lexicon.unspecific]
    measured = [(_apart(mass, a) + (_WEAK_PENALTY if a.name in lexicon.weak else 0), a.name) for a in named]
    distance, nearest = min(measured, default=(_ORGAN_REACH + 1, ""))
    return nearest == OTHER and distance <= _ORGAN_REACH


def _apart(one: Hit, two: Hit) -> int:
    return max(one.first - two.last, two.first - one.last, 0)


def is_spinal(finding: FindingId) -> bool:
    """Tell a finding of the spine from one beside it."""
    return finding is not FindingId.EXTRASPINAL_SUSPICION
