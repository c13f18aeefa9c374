"""Gives each mention its levels: those named nearest to it, the topic of the sentence, or those of the list head."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, final

from cds_service.domain.vocabulary import FindingId, Status
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.level_names import INDEX
from cds_service.reading.level_words import NAMED_WORDS
from cds_service.reading.levels import LevelGroup
from cds_service.reading.lexicon import Hit
from cds_service.reading.mentions import Mention
from cds_service.reading.pointed import is_other, one_of_two, pointed_at, slipped_on
from cds_service.reading.regions import is_beside_next, is_regional
from cds_service.reading.words import REMEMBERED_WORDS, Gap, Words

_FARTHEST: Final = 16
# a sentence that names one place speaks of it throughout
_ALONE_FARTHEST: Final = 40
_TOPIC_DISTANCE: Final = 4
_HEAD_DISTANCE: Final = 2
_TOPIC_OPENING: Final = 5
_CONTRASTING: Final = frozenset(
    {"while", "whereas", "jedoch", "aber", "allerdings", "hingegen", "but", "however", "dar", "insa"}
)
_CONTRASTS_COUNT: Final = dict.fromkeys(_CONTRASTING, 1)
# by the grade of the gap
_GAP_COST: Final = (0, 3, 8, 20)
_CLAUSE_REACH: Final = 12
_NEXT_CLAUSE: Final = 9
_END_REACH: Final = 4
_ENDING: Final = ("terminat", "ending", "ends", "endet", "endend", "termina")
# the level at which a cord ends is no place of what is said of it: "con medular situat la nivel L1"
_SITUATED: Final = (
    "situat", "proiectat", "localizat", "pozitionat", "located", "positioned", "lies", "projiziert", "gelegen",
)  # fmt: skip
_CONUS: Final = ("con", "conul", "conului", "conus", "konus")
_CONUS_REACH: Final = 4
_TO_CONUS: Final = frozenset(
    {
        "medullaris", "terminalis", "in", "auf", "hohe", "bei", "des", "der", "von", "am", "im", "at", "the", "level",
        "of", "la", "nivelul", "nivel", "medular", "tip", "spitze", "unterkante", "oberkante", "deckplatte",
    }
)  # fmt: skip
_ELSEWHERE: Final = (
    "otherwise", "elsewhere", "remaining", "remainder", "ubrig", "sonst", "ansonst", "restul", "celelalte",
)  # fmt: skip
_JOINTS: Final = frozenset({FindingId.SACROILIAC, FindingId.SPONDYLOARTHRITIS_STATED})
_DISEASES: Final = frozenset({FindingId.TUMOR, FindingId.MALIGNANCY_STATED, FindingId.METASTASIS})
# what a disease behind a comma gives its name to: "Osteolyse BWK 6, V.a. Metastase"
_LESIONS: Final = frozenset(
    {
        *_DISEASES, FindingId.LYSIS, FindingId.SCLEROSIS, FindingId.FOCAL_LESION, FindingId.ATYPICAL_LESION,
        FindingId.MARROW_SIGNAL, FindingId.EXPANSILE, FindingId.PEDICLE,
    }
)  # fmt: skip
_INTERVENING: Final = ("interven", "oppos", "appos", "dazwischenlieg", "intermediar")
# words that begin a statement of its own
_CONTRASTS: Final = frozenset({"but", "however", "although", "though", "aber", "jedoch", "allerdings", "dar", "insa"})
_PERSONS: Final = frozenset({"she", "he", "they", "patient", "there", "er", "sie", "es"})
_AND: Final = frozenset({"and", "und", "si"})
# findings of a whole spine, of marrow, and of the disc between two vertebrae
_CURVES: Final = frozenset({FindingId.DEFORMITY, FindingId.KYPHOSIS})
_WHOLE: Final = frozenset({*_CURVES, FindingId.DEGENERATIVE_CHANGE, FindingId.SPONDYLOSIS})
_MARROW: Final = frozenset({FindingId.EDEMA, FindingId.MARROW_SIGNAL})
_DISCS: Final = frozenset({FindingId.DISC_FLUID, FindingId.DISC_ENHANCEMENT, FindingId.DISC_DEGENERATION})
_BODIES: Final = ("bod", "vertebra", "wirbel", "corp")
_DISC: Final = frozenset({"disc", "disk", "bandscheibe", "discul", "discului"})
_JOINING: Final = frozenset({"with", "and", "mit", "und", "cu", "si", "without", "causing"})
_GRAMMAR: Final = load_grammar().levels
_WORD_COST: Final = {
    **dict.fromkeys(_GRAMMAR["breaking"], 3),
    **dict.fromkeys(_GRAMMAR["placing"], -3),
    **dict.fromkeys(_GRAMMAR["binding"], -1),
}
_TOPIC_WORDS: Final = frozenset(_GRAMMAR["opening"])
_LISTING: Final = frozenset(_GRAMMAR["listing"])


def levels_of(
    words: Words,
    mention: Mention,
    groups: Sequence[LevelGroup],
    mentions: Sequence[Mention],
    bounds: tuple[int, int],
) -> tuple[str, ...]:
    """Return the levels that a sentence gives to a mention; empty when it names none near it."""
    if not groups:
        return ()
    if meant := one_of_two(words, mention, groups):
        return meant
    clause = _clause(words, mention, bounds)
    leaves = any(map(_is_leaving, words.words[clause[0] : clause[1] + 1]))
    named = [
        group
        for group in groups
        if not group.root
        and not (leaves and not clause[0] <= group.first <= clause[1])
        and not _is_elsewhere(words, mention, group, bounds)
    ]
    named = _under_head(words, mention, named, bounds)
    if not named:
        return ()
    first, last = _clause(words, mention, bounds)
    # what stands between the same two commas before a mention comes before what follows behind the next comma
    own = any(first <= group.first < mention.first for group in named)
    cost, _, number = min(
        (
            _cost(words, mention, group, bounds) + (_NEXT_CLAUSE if own and _opens_clause(words, group, last) else 0),
            max(group.first - mention.last, mention.first - group.last),
            number,
        )
        for number, group in enumerate(named)
    )
    if cost > (_FARTHEST if len(named) > 1 else _ALONE_FARTHEST):
        return ()
    number = pointed_at(words, mention, named, number, mentions)
    chosen = [named[number]]
    if len(mention.anchors) > 1:
        chosen = [
            g for g in named if g is named[number] or any(_adjoins(words, g, anchor) for anchor in mention.anchors)
        ]
        number = named.index(chosen[-1])
    for step in (1, -1):
        index = number + step
        while 0 <= index < len(named) and _same_list(words, named[index - step], named[index], mentions):
            chosen.insert(len(chosen) if step > 0 else 0, named[index])
            index += step
    return tuple(dict.fromkeys(level for group in chosen for level in group.levels))


def _under_head(words: Words, mention: Mention, named: list[LevelGroup], bounds: tuple[int, int]) -> list[LevelGroup]:
    """Return the levels of the part a mention stands in: "C4/5: flache Protrusion, C5/6: Prolaps"."""
    heads = [g.first for g in named if g.last + 1 < bounds[1] and ":" in words.between(g.last + 1)]
    if len(heads) < 2:  # noqa: PLR2004
        return named
    low = max((head for head in heads if head < mention.first), default=bounds[0])
    high = min((head for head in heads if head > mention.last), default=bounds[1])
    return [group for group in named if low <= group.first < high]


def _opens_clause(words: Words, group: LevelGroup, last: int) -> bool:
    """Tell a level that opens the clause it stands in, somewhere behind the word ``last``: ", L5/S1 prolapse"."""
    index = group.first
    while index > last + 1 and words.gaps[index] == Gap.SOFT and words.words[index - 1] in _TOPIC_WORDS:
        index -= 1
    return index > last and words.gaps[index] != Gap.SOFT


def _is_elsewhere(words: Words, mention: Mention, group: LevelGroup, bounds: tuple[int, int]) -> bool:
    """Tell a level that a mention cannot take: the one the cord ends at."""
    start = max(bounds[0], group.first - _END_REACH)
    ends = words.counted("ends", _may_end)
    before = ends[start - 1] if start else 0
    for index in range(start, group.first) if group.first > start and ends[group.first - 1] > before else ():
        word = words.words[index]
        if word.startswith(_ENDING) or (word.startswith(_SITUATED) and _of_conus(words, index, bounds[0])):
            return True
    return mention.claims is Status.ABSENT and _is_end_of_cord(words, group, bounds)


@lru_cache(maxsize=REMEMBERED_WORDS)
def _is_leaving(word: str) -> bool:
    """Tell "elsewhere", which is not at the level that the clause before names."""
    return word.startswith(_ELSEWHERE)


@lru_cache(maxsize=REMEMBERED_WORDS)
def _may_end(word: str) -> bool:
    return word.startswith((*_ENDING, *_SITUATED))


def _of_conus(words: Words, index: int, first: int) -> bool:
    return any(word in _CONUS for word in words.words[max(first, index - _CONUS_REACH) : index])


def _is_end_of_cord(words: Words, group: LevelGroup, bounds: tuple[int, int]) -> bool:
    """Tell "Conus medullaris in Höhe LWK 1, regelrecht" and "Conus regelrecht, in Höhe LWK 1 endend"."""
    after = words.words[group.last + 1 : min(group.last + 2, bounds[1])]
    if any(word.startswith(_ENDING) for word in after):
        return True
    index = group.first - 1
    while index >= bounds[0] and words.words[index] in _TO_CONUS and group.first - index <= _CONUS_REACH * 2:
        index -= 1
    return index >= bounds[0] and words.words[index] in _CONUS


def has_own_place(words: Words, mention: Mention, groups: Sequence[LevelGroup], bounds: tuple[int, int]) -> bool:
    """Tell whether a level stands between the same two commas as a mention."""
    first, last = _clause(words, mention, bounds)
    return any(first <= group.first <= last and not group.root for group in groups)


def _clause(words: Words, mention: Mention, bounds: tuple[int, int]) -> tuple[int, int]:
    first, last = mention.first, mention.last
    gaps, soft = words.gaps, Gap.SOFT
    lowest, highest = max(bounds[0], first - _CLAUSE_REACH), min(bounds[1] - 1, last + _CLAUSE_REACH)
    while first > lowest and gaps[first] is soft:
        first -= 1
    while last < highest and gaps[last + 1] is soft:
        last += 1
    return first, last


def _adjoins(words: Words, group: LevelGroup, anchor: tuple[int, int]) -> bool:
    """Tell a level right after or before one of several coordinated anatomies: "... L4 and the endplate L5"."""
    if group.first > anchor[1]:
        low, high = anchor[1], group.first
    else:
        low, high = group.last, anchor[0]
    return 0 < high - low <= 2 and all(words.gaps[n] == Gap.SOFT for n in range(low + 1, high + 1))  # noqa: PLR2004


@final
class Named:
    """What a sentence names: its levels, anatomy and findings. Nobody changes it once it is made."""

    __slots__ = ("anatomy", "groups", "mentions")

    def __init__(self, groups: list[LevelGroup], anatomy: list[Hit], mentions: list[Mention]) -> None:
        self.groups = groups
        self.anatomy = anatomy
        self.mentions = mentions


def fitting(
    words: Words, mention: Mention, levels: tuple[str, ...], named: Named, bounds: tuple[int, int]
) -> tuple[str, ...]:
    """Return the levels that a finding of this kind can have, of those its sentence gives.

    What stands in a statement of its own has none of another. The curve of the spine has none that another finding
    stands with, a sacroiliac joint none but the sacrum, and a disc between two vertebrae the segment.
    """
    if mention.finding in _JOINTS:
        return tuple(level for level in levels if level.startswith("S"))
    if (
        _is_conus(words, mention, named.groups)
        or not levels
        or is_regional(words, mention, named.groups)
        or is_other(words, mention, named.groups)
        or _is_contrasted(words, mention, levels, named.groups, bounds)
    ):
        return ()
    slipped = slipped_on(words, levels, named.groups) if mention.finding is FindingId.SPONDYLOLISTHESIS else ()
    segment = slipped or _segment_of(levels)
    if segment and (slipped or mention.finding in _DISCS or _intervenes(words, mention)):
        return segment
    if _is_beyond_another(words, mention, levels, named):
        return ()
    if has_own_place(words, mention, named.groups, bounds):
        return levels
    return () if _is_of_the_whole(words, mention, named, bounds) else levels


def _is_of_the_whole(words: Words, mention: Mention, named: Named, bounds: tuple[int, int]) -> bool:
    """Tell a curve beside a finding that has the level to itself, and marrow beside a sacroiliac joint."""
    if mention.finding in _CURVES:
        return True
    if mention.finding in _WHOLE and any(
        has_own_place(words, other, named.groups, bounds) for other in named.mentions if other.finding not in _WHOLE
    ):
        return True
    first, last = _clause(words, mention, bounds)
    return mention.finding in _MARROW and any(a.name == "sij" and first <= a.first <= last for a in named.anatomy)


def _is_conus(words: Words, mention: Mention, groups: Sequence[LevelGroup]) -> bool:
    """Tell the end of the cord, which lies at none of the discs that a list goes through, unless a level stands by."""
    called = words.words[mention.from_ : mention.to + 1] if mention.finding is FindingId.CORD_SIGNAL else ()
    named = any(word in _CONUS for word in called)
    return named and not any(mention.from_ - 3 <= g.first <= mention.to + 3 for g in groups)


def _segment_of(levels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the segment between two neighbouring vertebrae, nothing for other levels."""
    if len(levels) != 2 or "-" in "".join(levels):  # noqa: PLR2004
        return ()
    one, two = sorted(levels, key=INDEX.__getitem__)
    return (f"{one}-{two}",) if INDEX[two] == INDEX[one] + 1 else ()


