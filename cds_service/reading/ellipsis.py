"""Finds what a list says of one of its levels only: "protrusions at C4-5 and C6-7, none at C5-6", "T5 (old)"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cds_service.domain.vocabulary import FindingId, Status
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.assertion import Assertion, Cue
from cds_service.reading.level_items import item_at
from cds_service.reading.levels import LevelGroup
from cds_service.reading.mentions import Mention
from cds_service.reading.words import Gap, Words

_DENIALS: Final = frozenset(
    {"none", "not", "nicht", "kein", "keine", "keiner", "keines", "nu", "nici", "niciuna", "niciunul"}
)
_PLACING: Final = frozenset(
    {"at", "in", "on", "bei", "im", "auf", "hohe", "la", "nivel", "nivelul", "segment", "level"}
)
_CONTRASTING: Final = frozenset({"but", "aber", "jedoch", "dar", "insa", "and", "und", "si"})
_LONGEST: Final = 3
_PAST: Final = frozenset({"historical", "aged"})
_AGEING: Final = frozenset({FindingId.FRACTURE, FindingId.HEIGHT_LOSS})
_LONGEST_REMARK: Final = 6
_FRESH: Final = frozenset({"acute", "recent", "new", "subacute", "fresh"})
_RECENT: Final = load_grammar().anew["fresh"]
_ONES: Final = frozenset(load_grammar().reference["ones"])
_AMOUNTS: Final = frozenset({"the", "this", "that", "no", "which", "grade", "type", "level", "least"})
_ONE_REACH: Final = 12
# what is counted
_COUNTED: Final = frozenset(
    {
        FindingId.FRACTURE, FindingId.DISC_HERNIATION, FindingId.DISC_BULGE, FindingId.HEMANGIOMA, FindingId.SCHMORL,
        FindingId.METASTASIS, FindingId.CORD_SIGNAL, FindingId.FOCAL_LESION,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Elided:
    """A denial at the word ``first`` that holds for the levels ``group`` of what was named before it."""

    first: int
    group: LevelGroup


def elided(words: Words, bounds: tuple[int, int], groups: Sequence[LevelGroup]) -> Elided | None:
    """Return the first such denial of a sentence."""
    for group in groups:
        first = group.first - 1
        while first > bounds[0] and group.first - first <= _LONGEST and words.words[first] in _PLACING:
            first -= 1
        after = group.last + 1
        closes = after >= bounds[1] or words.gaps[after] != Gap.SOFT
        if closes and first > bounds[0] and words.words[first] in _DENIALS and _opens(words, first):
            return Elided(first, group)
    return None


def _opens(words: Words, index: int) -> bool:
    return words.gaps[index] != Gap.SOFT or words.words[index - 1] in _CONTRASTING


def aged_in_brackets(words: Words, groups: Sequence[LevelGroup], cues: Sequence[Cue]) -> Mapping[int, tuple[str, ...]]:
    """Return the levels that a list calls old in brackets: "fractures: T5 (moderate, old), T10 (new)".

    The key is the first word of the age.
    """
    past = [cue.hit.first for cue in cues if cue.kind in _PAST]
    return {first: group.levels for first in past for group in groups if _holds(words, group, first)}


def _holds(words: Words, group: LevelGroup, index: int) -> bool:
    after = group.last + 1
    if not 0 <= index - after <= _LONGEST_REMARK or "(" not in words.between(after):
        return False
    return not any(")" in words.between(number) for number in range(after, index + 1))


def parted(
    finding: FindingId, said: Assertion, levels: tuple[str, ...], aged: Mapping[int, tuple[str, ...]]
) -> list[tuple[Assertion, tuple[str, ...]]]:
    """Return what is said of the levels of a finding, those that are old by themselves."""
    old = {level for held in aged.values() for level in held}
    of_list = said.status is Status.PRESENT or (said.cue is not None and said.cue.first in aged)
    if finding not in _AGEING or not of_list or old.isdisjoint(levels):
        return [(said, levels)]
    halves = (
        (said.of(Status.HISTORICAL), tuple(level for level in levels if level in old)),
        (said.of(Status.PRESENT), tuple(level for level in levels if level not in old)),
    )
    return [half for half in halves if half[1]]


def aged_before(words: Words, groups: Sequence[LevelGroup], cues: Sequence[Cue]) -> Mapping[int, tuple[str, ...]]:
    """Return the levels that a list calls old right before them: "the acute T11 and chronic L1 fractures".

    The key is the first word of the age. Without a fresh level beside it, an age before a level needs no parting.
    """
    places = {group.first: group for group in groups if not group.root}
    fresh = any(first > 0 and words.words[first - 1] in _FRESH for first in places)
    past = [cue.hit for cue in cues if cue.kind in _PAST and cue.hit.last + 1 in places]
    return {hit.first: places[hit.last + 1].levels for hit in past} if fresh else {}


def aged_behind(
    words: Words, bounds: tuple[int, int], groups: Sequence[LevelGroup], cues: Sequence[Cue]
) -> Mapping[int, tuple[str, ...]]:
    """Return the level that a sentence calls old at its end: "acute fracture of T12, L1 - old".

    The key is the first word of the age. Where nothing before the level is fresh, the age is that of all.
    """
    closing = (cue.hit for cue in cues if cue.kind in _PAST and cue.hit.last == bounds[1] - 1)
    past = next((hit for hit in closing if words.gaps[hit.first] == Gap.CLAUSE), None)
    group = next((g for g in groups if past is not None and g.last == past.first - 1 and not g.root), None)
    if past is None or group is None:
        return {}
    comma = next((n for n in range(group.last, bounds[0], -1) if words.gaps[n] == Gap.COMMA), None)
    item = item_at(words, comma) if comma is not None else None
    if comma is None or item is None or item.end != past.first or not _is_fresh(words.words[bounds[0] : comma]):
        return {}
    return {past.first: (item.start if item.stop is None else f"{item.start}-{item.stop}",)}


def _is_fresh(before: Sequence[str]) -> bool:
    return any(word in _FRESH or word.startswith(_RECENT) for word in before)


def with_late(mention: Mention, levels: tuple[str, ...], aged: Mapping[int, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the levels of a finding with that which is called old behind it: "T12 acute fracture, L1 - old"."""
    late = (level for first, own in aged.items() if mention.last < first for level in own)
    return tuple(dict.fromkeys((*levels, *late))) if mention.finding in _AGEING and levels else levels


def with_ones(
    words: Words, bounds: tuple[int, int], mentions: list[Mention], groups: Sequence[LevelGroup]
) -> list[Mention]:
    """Return the findings with those that "one" stands for: "a fracture at T9 and a new one at T12"."""
    if _ONES.isdisjoint(words.words[bounds[0] : bounds[1]]):
        return mentions
    placed = {group.first for group in groups if not group.root}
    ones: list[Mention] = []
    for index in range(bounds[0] + 1, bounds[1] - 2):
        if words.words[index] not in _ONES or index + 2 not in placed or words.words[index + 1] not in _PLACING:
            continue
        before = [m for m in mentions if m.last < index and index - m.last <= _ONE_REACH and m.finding in _COUNTED]
        if before and words.words[index - 1] not in _AMOUNTS:
            of = before[-1]
            ones.append(Mention(of.finding, index, index, index, index, qualifiers=of.qualifiers))
    return [*mentions, *ones]
