"""What a measured value says about a limit, with comparators and missing values kept as "unknown"."""

import math

from cds_service.domain.facts import Comparator, LabValue

Interval = tuple[float, float]

_OPEN_BELOW = frozenset({Comparator.LT, Comparator.LE})
_OPEN_ABOVE = frozenset({Comparator.GT, Comparator.GE})


def interval(lab: LabValue) -> Interval | None:
    """Range in which the true value lies, ends included; ``None`` without a number. ``<5`` is 0 to 5."""
    if lab.value is None or not math.isfinite(lab.value):
        return None
    if lab.comparator in _OPEN_BELOW:
        return (0.0, lab.value)
    if lab.comparator in _OPEN_ABOVE:
        return (lab.value, math.inf)
    return (lab.value, lab.value)


def above(lab: LabValue | None, limit: float) -> bool | None:
    """Tell whether a value is above a limit; ``None`` when there is no value or its comparator leaves it open."""
    known = interval(lab) if lab else None
    if lab is None or known is None:
        return None
    low, high = known
    if low > limit or (low == limit and lab.comparator is Comparator.GT):
        return True
    return False if high <= limit else None


def below(lab: LabValue | None, limit: float) -> bool | None:
    """Tell whether a value is below a limit; ``None`` when there is no value or its comparator leaves it open."""
    known = interval(lab) if lab else None
    if lab is None or known is None:
        return None
    low, high = known
    if high < limit or (high == limit and lab.comparator is Comparator.LT):
        return True
    return False if low >= limit else None


def at_least(lab: LabValue | None, limit: float) -> bool | None:
    """Tell whether a value reaches a limit; ``None`` when unknown."""
    answer = below(lab, limit)
    return None if answer is None else not answer


def above_upper_normal(lab: LabValue | None, default: float, factor: float = 1.0) -> bool | None:
    """Tell whether a value is above ``factor`` times the upper limit of the laboratory, else of the knowledge files."""
    if lab is None:
        return None
    return above(lab, factor * (lab.upper_normal or default))
