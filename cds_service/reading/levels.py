"""Reads vertebral levels, segments, ranges and lists in the notations of three languages."""

import re
from dataclasses import dataclass
from functools import lru_cache

from cds_service.domain.vocabulary import Language
from cds_service.reading.level_names import COUNT, INDEX, ORDER, named, vertebra
from cds_service.reading.level_words import (
    AND_WORDS,
    BODY_WORDS,
    GERMAN_BODIES,
    NAMED,
    NAMED_WORDS,
    ORDINALS,
    ROMAN,
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
_JOINED = re.compile(r"(hwk|bwk|lwk|swk|th|[ctdls])(\d{1,2})", re.ASCII)
_DOUBLE = re.compile(r"([ctdls])(\d{1,2})([ctdls])(\d{1,2})", re.ASCII)
_TWO_DIGITS = 2
_DASHES = frozenset({"-", "–", "—", "−", "‐", "‑", "/", "\\"})
_RANGE_WORDS = frozenset({"to", "through", "thru", "bis", "pana", "la", "until", "till"})
# "from C2 down to C6", "from C2 to the level of C6"
_WAYS = frozenset({"down", "up", "all", "inferiorly", "superiorly", "caudally", "cranially", "distally", "as"})
_TO_WORDS = frozenset({"la", "de", "of", "the", "level"})
_TO_LEVEL = 3
_BETWEEN = frozenset({"between", "zwischen", "intre"})
_ON_WORDS = frozenset({"on", "over", "auf", "gegen", "gegenuber", "zu", "zum", "pe", "fata", "upon", "uber", "peste"})
_UNITS = frozenset(
    {"mm", "cm", "ml", "mg", "percent", "prozent", "weeks", "months", "days", "years", "tesla", "x", "of"}
)
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
        group = _group(words, index, language) or _in_words(words, index)
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
        following = _ranged(words, item) or _spanned(words, item, index) or _side_by_side(words, item, index)
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
        name = vertebra(_REGIONS[match[1]], match[2])
        return (name, index + 1) if name else None
    if word in _REGIONS and index + 1 < len(words) and words.words[index + 1].isdigit():
        gap = words.between(index + 1)
        is_name = len(word) > 1 or words.text[words.starts[index]].isupper()
        if gap.strip(" \u00a0.-") == "" and len(gap) <= _TWO_DIGITS and is_name and not _unit_follows(words, index + 1):
            name = vertebra(_REGIONS[word], words.words[index + 1])
            return (name, index + 2) if name else None
    if word in GERMAN_BODIES and index + 1 < len(words) and words.words[index + 1] in ROMAN:
        # "LWK i.S. einer Fraktur" is an abbreviation
        number = "" if words.words[index + 2 : index + 3] == ("s",) else ROMAN[words.words[index + 1]]
        name = vertebra(_REGIONS[word], number) if number and words.gaps[index + 1] is Gap.SOFT else None
        return (name, index + 2) if name else None
    if region and word.isdigit() and len(word) <= _TWO_DIGITS and not _unit_follows(words, index):
        name = vertebra(region, word)
        return (name, index + 1) if name else None
    return None


def _unit_follows(words: Words, index: int) -> bool:
    if index + 1 >= len(words):
        return False
    between = words.between(index + 1)
    decimal = between in {".", ","} and words.words[index + 1].isdigit() and "." in between
    return words.words[index + 1] in _UNITS or "%" in between or decimal


def _item(words: Words, index: int, region: str = "") -> _Item | None:
    """Read a vertebra or a dashed pair; ``region`` allows a bare number after an earlier level."""
    double = _DOUBLE.fullmatch(words.words[index]) if index < len(words) else None
    if double:
        first, second = vertebra(_REGIONS[double[1]], double[2]), vertebra(_REGIONS[double[3]], double[4])
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
    if not match or len(match[2]) != _TWO_DIGITS or int(match[2]) <= COUNT[_REGIONS[match[1]]]:
        return None
    first, second = (vertebra(_REGIONS[match[1]], digit) for digit in match[2])
    return (first, second) if first and second and INDEX[second] == INDEX[first] + 1 else None


def _partner_below(words: Words, index: int, start: str) -> tuple[str, int] | None:
    """Read the 1 of "L5/1" or "C7-1" as the first vertebra of the region below."""
    below = INDEX[start] + 1
    if words.words[index] == "1" and below < len(ORDER) and ORDER[below].endswith("1") and ORDER[below][1:] == "1":
        return ORDER[below], index + 1
    return None


def _written_out(item: _Item) -> list[str]:
    if item.stop is None:
        return [item.start]
    low, high = sorted((INDEX[item.start], INDEX[item.stop]))
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
    if word in _WAYS and index + 1 < len(words) and words.words[index + 1] in _RANGE_WORDS:
        index += 1
        word = words.words[index]
    skip = 1
    while skip <= _TO_LEVEL and index + skip < len(words) and words.words[index + skip] in _TO_WORDS:
        skip += 1
    other = _item(words, index + skip, item.start[0]) if word in _ON_WORDS | _RANGE_WORDS else None
    if other is None:
        return None
    low, high = sorted((INDEX[item.start], INDEX[other.stop or other.start]))
    if word in _ON_WORDS and high > low + 1:
        # a vertebra lies on its neighbour; "C2 on the T1 sequence" names one
        return None
    if item.stop and other.stop and word in _RANGE_WORDS:
        return [f"{ORDER[n]}-{ORDER[n + 1]}" for n in range(low, high)], other.end
    return _written_out(_Item(ORDER[low], ORDER[high] if high > low else None, other.end)), other.end


def _spanned(words: Words, item: _Item, first: int) -> tuple[list[str], int] | None:
    """Read "between T4 and T8" as the stretch that it is."""
    before = first - 1 if first and words.words[first - 1] not in _TO_WORDS else first - 2
    after = item.end
    if before < 0 or words.words[before] not in _BETWEEN or item.stop or after >= len(words):
        return None
    other = _item(words, after + 1, item.start[0]) if words.words[after] in AND_WORDS else None
    if other is None or other.stop:
        return None
    low, high = sorted((INDEX[item.start], INDEX[other.start]))
    return _written_out(_Item(ORDER[low], ORDER[high] if high > low else None, other.end)), other.end


def _side_by_side(words: Words, item: _Item, first: int) -> tuple[list[str], int] | None:
    """Read "L5 S1" without a dash as the segment; three in a row are a list."""
    after = item.end
    if item.stop or after >= len(words) or words.between(after) != " " or _single(words, first - 1) is not None:
        return None
    other = _single(words, after)
    if other is None or INDEX[other[0]] != INDEX[item.start] + 1:
        return None
    more = other[1] < len(words) and words.gaps[other[1]] is Gap.SOFT and _single(words, other[1], "") is not None
    return None if more else ([f"{item.start}-{other[0]}"], other[1])


def _chained(words: Words, item: _Item, index: int) -> tuple[list[str], int] | None:
    """Read the third member of "L3/4/5"."""
    last = item.stop or item.start
    found = _partner_below(words, index, last) or _single(words, index, last[0])
    if found and INDEX[found[0]] == INDEX[last] + 1:
        return [*_written_out(item), f"{last}-{found[0]}"], found[1]
    return None


def _next_item(words: Words, item: _Item) -> _Item | None:
    """Return the next member of a list of levels, if the list goes on."""
    index = item.end
    if index >= len(words) or words.gaps[index] >= Gap.CLAUSE:
        return None
    between = words.between(index)
    region = (item.stop or item.start)[0]
    if words.words[index] in AND_WORDS and not (set(between) & set("().")):
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
    ahead = INDEX[found.start] - INDEX[before.stop or before.start]
    ends = found.end == len(words) or words.gaps[found.end] is not Gap.SOFT
    return 0 < ahead <= (_LIST_STEP if ends and words.words[index - 1] in AND_WORDS else 1)


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
    if "-" in level or INDEX[level] + 1 >= len(ORDER):
        return level
    return f"{level}-{ORDER[INDEX[level] + 1]}"


def _in_words(words: Words, index: int) -> LevelGroup | None:
    found = named(words, index)
    return LevelGroup(index, *found) if found else None


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
