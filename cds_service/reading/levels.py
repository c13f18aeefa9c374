"""Reads vertebral levels, segments, ranges and lists in the notations of three languages."""

import re
from dataclasses import dataclass
from functools import lru_cache

from cds_service.domain.vocabulary import Language
from cds_service.reading.level_words import (
    BODY_WORDS,
    GERMAN_BODIES,
    JUNCTIONS,
    NAMED,
    NAMED_WORDS,
    ORDINAL_NUMBER,
    ORDINAL_REGIONS,
    ORDINALS,
    ROMAN,
    ROMANIAN_ORDINALS,
    ROMANIAN_REGIONS,
    ROOT_AFTER,
    ROOT_BEFORE,
    ROOT_SKIP,
    SEQUENCE_AFTER,
    VERTEBRA_AFTER,
    VERTEBRA_BEFORE,
)
from cds_service.reading.words import Gap, Words

_REGIONS = {
    **dict.fromkeys(("c", "hwk", "hw", "halswirbel", "halswirbelkorper"), "C"),
    **dict.fromkeys(("t", "th", "d", "bwk", "bw", "dv", "brustwirbel", "brustwirbelkorper"), "T"),
    **dict.fromkeys(("l", "lwk", "lw", "lendenwirbel", "lendenwirbelkorper"), "L"),
    **dict.fromkeys(("s", "swk", "sw", "sakralwirbel", "sakralwirbelkorper"), "S"),
}
_COUNT = {"C": 7, "T": 12, "L": 5, "S": 5}
ORDER: tuple[str, ...] = tuple(f"{region}{n}" for region in "CTLS" for n in range(1, _COUNT[region] + 1))
_INDEX = {name: number for number, name in enumerate(ORDER)}
_JOINED = re.compile(r"(hwk|bwk|lwk|swk|th|[ctdls])(\d{1,2})", re.ASCII)
_DOUBLE = re.compile(r"([ctdls])(\d{1,2})([ctdls])(\d{1,2})", re.ASCII)
_TWO_DIGITS = 2
_DASHES = frozenset({"-", "–", "—", "−", "‐", "‑", "/", "\\"})
_RANGE_WORDS = frozenset({"to", "through", "thru", "bis", "pana", "la", "until", "till"})
_ON_WORDS = frozenset({"on", "over", "auf", "gegen", "gegenuber", "pe", "fata", "upon", "uber", "peste"})
_AND_WORDS = frozenset({"and", "und", "si", "or", "oder", "bzw", "sau", "respectiv", "sowie", "plus", "u"})
_UNITS = frozenset(
    {"mm", "cm", "ml", "mg", "percent", "prozent", "weeks", "months", "days", "years", "tesla", "x", "of"}
)
_NEIGHBOURS = 8
# "T9, 10 and 12": how far a bare number at the end of a list may lie from the one before
_LIST_STEP = 4


@dataclass(frozen=True, slots=True)
class LevelGroup:
    """Levels that are named together over the words ``[first, last]``; ``root`` means they name nerve roots."""

    first: int
    last: int
    levels: tuple[str, ...]
    root: bool = False


@dataclass(frozen=True, slots=True)
class _Item:
    """One vertebra, or two joined by a dash; ``end`` is the word after."""

    start: str
    stop: str | None
    end: int
    slash: bool = False


def find_levels(words: Words, language: Language) -> list[LevelGroup]:
    """Return all level groups of a text in reading order, written out as the annotation guideline wants them."""
    groups: list[LevelGroup] = []
    index = 0
    while index < len(words):
        word = words.words[index]
        if not _may_begin(word):
            index += 1
            continue
        group = _group(words, index, language) or _named(words, index)
        if group is None:
            index += 1
        else:
            groups.append(group)
            index = group.last + 1
    return _atlas_on_axis(groups, words)


@lru_cache(maxsize=32768)
def _may_begin(word: str) -> bool:
    """Tell quickly the words that no level begins with."""
    return (
        word in _REGIONS or word[-1].isdigit() or word[0].isdigit() or word in ORDINALS or word in NAMED_WORDS
    ) or word.startswith(tuple(NAMED))


