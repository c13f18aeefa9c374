"""Tells the place a finding itself points to: "Modic change at L4/5", "the latter with compression"."""

from collections.abc import Sequence
from typing import Final

from cds_service.reading.level_items import item_at
from cds_service.reading.level_names import INDEX, ORDER
from cds_service.reading.levels import LevelGroup
from cds_service.reading.mentions import Mention
from cds_service.reading.words import Gap, Words

# what joins a finding to the level right behind it
_PLACING: Final = frozenset({"at", "of", "in", "on", "involving", "bei", "hohe", "la", "nivelul"})
_FILLING: Final = frozenset(
    {"the", "level", "levels", "left", "right", "both", "change", "changes", "formation", "mild", "body", "vertebral"}
)
_AHEAD: Final = 5
_BEHIND: Final = 4
_OTHER: Final = frozenset({"other", "further", "additional"})
_ON: Final = frozenset({"on", "over", "upon", "auf", "uber", "pe", "gegen", "gegenuber"})
_LINKING: Final = frozenset({"and", "or", "with", "und", "oder", "mit", "si", "sau", "cu", "is", "are", "at", "in"})
_POINTERS: Final = {"former": 0, "first": 0, "latter": -1, "last": -1}
_POINTER_REACH: Final = 6
_ADJECTIVES: Final = 3
_NORMAL: Final = frozenset(
    {"frei", "unauffallig", "regelrecht", "normal", "normale", "normala", "unremarkable", "clear", "liber", "libere"}
)


def pointed_at(
    words: Words, mention: Mention, named: Sequence[LevelGroup], number: int, mentions: Sequence[Mention]
) -> int:
    """Return the level right behind a finding where the one before it, ``number``, belongs to the finding before.

    "Schmorl nodes at T11 and T12 and Modic change at L4/5": both are as near to the change.
    """
    if named[number].last >= mention.first or number + 1 == len(named):
        return number
    group = named[number + 1]
    if not 0 < group.first - mention.last <= _AHEAD or not _is_joined(words, mention.last, group.first):
        return number
    owned = any(
        other.last < named[number].first
        and named[number].first - other.last <= _BEHIND
        and _is_soft(words, other.last, named[number].first)
        for other in mentions
        if other.finding is not mention.finding
    )
    between = any(mention.last < other.first < group.first for other in mentions)
    return number + 1 if owned and not between else number


def _is_joined(words: Words, low: int, high: int) -> bool:
    if not _is_soft(words, low, high):
        return False
    between = words.words[low + 1 : high]
    return any(word in _PLACING for word in between) and all(word in _PLACING | _FILLING for word in between)


def _is_soft(words: Words, low: int, high: int) -> bool:
    return all(words.gaps[n] == Gap.SOFT for n in range(low + 1, high + 1))


def one_of_two(words: Words, mention: Mention, groups: Sequence[LevelGroup]) -> tuple[str, ...]:
    """Return the level that "the latter" or "the former" before a finding means, nothing without such a word."""
    low = max(mention.first - _POINTER_REACH, 0)
    for index in range(mention.first - 1, low, -1):
        if words.gaps[index + 1] != Gap.SOFT or words.words[index - 1] != "the":
            continue
        if (place := _POINTERS.get(words.words[index])) is not None:
            before = [level for group in groups if group.last < index and not group.root for level in group.levels]
            return (before[place],) if len(before) == 2 else ()  # noqa: PLR2004
    return ()


def parted_at_noun(words: Words, groups: Sequence[LevelGroup], mentions: Sequence[Mention]) -> list[LevelGroup]:
    """Part "fracture of T12, L1 fracture": behind the comma the last level belongs to the finding right after it."""
    parted: list[LevelGroup] = []
    for group in groups:
        if group.first == group.last or len(group.levels) == 1:
            parted.append(group)
            continue
        comma = next((n for n in range(group.last, group.first, -1) if words.gaps[n] == Gap.COMMA), None)
        item = item_at(words, comma) if comma is not None else None
        judged = comma is not None and _is_judged(words, group, mentions)
        parts = judged or _stands_between(words, group, mentions)
        if comma is None or item is None or item.end != group.last + 1 or not parts:
            parted.append(group)
            continue
        own = (item.start,) if item.stop is None else (f"{item.start}-{item.stop}",)
        rest = tuple(level for level in group.levels if level not in own)
        if len(rest) + len(own) != len(group.levels):
            parted.append(group)
            continue
        parted.append(LevelGroup(group.first, comma - 1, rest, root=group.root))
        if not judged:
            parted.append(LevelGroup(comma, group.last, own, root=group.root))
    return parted


def _is_judged(words: Words, group: LevelGroup, mentions: Sequence[Mention]) -> bool:
    """Tell the last level of "Stenose L4/5, L3/4 frei", which only the word right behind it speaks of."""
    after = group.last + 1
    if after >= len(words) or words.gaps[after] != Gap.SOFT or words.words[after] not in _NORMAL:
        return False
    return not any(m.from_ <= after <= m.to for m in mentions)


def _stands_between(words: Words, group: LevelGroup, mentions: Sequence[Mention]) -> bool:
    """Tell levels with a finding of their own on both sides."""
    before = any(0 < group.first - m.last <= _BEHIND and _is_soft(words, m.last, group.first) for m in mentions)
    after = any(
        0 < m.first - group.last <= _ADJECTIVES + 1
        and _is_soft(words, group.last, m.first)
        and _LINKING.isdisjoint(words.words[group.last + 1 : m.first])
        for m in mentions
    )
    return before and after


def is_other(words: Words, mention: Mention, groups: Sequence[LevelGroup]) -> bool:
    """Tell "narrowing at C4-5 and other degenerative changes": what is other lies not at the level named before it."""
    first = mention.from_
    while first > 0 and words.gaps[first] == Gap.SOFT and mention.from_ - first < _BEHIND:
        first -= 1
        if words.words[first] in _OTHER:
            return all(group.last < first for group in groups if not group.root)
    return False


def slipped_on(words: Words, levels: tuple[str, ...], groups: Sequence[LevelGroup]) -> tuple[str, ...]:
    """Return the segment of "L5 pars defects with anterolisthesis on S1": a vertebra slips on the one below it."""
    if len(levels) != 1 or "-" in levels[0] or INDEX[levels[0]] == 0:
        return ()
    under = any(g.levels == levels and g.first > 0 and words.words[g.first - 1] in _ON for g in groups)
    return (f"{ORDER[INDEX[levels[0]] - 1]}-{levels[0]}",) if under else ()
