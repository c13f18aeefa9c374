"""Tells which levels a sentence without any speaks of: those of its list head or of the sentence before it."""

from itertools import pairwise
from typing import Final

from cds_service.knowledge.findings import load_grammar
from cds_service.reading.sentences import Sentence
from cds_service.reading.words import Words

_REFERENCE: Final = load_grammar().reference
_POINTING: Final = frozenset(_REFERENCE["pointing"])
_PRONOUNS: Final = frozenset(_REFERENCE["pronouns"])
# a sentence with one of these words leaves the level that the sentence before opened with
_ELSEWHERE: Final = _REFERENCE["elsewhere"]


def inherited_levels(
    words: Words, sentence: Sentence, topic: tuple[str, ...], last_levels: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the levels that a sentence takes from its list head or from the sentence before it."""
    inherited = sentence.head or (topic if topic and _looks_back(words, sentence) else ())
    if not inherited and last_levels and (words.words[sentence.first] in _PRONOUNS or _same_level(words, sentence)):
        return last_levels
    return inherited


def _looks_back(words: Words, sentence: Sentence) -> bool:
    """Tell whether a sentence without levels may speak of the levels that the one before opened with."""
    return sentence.continued or not any(
        word.startswith(_ELSEWHERE) for word in words.words[sentence.first : sentence.end]
    )


def _same_level(words: Words, sentence: Sentence) -> bool:
    """Tell "this level", "diesem Segment", "acest nivel"."""
    here = words.words[sentence.first : sentence.end]
    return not _POINTING.isdisjoint(here) and any(
        one in _POINTING and two.startswith(_REFERENCE["places"]) for one, two in pairwise(here)
    )
