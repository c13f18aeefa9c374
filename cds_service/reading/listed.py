"""Reads the signal that closes a list of what is normal: "normal height, alignment and signal"."""

from collections.abc import Sequence
from typing import Final

from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.lexicon import Hit
from cds_service.reading.words import Gap, Words

_GRAMMAR: Final = load_grammar().coordination
_QUALITIES: Final = frozenset(_GRAMMAR["qualities"]) | frozenset(_GRAMMAR["words"])
_SIGNALS: Final = frozenset(_GRAMMAR["signals"])
_OF_SIGNAL: Final = frozenset(_GRAMMAR["of_signal"])
_LONGEST: Final = 10
_NORMAL: Final = "normal"
_NORMAL_SIGNAL: Final = "normal_signal"


def normal_signals(words: Words, process: Sequence[Hit]) -> list[Hit]:
    """Return a normal signal for each word of normality whose list of qualities goes on to the signal."""
    normal = [hit for hit in process if hit.name == _NORMAL]
    if not normal:
        return []
    known = {n for hit in process if hit.name == _NORMAL_SIGNAL for n in range(hit.first, hit.last + 1)}
    found = []
    for hit in normal:
        place = _signal_behind(words, hit.last)
        if place is not None and place not in known:
            found.append(Hit(_NORMAL_SIGNAL, hit.first, place))
    return found


def _signal_behind(words: Words, last: int) -> int | None:
    """Return the word for the signal that nothing but words of a list parts from a word of normality."""
    for index in range(last + 1, min(last + 1 + _LONGEST, len(words))):
        if words.gaps[index] > Gap.COMMA:
            return None
        if words.words[index] in _SIGNALS:
            return index if _is_told_nothing_of(words, index) else None
        if words.words[index] not in _QUALITIES:
            return None
    return None


def _is_told_nothing_of(words: Words, signal: int) -> bool:
    """Tell the signal of a list from the one of a statement: "normal in contour, signal increased at C5"."""
    for index in range(signal + 1, len(words)):
        if words.gaps[index] != Gap.SOFT:
            return True
        if words.words[index] not in _OF_SIGNAL:
            return False
    return True
