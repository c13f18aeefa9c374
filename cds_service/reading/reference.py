"""Tells which levels a sentence without any speaks of: those of its list head or of the sentence before it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, final

from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.levels import LevelGroup
from cds_service.reading.sentences import Sentence
from cds_service.reading.words import Words

_REFERENCE: Final = load_grammar().reference
_POINTING: Final = frozenset(_REFERENCE["pointing"])
_BOTH: Final = frozenset({"both", "these", "those", "beiden", "beide", "ambele"})
_LEVELS: Final = ("levels", "segments", "segmente", "etagen", "nivele", "nivelur", "etaje", "discs", "disks")
_DISCAL: Final = ("disc", "disk", "hernia", "protru", "extru", "bulg", "fragment")
_ADJOINING: Final = _REFERENCE["adjoining"]
_OPENING: Final = 3
_PRONOUNS: Final = frozenset(_REFERENCE["pronouns"])
# a sentence with one of these words leaves the level that the sentence before opened with
_ELSEWHERE: Final = _REFERENCE["elsewhere"]


@final
class Named:
    """The levels named before a sentence: the last ones, the last segment, and all of the last sentence with any."""

    __slots__ = ("every", "last", "segment")

    def __init__(self) -> None:
        self.last: tuple[str, ...] = ()
        self.segment: tuple[str, ...] = ()
        self.every: tuple[str, ...] = ()

    def follow(self, groups: Sequence[LevelGroup]) -> None:
        """Go on behind a sentence that names levels."""
        named = [group.levels for group in groups if not group.root]
        if not named:
            return
        self.last = named[-1]
        self.every = tuple(dict.fromkeys(level for levels in named for level in levels))
        segments = [levels for levels in named if all("-" in level for level in levels)]
        self.segment = segments[-1] if segments else self.segment


def inherited_levels(words: Words, sentence: Sentence, topic: tuple[str, ...], named: Named) -> tuple[str, ...]:
    """Return the levels that a sentence takes from its list head or from the sentence before it."""
    if len(named.every) > 1 and _all_levels(words, sentence):
        return named.every
    last_levels = named.segment if named.segment and _of_disc(words, sentence) else named.last
    inherited = sentence.head or (topic if topic and _looks_back(words, sentence) else ())
    if inherited or not last_levels:
        return inherited
    if words.words[sentence.first] in _PRONOUNS or _same_level(words, sentence) or _adjoins(words, sentence):
        return last_levels
    return ()


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


def _adjoins(words: Words, sentence: Sentence) -> bool:
    """Tell "The intervening disc ..." and "Die angrenzenden Deckplatten ..." by their first words."""
    opening = words.words[sentence.first : min(sentence.first + _OPENING, sentence.end)]
    return any(word.startswith(_ADJOINING) for word in opening)


def _all_levels(words: Words, sentence: Sentence) -> bool:
    """Tell "bulky facets at both levels"."""
    here = words.words[sentence.first : sentence.end]
    return not _BOTH.isdisjoint(here) and any(one in _BOTH and two.startswith(_LEVELS) for one, two in pairwise(here))


def _of_disc(words: Words, sentence: Sentence) -> bool:
    """Tell "This disc compresses ...", which is that of the segment, not of the vertebra it reaches to."""
    opening = words.words[sentence.first : sentence.first + 2]
    return len(opening) > 1 and opening[0] in _PRONOUNS and opening[1].startswith(_DISCAL)
