"""Finds the denial that leaves its noun out: "protrusions at C4-5 and C6-7, none at C5-6"."""

from collections.abc import Sequence
from dataclasses import dataclass

from cds_service.reading.levels import LevelGroup
from cds_service.reading.words import Gap, Words

_DENIALS = frozenset({"none", "not", "nicht", "kein", "keine", "keiner", "keines", "nu", "nici", "niciuna", "niciunul"})
_PLACING = frozenset({"at", "in", "on", "bei", "im", "auf", "hohe", "la", "nivel", "nivelul", "segment", "level"})
_CONTRASTING = frozenset({"but", "aber", "jedoch", "dar", "insa", "and", "und", "si"})
_LONGEST = 3


@dataclass(frozen=True, slots=True)
class Elided:
    """A denial at the word ``first`` that holds for the levels ``group`` of what was named before it."""

    first: int
    group: LevelGroup


def elided(words: Words, bounds: tuple[int, int], groups: Sequence[LevelGroup]) -> Elided | None:
    """Return the first such denial of a sentence."""
    for group in groups:
        first = group.first - 1
        while first > bounds[0] and group.first - first <= _LONGEST and words.words[first] in _PLACING:
            first -= 1
        after = group.last + 1
        closes = after >= bounds[1] or words.gaps[after] != Gap.SOFT
        if closes and first > bounds[0] and words.words[first] in _DENIALS and _opens(words, first):
            return Elided(first, group)
    return None


def _opens(words: Words, index: int) -> bool:
    return words.gaps[index] != Gap.SOFT or words.words[index - 1] in _CONTRASTING
