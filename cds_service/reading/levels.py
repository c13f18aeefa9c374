"""Reads vertebral levels, segments, ranges and lists in the notations of three languages."""

from functools import lru_cache
from typing import Final, final

from mypy_extensions import mypyc_attr

from cds_service.domain.vocabulary import Language
from cds_service.reading.level_items import (
    DASHES,
    REGIONS,
    ROMAN_NAMES,
    Item,
    item_at,
    partner_below,
    single,
    unit_follows,
)
from cds_service.reading.level_names import COUNT, INDEX, ORDER, named
from cds_service.reading.level_words import (
    AND_WORDS,
    BODY_WORDS,
    GERMAN_BODIES,
    NAMED,
    NAMED_WORDS,
    ORDINALS,
    ROOT_AFTER,
    ROOT_BEFORE,
    ROOT_SKIP,
    SEQUENCE_AFTER,
    SWOLLEN_BEFORE,
    VERTEBRA_AFTER,
    VERTEBRA_BEFORE,
)
from cds_service.reading.words import REMEMBERED_WORDS, Gap, Words

_TWO_DIGITS: Final = 2
_RANGE_WORDS: Final = frozenset({"to", "through", "thru", "bis", "pana", "la", "until", "till"})
# "from C2 down to C6", "from C2 to the level of C6"
_WAYS: Final = frozenset({"down", "up", "all", "inferiorly", "superiorly", "caudally", "cranially", "distally", "as"})
_TO_WORDS: Final = frozenset({"la", "de", "of", "the", "level"})
_TO_LEVEL: Final = 3
_TO: Final = frozenset({"to", "through", "until", "till"})
_ENDS: Final = frozenset({"conus", "cauda", "filum"})
_FROM: Final = frozenset({"von", "ab"})
_LENGTHS: Final = frozenset({"short", "long", "longer", "shorter", "multi", "multiple", "single"})
# "T2: hyperintense disc" tells of a sequence
_SIGNALS: Final = ("hyperint", "hypoint", "isoint", "bright", "dark", "high", "low", "signal", "hell", "dunkel")
_OPEN_ENDS: Final = ("konus", "conus", "kaudal", "caudal", "sakral", "lumbal", "thorakal", "filum", "cauda", "kauda")
_BETWEEN: Final = frozenset({"between", "zwischen", "intre"})
_ON_WORDS: Final = frozenset(
    {"on", "over", "auf", "gegen", "gegenuber", "zu", "zum", "pe", "fata", "upon", "uber", "peste"}
)
# "T9, 10 and 12": how far a bare number at the end of a list may lie from the one before
_LIST_STEP: Final = 4
# "L4/5 median, 5/1 links"; a muscle of strength 4/5 is no segment
_BARE_REACH: Final = 7
_STRENGTH: Final = ("kraft", "kg", "parese", "janda", "strength", "power", "forta", "mrc", "vas", "nrs")


@mypyc_attr(acyclic=True)
@final
class LevelGroup:
    """Levels that are named together over the words ``[first, last]``; ``root`` means they name nerve roots.

    Nobody changes it once it is made.
    """

    __slots__ = ("first", "last", "levels", "root")

    def __init__(self, first: int, last: int, levels: tuple[str, ...], *, root: bool = False) -> None:
        self.first = first
        self.last = last
        self.levels = levels
        self.root = root


def find_levels(words: Words, language: Language) -> list[LevelGroup]:
    """Return all level groups of a text in reading order, written out as the annotation guideline wants them."""
    groups: list[LevelGroup] = []
    beyond = 0
    for index in [number for number, word in enumerate(words.words) if _may_begin(word)]:
        if index < beyond:
            continue
        group = _group(words, index, language) or _in_words(words, index) or _bare_segment(words, index, groups)
        if group is not None:
            groups.append(group)
            beyond = group.last + 1
    return _atlas_on_axis(groups, words)


