"""Places of reports, results and thresholds in the drawing of the course: time to the right, values upward."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

WIDTH = 560.0
_LEFT, _RIGHT = 54.0, 24.0
_REPORTS_HEIGHT = 62.0
_PANEL_HEIGHT, _PANEL_GAP = 120.0, 30.0
_AXIS_HEIGHT = 24.0
_LEAST_DAYS = 14
_TICKS = 4
_LABELLED = 6
_HEADROOM = 1.2
# Lines of text below each other need as much room.
_LINE = 11.5


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of the drawing with what is written at it."""

    x: float
    y: float
    text: str
    leading: bool = False
    anchor: str = "middle"
    text_y: float = 0.0


@dataclass(frozen=True, slots=True)
class Panel:
    """The values of one test between ``top`` and ``bottom``, with its thresholds."""

    title: str
    top: float
    bottom: float
    points: tuple[Mark, ...]
    thresholds: tuple[Mark, ...]
    path: str
    highest: str


@dataclass(frozen=True, slots=True)
class CourseDrawing:
    """Everything to be drawn; ``ticks`` are days on the axis."""

    reports: tuple[Mark, ...]
    onset: Mark | None
    panels: tuple[Panel, ...]
    ticks: tuple[Mark, ...]
    today: float
    height: float
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    width: float = WIDTH


class _Days:
    """Turns days into places on the axis."""

    def __init__(self, first: date, last: date) -> None:
        self.first = min(first, last - timedelta(days=_LEAST_DAYS))
        self.last = last
        self._span = (self.last - self.first).days

    def x(self, day: date) -> float:
        share = (day - self.first).days / self._span
        return round(_LEFT + min(max(share, 0.0), 1.0) * (WIDTH - _LEFT - _RIGHT), 1)

    def ticks(self) -> list[date]:
        return [self.first + timedelta(days=round(self._span * index / _TICKS)) for index in range(_TICKS + 1)]


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text[:10]) if text else None


def draw_course(timeline: Mapping[str, Any]) -> CourseDrawing | None:
    """Place what ``timeline`` holds; ``None`` when nothing in it has a date."""
    reports = [(day, one) for one in timeline["reports"] if (day := _day(one["date"]))]
    onset = _day(timeline["onset"])
    dated = [day for day, _ in reports] + [
        day for series in timeline["series"] for point in series["points"] if (day := _day(point["date"]))
    ]
    if not dated:
        return None
    last = max([*dated, _day(timeline["asOf"]) or max(dated)])
    days = _Days(min([*dated, onset] if onset else dated), last)
    panels = tuple(_panel(series, index, days) for index, series in enumerate(timeline["series"]))
    bottom = panels[-1].bottom if panels else _REPORTS_HEIGHT
    return CourseDrawing(
        reports=tuple(
            Mark(days.x(day), 30.0, str(one["date"])[:10], leading=bool(one["leading"]), anchor=_anchor(days.x(day)))
            for day, one in reports
        ),
        onset=Mark(days.x(onset), 30.0, onset.isoformat(), anchor=_anchor(days.x(onset))) if onset else None,
        panels=panels,
        ticks=tuple(
            Mark(days.x(day), bottom + 16, day.isoformat(), anchor=_anchor(days.x(day))) for day in days.ticks()
        ),
        today=days.x(last),
        height=bottom + _AXIS_HEIGHT,
    )


def _anchor(x: float) -> str:
    """Keep the words inside the drawing at both ends."""
    if x < _LEFT + 36:
        return "start"
    return "end" if x > WIDTH - _RIGHT - 36 else "middle"


def _panel(series: Mapping[str, Any], index: int, days: _Days) -> Panel:
    top = _REPORTS_HEIGHT + index * (_PANEL_HEIGHT + _PANEL_GAP) + _PANEL_GAP / 2
    bottom = top + _PANEL_HEIGHT
    dated = [(day, point) for point in series["points"] if (day := _day(point["date"]))]
    thresholds = series["thresholds"]
    highest = max([*(float(point["value"]) for _, point in dated), *(float(one["value"]) for one in thresholds), 1.0])
    scale = highest * _HEADROOM

    def y(value: float) -> float:
        return round(bottom - value / scale * _PANEL_HEIGHT, 1)

    labelled = {id(point) for _, point in dated[-_LABELLED:]}
    points = tuple(
        Mark(
            days.x(day),
            y(float(point["value"])),
            str(point["shown"]) if id(point) in labelled else "",
            anchor=_anchor(days.x(day)),
        )
        for day, point in dated
    )
    return Panel(
        title=f"{series['label']} ({series['unitLabel']})",
        top=top,
        bottom=bottom,
        points=points,
        thresholds=_apart(
            [Mark(_LEFT, y(float(one["value"])), f"{one['label']} {one['shown']}") for one in thresholds]
        ),
        path=" ".join(f"{'L' if number else 'M'}{mark.x} {mark.y}" for number, mark in enumerate(points)),
        highest=f"{highest:g}",
    )


def _apart(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """Write each threshold above its line, and above the words of the next lower one where both would meet."""
    placed: list[Mark] = []
    for mark in sorted(marks, key=lambda one: -one.y):
        above = placed[-1].text_y - _LINE if placed else mark.y
        placed.append(replace(mark, text_y=round(min(mark.y - 3, above), 1)))
    return tuple(placed)
