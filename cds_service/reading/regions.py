"""Tells levels that stand near a finding and are not its own: those of a region or the next statement."""

from collections.abc import Sequence
from typing import Final

from cds_service.domain.vocabulary import FindingId
from cds_service.reading.levels import LevelGroup
from cds_service.reading.mentions import Mention
from cds_service.reading.words import Gap, Words

_ARTICLES: Final = frozenset({"der", "den", "des", "dem", "in", "im", "an", "am"})
# "der mittleren BWS", "der unteren Etagen", as beginnings
_PARTS: Final = (
    "mittler",
    "ober",
    "unter",
    "gesamt",
    "ganze",
    "ubrig",
    "restlich",
    "distal",
    "proximal",
    "kaudal",
    "kranial",
)
_REGIONS: Final = ("hws", "bws", "lws", "wirbelsaule", "etagen", "segmente", "abschnitt", "neuroachse", "achsenskelett")
_REACH: Final = 4
_BESIDE_REACH: Final = 3
# what reaches over many levels beside the spine
_BESIDE: Final = ("psoas", "iliopsoas", "senkung")
_WITH: Final = frozenset({"mit", "und", "sowie", "with", "and", "cu", "si"})
_OR: Final = frozenset({"or", "nor", "oder", "noch", "sau", "nici", "bzw"})
_BROKEN: Final = frozenset({FindingId.FRACTURE, FindingId.HEIGHT_LOSS})


def is_regional(words: Words, mention: Mention, groups: Sequence[LevelGroup]) -> bool:
    """Tell "alte Sinterungen der mittleren BWS": a region named right behind a finding is its place."""
    index = mention.last + 1
    last = min(index + _REACH, len(words))
    while index < last and words.words[index] in _ARTICLES and words.gaps[index] == Gap.SOFT:
        index += 1
    if index + 1 >= len(words) or not words.words[index].startswith(_PARTS):
        return False
    named = words.words[index + 1].startswith(_REGIONS) and words.gaps[index + 1] == Gap.SOFT
    # "der unteren LWS (L4/5)" says where in the region
    return named and not any(
        index + 1 < group.first <= index + 1 + _REACH
        and all(words.gaps[n] is Gap.SOFT or "(" in words.signs[n] for n in range(index + 2, group.first + 1))
        for group in groups
    )


def is_beside_next(words: Words, mention: Mention, group: LevelGroup, mentions: Sequence[Mention]) -> bool:
    """Tell "Spondylodiszitis L4/5 mit Psoasabszess": the level is that of the finding before it."""
    beside = any(word.startswith(_BESIDE) for word in words.words[mention.from_ : mention.to + 1])
    if not beside or group.last >= mention.first or _WITH.isdisjoint(words.words[group.last + 1 : mention.first]):
        return False
    return any(
        other.finding is not mention.finding and 0 < group.first - other.last <= _BESIDE_REACH for other in mentions
    )


def is_of_next(words: Words, mention: Mention, groups: Sequence[LevelGroup], mentions: Sequence[Mention]) -> bool:
    """Tell "keine Fraktur, degenerative Veränderungen C5-C7": all levels stand behind a comma with another finding."""
    if mention.finding in _BROKEN and _is_of_before(words, mention, groups, mentions):
        return True
    behind = [group for group in groups if group.first > mention.last and not group.root]
    if not behind or any(group.last < mention.first and not group.root for group in groups):
        return False
    first = behind[0].first
    commas = [index for index in range(mention.last + 1, first + 1) if words.gaps[index] == Gap.COMMA]
    if not commas or not _OR.isdisjoint(words.words[mention.last + 1 : first]):
        return False
    return any(commas[-1] <= other.first for other in mentions if other.finding is not mention.finding)


def _is_of_before(words: Words, mention: Mention, groups: Sequence[LevelGroup], mentions: Sequence[Mention]) -> bool:
    """Tell "Kyphoplastie BWK 11, keine neue Fraktur": a break is denied of all, not of the level before the comma."""
    named = [group for group in groups if not group.root]
    if not named or named[-1].last >= mention.first:
        return False
    parted = any(words.gaps[index] is Gap.COMMA for index in range(named[-1].last + 1, mention.first + 1))
    return parted and any(
        other.finding is not mention.finding and other.first < named[-1].first and other.last < mention.first
        for other in mentions
    )