def _group(words: Words, index: int, language: Language) -> LevelGroup | None:
    item = _item(words, index)
    if item is None:
        return None
    levels: list[str] = []
    while True:
        following = _ranged(words, item)
        if following is not None:
            levels += following[0]
            end = following[1]
        else:
            levels += _written_out(item)
            end = item.end
        item = _next_item(words, item if following is None else _Item(levels[-1].split("-")[-1], None, end))
        if item is None:
            break
    if _is_sequence(words, index, end, levels):
        return None
    if language is Language.RO and _after_disc(words, index):
        levels = [_disc_below(level) for level in levels]
    unique = tuple(dict.fromkeys(levels))
    segments = all("-" in level for level in unique)
    return LevelGroup(index, end - 1, unique, _is_root(words, index, end, segments=segments))


def _single(words: Words, index: int, region: str = "") -> tuple[str, int] | None:
    """Read one vertebra at a word, or a bare number when the region is known; return it and the next word."""
    if index >= len(words):
        return None
    word = words.words[index]
    match = _JOINED.fullmatch(word)
    if match:
        name = _name(_REGIONS[match[1]], match[2])
        return (name, index + 1) if name else None
    if word in _REGIONS and index + 1 < len(words) and words.words[index + 1].isdigit():
        gap = words.between(index + 1)
        is_name = len(word) > 1 or words.text[words.starts[index]].isupper()
        if gap.strip(" \u00a0.-") == "" and len(gap) <= _TWO_DIGITS and is_name and not _unit_follows(words, index + 1):
            name = _name(_REGIONS[word], words.words[index + 1])
            return (name, index + 2) if name else None
    if word in GERMAN_BODIES and index + 1 < len(words) and words.words[index + 1] in ROMAN:
        # "LWK i.S. einer Fraktur" is an abbreviation
        number = "" if words.words[index + 2 : index + 3] == ("s",) else ROMAN[words.words[index + 1]]
        name = _name(_REGIONS[word], number) if number and words.gaps[index + 1] is Gap.SOFT else None
        return (name, index + 2) if name else None
    if region and word.isdigit() and len(word) <= _TWO_DIGITS and not _unit_follows(words, index):
        name = _name(region, word)
        return (name, index + 1) if name else None
    return None


def _unit_follows(words: Words, index: int) -> bool:
    if index + 1 >= len(words):
        return False
    between = words.between(index + 1)
    decimal = between in {".", ","} and words.words[index + 1].isdigit() and "." in between
    return words.words[index + 1] in _UNITS or "%" in between or decimal


def _name(region: str, number: str) -> str | None:
    name = f"{region}{int(number)}"
    return name if name in _INDEX else None


def _item(words: Words, index: int, region: str = "") -> _Item | None:
    """Read a vertebra or a dashed pair; ``region`` allows a bare number after an earlier level."""
    double = _DOUBLE.fullmatch(words.words[index]) if index < len(words) else None
    if double:
        first, second = _name(_REGIONS[double[1]], double[2]), _name(_REGIONS[double[3]], double[4])
        return _Item(first, second, index + 1) if first and second else None
    packed = _packed(words.words[index]) if index < len(words) else None
    if packed:
        return _Item(*packed, index + 1)
    single = _single(words, index, region)
    if single is None:
        return None
    start, end = single
    if end < len(words) and words.between(end).strip() in _DASHES:
        partner = _partner_below(words, end, start) or _single(words, end, start[0])
        if partner:
            return _Item(start, partner[0], partner[1], words.between(end).strip() in {"/", "\\"})
    return _Item(start, None, end)


def _packed(word: str) -> tuple[str, str] | None:
    """Read "L45" as L4-L5."""
    match = _JOINED.fullmatch(word)
    if not match or len(match[2]) != _TWO_DIGITS or int(match[2]) <= _COUNT[_REGIONS[match[1]]]:
        return None
    first, second = (_name(_REGIONS[match[1]], digit) for digit in match[2])
    return (first, second) if first and second and _INDEX[second] == _INDEX[first] + 1 else None


def _partner_below(words: Words, index: int, start: str) -> tuple[str, int] | None:
    """Read the 1 of "L5/1" or "C7-1" as the first vertebra of the region below."""
    below = _INDEX[start] + 1
    if words.words[index] == "1" and below < len(ORDER) and ORDER[below].endswith("1") and ORDER[below][1:] == "1":
        return ORDER[below], index + 1
    return None


