"""Tells where a denial ends although its sentence goes on: causes, places and statements of their own."""

from collections.abc import Sequence
from typing import Final

from cds_service.domain.vocabulary import FindingId
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.lexicon import Hit
from cds_service.reading.words import Gap, Words

_BODIES: Final = frozenset({"lwk", "bwk", "hwk", "swk", "th", "l", "c", "s", "segment", "hohe"})
_REGION_LETTERS: Final = frozenset("ctdls")
_OR: Final = frozenset({"or", "nor", "oder", "noch", "sau", "nici"})
_OR_REACH: Final = 6
_MEMBERS_REACH: Final = 20
_ARTICLES: Final = frozenset(
    {"a", "an", "any", "ein", "eine", "einer", "eines", "einem", "einen", "un", "o", "unei", "unui"}
)
# words that lead from a denied list to what is there
_MEMBERS: Final = frozenset(load_grammar().lists["joining"])
_LINKING: Final = _MEMBERS | frozenset(load_grammar().lists["adding"])
_JOINING: Final = frozenset({"and", "with", "but", "und", "mit", "aber", "si", "cu", "dar"})
_PLACE_REACH: Final = 5
_GRAMMAR: Final = load_grammar().denials
_PREFIXES: Final = frozenset(_GRAMMAR["prefixes"])
_BEFORE_PARTICIPLES: Final = frozenset(_GRAMMAR["before_participles"])
_PARTICIPLES: Final = _GRAMMAR["participles"]
_EXISTING: Final = _GRAMMAR["existing"]
_FROM: Final = frozenset({"von", "vom", "gegen", "hiervon", "davon"})
_SEQUESTERED: Final = frozenset(_GRAMMAR["sequestered"])
_TREATED: Final = _GRAMMAR["treated"]
_TREATED_REACH: Final = 2
_BEFORE_TREATMENT: Final = frozenset(_GRAMMAR["before_treatment"])
_VISIBLE: Final = _GRAMMAR["visible"]
_LIKENESS: Final = frozenset(_GRAMMAR["likeness"])
_HALVES: Final = frozenset(_GRAMMAR["halves"])


def names_cause(words: Words, low: int, high: int) -> bool:
    """Tell "keine Myelopathie bei hochgradiger Stenose" from "kein Ödem bei LWK 3": what it comes with is there."""
    return any(
        words.words[index] == "bei"
        and not words.words[index + 1][-1].isdigit()
        and words.words[index + 1] not in _BODIES
        for index in range(low + 2, high)
    )


def denies_adjective(words: Words, denial: Hit, first: int) -> bool:
    """Tell "non-displaced fracture" and "nicht raumfordernde Protrusion", where only the next word is denied."""
    after = denial.last + 1
    if words.words[denial.last] in _PREFIXES:
        return first > after
    after += after < first and words.words[after] in _HALVES
    if words.words[denial.last] not in _BEFORE_PARTICIPLES or first != after + 1 or words.gaps[first] != Gap.SOFT:
        return False
    if not words.words[after].endswith(_PARTICIPLES):
        return False
    # "vom Psoas nicht abzugrenzender Abszess": there is one, only its border is not seen
    apart = not _FROM.isdisjoint(words.words[max(0, denial.first - 4) : denial.first])
    return apart or not words.words[after].startswith(_EXISTING)


def heads_list(words: Words, denial: Hit, first: int) -> bool:
    """Tell "Not demonstrated: fracture, abscess or ...": words that deny what precedes them head a list by a colon."""
    return first > denial.last and ":" in words.between(denial.last + 1)


def goes_to_level(words: Words, low: int, high: int) -> bool:
    """Tell "keine Protrusion L4/5, L5/S1 Prolaps": a place right behind a comma opens a statement, unless a list does.

    "Keine Stenose L3/4, L4/5 oder L5/S1" goes on with places only.
    """
    opened = [n for n in range(low + 2, high) if words.gaps[n] == Gap.COMMA and is_place(words, n)]
    return (
        bool(opened)
        and not is_place(words, low + 1)
        and not any(words.words[n] in _OR for n in range(opened[-1], min(high + 2, len(words))))
    )


def stands_alone(words: Words, denial: Hit, first: int, last: int) -> bool:
    """Tell "fără compresie radiculară, hemangiom la L2": the last member has the only place, and no "or" binds it."""
    if words.words[denial.first] != "fara" or or_follows(words, first):
        return False
    commas = [n for n in range(denial.last + 2, first + 1) if words.gaps[n] == Gap.COMMA]
    if len(commas) != 1 or any(is_place(words, n) for n in range(denial.last + 1, first)):
        return False
    after = range(last + 1, min(last + 1 + _PLACE_REACH, len(words)))
    place = next((n for n in after if is_place(words, n)), None)
    return place is not None and all(words.gaps[n] == Gap.SOFT for n in range(last + 1, place + 1))