def _intervenes(words: Words, mention: Mention) -> bool:
    """Tell "the intervening disc", "the opposing endplates" and an enhancing disc of the two vertebrae named before."""
    around = words.words[max(mention.from_ - 2, 0) : mention.to + 1]
    if mention.finding is FindingId.ENHANCEMENT and any(word.startswith(_BODIES) for word in around):
        return False
    said = words.words[mention.from_ : mention.to + 1]
    if mention.finding is FindingId.ENHANCEMENT and not _DISC.isdisjoint(said) and len(said) <= 4:  # noqa: PLR2004
        return True
    return any(word.startswith(_INTERVENING) for word in around)


def _is_contrasted(
    words: Words, mention: Mention, levels: tuple[str, ...], groups: Sequence[LevelGroup], bounds: tuple[int, int]
) -> bool:
    """Tell a statement of its own: "edema at T6 and T7, but the collection had resolved"."""
    before = [g for g in groups if g.last < mention.first and set(g.levels) & set(levels)]
    if not before or _is_topic(words, before[-1], bounds) or any(g.first > mention.first for g in groups):
        return False
    between = range(before[-1].last + 1, mention.first)
    return any(
        words.words[n] in _CONTRASTS or (words.words[n] in _PERSONS and words.words[n - 1] in _AND) for n in between
    )


