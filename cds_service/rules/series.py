"""CRP and ESR over time: the course to show, the usual level of a patient on dialysis, a second rise after a fall."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from cds_service.domain.assessment import MarkerSeries
from cds_service.domain.facts import Conflict, ConflictKind, LabValue
from cds_service.domain.vocabulary import Analyte, ConditionGroup, ProcedureGroup
from cds_service.rules.context import RuleContext
from cds_service.rules.measured import above, interval

MARKERS = (Analyte.CRP, Analyte.ESR)
_SURGERY = (ProcedureGroup.SPINE_SURGERY, ProcedureGroup.VERTEBRAL_AUGMENTATION)
_PAIR = 2


class _Point(NamedTuple):
    """One result with a day and a number; the true value lies from ``low`` to ``high``."""

    taken: datetime
    low: float
    high: float
    lab: LabValue


def _points(context: RuleContext, analyte: Analyte, limit: timedelta) -> list[_Point]:
    """Results of the last ``limit``, oldest first; of several at one moment the one that counts comes last."""
    return [
        _Point(lab.collected, *known, lab)
        for lab in reversed(context.within(limit, analyte))
        if lab.collected is not None and (known := interval(lab)) is not None
    ]


def marker_series(context: RuleContext) -> tuple[MarkerSeries, ...]:
    """Courses of CRP and ESR in the window that cards show; none where neither has two results."""
    limits = context.thresholds
    names = MARKERS if limits.switches.esr_enabled else (Analyte.CRP,)
    found = [(name, _points(context, name, limits.marker_trend_days.span)) for name in names]
    if all(len(points) < _PAIR for _, points in found):
        return ()
    return tuple(_with_usual_level(context, name, points) for name, points in found if points)


def _with_usual_level(context: RuleContext, name: Analyte, points: Sequence[_Point]) -> MarkerSeries:
    """Add the median before this episode for a patient on dialysis, whose markers are seldom normal."""
    limits, values = context.thresholds, tuple(point.lab for point in points)
    ends = (context.lead.date or context.as_of) - limits.labs_before_mri_days.span
    before = [point.high for point in _points(context, name, limits.marker_usual_days.span) if point.taken < ends]
    dialysis = context.having(ConditionGroup.DIALYSIS) or context.ever_operated(ProcedureGroup.DIALYSIS)
    if not dialysis or len(before) < limits.marker_usual_results.value:
        return MarkerSeries(name, values)
    return MarkerSeries(name, values, median(before), len(before), ends.date())


def second_rise(context: RuleContext, newest: LabValue | None) -> tuple[LabValue, ...]:
    """Peak, lowest and newest CRP after an operation of the spine when it rises for the second time; else nothing.

    After surgery CRP peaks on day 2 to 3 and falls for two to three weeks; a rise after that fall speaks for infection
    even below the usual limit. The newest value must be above normal and well above the lowest one.
    """
    limits = context.thresholds
    points = _since_surgery(context)
    if not above(newest, limits.crp_upper_normal.value) or len(points) <= _PAIR or points[-1].lab is not newest:
        return ()
    *earlier, last = points
    lowest = min(earlier, key=lambda point: point.high)
    peak = max((p for p in earlier if p.taken < lowest.taken), key=lambda point: point.low, default=lowest)
    least = limits.crp_second_rise_factor.value * lowest.high
    return (peak.lab, lowest.lab, last.lab) if min(peak.low, last.low) >= least else ()


def _since_surgery(context: RuleContext) -> list[_Point]:
    """CRP results since the last operation of the spine, oldest first; all where its day is unknown."""
    limits = context.thresholds
    limit = limits.spine_procedure_days.span
    told = context.recent(limit, ConditionGroup.SPINE_PROCEDURE_RECENT)
    days = [cause.on for cause in context.operated(limit, *_SURGERY)] + [item.last_day() for item in told]
    start = max((day for day in days if day is not None), default=None)
    points = _points(context, Analyte.CRP, limits.marker_trend_days.span) if days else []
    return [point for point in points if start is None or point.taken.date() >= start]


def contradicting(context: RuleContext) -> tuple[Conflict, ...]:
    """CRP or ESR results of the same moment that cannot both be true; the higher one counts."""
    window = context.thresholds.marker_trend_days.span
    return tuple(
        Conflict(ConflictKind.LAB, None, (_shown(one), _shown(other)), analyte=name, on=one.taken.date())
        for name in MARKERS
        for one, other in pairwise(_points(context, name, window))
        if one.taken == other.taken and (one.low > other.high or other.low > one.high)
    )


def _shown(point: _Point) -> str:
    return point.lab.reported or f"{point.high:g} {point.lab.unit}"
