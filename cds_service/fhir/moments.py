"""Reads dates and times as records really write them, and times told in words ("3 weeks ago")."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_ISO = re.compile(
    r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2})"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?\s?(Z|z|[+-]\d{2}:?\d{2})?)?)?)?"
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?(Z|[+-]\d{4})?")
_GERMAN = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_EARLIEST_YEAR = 1850
_FULL_TIME_LENGTH = len("2026-01-01T00:00:00Z")
_OFFSET_LENGTH = 2


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time. ``flaw`` names a deviation that was survived; ``whole_day`` is true when no time was given."""

    value: datetime
    whole_day: bool
    flaw: str = ""


# Results of one blood sample, and entries of one day, are written with the same time.
_REMEMBERED = 4_096
# No form of a time has so many signs; of more nothing is read and nothing remembered.
_LONGEST_MOMENT = 64


def read_moment(text: str, zone: tzinfo) -> Moment | None:
    """Read a FHIR date, dateTime or instant and near misses of them; ``None`` when nothing can be made of it.

    Partial dates become their first day. A time without zone is taken in ``zone``.
    """
    return _moment(text, zone) if len(text) <= _LONGEST_MOMENT else _moment(text.strip()[:_LONGEST_MOMENT], zone)


@lru_cache(maxsize=_REMEMBERED)
def _moment(text: str, zone: tzinfo) -> Moment | None:
    stripped = text.strip()
    match = _ISO.fullmatch(stripped)
    if match:
        return _iso(match, stripped, zone)
    match = _COMPACT.fullmatch(stripped)
    if match:
        return _build(match.groups(), zone, "format")
    match = _GERMAN.fullmatch(stripped)
    if match:
        day, month, year = match.groups()
        return _build((year, month, day, None, None, None, None), zone, "format")
    return None


def _iso(match: re.Match[str], text: str, zone: tzinfo) -> Moment | None:
    groups = match.groups()
    if groups[3] is None:
        return _build(groups, zone, "format" if "/" in text else "")
    if groups[6] is None:
        return _build(groups, zone, "zone")
    return _build(groups, zone, "seconds" if groups[5] is None else ("format" if len(text) < _FULL_TIME_LENGTH else ""))


def _build(parts: tuple[str | None, ...], zone: tzinfo, flaw: str) -> Moment | None:
    year, month, day, hour, minute, second, offset = parts
    try:
        value = datetime(
            int(year or 0),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            min(int(second or 0), 59),
            tzinfo=_zone(offset, zone),
        )
    except ValueError:
        return None
    if value.year < _EARLIEST_YEAR:
        return None
    return Moment(value, hour is None, flaw)


def _zone(offset: str | None, default: tzinfo) -> tzinfo:
    if offset is None:
        return default
    if offset in "Zz":
        return timezone.utc  # noqa: UP017 - the offset branch below needs the class anyway
    digits = offset[1:].replace(":", "")
    minutes = int(digits[:_OFFSET_LENGTH]) * 60 + int(digits[_OFFSET_LENGTH:])
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))


_UNITS = {
    "day": 1, "days": 1, "tag": 1, "tage": 1, "tagen": 1, "d": 1, "zi": 1, "zile": 1,
    "week": 7, "weeks": 7, "wk": 7, "wks": 7, "woche": 7, "wochen": 7, "wo": 7, "saptamana": 7, "saptamani": 7,
    "săptămână": 7, "săptămâni": 7, "săptămâna": 7,
    "month": 30, "months": 30, "mo": 30, "monat": 30, "monate": 30, "monaten": 30, "luna": 30, "lună": 30, "luni": 30,
    "year": 365, "years": 365, "yr": 365, "yrs": 365, "jahr": 365, "jahre": 365, "jahren": 365, "an": 365, "ani": 365,
}  # fmt: skip
_NUMBER_WORDS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "eight": 8, "ten": 10,
    "twelve": 12,
    "ein": 1, "einem": 1, "einer": 1, "eine": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "acht": 8,
    "un": 1, "o": 1, "doi": 2, "două": 2, "doua": 2, "trei": 3, "patru": 4, "cinci": 5, "șase": 6, "sase": 6, "opt": 8,
}  # fmt: skip
_NUMBER = r"(\d{1,3}|" + "|".join(sorted(_NUMBER_WORDS, key=len, reverse=True)) + ")"
_UNIT = r"(" + "|".join(sorted(_UNITS, key=len, reverse=True)) + ")"
_AGO = re.compile(
    rf"\b{_NUMBER}(?:[ -](?:de )?){_UNIT}\b[ ](?:ago|before|earlier|prior|zuvor|în urmă|in urma)\b", re.IGNORECASE
)
_BEFORE = re.compile(
    rf"\b(?:vor|acum|de|seit|for|since|x|over|past|last|în urmă cu|in urma cu|letzte|letzten)[ ]"
    rf"(?:ca\.?|etwa|circa|about|the last|the past|aproximativ|cca\.?)?[ ]?{_NUMBER}[ -]?(?:de )?{_UNIT}\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(19[3-9]\d|20\d\d)\b")
_MONTH_YEAR = re.compile(r"\b(0?[1-9]|1[0-2])[/.](19[3-9]\d|20\d\d)\b")
_LONGEST_ENTRY = 400


def told_day(text: str, reference: date) -> date | None:
    """Day that a short text tells: "3 weeks ago", "vor 2 Monaten", "acum 10 zile", "seit 6 Wochen", "05/2019", "2019".

    ``reference`` is the day the text was written; a year alone becomes its first day. Future days are no answer.
    """
    return _told_day(text[:_LONGEST_ENTRY], reference)


@lru_cache(maxsize=_REMEMBERED)
def _told_day(entry: str, reference: date) -> date | None:
    match = _AGO.search(entry) or _BEFORE.search(entry)
    if match:
        number, unit = match.group(1).lower(), match.group(2).lower()
        count = int(number) if number.isdigit() else _NUMBER_WORDS[number]
        return reference - timedelta(days=count * _UNITS[unit])
    month = _MONTH_YEAR.search(entry)
    if month:
        day = date(int(month.group(2)), int(month.group(1)), 1)
        return day if day <= reference else None
    year = _YEAR.search(entry)
    if year and int(year.group(1)) <= reference.year:
        return date(int(year.group(1)), 1, 1)
    return None


def years_between(start: date, end: date) -> int:
    """Completed years from ``start`` to ``end``."""
    return end.year - start.year - ((end.month, end.day) < (start.month, start.day))
