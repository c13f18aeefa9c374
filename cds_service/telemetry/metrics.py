"""Counts what the service does, in the lane of its process."""

import logging
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import orjson

from cds_service.telemetry.board import HEARTBEAT_SECONDS, Board
from cds_service.telemetry.calls import SeenCall, SeenCard
from cds_service.telemetry.catalogue import BY_NAME, Kind
from cds_service.telemetry.labels import FETCHES, REFUSALS, listed, of_fetch

_log = logging.getLogger("cds_service.telemetry")

# A series: the name of its metric and the values of its labels, in the order of the catalogue.
Series = tuple[str, ...]
Source = Callable[[], Iterable[tuple[Series, float]]]

_LOST: Series = ("marrow_metrics_lost_total",)
_FALLING = frozenset({Kind.GAUGE, Kind.LARGEST})
_FAILED = 500
# Begin at nothing rather than with their first event, whose rate would otherwise not be seen.
_FROM_THE_START: tuple[Series, ...] = (
    _LOST,
    ("marrow_unrecorded_total", "cards"),
    ("marrow_unrecorded_total", "calls"),
    ("marrow_refusals_total", "500", "exception"),
    ("marrow_refusals_total", "503", "throttled"),
    ("marrow_refusals_total", "503", "transient"),
    *(("marrow_fhir_fetches_total", outcome) for outcome in ("ok", "timeout", "connection failed", "HTTP 5xx")),
)


class Metrics:
    """The numbers of this process. All methods may be called by several threads."""

    def __init__(self, board: Board | None = None) -> None:
        self.board = board or Board()
        self._lane = self.board.claim()
        self._places: dict[Series, int] = {}
        self._bases: dict[Series, float] = {}
        self._sources: list[Source] = [_of_process]
        self._lock = threading.Lock()
        self._take_over()
        self.add((series, 0.0) for series in _FROM_THE_START)
        self.add([(("marrow_worker_starts_total",), 1.0)])

    def add(self, changes: Iterable[tuple[Series, float]]) -> None:
        """Add to counters."""
        places, values = self._places, self._lane.values
        with self._lock:
            for series, amount in changes:
                index = places.get(series)
                if index is None:
                    index = self._place(series)
                values[index] += amount

    def observe(self, times: Iterable[tuple[Series, float]]) -> None:
        """Note durations in seconds."""
        with self._lock:
            for series, seconds in times:
                self._note(series, seconds)

    def called(self, call: SeenCall) -> None:
        """Count an answered request, with its stages where it is a hook call."""
        whole = time.perf_counter() - call.laps.begun
        status = str(call.status)
        changes: list[tuple[Series, float]] = [(("marrow_requests_total", call.endpoint, status), 1.0)]
        if call.refused or call.status >= _FAILED:
            changes.append((("marrow_refusals_total", status, listed(call.refused, REFUSALS)), 1.0))
        if call.service:
            changes.append((("marrow_calls_total", call.service, call.client, status), 1.0))
        if call.cards or call.gaps or call.missing or call.fetched or call.held_back:
            changes += _of_answer(call)
        self.add(changes)
        if call.evaluated:
            self._observe_stages(call, whole)

    def fetched(self, outcome: str, seconds: float) -> None:
        """Count a read from a FHIR server: "" for one that worked, else the words with which it failed."""
        self.add([(("marrow_fhir_fetches_total", listed(of_fetch(outcome), FETCHES)), 1.0)])
        self.observe([(("marrow_fhir_fetch_seconds",), seconds)])

    def follow(self, source: Source) -> None:
        """Take up numbers that somebody else keeps, whenever somebody asks for the metrics."""
        self._sources.append(source)

    def sample(self) -> None:
        """Take up the numbers that are followed now, and say that this process runs."""
        self._lane.beat()
        found = [pair for source in self._sources for pair in asked(source)]
        values = self._lane.values
        with self._lock:
            for series, number in found:
                index = self._places.get(series)
                if index is None:
                    index = self._place(series)
                if BY_NAME[series[0]].kind is Kind.COUNTER:
                    # What the processes before this one counted in its lane stays counted.
                    values[index] = self._bases.setdefault(series, values[index]) + number
                else:
                    values[index] = number

    def keep_sampling(self) -> None:
        """Sample from now on as long as the process runs, for others that are asked in its stead."""
        threading.Thread(target=self._sample_for_ever, name="metrics", daemon=True).start()

    def _sample_for_ever(self) -> None:
        rest = threading.Event()
        while True:
            self.sample()
            rest.wait(HEARTBEAT_SECONDS)

    def _take_over(self) -> None:
        """Go on from the numbers of a process that ended; what it held at its end is not held any more."""
        for key, index, count in self._lane.entries():
            series = tuple(orjson.loads(key))
            self._places[series] = index
            if BY_NAME[series[0]].kind in _FALLING:
                for position in range(index, index + count):
                    self._lane.values[position] = 0.0

    def _place(self, series: Series) -> int:
        """Make room for a series; while there is none, what it would count is counted as lost."""
        count = 1
        if BY_NAME[series[0]].kind is Kind.HISTOGRAM:
            count = len(BY_NAME[series[0]].bounds) + 2
        index = self._lane.place(orjson.dumps(series), count)
        if index is None:
            return self._places[_LOST]
        self._places[series] = index
        return index

    def _note(self, series: Series, seconds: float) -> None:
        index = self._places.get(series)
        if index is None:
            index = self._place(series)
            if series not in self._places:
                self._lane.values[index] += 1.0
                return
        values = self._lane.values
        values[index] += seconds
        values[index + 1 + bisect_left(BY_NAME[series[0]].bounds, seconds)] += 1.0

    def _observe_stages(self, call: SeenCall, whole: float) -> None:
        service, begun, note = call.service, call.laps.begun, self._note
        with self._lock:
            note(("marrow_call_seconds", service), whole)
            for stage, at in call.laps.times:
                note(("marrow_stage_seconds", service, stage), at - begun)
                begun = at


