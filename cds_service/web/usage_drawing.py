"""Places of bars in the drawings of how cards are taken up: rates with their intervals, months as columns, classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

WIDTH: Final = 640.0
_LABEL, _RIGHT = 190.0, 96.0
_ROW, _BAR = 26.0, 14.0
_TOP = 24.0
_MOST_RATES = 20
_COLUMNS_HEIGHT, _AXIS = 150.0, 34.0
_LEFT = 44.0


@dataclass(frozen=True, slots=True)
class RateBar:
    """One member of a group: its rate as a bar, its interval as a line, and what is written beside it."""

    label: str
    y: float
    middle: float
    end: float
    low: float
    high: float
    text: str
    stands_out: bool
    few: bool


@dataclass(frozen=True, slots=True)
class Rates:
    """Bars from ``left``; ``usual`` is where the rate of all cards lies, ``ticks`` are (place, per cent)."""

    bars: tuple[RateBar, ...]
    usual: float | None
    ticks: tuple[tuple[float, str], ...]
    height: float
    left: float = _LABEL
    width: float = WIDTH
    bar: float = _BAR


def _x(share: float) -> float:
    return round(_LABEL + share * (WIDTH - _LABEL - _RIGHT), 1)


def draw_rates(members: Sequence[Mapping[str, Any]], usual: float | None) -> Rates | None:
    """Place the first members that anybody answered, as the report orders them; ``None`` when there are none."""
    answered = [one for one in members if one["overrideRate"]["value"] is not None][:_MOST_RATES]
    if not answered:
        return None
    bars = []
    for number, one in enumerate(answered):
        rate, top = one["overrideRate"], _TOP + number * _ROW
        bars.append(
            RateBar(
                label=str(one["id"]),
                y=top,
                middle=top + _BAR / 2,
                end=_x(rate["value"]),
                low=_x(rate["low"]),
                high=_x(rate["high"]),
                text=f"{rate['value']:.0%} ({one['overridden']}/{one['accepted'] + one['overridden']})",
                stands_out=one["standsOut"],
                few=one["fewAnswers"],
            )
        )
    ticks = tuple((_x(share / 4), f"{share * 25} %") for share in range(5))
    return Rates(tuple(bars), None if usual is None else _x(usual), ticks, _TOP + len(bars) * _ROW + 4)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a column: which outcome, from where, how high, how many."""

    name: str
    y: float
    height: float
    number: int


@dataclass(frozen=True, slots=True)
class Column:
    """A month, or a class of waiting, with its pieces from the bottom upward."""

    x: float
    width: float
    middle: float
    label: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns over an axis; ``highest`` is what the tallest one stands for."""

    columns: tuple[Column, ...]
    highest: int
    bottom: float
    height: float
    top: float = _TOP
    left: float = _LEFT
    width: float = WIDTH


def draw_columns(rows: Sequence[tuple[str, Sequence[tuple[str, int]]]]) -> Columns | None:
    """Place (label, pieces as (name, number)); ``None`` when nothing was counted."""
    highest = max((sum(number for _, number in pieces) for _, pieces in rows), default=0)
    if not highest:
        return None
    step = (WIDTH - _LEFT) / len(rows)
    bottom = _TOP + _COLUMNS_HEIGHT
    columns = []
    for place, (label, pieces) in enumerate(rows):
        left, y, parts = _LEFT + place * step, bottom, []
        for name, number in pieces:
            height = round(number / highest * _COLUMNS_HEIGHT, 1)
            y = round(y - height, 1)
            parts.append(Part(name, y, height, number))
        columns.append(
            Column(round(left + step * 0.14, 1), round(step * 0.72, 1), round(left + step / 2, 1), label, tuple(parts))
        )
    return Columns(tuple(columns), highest, bottom, bottom + _AXIS)