def is_place(words: Words, index: int) -> bool:
    """Tell a word that names a level, or begins its name."""
    word = words.words[index]
    return word[:3] in _BODIES or (word[-1].isdigit() and word[0] in _REGION_LETTERS)


def is_repeated(words: Words, scope: tuple[int, int], denials: Sequence[Hit]) -> bool:
    """Tell "keine Stenose, keine Enge, Protrusion L4/5": where each member is denied, one without a denial is not.

    ``scope`` runs from the last word of a denial to the word it may reach; ``denials`` are those of the sentence.
    """
    low, high = scope
    if or_follows(words, high):
        return False
    opening = [hit for hit in denials if words.gaps[hit.first] is Gap.COMMA]
    # the next member has a denial of its own
    if any(low < hit.first < high for hit in opening):
        return True
    own = any(hit.last == low for hit in opening) and any(hit.last < low for hit in denials)
    return own and any(words.gaps[n] is Gap.COMMA for n in range(low + 2, high + 1))


def or_follows(words: Words, high: int) -> bool:
    """Tell "no sign of A, degenerative B or C": an "or" among the next words keeps all of them in one denied list.

    The "or" may also stand before the words that lead to the last member, "A, B or a large C", and further members with
    an article may come before it: "A, a B, a C or a D".
    """
    for index in range(high - 1, max(0, high - _OR_REACH), -1):
        if words.words[index] in _OR:
            return True
        if words.gaps[index] != Gap.SOFT or words.words[index] in _JOINING:
            break
    for index in range(high, min(high + _MEMBERS_REACH, len(words))):
        word, gap = words.words[index], words.gaps[index]
        if word in _OR and (index == high or gap <= Gap.COMMA):
            return True
        if index > high and (word in _JOINING or gap > Gap.COMMA or (gap == Gap.COMMA and word not in _ARTICLES)):
            return False
    return False


def has_another_subject(words: Words, low: int, high: int) -> bool:
    """Tell "edema of L4, fracture absent" from the list "edema, fracture or mass absent" and a remark in commas."""
    commas = [index for index in range(low + 1, high + 1) if words.gaps[index] == Gap.COMMA]
    # what is joined before the first comma is the place of the first: "protrusions L3/4 and L4/5, a fracture was ..."
    joined = bool(commas) and any(words.words[index] in _MEMBERS for index in range(commas[0], high))
    return bool(commas) and not joined and commas[-1] != high


def opens_phrase(words: Words, unlikely: Hit) -> bool:
    """Tell "angioma, less likely metastases": after a comma the words judge the noun that follows them."""
    after = unlikely.last + 1
    follows = after < len(words) and words.gaps[after] <= Gap.COMMA and words.words[after] not in _LINKING
    joined = unlikely.first > 0 and words.words[unlikely.first - 1] in _LINKING
    return follows and (joined or (words.gaps[unlikely.first] == Gap.COMMA and words.gaps[after] == Gap.SOFT))


def is_sequestered(words: Words, finding: FindingId, denial: Hit) -> bool:
    """Tell the Romanian "hernie de disc voluminoasă, exclusă, migrată" from one that was excluded."""
    return finding is FindingId.DISC_HERNIATION and words.words[denial.first] in _SEQUESTERED


def denies_treatment(words: Words, denial: Hit) -> bool:
    """Tell "abscess not drained" and "Abszess bislang nicht operativ entlastet": what is there was not treated."""
    for index in range(denial.last + 1, min(denial.last + 1 + _TREATED_REACH, len(words))):
        # "not seen after drainage", "not seen, drained"
        if words.gaps[index] != Gap.SOFT or words.words[index] in _BEFORE_TREATMENT:
            return False
        if words.words[index].startswith(_TREATED):
            return True
    return False


def likens(words: Words, hit: Hit) -> bool:
    """Tell "myeloma could look the same", said of what stands right before it and not of what it looks like."""
    return not _LIKENESS.isdisjoint(words.words[hit.first + 1 : hit.last + 1])


def leaves_verb(words: Words, low: int, high: int) -> bool:
    """Tell what a bare "not" leaves alone behind a comma or a colon: "I read the report, not the films: a fracture"."""
    colon = next((n for n in range(low + 2, high + 1) if words.gaps[n] == Gap.CLAUSE), None)
    opens = low == 0 or words.gaps[low] != Gap.SOFT
    # what is "not visible" may stand behind a colon of its own
    lists = colon is not None and opens and any(words.words[n].startswith(_VISIBLE) for n in range(low + 1, colon))
    behind_colon = colon is not None and not lists
    parted = any(words.gaps[n] == Gap.COMMA for n in range(low + 1, high + 1))
    return behind_colon or (parted and not is_listed(words, high))


def is_listed(words: Words, high: int) -> bool:
    """Tell whether the commas between two words separate members of one list that ends in "and" or "or"."""
    return words.words[high - 1] in _MEMBERS or words.words[min(high + 1, len(words) - 1)] in _MEMBERS