def asked(source: Source) -> list[tuple[Series, float]]:
    """Return what a source tells; one that fails is left out, so that the others are told all the same."""
    try:
        return list(source())
    except Exception as error:  # noqa: BLE001 - whatever it is, the process goes on saying that it runs
        _log.error("a number could not be had: %s", type(error).__name__)
        return []


def of_places(total: float, used: float, waiting: float) -> Iterable[tuple[Series, float]]:
    """Return how the places of this process are taken."""
    return [
        (("marrow_places", "total"), total),
        (("marrow_places", "used"), used),
        (("marrow_places", "waiting"), waiting),
    ]


def of_cards(service: str, cards: Iterable[SeenCard]) -> list[tuple[Series, float]]:
    """Return what to count of cards that were given."""
    changes: list[tuple[Series, float]] = []
    for card in cards:
        changes.append((("marrow_cards_total", service, card.card_id, card.indicator), 1.0))
        changes += [(("marrow_card_rules_total", service, rule), 1.0) for rule in card.rule_ids]
    return changes


def _of_answer(call: SeenCall) -> list[tuple[Series, float]]:
    service = call.service
    changes = of_cards(service, call.cards)
    changes += [(("marrow_gaps_total", service, code), 1.0) for code in call.gaps]
    changes += _of_keys(service, call.missing, "missing") + _of_keys(service, call.fetched, "fetched")
    if call.held_back:
        changes.append((("marrow_cards_held_back_total", service), float(call.held_back)))
    return changes


def _of_keys(service: str, keys: Sequence[str], outcome: str) -> list[tuple[Series, float]]:
    return [(("marrow_prefetch_total", service, key, outcome), 1.0) for key in keys]


def _of_process() -> Iterable[tuple[Series, float]]:
    memory = resident_bytes()
    yield ("marrow_cpu_seconds_total",), time.process_time()
    yield ("marrow_workers_memory_bytes",), memory
    yield ("marrow_worker_memory_bytes",), memory


def resident_bytes() -> float:
    """Return the memory that this process holds; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return float(pages * os.sysconf("SC_PAGE_SIZE"))