@lru_cache(maxsize=REMEMBERED_WORDS)
def _may_begin(word: str) -> bool:
    """Tell quickly the words that no level begins with."""
    return (
        word in ROMAN_NAMES
        or word in REGIONS
        or word[-1].isdigit()
        or word[0].isdigit()
        or word in ORDINALS
        or word in NAMED_WORDS
    ) or word.startswith(tuple(NAMED))


def _bare_segment(words: Words, index: int, groups: list[LevelGroup]) -> LevelGroup | None:
    """Read the second segment of "L4/5 median, 5/1 links": two neighbouring numbers soon after a segment."""
    last = groups[-1] if groups else None
    if last is None or last.root or index - last.last > _BARE_REACH or not words.words[index].isdigit():
        return None
    if index + 1 >= len(words) or words.between(index + 1) != "/" or "-" not in last.levels[-1]:
        return None
    between = range(last.last + 1, index + 1)
    if any(words.gaps[n] >= Gap.CLAUSE or words.words[n].startswith(_STRENGTH) for n in between):
        return None
    pair = item_at(words, index, last.levels[-1][0])
    if pair is None or pair.stop is None or INDEX[pair.stop] != INDEX[pair.start] + 1:
        return None
    return None if unit_follows(words, pair.end - 1) else LevelGroup(index, pair.end - 1, tuple(_written_out(pair)))


def _group(words: Words, index: int, language: Language) -> LevelGroup | None:
    item = item_at(words, index)
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
        item = _next_item(words, item if following is None else Item(levels[-1].split("-")[-1], None, end))
        if item is None:
            break
    if _is_sequence(words, index, end, levels) or _is_open(words, index, end):
        return None
    if language is Language.RO and _after_disc(words, index):
        levels = [_disc_below(level) for level in levels]
    unique = tuple(dict.fromkeys(levels))
    segments = all("-" in level for level in unique)
    return LevelGroup(index, end - 1, unique, root=_is_root(words, index, end, segments=segments))


def _is_open(words: Words, first: int, end: int) -> bool:
    """Tell a stretch with one named end only, "von Th4 bis zum Konus", which cannot be written out."""
    if end >= len(words) or words.gaps[end] != Gap.SOFT:
        return False
    if words.words[end] in _TO and any(word in _ENDS for word in words.words[end + 1 : end + 3]):
        # "cord edema from T6 to the conus"
        return True
    if first == 0 or words.words[first - 1] not in _FROM or words.words[end] != "bis":
        return False
    return any(word.startswith(_OPEN_ENDS) for word in words.words[end + 1 : end + 1 + _TO_LEVEL])


def _written_out(item: Item) -> list[str]:
    if item.stop is None:
        return [item.start]
    low, high = sorted((INDEX[item.start], INDEX[item.stop]))
    if high == low + 1:
        return [f"{ORDER[low]}-{ORDER[high]}"]
    if item.slash:
        return [item.start, item.stop]
    return list(ORDER[low : high + 1])


def _ranged(words: Words, item: Item) -> tuple[list[str], int] | None:
    """Read "L1 to L3", "C4-5 through C6-7", "T8 on T9" and chains such as "L3/4/5"."""
    index = item.end
    if index >= len(words) or words.gaps[index] == Gap.STOP:
        return None
    word = words.words[index]
    if word.startswith(BODY_WORDS) and index + 1 < len(words) and words.words[index + 1] in _ON_WORDS:
        index += 1
        word = words.words[index]
    if item.stop and words.between(index).strip() in DASHES:
        return _chained(words, item, index) or _segments(item, item_at(words, index, item.start[0]))
    if word in _WAYS and index + 1 < len(words) and words.words[index + 1] in _RANGE_WORDS:
        index += 1
        word = words.words[index]
    skip = 1
    while skip <= _TO_LEVEL and index + skip < len(words) and words.words[index + skip] in _TO_WORDS:
        skip += 1
    other = item_at(words, index + skip, item.start[0]) if word in _ON_WORDS | _RANGE_WORDS else None
    if other is None:
        return None
    low, high = sorted((INDEX[item.start], INDEX[other.stop or other.start]))
    if word in _ON_WORDS and high > low + 1 and (word != "auf" or other.start in {"T1", "T2"}):
        # a vertebra lies on its neighbour; "C2 on the T1 sequence" names one, "Spondylodese L3 auf S1" a stretch
        return None
    if word in _RANGE_WORDS and (segments := _segments(item, other)):
        return segments
    return _written_out(Item(ORDER[low], ORDER[high] if high > low else None, other.end)), other.end


