"""Random draws of one patient, from a stream of its own.

Only ``random()`` of the standard generator is used: what it gives for a seed is the same in every version of Python.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import TypeVar

_Item = TypeVar("_Item")


class Draw:
    """The stream of patient ``number`` of an export with ``seed``; other patients change nothing in it."""

    __slots__ = ("_next",)

    def __init__(self, seed: int, number: int) -> None:
        self._next = Random(f"{seed}/{number}").random  # noqa: S311 - nothing here is a secret

    def chance(self, share: float) -> bool:
        """Return true in ``share`` of all draws."""
        return self._next() < share

    def pick(self, items: Sequence[_Item]) -> _Item:
        """Return one of ``items``, each as likely."""
        return items[int(self._next() * len(items))]

    def weighted(self, items: Sequence[_Item], bounds: Sequence[float]) -> _Item:
        """Return one of ``items``; ``bounds`` are what ``bounds_of`` made of their weights."""
        return items[min(bisect_right(bounds, self._next() * bounds[-1]), len(items) - 1)]

    def whole(self, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``, both included."""
        return low + int(self._next() * (high - low + 1))

    def between(self, low: float, high: float) -> float:
        """Return a number between two."""
        return low + self._next() * (high - low)

    def spread(self, low: float, high: float) -> float:
        """Return a number between two, as likely in each order of magnitude."""
        return math.exp(self.between(math.log(low), math.log(high)))


def bounds_of(weights: Sequence[float]) -> tuple[float, ...]:
    """Return the running sums of weights, for ``Draw.weighted``."""
    return tuple(accumulate(weights))
