"""Days of earlier examinations that a report sentence compares with: "unchanged compared with 12.03.2026"."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

_ISO = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")
_DOTTED = re.compile(r"\b(\d{1,2})\. ?(\d{1,2})\. ?(\d{4}|\d{2})\b")
_SLASHED = re.compile(r"\b(\d{1,2})/(\d{1,2})/(\d{4})\b")
_DAY_MONTH = re.compile(r"\b(?:(\d{1,2})\.? )?([a-zäăâ]{3,10})\.? (\d{4})\b")
_MONTH_DAY = re.compile(r"\b([a-z]{3,10})\.? (\d{1,2}), ?(\d{4})\b")
_AGO = re.compile(
    r"\b(?:(?:vor|acum) (\d{1,2}) ([a-zăâșț]{3,10})|(\d{1,2}) ([a-z]{3,10}) (?:ago|earlier|before|previously))\b"
)
_MONTHS = {
    "jan": 1, "ian": 1, "feb": 2, "mar": 3, "mär": 3, "mrz": 3, "apr": 4, "mai": 5, "may": 5, "jun": 6, "iun": 6,
    "jul": 7, "iul": 7, "aug": 8, "sep": 9, "oct": 10, "okt": 10, "nov": 11, "noi": 11, "dec": 12, "dez": 12,
}  # fmt: skip
_UNITS = {"day": 1, "tag": 1, "zil": 1, "wee": 7, "woc": 7, "săp": 7, "mon": 30, "lun": 30}
_LETTERS = 3
_CENTURY = 2000
_SHORT_YEAR = 100


def _made(year: int, month: int, day: int) -> Iterator[date]:
    """Give the day when there is such a day."""
    try:
        yield date(year + _CENTURY if year < _SHORT_YEAR else year, month, day)
    except ValueError:
        return


def _written(text: str) -> Iterator[date]:
    for year, month, day in _ISO.findall(text):
        yield from _made(int(year), int(month), int(day))
    for day, month, year in _DOTTED.findall(text):
        yield from _made(int(year), int(month), int(day))
    for one, other, year in _SLASHED.findall(text):
        # Day and month stand in either order; the earlier day means the longer course, which is the safer reading.
        both = [*_made(int(year), int(one), int(other)), *_made(int(year), int(other), int(one))]
        yield from sorted(both)[:1]
    for day, name, year in _DAY_MONTH.findall(text):
        yield from _made(int(year), _MONTHS.get(name[:_LETTERS], 0), int(day or 1))
    for name, day, year in _MONTH_DAY.findall(text):
        yield from _made(int(year), _MONTHS.get(name[:_LETTERS], 0), int(day))


def compared_days(sentence: str, examined: date) -> tuple[date, ...]:
    """Days before ``examined`` that a sentence names, as a date or as days, weeks or months before, earliest first."""
    text = " ".join(sentence.casefold().split())
    found = set(_written(text))
    for before, unit, number, name in _AGO.findall(text):
        days = _UNITS.get((unit or name)[:_LETTERS], 0)
        found.add(examined - timedelta(days=days * int(before or number)))
    return tuple(sorted(day for day in found if day < examined))
