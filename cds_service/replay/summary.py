"""Counts a replay: one pass over its tables in bounded memory, the same result for every engine and order of files."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from heapq import nsmallest
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any, Final

from cds_service.replay.rows import Counts
from cds_service.replay.tables import read_rows

FORMAT: Final = 1
_SAMPLES_PER_LANE: Final = 20
_URGENT: Final = frozenset({"warning", "critical"})
_WEEK: Final = timedelta(days=7)
_Key = tuple[str, str]
_Json = dict[str, Any]


def summarise(out: Path, counts: Counts, *, software: str, as_of: str) -> _Json:
    """Return the summary of the tables in ``out``. ``as_of`` is ``report`` or the moment that was asked for."""
    tally = _Tally()
    for assessed, cards in _with_cards(out):
        tally.add(assessed, cards)
    return {
        "format": FORMAT,
        "software": software,
        "as_of": as_of,
        "counts": asdict(counts) | {"problems": _sorted(counts.problems), "skipped": _sorted(counts.skipped)},
        **tally.result(),
        **_rules(out),
        "gaps": _gaps(out),
        "samples": _samples(out),
        "labelled": None,
    }


def _key(row: Mapping[str, Any]) -> _Key:
    return row["patient"], row["report"]


def _with_cards(out: Path) -> Iterator[tuple[_Json, list[_Json]]]:
    """Yield each judged report with its cards; both tables are in the same order."""
    cards = groupby(read_rows(out, "cards"), _key)
    waiting = next(cards, None)
    for assessed in read_rows(out, "assessments"):
        if waiting is not None and waiting[0] == _key(assessed):
            yield assessed, list(waiting[1])
            waiting = next(cards, None)
        else:
            yield assessed, []


@dataclass(slots=True)
class _Unit:
    """What one month or one department saw."""

    reports: int = 0
    clinicians: set[str] = field(default_factory=set)
    cards: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, clinician: str, cards: Iterable[Mapping[str, Any]]) -> None:
        self.reports += 1
        if clinician:
            self.clinicians.add(clinician)
        for card in cards:
            self.cards[card["lane"]][card["indicator"]] += 1

    def by_lane(self) -> _Json:
        return {lane: _sorted(self.cards[lane]) for lane in sorted(self.cards)}


class _Tally:
    """Counts over the judged reports."""

    def __init__(self) -> None:
        self._reports = self._with_card = self._cards = 0
        self._words: dict[str, Counter[str]] = defaultdict(Counter)
        self._left_out: Counter[str] = Counter()
        self._lanes: dict[_Key, Counter[str]] = defaultdict(Counter)
        self._kinds: Counter[tuple[str, str, str, str, str]] = Counter()
        self._months: dict[str, _Unit] = defaultdict(_Unit)
        self._departments: dict[str, _Unit] = defaultdict(_Unit)
        self._weeks: dict[str, dict[datetime, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self._first: datetime | None = None
        self._last: datetime | None = None

    def add(self, assessed: Mapping[str, Any], cards: list[_Json]) -> None:
        """Count one report and its cards."""
        self._reports += 1
        self._with_card += bool(cards)
        self._cards += len(cards)
        for name in ("knowledge", "error", "unread", "language", "modality", "region"):
            self._words[name][assessed[name]] += 1
        for name in ("later", "undated"):
            self._left_out[name] += assessed[name]
            self._left_out[f"reports_with_{name}"] += bool(assessed[name])
        for lane, indicator in {(card["lane"], card["indicator"]) for card in cards}:
            self._lanes[lane, indicator]["reports"] += 1
        for card in cards:
            self._lanes[card["lane"], card["indicator"]]["cards"] += 1
            self._kinds[card["card"], card["text"], card["lane"], card["row"], card["indicator"]] += 1
        moment: datetime = assessed["as_of"]
        self._first = min(moment, self._first or moment)
        self._last = max(moment, self._last or moment)
        self._months[f"{moment:%Y-%m}"].add(assessed["clinician"], cards)
        self._departments[assessed["department"]].add(assessed["clinician"], cards)
        week = self._weeks[assessed["clinician"]][_monday(moment)]
        week["reports"] += 1
        week["cards"] += len(cards)
        week["urgent"] += sum(card["indicator"] in _URGENT for card in cards)

    def result(self) -> _Json:
        """Return the counts as plain JSON."""
        words = self._words
        return {
            "knowledge": sorted(name for name in words["knowledge"] if name),
            "period": {
                "first": self._first.date().isoformat() if self._first else "",
                "last": self._last.date().isoformat() if self._last else "",
            },
            "reports": self._reports,
            "reports_with_card": self._with_card,
            "cards_total": self._cards,
            "errors": _sorted(words["error"], without=""),
            "unread": _sorted(words["unread"], without=""),
            "languages": _sorted(words["language"]),
            "modalities": _sorted(words["modality"]),
            "regions": _sorted(words["region"]),
            "left_out": {
                name: self._left_out[name]
                for name in ("later", "undated", "reports_with_later", "reports_with_undated")
            },
            "lanes": [
                {"lane": lane, "indicator": indicator, "cards": own["cards"], "reports": own["reports"]}
                for (lane, indicator), own in sorted(self._lanes.items())
            ],
            "cards": [
                dict(zip(("card", "text", "lane", "row", "indicator"), kind, strict=True)) | {"cards": number}
                for kind, number in sorted(self._kinds.items(), key=lambda item: (-item[1], item[0]))
            ],
            "months": [
                {"month": name, "reports": unit.reports, "cards": unit.by_lane()}
                for name, unit in sorted(self._months.items())
            ],
            "departments": [
                {
                    "department": name,
                    "reports": unit.reports,
                    "clinicians": len(unit.clinicians),
                    "cards": unit.by_lane(),
                }
                for name, unit in sorted(self._departments.items(), key=lambda item: (-item[1].reports, item[0]))
            ],
            "load": self._load(),
        }

    def _load(self) -> _Json:
        """Return what a clinician saw in a week; weeks of the period without a report count as nothing seen."""
        span = _monday(self._last) - _monday(self._first) if self._first and self._last else timedelta()
        weeks = span // _WEEK + 1
        known = {name: seen for name, seen in self._weeks.items() if name}
        return {
            "weeks": weeks,
            "clinicians": len(known),
            "reports_without_clinician": sum(one["reports"] for one in self._weeks.get("", {}).values()),
            "per_clinician_week": {
                what: _spread([one[what] for seen in known.values() for one in seen.values()], len(known) * weeks)
                for what in ("reports", "cards", "urgent")
            },
        }


def _spread(seen: list[int], places: int) -> _Json:
    """Return mean, median, 90th percentile and maximum of ``seen`` filled up with zeros to ``places``."""
    if not places:
        return {"mean": 0, "median": 0, "p90": 0, "max": 0}
    values = sorted([*seen, *([0] * (places - len(seen)))])
    return {
        "mean": round(sum(values) / places, 3),
        "median": median(values),
        "p90": values[-(-places * 9 // 10) - 1],
        "max": values[-1],
    }


def _rules(out: Path) -> _Json:
    fired: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    facts: Counter[str] = Counter()
    for _, rows in groupby(read_rows(out, "rules"), _key):
        lacked: set[str] = set()
        for row in rows:
            fired[row["rule"]] += row["fired"]
            missing[row["rule"]] += bool(row["missing"])
            lacked.update(row["missing"])
        facts.update(lacked)
    return {
        "rules": [
            {"rule": rule, "fired": number, "missing": missing[rule]}
            for rule, number in sorted(fired.items(), key=lambda item: (-item[1], item[0]))
        ],
        "missing_facts": _sorted(facts),
    }


def _gaps(out: Path) -> list[_Json]:
    names = ("code", "resource", "element", "clinical")
    gaps: Counter[tuple[Any, ...]] = Counter()
    reports: Counter[tuple[Any, ...]] = Counter()
    for _, rows in groupby(read_rows(out, "gaps"), _key):
        own = Counter(tuple(row[name] for name in names) for row in rows)
        gaps.update(own)
        reports.update(own.keys())
    return [
        dict(zip(names, gap, strict=True)) | {"gaps": number, "reports": reports[gap]}
        for gap, number in sorted(gaps.items(), key=lambda item: (-item[1], item[0]))
    ]


def _samples(out: Path) -> list[_Json]:
    """Return up to twenty cases of each lane: those of the smallest keys, which are hashes, so that nobody chose."""
    names = ("lane", "indicator", "card", "patient", "report", "snippet")
    smallest: dict[str, list[_Json]] = {}
    order: Callable[[_Json], tuple[str, str, int]] = lambda row: (row["patient"], row["report"], row["position"])  # noqa: E731 - a key for two sorts
    for row in read_rows(out, "samples"):
        kept = smallest.setdefault(row["lane"], [])
        kept.append(row)
        if len(kept) > 10 * _SAMPLES_PER_LANE:
            kept[:] = nsmallest(_SAMPLES_PER_LANE, kept, key=order)
    return [
        {name: row[name] for name in names}
        for lane in sorted(smallest)
        for row in nsmallest(_SAMPLES_PER_LANE, smallest[lane], key=order)
    ]


def _monday(moment: datetime) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def _sorted(counted: Mapping[str, int], *, without: str | None = None) -> dict[str, int]:
    return {name: counted[name] for name in sorted(counted) if name != without}
