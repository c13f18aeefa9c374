"""What a measured value says about a limit, with comparators and missing values kept as "unknown"."""

import math
from datetime import UTC, datetime
from types import MappingProxyType

from cds_service.domain.facts import Comparator, LabValue
from cds_service.domain.vocabulary import Analyte

Interval = tuple[float, float]

_OPEN_BELOW = frozenset({Comparator.LT, Comparator.LE})
_OPEN_ABOVE = frozenset({Comparator.GT, Comparator.GE})
# Where the lower of two results is the more alarming one.
_LOW_ALARMS = frozenset(
    {
        Analyte.HEMOGLOBIN,
        Analyte.PLATELETS,
        Analyte.NEUTROPHILS,
        Analyte.EGFR,
        Analyte.SYSTOLIC_PRESSURE,
        Analyte.VITAMIN_D,
        Analyte.ALBUMIN,
    }
)
_STATUS_RANK = MappingProxyType({"registered": 0, "preliminary": 0, "amended": 2, "corrected": 2})
_UNDATED = datetime.min.replace(tzinfo=UTC)

Standing = tuple[datetime, int, float, bool, str]


def interval(lab: LabValue) -> Interval | None:
    """Range in which the true value lies, ends included; ``None`` without a number. ``<5`` is 0 to 5."""
    if lab.value is None or not math.isfinite(lab.value):
        return None
    if lab.comparator in _OPEN_BELOW:
        return (0.0, lab.value)
    if lab.comparator in _OPEN_ABOVE:
        return (lab.value, math.inf)
    return (lab.value, lab.value)


def standing(lab: LabValue) -> Standing:
    """Rank of a result among others of its test, whatever the order in which they arrive; the largest one counts.

    The newest first; of one moment a corrected result, then a final one, then the more alarming value.
    """
    value = lab.value or 0.0
    alarm = -value if lab.analyte in _LOW_ALARMS else value
    place = f"{lab.text} {lab.provenance.reference}"
    return (lab.collected or _UNDATED, _STATUS_RANK.get(lab.status, 1), alarm, lab.positive is True, place)


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