def _is_apart(words: Words, mention: Mention, group: LevelGroup) -> bool:
    """Tell whether a comma or colon stands between a mention and a level."""
    low, high = (mention.last, group.first) if mention.last < group.first else (group.last, mention.first)
    return any(words.gaps[n] != Gap.SOFT for n in range(low + 1, high + 1))


def _is_beyond_another(words: Words, mention: Mention, levels: tuple[str, ...], named: Named) -> bool:
    """Tell an abscess or curve that another finding stands between and the level: "L4-5 discitis with abscess"."""
    near = [g for g in named.groups if set(g.levels) & set(levels)]
    apart = mention.finding in _DISEASES and all(_is_apart(words, mention, g) for g in near)
    if mention.finding not in {FindingId.ABSCESS_PARASPINAL, *_CURVES} and not apart:
        return False
    return bool(near) and all(
        (not apart and is_beside_next(words, mention, g, named.mentions))
        or any(
            min(g.last, mention.last) < other.first and other.last < max(g.first, mention.first)
            for other in named.mentions
            if other.finding is not mention.finding and not (apart and other.finding in _LESIONS)
        )
        for g in near
    )


def has_segment(levels: tuple[str, ...]) -> bool:
    """Tell levels with a space between two vertebrae from a single vertebra."""
    return len(levels) > 1 or any("-" in level for level in levels)