def _written_out(item: _Item) -> list[str]:
    if item.stop is None:
        return [item.start]
    low, high = sorted((_INDEX[item.start], _INDEX[item.stop]))
    if high == low + 1:
        return [f"{ORDER[low]}-{ORDER[high]}"]
    if item.slash:
        return [item.start, item.stop]
    return list(ORDER[low : high + 1])


def _ranged(words: Words, item: _Item) -> tuple[list[str], int] | None:
    """Read "L1 to L3", "C4-5 through C6-7", "T8 on T9" and chains such as "L3/4/5"."""
    index = item.end
    if index >= len(words) or words.gaps[index] is Gap.STOP:
        return None
    word = words.words[index]
    if word.startswith(BODY_WORDS) and index + 1 < len(words) and words.words[index + 1] in _ON_WORDS:
        index += 1
        word = words.words[index]
    if item.stop and words.between(index).strip() in _DASHES:
        return _chained(words, item, index)
    skip = 2 if index + 1 < len(words) and words.words[index + 1] in {"la", "de", "of", "the"} else 1
    other = _item(words, index + skip, item.start[0]) if word in _ON_WORDS | _RANGE_WORDS else None
    if other is None:
        return None
    low, high = sorted((_INDEX[item.start], _INDEX[other.stop or other.start]))
    if word in _ON_WORDS and high > low + 1:
        # a vertebra lies on its neighbour; "C2 on the T1 sequence" names one
        return None
    if item.stop and other.stop and word in _RANGE_WORDS:
        return [f"{ORDER[n]}-{ORDER[n + 1]}" for n in range(low, high)], other.end
    return _written_out(_Item(ORDER[low], ORDER[high] if high > low else None, other.end)), other.end


def _chained(words: Words, item: _Item, index: int) -> tuple[list[str], int] | None:
    """Read the third member of "L3/4/5"."""
    last = item.stop or item.start
    found = _partner_below(words, index, last) or _single(words, index, last[0])
    if found and _INDEX[found[0]] == _INDEX[last] + 1:
        return [*_written_out(item), f"{last}-{found[0]}"], found[1]
    return None


def _next_item(words: Words, item: _Item) -> _Item | None:
    """Return the next member of a list of levels, if the list goes on."""
    index = item.end
    if index >= len(words) or words.gaps[index] >= Gap.CLAUSE:
        return None
    between = words.between(index)
    region = (item.stop or item.start)[0]
    if words.words[index] in _AND_WORDS and not (set(between) & set("().")):
        found = _item(words, index + 1, region)
        return found if found and _plausible(words, index + 1, item, found) else None
    if between.strip() in {",", "/", "&", "+"}:
        found = _item(words, index, region)
        return found if found and _plausible(words, index, item, found) else None
    return None


def _plausible(words: Words, index: int, before: _Item, found: _Item) -> bool:
    """Take a bare number as a level only where it continues the one before."""
    if not words.words[index].isdigit() or found.stop:
        return True
    ahead = _INDEX[found.start] - _INDEX[before.stop or before.start]
    ends = found.end == len(words) or words.gaps[found.end] is not Gap.SOFT
    return 0 < ahead <= (_LIST_STEP if ends and words.words[index - 1] in _AND_WORDS else 1)


def _is_sequence(words: Words, first: int, end: int, levels: list[str]) -> bool:
    """Tell T1 and T2 as sequences from the first thoracic vertebrae."""
    if not set(levels) <= {"T1", "T2", "T1-T2"} or not words.words[first].startswith("t") or end - first > 3:  # noqa: PLR2004
        return False
    if words.words[first].startswith("th"):
        return False
    after = words.words[end] if end < len(words) and words.gaps[end] < Gap.CLAUSE else ""
    before = words.words[first - 1] if first and words.gaps[first] < Gap.CLAUSE else ""
    if after.startswith(VERTEBRA_AFTER) or (
        before.startswith(VERTEBRA_BEFORE) and not after.startswith(SEQUENCE_AFTER)
    ):
        return False
    if after.startswith(SEQUENCE_AFTER):
        return True
    nearby = words.words[max(0, first - 3) : first]
    return not any(word.startswith(("vertebr", "wirbel", "corpi", "corpuri", "nivel", "level")) for word in nearby)


