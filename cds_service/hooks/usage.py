"""How issued cards are taken up: counts and override rates by rule, card, caller, service and month, for operators.

A rate says nothing without its interval, and little while few clinicians answered; both are told with it. Comments are
never read here, and a reason that few gave is not told apart, because a client may put anything in it.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Protocol

from cards.catalogue import OVERRIDE_REASON_SYSTEM, override_reasons
from cds_service.domain.proportion import wilson
from cds_service.domain.vocabulary import Language
from cds_service.errors import RequestError
from cds_service.hooks.services import SERVICES, Hook
from cds_service.security.quota import Throttled
from cds_service.store.records import Outcome
from cds_service.store.usage import STEP_MINUTES, Fate, Kind, Window

# Below so many answers a rate is called one of few.
FEW_ANSWERS: Final = 20
# A reason of the site's own list is named when it was given so often, and at most so many are told apart.
_NAMED_REASON: Final = 5
_REASONS: Final = 1000
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NO_REASON, FURTHER = "(none)", "(further)"
_SITE: Final = "site:"
NO_REGISTRY, NOT_KEPT = "(open)", "(not kept)"
GROUPS: Final = ("rules", "cards", "clients", "services", "indicators", "months")
# Limits of the classes of waiting, in minutes; the last class has none.
WAITS: Final = (60, 240, 1440, 3 * 1440, 7 * 1440, 30 * 1440)
_MONTHS: Final = 12
_BUSY_SECONDS: Final = 10


class Reader(Protocol):
    """Counts of one database at one moment."""

    def by_kind(self, window: Window) -> Iterable[tuple[Kind, Fate]]:
        """Return the cards of the window in groups of one card, service, caller and month."""

    def by_rules(self, window: Window) -> Iterable[tuple[tuple[str, ...], Fate]]:
        """Return the cards of the window in groups with the same rules."""

    def waits(self, window: Window, services: Sequence[str]) -> Iterable[tuple[int, int]]:
        """Return (steps from the issue of a report to its first card, so many reports)."""

    def unknown(self, window: Window) -> int:
        """Return how many cards were reported on that were never issued."""


@dataclass(slots=True)
class Tally:
    """What became of some cards. ``open_answers`` are answers to cards that had something to accept."""

    shown: int = 0
    accepted: int = 0
    overridden: int = 0
    open_answers: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, fate: Fate, reason: str) -> None:
        """Count a group of cards."""
        self.shown += fate.cards
        if fate.outcome == Outcome.ACCEPTED:
            self.accepted += fate.cards
        elif fate.outcome == Outcome.OVERRIDDEN:
            self.overridden += fate.cards
            self.reasons[reason] += fate.cards
        if fate.outcome is not None and fate.suggests:
            self.open_answers += fate.cards

    @property
    def answered(self) -> int:
        """Cards that something was reported on."""
        return self.accepted + self.overridden

    def told(self, named: frozenset[str]) -> dict[str, Any]:
        """Return it as JSON types; reasons that are not ``named`` are put together."""
        reasons = Counter[str]()
        for reason, number in self.reasons.items():
            reasons[reason if reason in named else FURTHER] += number
        rate = wilson(self.overridden, self.answered)
        return {
            "shown": self.shown,
            "accepted": self.accepted,
            "overridden": self.overridden,
            "unanswered": self.shown - self.answered,
            "overrideRate": {name: rate[name] for name in ("value", "low", "high")},
            "fewAnswers": self.answered < FEW_ANSWERS,
            "nothingToAccept": self.answered > 0 and self.open_answers == 0,
            "reasons": [
                {"code": code, "cards": number} for code, number in sorted(reasons.items(), key=lambda one: -one[1])
            ],
        }


class _Reasons:
    """Turns coded reasons as sent into short names, of which there cannot be more than memory has room for."""

    def __init__(self) -> None:
        self._own = frozenset(reason.code for reason in override_reasons()[Language.EN])
        self._others: Counter[str] = Counter()

    def name(self, fate: Fate) -> str:
        """Return the name under which the reason of a group is counted; "" where the cards were not overridden."""
        if fate.outcome != Outcome.OVERRIDDEN:
            return ""
        code = fate.reason_code or ""
        if not code:
            return NO_REASON
        if fate.reason_system == OVERRIDE_REASON_SYSTEM and code in self._own:
            return code
        other = f"{_SITE}{code}"
        if not _CODE.fullmatch(code) or (other not in self._others and len(self._others) >= _REASONS):
            return FURTHER
        return other

    def count(self, fate: Fate) -> str:
        """Return the name as well, and remember how many gave it."""
        name = self.name(fate)
        if name.startswith(_SITE):
            self._others[name] += fate.cards
        return name

    def named(self) -> frozenset[str]:
        """Return the names that may be told apart."""
        often = {name for name, number in self._others.items() if number >= _NAMED_REASON}
        return self._own | {NO_REASON, FURTHER} | often


@dataclass(frozen=True, slots=True)
class Period:
    """Days of the report, both included, and the caller that it is limited to."""

    first: date
    last: date
    client: str | None = None

    @property
    def window(self) -> Window:
        """The same as moments in UTC."""
        since = datetime.combine(self.first, time(), UTC)
        return Window(since, datetime.combine(self.last, time(), UTC) + timedelta(days=1), self.client)


def period(today: date, first: str = "", last: str = "", client: str | None = None) -> Period:
    """Return the days asked for, else those of twelve months up to today. Raises RequestError."""
    end = _day(last, "to") if last else today
    months = end.year * 12 + end.month - _MONTHS
    begin = _day(first, "from") if first else max(date(months // 12, months % 12 + 1, 1), date(_FIRST_YEAR, 1, 1))
    if begin > end:
        raise RequestError("must not be later than to", field="from")
    return Period(begin, end, client)


_FIRST_YEAR, _LAST_YEAR = 2000, 2199


def _day(text: str, name: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise RequestError("must be a date such as 2026-03-31", field=name)
    return found


def usage_report(reader: Reader, asked: Period) -> dict[str, Any]:
    """Return the whole report as JSON types. Raises StoreError."""
    total, reasons = Tally(), _Reasons()
    groups: Mapping[str, dict[str, Tally]] = {name: {} for name in GROUPS}
    for kind, fate in reader.by_kind(asked.window):
        reason = reasons.count(fate)
        total.add(fate, reason)
        for name, key in _places(kind):
            groups[name].setdefault(key, Tally()).add(fate, reason)
    for rules, fate in reader.by_rules(asked.window):
        reason = reasons.name(fate)
        for rule in rules:
            groups["rules"].setdefault(rule, Tally()).add(fate, reason)
    named = reasons.named()
    whole = total.told(named) | {"standsOut": False}
    views = tuple(service.id for service in SERVICES if service.hook is Hook.PATIENT_VIEW)
    return {
        "from": asked.first.isoformat(),
        "to": asked.last.isoformat(),
        "client": asked.client,
        "fewAnswersBelow": FEW_ANSWERS,
        "total": whole,
        **{name: _told(name, tallies, named, whole["overrideRate"]["value"]) for name, tallies in groups.items()},
        "reportToCard": _waits(reader.waits(asked.window, views)),
        "feedbackOnUnknownCards": reader.unknown(asked.window),
    }


def _places(kind: Kind) -> tuple[tuple[str, str], ...]:
    """Return under which key of which group a card counts."""
    return (
        ("cards", kind.card_id),
        ("clients", NOT_KEPT if kind.client is None else kind.client or NO_REGISTRY),
        ("services", kind.service),
        ("indicators", kind.indicator),
        ("months", f"{kind.year:04}-{kind.month:02}"),
    )


def _told(name: str, tallies: Mapping[str, Tally], named: frozenset[str], usual: float | None) -> list[dict[str, Any]]:
    """Return the members of a group: months in order, others by what is certain of their rate, the highest first.

    A member stands out when its whole interval lies above the rate of all cards.
    """
    rows = [{"id": key} | tally.told(named) for key, tally in tallies.items()]
    for row in rows:
        low = row["overrideRate"]["low"]
        row["standsOut"] = usual is not None and low is not None and low > usual
    if name == "months":
        return sorted(rows, key=lambda row: str(row["id"]))
    return sorted(rows, key=lambda row: (-(row["overrideRate"]["low"] or 0.0), -row["shown"], row["id"]))


def _waits(steps: Iterable[tuple[int, int]]) -> dict[str, Any]:
    """Return how long reports had been issued when their first card was given, in classes and as quantiles.

    Quantiles are exact to the step in which the database counts.
    """
    counted = sorted(steps)
    reports = sum(number for _, number in counted)
    classes = [0] * (len(WAITS) + 1)
    for step, number in counted:
        classes[sum(step * STEP_MINUTES >= limit for limit in WAITS)] += number
    return {
        "reports": reports,
        "medianMinutes": _quantile(counted, reports, 0.5),
        "ninetiethMinutes": _quantile(counted, reports, 0.9),
        "classes": [
            {"belowMinutes": limit, "reports": number} for limit, number in zip((*WAITS, None), classes, strict=True)
        ],
    }


def _quantile(counted: Sequence[tuple[int, int]], reports: int, share: float) -> int | None:
    """Return the end of the step within which ``share`` of the reports lie, in minutes."""
    passed = 0
    for step, number in counted:
        passed += number
        if passed >= share * reports:
            return (step + 1) * STEP_MINUTES
    return None


class UsageDesk:
    """Writes the report, one at a time: it looks at every card of the period."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Reader]], today: Callable[[], date]) -> None:
        self._reading = reading
        self._today = today
        self._one = threading.Lock()

    def report(self, first: str = "", last: str = "", client: str | None = None) -> dict[str, Any]:
        """Return the report. Raises RequestError, StoreError, and Throttled while another one is written."""
        asked = period(self._today(), first, last, client)
        if not self._one.acquire(blocking=False):
            raise Throttled(503, _BUSY_SECONDS)
        try:
            with self._reading() as reader:
                return usage_report(reader, asked)
        finally:
            self._one.release()


COLUMNS: Final = (
    *("group", "id", "shown", "accepted", "overridden", "unanswered", "override_rate", "low", "high"),
    *("few_answers", "stands_out", "nothing_to_accept", "reasons"),
)


def usage_rows(report: Mapping[str, Any]) -> list[list[str]]:
    """Return the counts of a report as rows of a table under ``COLUMNS``: the total, then every group."""
    rows = [_row("total", {"id": ""} | report["total"])]
    for name in GROUPS:
        rows += [_row(name, member) for member in report[name]]
    return rows


def _row(group: str, member: Mapping[str, Any]) -> list[str]:
    rate = member["overrideRate"]
    values = [member[name] for name in ("id", "shown", "accepted", "overridden", "unanswered")]
    marks = ["yes" if member[name] else "no" for name in ("fewAnswers", "standsOut", "nothingToAccept")]
    shares = ["" if rate[name] is None else f"{rate[name]:.4f}" for name in ("value", "low", "high")]
    reasons = "; ".join(f"{reason['code']} {reason['cards']}" for reason in member["reasons"])
    return [group, *map(str, values), *shares, *marks, reasons]
