"""Dates as records write them."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from cds_service.fhir.moments import read_moment, told_day, years_between

ZONE = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("text", "value", "flaw"),
    [
        ("2026-03-31", datetime(2026, 3, 31, tzinfo=ZONE), ""),
        ("2026-03", datetime(2026, 3, 1, tzinfo=ZONE), ""),
        ("2026", datetime(2026, 1, 1, tzinfo=ZONE), ""),
        ("2026-03-31T10:00:00Z", datetime(2026, 3, 31, 10, tzinfo=UTC), ""),
        ("2026-03-31T10:00:00.123+02:00", datetime(2026, 3, 31, 8, tzinfo=UTC), ""),
        ("2026-03-31T10:00:00-05:30", datetime(2026, 3, 31, 15, 30, tzinfo=UTC), ""),
        ("2026-03-31T10:00:00", datetime(2026, 3, 31, 10, tzinfo=ZONE), "zone"),
        ("2026-03-31T10:00", datetime(2026, 3, 31, 10, tzinfo=ZONE), "zone"),
        ("2026-03-31T10:00Z", datetime(2026, 3, 31, 10, tzinfo=UTC), "seconds"),
        ("2026-03-31 10:00:00Z", datetime(2026, 3, 31, 10, tzinfo=UTC), ""),
        ("2026/03/31", datetime(2026, 3, 31, tzinfo=ZONE), "format"),
        ("20260331", datetime(2026, 3, 31, tzinfo=ZONE), "format"),
        ("20260331101500+0100", datetime(2026, 3, 31, 9, 15, tzinfo=UTC), "format"),
        ("31.03.2026", datetime(2026, 3, 31, tzinfo=ZONE), "format"),
        ("2026-03-31T10:00:60Z", datetime(2026, 3, 31, 10, 0, 59, tzinfo=UTC), ""),
    ],
)
def test_near_misses_are_read(text: str, value: datetime, flaw: str) -> None:
    read = read_moment(text, ZONE)
    assert read is not None
    assert (read.value, read.flaw) == (value, flaw)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2026-13-01", "2026-02-30", "0001-01-01", "1066", "2026-03-31T25:00:00Z", "31/03/2026", "9" * 400],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    assert read_moment(text, ZONE) is None


TODAY = date(2026, 3, 31)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("3 weeks ago", date(2026, 3, 10)),
        ("two months prior", date(2026, 1, 30)),
        ("for 10 days", date(2026, 3, 21)),
        ("vor drei Tagen", date(2026, 3, 28)),
        ("seit ca. 2 Jahren", date(2024, 3, 31)),
        ("vor einem Monat", date(2026, 3, 1)),
        ("acum 2 săptămâni", date(2026, 3, 17)),
        ("în urmă cu 5 zile", date(2026, 3, 26)),
        ("de o lună", date(2026, 3, 1)),
        ("03/2024", date(2024, 3, 1)),
        ("12/2026", None),
        ("operated in 2019", date(2019, 1, 1)),
        ("follow-up 2031", None),
        ("L4 weeks", None),
        ("", None),
    ],
)
def test_told_times(text: str, day: date | None) -> None:
    assert told_day(text, TODAY) == day


def test_years_are_completed_years() -> None:
    assert years_between(date(1956, 4, 1), TODAY) == 69
    assert years_between(date(1956, 3, 31), TODAY) == 70
