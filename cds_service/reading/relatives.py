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
_WHOLE: Final = _GRAMMAR["whole"]
_CONCLUDING: Final = _GRAMMAR["concluding"]
_CAUSED: Final = _GRAMMAR["caused"]
_SUPPOSING: Final = frozenset(_GRAMMAR["supposing"])
_VISIBLE: Final = load_grammar().denials["visible"]
_COPULAS: Final = frozenset(load_grammar().lists["copulas"])
_NOT: Final = frozenset(load_grammar().resumed["not"])
# denials that hang on a noun before them, and those that open a statement of their own
_INSIDE: Final = frozenset(load_grammar().anew["phrases"]) | frozenset(load_grammar().anew["with"])
_OPENING: Final = frozenset(load_grammar().anew["not"])
_NORMAL: Final = load_grammar().curves["normal"]
_ARTICLE: Final = frozenset(_GRAMMAR["indefinite"])
_LONGEST: Final = 12


def goes_on(words: Words, denial: Hit, start: int, first: int) -> bool:
    """Tell whether a clause said of what a denial denies holds the words from ``start`` to ``first``."""
    index = first
    while index > denial.last + 1 and first - index < _LONGEST and not _opens(words, index, first):
        if words.gaps[index] != Gap.SOFT:
            return False
        index -= 1
    opened = index <= start and _opens(words, index, first) and _is_of_denied(words, denial, index)
    return opened and not _concludes(words, index, first)


def _concludes(words: Words, pronoun: int, first: int) -> bool:
    """Tell "no hemorrhage, which argues for a metastasis" and "which is due to a fracture" from a thing's property."""
    clause = words.words[pronoun:first]
    if any(word.startswith(_CAUSED) for word in clause):
        return True
    parted = words.gaps[pronoun] == Gap.COMMA
    return parted and _SUPPOSING.isdisjoint(clause) and any(word.startswith(_CONCLUDING) for word in clause)


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
    if not before or _is_remark(words, denial, pronoun):
        return False
    if denies_change(words, denial, pronoun) or _is_lacking(words, denial, before):
        return False
    return all(words.gaps[n] == Gap.SOFT for n in before) and not any(
        is_place(words, n) or words.words[n] in _OTHERS or words.words[n].endswith(_DEFINITE_ENDS) for n in before
    )


def _is_remark(words: Words, denial: Hit, pronoun: int) -> bool:
    """Tell a denial that is only said of a noun before it, of which the clause may speak as well.

    "Metastasis without fracture which compresses the cord", "abscess, no gas, causing cauda compression", "abscess not
    described before which ...". What "would" or "could" do so is not there.
    """
    if not denial.first or not _SUPPOSING.isdisjoint(words.words[pronoun : pronoun + 2]):
        return False
    if words.gaps[denial.first] == Gap.SOFT:
        bare = denial.first == denial.last and words.words[denial.first] in _NOT
        hanging = words.words[denial.first] in _INSIDE
        return hanging or (bare and words.words[denial.last + 1] not in _ARTICLE)
    # German parts every such clause by a comma
    german = words.words[pronoun] in _ARTICLES or words.words[pronoun].startswith("welch")
    if words.gaps[denial.first] != Gap.COMMA or words.gaps[pronoun] != Gap.COMMA or german:
        return False
    member = next((n for n in range(denial.first - 1, 0, -1) if words.gaps[n] != Gap.SOFT), 0)
    told = words.words[member : denial.first]
    # "no fracture, no mass, which ..." and "normal alignment, no herniation, which ..."
    return told[0] not in _OPENING and not any(word.startswith(_NORMAL) for word in told)


def _is_lacking(words: Words, denial: Hit, before: range) -> bool:
    """Tell "the height is not preserved, which ..." and "no canal is left, causing ...": what is denied should be."""
    verbal = not _NOT.isdisjoint(words.words[denial.first : denial.last + 1])
    if verbal and any(words.words[n].startswith(_WHOLE) for n in (before[0], before[-1])):
        return True
    return any(words.words[n] in _COPULAS and not words.words[n + 1].startswith(_VISIBLE) for n in before)