def _segments(item: Item, other: Item | None) -> tuple[list[str], int] | None:
    """Write out the segments from one to another: "L2/3 - L4/5"."""
    if other is None or not item.stop or not other.stop:
        return None
    low, high = INDEX[item.start], INDEX[other.stop]
    return ([f"{ORDER[n]}-{ORDER[n + 1]}" for n in range(low, high)], other.end) if low < high else None


def _spanned(words: Words, item: Item, first: int) -> tuple[list[str], int] | None:
    """Read "between T4 and T8" as the stretch that it is."""
    before = first - 1 if first and words.words[first - 1] not in _TO_WORDS else first - 2
    after = item.end
    if before < 0 or words.words[before] not in _BETWEEN or item.stop or after >= len(words):
        return None
    other = item_at(words, after + 1, item.start[0]) if words.words[after] in AND_WORDS else None
    if other is None or other.stop:
        return None
    low, high = sorted((INDEX[item.start], INDEX[other.start]))
    return _written_out(Item(ORDER[low], ORDER[high] if high > low else None, other.end)), other.end


def _side_by_side(words: Words, item: Item, first: int) -> tuple[list[str], int] | None:
    """Read "L5 S1" without a dash as the segment; three in a row are a list."""
    after = item.end
    if item.stop or after >= len(words) or words.between(after).strip(" ") or single(words, first - 1) is not None:
        return None
    other = single(words, after)
    if other is None or INDEX[other[0]] != INDEX[item.start] + 1:
        return None
    more = other[1] < len(words) and words.gaps[other[1]] == Gap.SOFT and single(words, other[1], "") is not None
    return None if more else ([f"{item.start}-{other[0]}"], other[1])


def _chained(words: Words, item: Item, index: int) -> tuple[list[str], int] | None:
    """Read the third member of "L3/4/5"."""
    last = item.stop or item.start
    found = partner_below(words, index, last) or single(words, index, last[0])
    if found and INDEX[found[0]] == INDEX[last] + 1:
        return [*_written_out(item), f"{last}-{found[0]}"], found[1]
    return None


def _next_item(words: Words, item: Item) -> Item | None:
    """Return the next member of a list of levels, if the list goes on."""
    index = item.end
    if index >= len(words) or words.gaps[index] >= Gap.CLAUSE:
        return None
    between = words.between(index)
    region = (item.stop or item.start)[0]
    if words.words[index] in AND_WORDS and not (set(between) & set("().")):
        found = item_at(words, index + 1, region)
        return found if found and _plausible(words, index + 1, item, found) else None
    if between.strip() in {",", "/", "&", "+"}:
        found = item_at(words, index, region)
        if found and found.end < len(words) and _names_sequence(words, index, found.end):
            return None
        return found if found and _plausible(words, index, item, found) else None
    return None


def _names_sequence(words: Words, index: int, end: int) -> bool:
    """Tell the sequence of "L2, T1 isointense" from the vertebra that a list goes on with."""
    return (
        words.words[index] in {"t1", "t2"}
        and words.gaps[end] == Gap.SOFT
        and words.words[end].startswith(SEQUENCE_AFTER)
        and not words.words[end].startswith(VERTEBRA_AFTER)
    )


