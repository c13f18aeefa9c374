"""Writes the course of CRP and ESR as a small table with one row for each day, in the language of the card."""

from collections.abc import Sequence
from datetime import date

from cards.phrases import NO_VALUE, as_reported, chart_escape, day, number, unit_text
from cards.wording import Wording
from cds_service.domain.assessment import MarkerSeries
from cds_service.domain.facts import Comparator, LabValue

_ROWS = 6
_RISE, _FALL, _SAME = " ↑", " ↓", " →"
_BELOW = frozenset({Comparator.LT, Comparator.LE})
_ABOVE = frozenset({Comparator.GT, Comparator.GE})


def _ends(lab: LabValue) -> tuple[float, float]:
    """Range of the true value: ``<5`` is 0 to 5."""
    value = lab.value or 0.0
    return (0.0 if lab.comparator in _BELOW else value, float("inf") if lab.comparator in _ABOVE else value)


def change(before: LabValue | None, now: LabValue) -> str:
    """Return an arrow for the change since the result before; none where a comparator leaves it open."""
    if before is None:
        return ""
    (low, high), (now_low, now_high) = _ends(before), _ends(now)
    if now_low > high:
        return _RISE
    if now_high < low:
        return _FALL
    return _SAME if (low, high) == (now_low, now_high) else ""


def _cells(shown: MarkerSeries, wording: Wording) -> dict[date, str]:
    """Values of each day in the order of their collection, each with its arrow."""
    cells: dict[date, list[str]] = {}
    before: LabValue | None = None
    for lab in shown.values:
        if lab.collected is None:
            continue
        cells.setdefault(lab.collected.date(), []).append(f"{as_reported(lab, wording)}{change(before, lab)}")
        before = lab
    return {on: ", ".join(values) for on, values in cells.items()}


def _usual(shown: MarkerSeries, wording: Wording) -> str:
    if shown.usual is None:
        return ""
    unit = chart_escape(unit_text(shown.values[-1].unit))
    return wording.phrase(
        "usual_level",
        title=wording.name("analytes", shown.analyte),
        value=f"{number(shown.usual, wording)} {unit}",
        count=str(shown.usual_results),
        date=day(shown.usual_until, wording),
    )


def trend_block(series: Sequence[MarkerSeries], wording: Wording) -> str:
    """Return heading, table (oldest day first) and the usual level on dialysis; empty without a course."""
    if not series:
        return ""
    columns = [_cells(shown, wording) for shown in series]
    days = sorted({on for cells in columns for on in cells})
    hidden = len(days) - _ROWS
    names = [wording.name("columns", "date"), *(wording.name("analytes", shown.analyte) for shown in series)]
    rows = [
        f"| {' | '.join([on.isoformat(), *(cells.get(on, NO_VALUE) for cells in columns)])} |" for on in days[-_ROWS:]
    ]
    table = "\n".join([f"| {' | '.join(names)} |", "| " + " | ".join(["---"] * len(names)) + " |", *rows])
    notes = [wording.phrase("earlier_days", count=str(hidden))] if hidden > 0 else []
    notes += [text for shown in series if (text := _usual(shown, wording))]
    return "\n\n".join([f"**{wording.name('headings', 'trend')}**", table, *notes])
