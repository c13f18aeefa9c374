"""Moves findings to the level that a report corrects itself to: "Correction: L2, not L1"."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from cds_service.domain.facts import TextFinding
from cds_service.reading.levels import LevelGroup
from cds_service.reading.words import Gap, Words

_CORRECTING: Final = ("correct", "erratum", "amend", "korrektur", "berichtig", "corect", "erata")
_NOT: Final = frozenset({"not", "nicht", "nu"})
# words between the title of a correction and its level: "Correction: the level is L2, not L1"
_REACH: Final = 6


def moved(findings: Sequence[TextFinding], groups: Sequence[LevelGroup], words: Words) -> list[TextFinding]:
    """Return the findings of one text; those named before a correction stand at the level it names instead."""
    found = list(findings)
    for right, wrong in pairwise(groups):
        if not _corrects(words, right, wrong):
            continue
        at = words.starts[right.first]
        found = [
            replace(f, levels=tuple(dict.fromkeys(_moved(f.levels, right, wrong)))) if f.span.end <= at else f
            for f in found
        ]
    return found


def _moved(levels: tuple[str, ...], right: LevelGroup, wrong: LevelGroup) -> list[str]:
    return [right.levels[0] if level == wrong.levels[0] else level for level in levels]


def _corrects(words: Words, right: LevelGroup, wrong: LevelGroup) -> bool:
    """Tell "L2, not L1" behind the title of a correction, each a single level."""
    single = len(right.levels) == 1 and len(wrong.levels) == 1 and not (right.root or wrong.root)
    if not single or wrong.first - right.last != 2 or words.words[right.last + 1] not in _NOT:  # noqa: PLR2004
        return False
    before = words.words[max(right.first - _REACH, 0) : right.first]
    return words.gaps[wrong.first] == Gap.SOFT and any(word.startswith(_CORRECTING) for word in before)
