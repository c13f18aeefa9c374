"""Tells what a sentence excepts: "apart from a hemangioma at T10 normal marrow", "no metastases except at T8"."""

from collections.abc import Sequence
from typing import Final

from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.denials import is_place
from cds_service.reading.levels import LevelGroup
from cds_service.reading.words import Gap, Words

_GRAMMAR: Final = load_grammar().exceptions
_OPENERS: Final = tuple(tuple(words.split()) for words in _GRAMMAR["openers"])
_FIRST: Final = frozenset(words[0] for words in _OPENERS)
_BEFORE_PLACES: Final = _OPENERS + tuple(tuple(words.split()) for words in _GRAMMAR["before_places"])
_LEADING: Final = frozenset(_GRAMMAR["leading"])
_UP_TO: Final = frozenset(_GRAMMAR["up_to"])
_RELATIVE: Final = frozenset(_GRAMMAR["relative"])
_DENYING: Final = frozenset(load_grammar().anew["not"])
_GOING_ON: Final = _DENYING | frozenset(load_grammar().lists["copulas"]) | frozenset(load_grammar().anew["verbs"])
_NORMAL: Final = load_grammar().curves["normal"]
_REACH: Final = 8
# "With the exception of ..." opens its sentence
_OPENING: Final = 2

Phrase = tuple[int, int]


def opens_exception(words: Words, index: int) -> bool:
    """Tell whether an exception opens at a word; "bis auf" may also say how far something reaches."""
    if words.words[index] not in _FIRST:
        return False
    opener = next((o for o in _OPENERS if words.words[index : index + len(o)] == o), None)
    if opener is None:
        return False
    after = index + len(opener)
    return after < len(words) and words.words[after] not in _UP_TO


def exceptions(words: Words, bounds: tuple[int, int]) -> list[Phrase]:
    """Return the exceptions of a sentence as words ``[first, end)``."""
    if _FIRST.isdisjoint(words.words[bounds[0] : bounds[1]]):
        return []
    opened = [n for n in range(*bounds) if opens_exception(words, n)]
    return [(first, _end(words, first, bounds[1])) for first in opened]


def _end(words: Words, first: int, highest: int) -> int:
    """Return where the sentence goes on behind an exception that opens at ``first``."""
    within = False
    for index in range(first + 2, highest):
        word = words.words[index]
        parted = words.gaps[index] != Gap.SOFT
        if parted and not is_place(words, index):
            within = not within and word in _RELATIVE
            if not within:
                return index
        if not within and (word in _GOING_ON or word.startswith(_NORMAL)):
            return index
    return highest


def own_groups(
    words: Words, named: Phrase, groups: list[LevelGroup], excepted: Sequence[Phrase], start: int
) -> list[LevelGroup]:
    """Leave out levels that are excepted from what is said of a finding; what is excepted itself has its own.

    ``named`` is the first and the last word of the finding, ``start`` the first of its sentence. "No metastases except
    at T8" states them there.
    """
    if not _DENYING.isdisjoint(words.words[start : named[0]]) and is_exception(words, named[1]):
        return groups
    held = next((phrase for phrase in excepted if phrase[0] <= named[0] < phrase[1]), None)
    if held is not None:
        return [group for group in groups if held[0] <= group.first < held[1]] or groups
    # what follows an exception at the end tells more of it: "apart from a focus in T9, typical of a hemangioma"
    parted = [phrase for phrase in excepted if named[0] < phrase[0] or phrase[0] - start <= _OPENING]
    return [group for group in groups if not any(first <= group.first < end for first, end in parted)]


def is_exception(words: Words, last: int) -> bool:
    """Tell "no metastases other than T8": what is denied of the rest is there at the place that is excepted.

    ``last`` is the last word of the finding.
    """
    for index in range(last + 1, min(last + 1 + _REACH, len(words))):
        if words.gaps[index] >= Gap.CLAUSE:
            return False
        named = next((e for e in _BEFORE_PLACES if words.words[index : index + len(e)] == e), None)
        if named is not None:
            at = index + len(named)
            while at < len(words) and words.words[at] in _LEADING and words.gaps[at] == Gap.SOFT:
                at += 1
            return at < len(words) and words.gaps[at] == Gap.SOFT and is_place(words, at)
    return False
