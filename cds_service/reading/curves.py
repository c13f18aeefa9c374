"""Tells a curve of the spine that is as it should be, "normal kyphosis", from one that is named because it is not."""

from typing import Final

from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.lexicon import Hit
from cds_service.reading.words import Gap, Words

_GRAMMAR: Final = load_grammar().curves
_CURVES: Final = _GRAMMAR["curves"]
_NORMAL: Final = _GRAMMAR["normal"]
_CHANGED: Final = _GRAMMAR["changed"]
_NOT: Final = frozenset(_GRAMMAR["not"])
_OTHER: Final = frozenset(_GRAMMAR["with"])
_ALIKE: Final = _GRAMMAR["alike"]
_JOINING: Final = frozenset(load_grammar().lists["adding"])
_BEFORE: Final = 3
_AFTER: Final = 5
_AROUND: Final = 6


def is_normal_curve(words: Words, hit: Hit) -> bool:
    """Tell a kyphosis that is called normal, and that no word beside it calls changed."""
    named = words.words[hit.first : hit.last + 1]
    if not any(word.startswith(_CURVES) or word.endswith(_CURVES) for word in named):
        return False
    low, high = _bounds(words, hit)
    around = words.words[low:high]
    if any(word.startswith(_CHANGED) or word in _NOT for word in around):
        return False
    near = range(max(low, hit.first - _BEFORE), min(high, hit.last + 1 + _AFTER))
    return any(words.words[n].startswith(_NORMAL) and _is_of_curve(words, hit, n) for n in near)


def _is_of_curve(words: Words, hit: Hit, index: int) -> bool:
    """Tell "kyphosis and lordosis are normal" from "kyphosis and normal vertebral heights"."""
    joints = [n for n in range(hit.last + 1, index) if words.words[n] in _JOINING]
    if not joints:
        return True
    between = words.words[joints[-1] + 1 : index]
    if any(word.startswith(_ALIKE) for word in between):
        return True
    closes = index + 1 == len(words) or words.gaps[index + 1] != Gap.SOFT
    return closes and not between


def _bounds(words: Words, hit: Hit) -> tuple[int, int]:
    """Return the words around a curve that no punctuation parts from it, and no more than a few."""
    low, high = hit.first, hit.last + 1
    while low > max(0, hit.first - _AROUND) and words.gaps[low] == Gap.SOFT and words.words[low - 1] not in _OTHER:
        low -= 1
    while (
        words.words[high : high + 1]
        and words.words[high] not in _OTHER
        and high < min(len(words), hit.last + 1 + _AROUND)
        and words.gaps[high] == Gap.SOFT
    ):
        high += 1
    return low, high
