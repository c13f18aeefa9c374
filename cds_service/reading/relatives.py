"""Tells the clause that goes on with what is denied: "no mass which compresses the cord" states no compression.

A clause that is said of something else states what it says: of a place ("no edema of L1, which shows an old fracture"),
of a thing that is there ("no growth of the abscess, which ..."), or of the finding before a phrase ("herniation without
a sequester, which compresses the root").
"""

from typing import Final

from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.denials import is_place
from cds_service.reading.lexicon import Hit
from cds_service.reading.unchanged import denies_change
from cds_service.reading.words import Gap, Words

_GRAMMAR: Final = load_grammar().relatives
_PRONOUNS: Final = frozenset(_GRAMMAR["pronouns"])
# German pronouns that are articles as well
_ARTICLES: Final = frozenset(_GRAMMAR["articles"])
_AFTER_ARTICLES: Final = frozenset(_GRAMMAR["after_articles"])
_CLOSING: Final = _GRAMMAR["closing"]
_ATTRIBUTES: Final = load_grammar().denials["participles"]
# what leads to another noun than the denied one, or to one that is there
_OTHERS: Final = frozenset(_GRAMMAR["beside"]) | frozenset(load_grammar().anew["definite"])
_DEFINITE_ENDS: Final = _GRAMMAR["definite_ends"]
_PHRASES: Final = frozenset(load_grammar().anew["phrases"])
_LONGEST: Final = 12


def goes_on(words: Words, denial: Hit, start: int, first: int) -> bool:
    """Tell whether a clause said of what a denial denies holds the words from ``start`` to ``first``."""
    index = first
    while index > denial.last + 1 and first - index < _LONGEST and not _opens(words, index, first):
        if words.gaps[index] != Gap.SOFT:
            return False
        index -= 1
    return index <= start and _opens(words, index, first) and _is_of_denied(words, denial, index)


def _opens(words: Words, start: int, first: int) -> bool:
    """Tell whether a relative clause that holds the word ``first`` begins at ``start``."""
    word = words.words[start]
    if word in _PRONOUNS:
        return words.gaps[start] <= Gap.COMMA
    if word not in _ARTICLES or words.gaps[start] != Gap.COMMA or words.words[start + 1] not in _AFTER_ARTICLES:
        return False
    # "die den Kanal einengt", but "die im CT beschriebene Metastase"
    end = min(words.following("segment", Gap.SOFT)[first], first + _LONGEST)
    return words.words[end - 1].startswith(_CLOSING) and not any(
        words.words[n].endswith(_ATTRIBUTES) for n in range(start, first)
    )


def _is_of_denied(words: Words, denial: Hit, pronoun: int) -> bool:
    """Tell whether what stands before a relative pronoun is the denied noun, and nothing that is there."""
    before = range(denial.last + 1, pronoun)
    parted = words.gaps[pronoun] == Gap.COMMA
    inside = denial.first > 0 and words.gaps[denial.first] == Gap.SOFT and words.words[denial.first] in _PHRASES
    if not before or (inside and parted) or denies_change(words, denial, pronoun):
        return False
    return all(words.gaps[n] == Gap.SOFT for n in before) and not any(
        is_place(words, n) or words.words[n] in _OTHERS or words.words[n].endswith(_DEFINITE_ENDS) for n in before
    )
