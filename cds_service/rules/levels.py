"""Which vertebrae a level label names, and whether two findings lie at the same place."""

import re
from collections.abc import Iterable
from functools import lru_cache

_REGIONS = (("C", 7), ("T", 12), ("L", 5), ("S", 5))
_LABELS = tuple(f"{region}{number}" for region, count in _REGIONS for number in range(1, count + 1))
_INDEX = {label: index for index, label in enumerate(_LABELS)}
# A sixth lumbar vertebra stands where S1 does.
_ALIASES = {"L6": "S1", "T13": "L1"}
_LABEL = re.compile(r"[CTLS]\d{1,2}")
_SACRUM = frozenset(_INDEX[f"S{number}"] for number in range(1, 6))
SACRUM_WORD = "SACRUM"

Bodies = frozenset[int]


def bodies(levels: Iterable[str]) -> Bodies:
    """Vertebrae that level labels name, as positions from C1 downwards: ``L4-L5`` is both; an unknown label none."""
    return _bodies(tuple(levels))


# The same few labels are asked for again and again while findings are compared with each other.
@lru_cache(maxsize=4096)
def _bodies(levels: tuple[str, ...]) -> Bodies:
    found: set[int] = set()
    for level in levels:
        if level.upper() in {SACRUM_WORD, "S"}:
            found |= _SACRUM
            continue
        for label in _LABEL.findall(level.upper()):
            index = _INDEX.get(_ALIASES.get(label, label))
            if index is not None:
                found.add(index)
    return frozenset(found)


def label(body: int) -> str:
    """Label of a vertebra by position from C1."""
    return _LABELS[body]


def is_sacral(levels: Iterable[str]) -> bool:
    """Tell whether every level named lies in the sacrum (and at least one is named)."""
    named = bodies(levels)
    return bool(named) and named <= _SACRUM


def touches(first: Iterable[str], second: Iterable[str], *, gap: int = 0) -> bool:
    """Tell whether two level lists share a vertebra, or lie at most ``gap`` vertebrae apart.

    A finding without level may lie anywhere, so it touches everything.
    """
    one, other = bodies(first), bodies(second)
    if not one or not other:
        return True
    if gap == 0:
        return not one.isdisjoint(other)
    return not _reach(one, gap).isdisjoint(other)


@lru_cache(maxsize=1024)
def _reach(named: Bodies, gap: int) -> Bodies:
    """Positions at most ``gap`` from one that is named."""
    return frozenset(body + step for body in named for step in range(-gap, gap + 1))


def covers(explaining: Iterable[str], explained: Iterable[str]) -> bool:
    """Tell whether each level of ``explained`` shares a vertebra with ``explaining``; both must name levels.

    A segment ``L4-L5`` is covered by ``L4`` alone; the vertebra ``L2`` is not covered by ``L4-L5``.
    """
    known = bodies(explaining)
    targets = [bodies([level]) for level in explained]
    return bool(known) and bool(targets) and all(target and target & known for target in targets)


def sites(level_lists: Iterable[Iterable[str]]) -> int:
    """Count separate places: level lists that share a vertebra or are neighbours are one place."""
    named = sorted({body for levels in level_lists for body in bodies(levels)})
    return sum(1 for position, body in enumerate(named) if position == 0 or body - named[position - 1] > 1)


def in_order(levels: Iterable[str]) -> tuple[str, ...]:
    """Distinct labels from cranial to caudal; labels that name no known vertebra come last."""
    distinct = dict.fromkeys(levels)
    return tuple(sorted(distinct, key=_place)) if len(distinct) > 1 else tuple(distinct)


@lru_cache(maxsize=1024)
def _place(level: str) -> tuple[int, str]:
    return min(bodies([level]), default=len(_LABELS)), level
