"""Tells the denial of a change from that of a finding: "no growth of the abscess at L3" says that it is there still."""

from typing import Final

from cds_service.reading.lexicon import Hit
from cds_service.reading.words import Gap, Words

# nouns of change, folded; what they are denied "of" is presupposed. Word beginnings, and ends of German compounds.
_CHANGES: Final = (
    "increase", "decrease", "reduction", "progress", "growth", "enlarge", "improve", "regress", "resolution", "change",
    "expansion", "extension", "worsening", "deteriorat", "evolution", "shrink", "zunahme", "abnahme", "progredienz",
    "progression", "grossen", "veranderung", "anderung", "wachstum", "wandel", "dynamik", "verschlechterung",
    "ausdehnung",
    "modificar", "progresi", "crester", "marire", "reducer", "diminuar", "scader", "ameliorar", "agravar", "accentuar",
    "extinder", "evolutie", "evolutia", "regresi",
)  # fmt: skip
_CHANGE_ENDS: Final = ("zunahme", "anderung", "progredienz", "progress", "wandel", "dynamik", "wachstum", "abnahme")
# what belongs to the noun of change: "of", and the German and Romanian genitive
_OF: Final = frozenset({"of", "in", "des", "der", "von", "ale", "al", "a", "ai", "la"})
# Romanian says the genitive with the endings of the nouns: "progresia compresiei"
_BARE: Final = ("progresia", "cresterea", "marirea", "reducerea", "diminuarea", "agravarea", "accentuarea",
    "extinderea", "scaderea", "ameliorarea", "regresia", "evolutia",
    "modificarea", "schimbarea")  # fmt: skip
_OR: Final = frozenset({"or", "nor", "oder", "noch", "sau", "nici", "and", "und", "si"})
_DEFINITE: Final = frozenset({"the", "of", "der", "des", "ale", "al", "known", "bekannten"})
_APART: Final = frozenset({"with", "mit", "cu", "bei", "and", "und", "si", "or", "oder", "sau", "due", "durch", "prin"})
# "no new compression, the known one at T8 persists"
_NEW: Final = ("new", "neu", "nou", "noi")
_KNOWN: Final = ("bekannt", "vorbeschrieben", "vorbestehend", "known", "previous", "cunoscut")
_ARTICLES: Final = frozenset({"die", "der", "das", "the", "cea", "cel", "cele"})
_STANDING_IN: Final = frozenset(
    {
        "in", "auf", "bei", "von", "am", "im", "ist", "sind", "besteht", "bestehen", "persistiert", "persistieren",
        "one", "ones", "at", "is", "are", "persists", "persist", "la", "de", "din", "este", "sunt", "persista",
        "ramane",
    }
)  # fmt: skip
_LEADING: Final = 4
_NEW_REACH: Final = 3
_REACH: Final = 14
_LATER: Final = 12


def denies_change(words: Words, denial: Hit, first: int) -> bool:
    """Tell whether a denial, which may hold the noun, denies a change of the finding that begins at ``first``."""
    for index in range(denial.first + 1, min(first, denial.last + 1 + _LEADING)):
        word = words.words[index]
        if words.gaps[index] != Gap.SOFT or word in _APART:
            return False
        if word.startswith(_CHANGES) or word.endswith(_CHANGE_ENDS):
            return first - index <= _REACH and _is_owned(words, index, first)
    return False


def _is_owned(words: Words, noun: int, first: int) -> bool:
    """Tell "progression of the known abscess" from "progression, abscess" and "changes or abscess"."""
    if any(words.gaps[n] != Gap.SOFT for n in range(noun + 1, first + 1)):
        return False
    for index in range(noun + 1, first):
        if words.words[index] in _OR and words.words[index + 1] not in _DEFINITE:
            return False
    owned = any(words.words[n] in _OF for n in range(noun + 1, first))
    return owned or words.words[noun] in _BARE


def stands_as_known(words: Words, low: int, first: int, last: int) -> bool:
    """Tell "no new compression, the known one at T8 persists" from the plain denial of anything new."""
    if not any(words.words[n].startswith(_NEW) for n in range(low, min(first + 1, low + 1 + _NEW_REACH))):
        return False
    parted = False
    for index in range(last + 1, min(last + 1 + _LATER, len(words) - 1)):
        if words.gaps[index] > Gap.CLAUSE:
            return False
        parted = parted or words.gaps[index] != Gap.SOFT
        named = words.words[index].startswith(_KNOWN) and words.words[index - 1] in _ARTICLES
        if parted and named and words.words[index + 1] in _STANDING_IN:
            return True
    return False