def topic_of(words: Words, groups: Sequence[LevelGroup], bounds: tuple[int, int]) -> tuple[str, ...]:
    """Return the levels a sentence opens with ("At L4-5, ..."): the sentences after it may speak of them as well."""
    for group in groups:
        if not group.root and _is_topic(words, group, bounds) and words.words[group.first] not in NAMED_WORDS:
            return group.levels
    return ()


def _is_topic(words: Words, group: LevelGroup, bounds: tuple[int, int]) -> bool:
    if group.first - bounds[0] > _TOPIC_OPENING:
        return False
    return all(words.words[index] in _TOPIC_WORDS for index in range(bounds[0], group.first))


def _cost(words: Words, mention: Mention, group: LevelGroup, bounds: tuple[int, int]) -> int:
    """Measure how far a group stands from a mention."""
    if group.first <= mention.to and group.last >= mention.from_:
        return 0
    if group.last < mention.first:
        low, high = group.last, mention.first
    else:
        low, high = mention.last, group.first
    if high - low > _ALONE_FARTHEST * 2:
        return _TOPIC_DISTANCE * 2 if _is_topic(words, group, bounds) else _FARTHEST + 1
    contrasts = words.running("contrasts", _CONTRASTS_COUNT)
    if group.first > mention.last and contrasts[high] != contrasts[low]:
        # "no herniation, but degeneration of L5-S1": what follows the contrast has a place of its own
        return _ALONE_FARTHEST + 1
    gaps, costs = words.running_gaps("gap costs", _GAP_COST), words.running("costs", _WORD_COST)
    cost = high - low - 1 + gaps[high] - gaps[low]
    if high == group.first and "(" in words.signs[high]:
        cost -= _GAP_COST[words.gaps[high]]
    cost = max(cost + costs[high - 1] - costs[low], 0)
    if _is_topic(words, group, bounds):
        headed = group.last + 1 < bounds[1] and ":" in words.between(group.last + 1)
        return min(cost, _HEAD_DISTANCE if headed else _TOPIC_DISTANCE)
    return cost


