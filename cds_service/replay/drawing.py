"""Charts as inline SVG: stacked bars, stacked columns and intervals, with axes, numbers and a text for who cannot see.

Lengths are in user units of the drawing, which scales with the page. Colours come from the page by class names.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from markupsafe import Markup

_WIDTH: Final = 760
_LABELS: Final = 190
_VALUES: Final = 96
_ROW: Final = 27
_BAR: Final = 17
_TOP: Final = 8
_AXIS: Final = 26
_COLUMNS: Final = 220
_LEFT: Final = 44
_LONGEST_LABEL: Final = 28
_NARROWEST_LABEL: Final = 46  # room that the name of a month needs


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar: the class that colours it, what it counts, and how much."""

    kind: str
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar or column of one or several pieces; ``pale`` where it rests on too few cases to say much."""

    label: str
    parts: Sequence[Part]
    pale: bool = False

    @property
    def total(self) -> float:
        """Sum of the pieces."""
        return sum(part.value for part in self.parts)


@dataclass(frozen=True, slots=True)
class Interval:
    """A share with its confidence interval, all between 0 and 1, or without a value when there is none."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    note: str


def number(value: float) -> str:
    """Write a number with as many digits as a reader can use."""
    if value == int(value):
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:.2f}" if abs(value) < 1 else f"{value:.1f}"


def steps(largest: float) -> list[float]:
    """Return round marks of an axis from 0 to at least ``largest``, at most seven."""
    if largest <= 0:
        return [0, 1]
    raw = largest / 5
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * (1 - 1e-9))
    return [round(step * index, 10) for index in range(math.ceil(largest / step - 1e-9) + 1)]


def bars(rows: Sequence[Bar], title: str, unit: str) -> Markup:
    """Draw bars from left to right, one below the other."""
    marks = steps(max((row.total for row in rows), default=0))
    height = _TOP + _ROW * len(rows) + _AXIS
    scale = (_WIDTH - _LABELS - _VALUES) / marks[-1]
    out = [_line(_LABELS + mark * scale, _TOP, _LABELS + mark * scale, height - _AXIS, "grid") for mark in marks]
    out += [_text(_LABELS + mark * scale, height - 9, number(mark), "tick", "middle") for mark in marks]
    for index, row in enumerate(rows):
        top, left = _TOP + index * _ROW + (_ROW - _BAR) / 2, float(_LABELS)
        out.append(_text(_LABELS - 8, top + _BAR * 0.75, _short(row.label), "label", "end", full=row.label))
        for part in row.parts:
            width = part.value * scale
            if part.value > 0:
                told = f"{row.label}, {part.name}: {number(part.value)} {unit}"
                out.append(_block(left, top, max(width, 1), _BAR, _kind(part, row), told))
            left += width
        out.append(_text(left + 6, top + _BAR * 0.75, number(row.total), "value", "start"))
    return _drawing(height, out, title, _told(rows, unit))


def columns(rows: Sequence[Bar], title: str, unit: str) -> Markup:
    """Draw columns side by side, for times; names are left out where they would not fit."""
    marks = steps(max((row.total for row in rows), default=0))
    scale = (_COLUMNS - _TOP) / marks[-1]
    bottom, room = _COLUMNS + _TOP, (_WIDTH - _LEFT - 8) / max(1, len(rows))
    every = max(1, math.ceil(_NARROWEST_LABEL / room))
    out = [_line(_LEFT, bottom - mark * scale, _WIDTH - 8, bottom - mark * scale, "grid") for mark in marks]
    out += [_text(_LEFT - 6, bottom - mark * scale + 4, number(mark), "tick", "end") for mark in marks]
    for index, row in enumerate(rows):
        left, top = _LEFT + index * room + room * 0.15, float(bottom)
        for part in row.parts:
            if part.value > 0:
                top -= part.value * scale
                told = f"{row.label}, {part.name}: {number(part.value)} {unit}"
                out.append(_block(left, top, min(room * 0.7, 60), part.value * scale, _kind(part, row), told))
        if index % every == 0:
            middle = min(left + min(room * 0.7, 60) / 2, _WIDTH - _NARROWEST_LABEL / 2)
            out.append(_text(middle, bottom + 17, row.label, "tick", "middle"))
    return _drawing(bottom + _AXIS, out, title, _told(rows, unit))


def intervals(rows: Sequence[Interval], title: str) -> Markup:
    """Draw shares as points with their intervals on a scale from 0 to 100 %."""
    notes = 186
    height = _TOP + _ROW * len(rows) + _AXIS
    scale = _WIDTH - _LABELS - notes
    marks = [0, 0.25, 0.5, 0.75, 1]
    out = [_line(_LABELS + mark * scale, _TOP, _LABELS + mark * scale, height - _AXIS, "grid") for mark in marks]
    out += [_text(_LABELS + mark * scale, height - 9, f"{mark:.0%}", "tick", "middle") for mark in marks]
    for index, row in enumerate(rows):
        middle = _TOP + (index + 0.5) * _ROW
        out.append(_text(_LABELS - 8, middle + 4, _short(row.label), "label", "end", full=row.label))
        out.append(_text(_WIDTH - notes + 12, middle + 4, row.note, "value", "start"))
        if row.value is None or row.low is None or row.high is None:
            continue
        low, high = _LABELS + row.low * scale, _LABELS + row.high * scale
        out += [
            _line(low, middle, high, middle, "span"),
            *(_line(x, middle - 5, x, middle + 5, "span") for x in (low, high)),
        ]
        out.append(f'<circle class="point" cx="{_LABELS + row.value * scale:.1f}" cy="{middle:.1f}" r="4.5"/>')
    told = "; ".join(f"{row.label} {row.note}" for row in rows)
    return _drawing(height, out, title, told)


def _drawing(height: float, parts: Sequence[str], title: str, told: str) -> Markup:
    # The elements are ours; every text in them went through escape.
    return Markup(  # noqa: S704
        f'<svg viewBox="0 0 {_WIDTH} {height:g}" role="img" aria-label="{escape(f"{title}: {told}")}">'
        f"{''.join(parts)}</svg>"
    )


def _told(rows: Sequence[Bar], unit: str) -> str:
    several = any(len(row.parts) > 1 for row in rows)
    said = []
    for row in rows:
        parts = ", ".join(f"{part.name} {number(part.value)}" for part in row.parts if part.value > 0)
        said.append(f"{row.label} {number(row.total)}{f' ({parts})' if several and parts else ''}")
    return f"{'; '.join(said) or 'nothing'} {unit}"


def _kind(part: Part, row: Bar) -> str:
    return f"{part.kind} pale" if row.pale else part.kind


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"


def _line(left: float, top: float, right: float, bottom: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{left:.1f}" y1="{top:.1f}" x2="{right:.1f}" y2="{bottom:.1f}"/>'


def _block(left: float, top: float, width: float, height: float, kind: str, told: str) -> str:
    return (
        f'<rect class="{escape(kind)}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}">'
        f"<title>{escape(told)}</title></rect>"
    )


def _text(left: float, top: float, text: str, kind: str, anchor: str, *, full: str = "") -> str:
    more = f"<title>{escape(full)}</title>" if full and full != text else ""
    return f'<text class="{kind}" x="{left:.1f}" y="{top:.1f}" text-anchor="{anchor}">{escape(text)}{more}</text>'
