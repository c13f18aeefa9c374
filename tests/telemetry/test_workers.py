"""One scrape tells of all workers, and what a killed one had counted stays counted."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.servers.service import WORKERS, Service
from tests.telemetry.calls import ADDRESS, call_of

CALLS = 12


def samples(service: Service) -> dict[tuple[str, ...], float]:
    answer = requests.get(f"{service.url}/metrics", timeout=30)
    answer.raise_for_status()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def call(service: Service, body: dict[str, Any]) -> None:
    # a connection each, so that all workers get some
    assert requests.post(f"{service.url}{ADDRESS}", json=body, timeout=60).status_code == 200


def counted(found: dict[tuple[str, ...], float]) -> float:
    return found["marrow_requests_total", "hook.call", "200"]


def until(service: Service, holds: Callable[[dict[tuple[str, ...], float]], bool]) -> dict[tuple[str, ...], float]:
    """Scrape until it holds; a connection to the lost worker ends, and the service replaces it by itself."""
    found: dict[tuple[str, ...], float] = {}
    for _ in range(1200):
        with suppress(requests.ConnectionError):
            found = samples(service)
            if holds(found):
                return found
        time.sleep(0.1)
    raise AssertionError(found)


def complete(starts: int) -> Callable[[dict[tuple[str, ...], float]], bool]:
    return lambda found: found["marrow_workers",] == WORKERS and found["marrow_worker_starts_total",] == starts


def test_scrape_of_any_worker_is_that_of_all(tmp_path: Path) -> None:
    service = Service(tmp_path, {"BUDGET_SECONDS": "60"})
    service.server.start()
    try:
        until(service, complete(WORKERS))
        body = call_of("t11-before-labs")
        for _ in range(CALLS):
            call(service, body)
        assert {counted(samples(service)) for _ in range(10)} == {CALLS}
        service.kill_a_worker()
        after = until(service, complete(WORKERS + 1))
        assert counted(after) == CALLS
        for _ in range(CALLS):
            call(service, body)
        found = samples(service)
        assert counted(found) == 2 * CALLS
        assert found["marrow_places", "total"] >= WORKERS
    finally:
        service.stop()
