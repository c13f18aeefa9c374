"""Reads one vertebra, or two joined by a dash, as letter and number."""

import re
from typing import Final, final

from mypy_extensions import mypyc_attr

from cds_service.reading.level_names import COUNT, INDEX, ORDER, vertebra
from cds_service.reading.level_words import GERMAN_BODIES, ROMAN
from cds_service.reading.words import Gap, Words

REGIONS: Final = {
    **dict.fromkeys(("c", "hwk", "hw", "halswirbel", "halswirbelkorper"), "C"),
    **dict.fromkeys(("t", "th", "d", "bwk", "bw", "dv", "brustwirbel", "brustwirbelkorper"), "T"),
    **dict.fromkeys(("l", "lwk", "lw", "lendenwirbel", "lendenwirbelkorper"), "L"),
    **dict.fromkeys(("s", "swk", "sw", "sakralwirbel", "sakralwirbelkorper"), "S"),
}
_JOINED: Final = re.compile(r"(hwk|bwk|lwk|swk|th|[ctdls])(\d{1,2})", re.ASCII)
_DOUBLE: Final = re.compile(r"([ctdls])(\d{1,2})([ctdls])(\d{1,2})", re.ASCII)
_TWO_DIGITS: Final = 2
DASHES: Final = frozenset({"-", "–", "—", "−", "‐", "‑", "/", "\\"})
_UNITS: Final = frozenset(
    {"mm", "cm", "ml", "mg", "percent", "prozent", "weeks", "months", "days", "years", "tesla", "x", "of"}
)


ROMAN_NAMES: Final = {
    letter.lower() + roman: f"{REGIONS[letter.lower()]}{number}"
    for letter in "CDTLS"
    for roman, number in ROMAN.items()
    if f"{REGIONS[letter.lower()]}{number}" in INDEX
}
# words and abbreviations of their own: "DISCUL SI PLATOURILE", "CV"
_COMMON: Final = frozenset({"si", "ci", "di", "li", "ti", "cv", "dv", "lv"})
_NAMING: Final = (
    "vertebr",
    "corp",
    "disc",
    "nivel",
    "platou",
    "segment",
    "interspa",
    "spati",
    "etaj",
    "apofiz",
    "pedicul",
)


@mypyc_attr(acyclic=True)
@final
class Item:
    """One vertebra, or two joined by a dash; ``end`` is the word after. Nobody changes it once it is made."""

    __slots__ = ("end", "slash", "start", "stop")

    def __init__(self, start: str, stop: str | None, end: int, *, slash: bool = False) -> None:
        self.start = start
        self.stop = stop
        self.end = end
        self.slash = slash


def single(words: Words, index: int, region: str = "") -> tuple[str, int] | None:
    """Read one vertebra at a word, or a bare number when the region is known; return it and the next word."""
    word = words.words[index] if index < len(words) else ""
    match = _JOINED.fullmatch(word)
    if match:
        name = vertebra(REGIONS[match[1]], match[2])
        return (name, index + 1) if name else None
    if word in REGIONS and index + 1 < len(words) and words.words[index + 1].isdigit():
        gap = words.between(index + 1)
        is_name = len(word) > 1 or words.text[words.starts[index]].isupper()
        if gap.strip(" \u00a0.-") == "" and len(gap) <= _TWO_DIGITS and is_name and not unit_follows(words, index + 1):
            name = vertebra(REGIONS[word], words.words[index + 1])
            return (name, index + 2) if name else None
    if word in GERMAN_BODIES and index + 1 < len(words) and words.words[index + 1] in ROMAN:
        # "LWK i.S. einer Fraktur" is an abbreviation
        number = "" if words.words[index + 2 : index + 3] == ("s",) else ROMAN[words.words[index + 1]]
        name = vertebra(REGIONS[word], number) if number and words.gaps[index + 1] == Gap.SOFT else None
        return (name, index + 2) if name else None
    if word in ROMAN_NAMES and (name := _roman_name(words, index)):
        return name, index + 1
    if region and word.isdigit() and len(word) <= _TWO_DIGITS and not unit_follows(words, index):
        name = vertebra(region, word)
        return (name, index + 1) if name else None
    return None


def _roman_name(words: Words, index: int) -> str | None:
    """Read "LV-SI" and "corpul LIV": capitals, joined by a dash or behind a word for a vertebra."""
    if not _is_roman(words, index):
        return None
    near = [n for n in (index, index + 1) if 0 < n < len(words) and words.between(n).strip() in DASHES]
    joined = any(_is_roman(words, n - 1) and _is_roman(words, n) for n in near)
    before = words.words[index - 1] if index and words.gaps[index] == Gap.SOFT else ""
    if not joined and (words.words[index] in _COMMON or not before.startswith(_NAMING)):
        return None
    return ROMAN_NAMES[words.words[index]]


def _is_roman(words: Words, index: int) -> bool:
    raw = words.text[words.starts[index] : words.ends[index]]
    return words.words[index] in ROMAN_NAMES and raw.isupper()


def unit_follows(words: Words, index: int) -> bool:
    """Tell a size, a share or a decimal from the number of a vertebra."""
    if index + 1 >= len(words):
        return False
    between = words.between(index + 1)
    decimal = between in {".", ","} and words.words[index + 1].isdigit() and "." in between
    return words.words[index + 1] in _UNITS or "%" in between or decimal


def item_at(words: Words, index: int, region: str = "") -> Item | None:
    """Read a vertebra or a dashed pair; ``region`` allows a bare number after an earlier level."""
    double = _DOUBLE.fullmatch(words.words[index]) if index < len(words) else None
    if double:
        first, second = vertebra(REGIONS[double[1]], double[2]), vertebra(REGIONS[double[3]], double[4])
        return Item(first, second, index + 1) if first and second else None
    packed = _packed(words.words[index]) if index < len(words) else None
    if packed:
        return Item(packed[0], packed[1], index + 1)
    found = single(words, index, region)
    if found is None:
        return None
    start, end = found
    if end < len(words) and words.between(end).strip() in DASHES:
        partner = partner_below(words, end, start) or single(words, end, start[0]) or _roman(words, index, end)
        if partner:
            return Item(start, partner[0], partner[1], slash=words.between(end).strip() in {"/", "\\"})
    return Item(start, None, end)


def _roman(words: Words, first: int, index: int) -> tuple[str, int] | None:
    """Read the second number of "LWK IV/V"."""
    if (
        words.words[first] not in GERMAN_BODIES
        or words.words[index] not in ROMAN
        or words.words[index - 1] not in ROMAN
    ):
        return None
    name = vertebra(REGIONS[words.words[first]], ROMAN[words.words[index]])
    return (name, index + 1) if name else None


def _packed(word: str) -> tuple[str, str] | None:
    """Read "L45" as L4-L5."""
    match = _JOINED.fullmatch(word)
    if not match or len(match[2]) != _TWO_DIGITS or int(match[2]) <= COUNT[REGIONS[match[1]]]:
        return None
    first, second = (vertebra(REGIONS[match[1]], digit) for digit in match[2])
    return (first, second) if first and second and INDEX[second] == INDEX[first] + 1 else None


def partner_below(words: Words, index: int, start: str) -> tuple[str, int] | None:
    """Read the 1 of "L5/1" or "C7-1" as the first vertebra of the region below."""
    below = INDEX[start] + 1
    if words.words[index] == "1" and below < len(ORDER) and ORDER[below].endswith("1") and ORDER[below][1:] == "1":
        return ORDER[below], index + 1
    return None