def _is_root(words: Words, first: int, end: int, *, segments: bool) -> bool:
    """Tell the levels of nerve roots; "conflict radicular L5-S1" names the segment at which it lies."""
    for index in range(end, min(end + 2, len(words))):
        if words.gaps[index] is not Gap.SOFT:
            break
        if words.words[index].startswith(ROOT_AFTER):
            return True
        if words.words[index] not in ROOT_SKIP:
            break
    for index in range(first - 1, max(first - 4, -1), -1):
        if words.gaps[index + 1] is not Gap.SOFT:
            break
        if words.words[index].startswith(ROOT_BEFORE):
            return not (segments and words.words[index].startswith("radicul"))
        if words.words[index] not in ROOT_SKIP:
            break
    return False


def _after_disc(words: Words, first: int) -> bool:
    """Tell whether Romanian "discul L3" or "discurile intervertebrale (T2, T3)" names discs by the vertebra above."""
    for index in range(first - 1, max(first - 4, -1), -1):
        if words.words[index].startswith("disc"):
            return words.words[index] in {"disc", "discul", "discului", "discuri", "discurile", "discurilor"}
        if not words.words[index].startswith(("intervertebral", "lombar", "toracal", "cervical")):
            return False
    return False


def _disc_below(level: str) -> str:
    if "-" in level or _INDEX[level] + 1 >= len(ORDER):
        return level
    return f"{level}-{ORDER[_INDEX[level] + 1]}"


def _named(words: Words, index: int) -> LevelGroup | None:
    """Read levels given in words: "11th thoracic vertebral body", "2. LWK", "lumbosacral junction", "dens"."""
    word = words.words[index]
    if word in NAMED_WORDS and not (word == "axis" and "dens" in words.words):
        return LevelGroup(index, index, (NAMED_WORDS[word],))
    after = words.words[index + 1] if index + 1 < len(words) else ""
    number = ORDINALS.get(word)
    if number is None and word[:1].isdigit() and (match := ORDINAL_NUMBER.fullmatch(word)):
        number = int(match[1]) if len(word) > len(match[1]) or words.between(index + 1).startswith(".") else None
    if number:
        return _ordinal(words, index, number)
    before = words.words[index - 1] if index else ""
    for stem, (level, partners) in NAMED.items():
        if word.startswith(stem):
            if not partners or after.startswith(partners) or before.startswith(JUNCTIONS):
                return LevelGroup(index, index, (level,))
            return None
    return None


def _ordinal(words: Words, index: int, number: int) -> LevelGroup | None:
    """Read "11th thoracic vertebra", "des ersten Lendenwirbels", "primei vertebre lombare"."""
    if words.words[index] in ROMANIAN_ORDINALS:
        return _romanian(words, index, number)
    after = words.words[index + 1] if index + 1 < len(words) else ""
    for start, region in ORDINAL_REGIONS:
        if after.startswith(start) and (name := _name(region, str(number))):
            return LevelGroup(index, index + 1, (name,))
    return None


def _romanian(words: Words, index: int, number: int) -> LevelGroup | None:
    """Read "primei vertebre lombare" and "vertebrei a doua lombare"."""
    around = words.words[max(0, index - 3) : index + 2]
    if not any(word.startswith(("vertebr", "corp")) for word in around):
        return None
    for place in range(index + 1, min(index + 4, len(words))):
        for start, region in ROMANIAN_REGIONS:
            if words.words[place].startswith(start) and (name := _name(region, str(number))):
                return LevelGroup(index, place, (name,))
    return None


def _atlas_on_axis(groups: list[LevelGroup], words: Words) -> list[LevelGroup]:
    """Join "axis over atlas" and "atlas and axis" to the segment they form."""
    joined: list[LevelGroup] = []
    for group in groups:
        last = joined[-1] if joined else None
        if (
            last
            and {last.levels, group.levels} == {("C1",), ("C2",)}
            and group.first - last.last <= _TWO_DIGITS
            and words.words[group.first] in NAMED_WORDS
        ):
            joined[-1] = LevelGroup(last.first, group.last, ("C1-C2",))
        else:
            joined.append(group)
    return joined