def _plausible(words: Words, index: int, before: Item, found: Item) -> bool:
    """Take a bare number as a level only where it continues the one before."""
    if not words.words[index].isdigit() or found.stop:
        return True
    ahead = INDEX[found.start] - INDEX[before.stop or before.start]
    ends = found.end == len(words) or words.gaps[found.end] != Gap.SOFT
    if ahead > 1 and (_enumerated(words, found) or _closes_bodies(words, index, found.end)):
        return True
    return 0 < ahead <= (_LIST_STEP if ends and words.words[index - 1] in AND_WORDS else 1)


def _closes_bodies(words: Words, index: int, end: int) -> bool:
    """Tell a number of "LWK 1 und 4" or "(BWK 3, 6, LWK 1)": the word before the list says that these are vertebrae."""
    joined = words.words[index - 1] in AND_WORDS
    if not joined and end < len(words) and words.gaps[end] == Gap.SOFT:
        return False
    first = index - 1
    while first > 0 and (words.words[first].isdigit() or words.words[first] in AND_WORDS):
        first -= 1
    return words.words[first] in GERMAN_BODIES


def _enumerated(words: Words, found: Item) -> bool:
    """Tell the middle of "T4, 7 and 9": the list goes on with rising numbers and closes with "and"."""
    last, index = found.start, found.end
    for _ in range(COUNT["T"]):
        if index + 1 >= len(words) or words.gaps[index] >= Gap.CLAUSE:
            return False
        closes = words.words[index] in AND_WORDS
        if not closes and words.between(index).strip() != ",":
            return False
        following = single(words, index + closes, last[0])
        if following is None or INDEX[following[0]] <= INDEX[last]:
            return False
        if closes:
            return True
        last, index = following
    return False


def _is_sequence(words: Words, first: int, end: int, levels: list[str]) -> bool:
    """Tell T1 and T2 as sequences from the first thoracic vertebrae."""
    if not set(levels) <= {"T1", "T2", "T1-T2"} or words.words[first][:2] not in {"t", "t1", "t2"} or end - first > 3:  # noqa: PLR2004
        return False
    after = words.words[end] if end < len(words) and words.gaps[end] < Gap.CLAUSE else ""
    before = words.words[first - 1] if first and words.gaps[first] < Gap.CLAUSE else ""
    if after.startswith(VERTEBRA_AFTER):
        return False
    # after a comma "T1 and T2, completing ..." goes on with anything
    goes_on = end < len(words) and words.gaps[end] == Gap.SOFT
    # "short segment T2 lesions" tells how long they are
    long = before == "segment" and first > 1 and words.words[first - 2] in _LENGTHS
    if before.startswith(VERTEBRA_BEFORE) and not long and not (goes_on and after.startswith(SEQUENCE_AFTER)):
        return False
    if "-" in levels[0] and words.between(end - 1).strip() == "-" and before.startswith(SWOLLEN_BEFORE):
        return False
    headed = end < len(words) and ":" in words.signs[end] and words.words[end].startswith(_SIGNALS)
    if headed or after.startswith(SEQUENCE_AFTER):
        return True
    # the signal "der gesamten Wirbelsäule in T1" is one of the sequence
    nearby = (word for word in words.words[max(0, first - 3) : first] if not word.startswith("wirbelsaule"))
    return not any(word.startswith(("vertebr", "wirbel", "corpi", "corpuri", "nivel", "level")) for word in nearby)


def _is_root(words: Words, first: int, end: int, *, segments: bool) -> bool:
    """Tell the levels of nerve roots; "conflict radicular L5-S1" names the segment at which it lies."""
    for index in range(end, min(end + 2, len(words))):
        if words.gaps[index] != Gap.SOFT:
            break
        if words.words[index].startswith(ROOT_AFTER):
            return True
        if words.words[index] not in ROOT_SKIP:
            break
    for index in range(first - 1, max(first - 4, -1), -1):
        if words.gaps[index + 1] != Gap.SOFT:
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
    return LevelGroup(index, found[0], found[1]) if found else None


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
            and words.gaps[group.first] == Gap.SOFT
        ):
            joined[-1] = LevelGroup(last.first, group.last, ("C1-C2",))
        else:
            joined.append(group)
    return joined