def _same_list(words: Words, one: LevelGroup, two: LevelGroup, mentions: Sequence[Mention]) -> bool:
    """Tell whether two groups belong to one list: nothing but linking words, and no finding, between them."""
    low, high = (one, two) if one.first < two.first else (two, one)
    between = range(low.last + 1, high.first)
    if any(m.first <= high.first and m.last > low.last for m in mentions):
        return False
    # "a bulge at L3-4 and severe L4-5 stenosis", but "mild L2-3 and severe L4-5 stenosis"
    named_next = words.words[min(high.last + 1, len(words) - 1)] not in _JOINING and any(
        m.first - high.last in {1, 2} and words.gaps[m.first] == Gap.SOFT for m in mentions
    )
    if named_next and len(between) != 1 and any(m.last < low.first for m in mentions):
        return False
    return all(words.words[index] in _LISTING for index in _outside_brackets(words, between)) and not any(
        words.gaps[index] >= Gap.CLAUSE for index in range(low.last + 1, high.first + 1)
    )


def _outside_brackets(words: Words, between: range) -> list[int]:
    """Leave out what stands in brackets behind a level: "L4-5 (large) and L5-S1"."""
    outside, depth = [], 0
    for index in between:
        depth += words.between(index).count("(") - words.between(index).count(")")
        if depth <= 0:
            outside.append(index)
    return outside
