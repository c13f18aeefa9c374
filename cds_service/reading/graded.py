"""Reads a grade that stands for narrowing: "Canal: moderate at L4/5", "severe left foraminal at L5-S1"."""

from collections.abc import Sequence
from typing import Final

from cds_service.reading.lexicon import Hit
from cds_service.reading.words import Gap, Words

_GRADES: Final = frozenset(
    {"mild", "moderate", "severe", "marked", "minimal", "slight", "mod", "moderately", "mildly", "severely"}
)
_PASSAGES: Final = frozenset({"canal", "foramen"})
_ADJECTIVES: Final = frozenset({"foraminal", "neuroforaminal", "biforaminal"})
_BETWEEN: Final = frozenset({"left", "right", "bilateral", "l", "r", "neural", "to", "moderate", "severe", "both"})
_CLOSING: Final = frozenset({"at", "and", "on", "l", "r", "left", "right", "bilaterally", "but", "or"})
_REACH: Final = 4


def graded(words: Words, anatomy: Sequence[Hit], process: Sequence[Hit]) -> list[Hit]:
    """Return the narrowing that grades stand for beside canal and foramina that no other word is said of."""
    return [hit for a in anatomy if a.name in _PASSAGES and (hit := _narrowing(words, a, process)) is not None]


def names_passage(anatomy: Sequence[Hit]) -> bool:
    """Tell whether a sentence may grade a narrowing without naming it."""
    return any(a.name in _PASSAGES for a in anatomy)


def _narrowing(words: Words, anatomy: Hit, process: Sequence[Hit]) -> Hit | None:
    after = anatomy.last + 1
    if after < len(words) and ":" in words.between(after) and words.words[after] in _GRADES:
        return None if _said(process, after, after + _REACH) else Hit("stenosis", after, after)
    if words.words[anatomy.last] not in _ADJECTIVES or _said(process, after, after + _REACH):
        return None
    closes = after >= len(words) or words.gaps[after] != Gap.SOFT or words.words[after] in _CLOSING
    first = anatomy.first - 1
    while first >= 0 and words.words[first] in _BETWEEN and words.gaps[first + 1] == Gap.SOFT:
        first -= 1
    grade = first + 1 < anatomy.first and words.words[first + 1] in _GRADES
    grade = grade or (first >= 0 and words.words[first] in _GRADES and words.gaps[first + 1] == Gap.SOFT)
    return Hit("stenosis", anatomy.last, anatomy.last) if closes and grade else None


def _said(process: Sequence[Hit], low: int, high: int) -> bool:
    return any(low <= hit.first < high for hit in process)
