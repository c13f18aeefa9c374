"""The metrics of all processes in the text that Prometheus reads."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from cds_service.telemetry.board import Board
from cds_service.telemetry.catalogue import BY_NAME, METRICS, Kind, Metric
from cds_service.telemetry.metrics import Metrics, Series, Source, asked

MIME_TYPE = CONTENT_TYPE_LATEST
_Numbers = dict[tuple[str, ...], list[float]]


class Page:
    """What ``GET /metrics`` answers. ``shared`` tells what is the same for every process, asked anew each time."""

    def __init__(self, metrics: Metrics, shared: Iterable[Source] = ()) -> None:
        self._metrics = metrics
        self._shared = tuple(shared)

    def text(self) -> bytes:
        """Return the page."""
        self._metrics.sample()
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Snapshot(self._metrics.board, self._shared))
        return generate_latest(registry)


class _Snapshot(Collector):
    def __init__(self, board: Board, shared: Iterable[Source]) -> None:
        self._found = _joined(board)
        told: list[tuple[Series, float]] = [(("marrow_workers",), float(board.running))]
        told += [pair for source in shared for pair in asked(source)]
        for series, number in told:
            self._found[series[0]][series[1:]] = [number]

    def collect(self) -> Iterator[Family]:
        """Return the families in the order of the catalogue."""
        for metric in METRICS:
            if metric.name in self._found:
                yield _family(metric, self._found[metric.name])


def _joined(board: Board) -> dict[str, _Numbers]:
    """Return the numbers of all processes by metric and values of labels."""
    found: dict[str, _Numbers] = defaultdict(dict)
    for entry in board.entries():
        name, *labels = orjson.loads(entry.key)
        kind = BY_NAME[name].kind
        if kind in {Kind.GAUGE, Kind.LARGEST} and not entry.running:
            continue
        numbers = found[name].setdefault(tuple(labels), [0.0] * len(entry.values))
        for position, value in enumerate(entry.values):
            known = numbers[position]
            numbers[position] = max(known, value) if kind is Kind.LARGEST else known + value
    return found


def _family(metric: Metric, numbers: _Numbers) -> Family:
    if metric.kind is Kind.HISTOGRAM:
        timed = HistogramMetricFamily(metric.name, metric.text, labels=metric.labels)
        edges = [*map(str, metric.bounds), "+Inf"]
        for labels, (total, *counts) in sorted(numbers.items()):
            timed.add_metric(labels, list(zip(edges, accumulate(counts), strict=True)), total)
        return timed
    family: CounterMetricFamily | GaugeMetricFamily
    if metric.kind is Kind.COUNTER:
        family = CounterMetricFamily(metric.name, metric.text, labels=metric.labels)
    else:
        family = GaugeMetricFamily(metric.name, metric.text, labels=metric.labels)
    for labels, (number,) in sorted(numbers.items()):
        family.add_metric(labels, number)
    return family
