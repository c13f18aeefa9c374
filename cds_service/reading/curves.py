"""Tells a curve of the spine that is as it should be, "normal kyphosis", from one that is named because it is not."""

from typing import Final

from cds_service.reading.lexicon import Hit
from cds_service.reading.words import Gap, Words

# word beginnings, folded
_CURVES: Final = ("kyphosis", "kyphose", "cifoza", "cifozei")
_NORMAL: Final = (
    "normal", "physiolog", "preserved", "maintained", "unremarkable", "regelrecht", "unauffallig", "erhalten",
    "harmonisch", "fiziolog", "pastrat", "prezervat", "obisnuit",
)  # fmt: skip
# "loss of the normal kyphosis", "die physiologische Kyphose ist aufgehoben"
_CHANGED: Final = (
    "loss", "lost", "reduc", "decreas", "diminish", "increas", "exagger", "accentu", "straight", "flatten", "revers",
    "abnormal", "absen", "beyond", "than", "focal", "angul", "aufgehoben", "abgeflacht", "abflach",
    "verstark", "vermehrt", "vermindert", "verlust", "kein", "sters", "sterger", "redus", "diminu", "pierder",
    "scolio", "skolio", "fixiert", "fixed", "hyper", "traumat", "posttraumat", "severe", "marked", "progress",
)  # fmt: skip
_NOT: Final = frozenset({"no", "not", "nicht", "fara", "nu"})
# what a curve comes with is another thing: "kyphosis with a normal cord"
_OTHER: Final = frozenset({"with", "mit", "cu", "bei", "but", "aber", "dar"})
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
    near = words.words[max(low, hit.first - _BEFORE) : min(high, hit.last + 1 + _AFTER)]
    return any(word.startswith(_NORMAL) for word in near)


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
