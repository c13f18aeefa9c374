"""Measure how long the service takes for the fixture requests and for large charts, in one process without network."""  # noqa: INP001 - a script, no package

import copy
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

import fhir_fixtures
from cds_service.app import create_app
from cds_service.config import Settings
from cds_service.hooks.services import SERVICES

ROUNDS = 20
LARGE_ROUNDS = 60
LARGE = (100, 1000, 5000)


def request_of(name: str) -> tuple[str, dict[str, Any]]:
    """Path and body of the request of a scenario, at the moment it was written for."""
    hook = fhir_fixtures.scenario(name).hook
    service = next(service for service in SERVICES if service.hook == hook)
    return f"/cds-services/{service.id}", fhir_fixtures.hook_request(name, service.to_wire())


def with_more_observations(body: dict[str, Any], count: int) -> dict[str, Any]:
    """Return the body with ``count`` laboratory results added, as long hospital stays bring them."""
    body = copy.deepcopy(body)
    entries = body["prefetch"]["labs"]["entry"]
    template = entries[0]["resource"]
    entries += [{"resource": {**template, "id": f"more-{n}", "code": {"text": f"Result {n}"}}} for n in range(count)]
    return body


def seconds(client: FlaskClient, path: str, body: dict[str, Any], rounds: int) -> Iterable[float]:
    """Time of each of ``rounds`` calls; stops at the first answer that is not 200."""
    data = json.dumps(body).encode()
    for _ in range(rounds):
        start = time.perf_counter()
        answer = client.post(path, data=data, content_type="application/json")
        yield time.perf_counter() - start
        if answer.status_code != 200:  # noqa: PLR2004 - HTTP
            sys.exit(f"{path} answered {answer.status_code}")


def report(label: str, measured: Iterable[float]) -> None:
    """Print median, 95th and 99th percentile in milliseconds."""
    values = [1000 * value for value in measured]
    cuts = statistics.quantiles(values, n=100)
    sys.stdout.write(
        f"{label:<44} n={len(values):<5} p50 {cuts[49]:7.1f}  p95 {cuts[94]:7.1f}  p99 {cuts[98]:7.1f} ms\n"
    )


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as state:
        start = time.perf_counter()
        client = create_app(Settings(state_dir=Path(state))).test_client()
        sys.stdout.write(f"{'start':<44} {1000 * (time.perf_counter() - start):.0f} ms\n")
        calls = [request_of(name) for name in fhir_fixtures.scenarios()]
        for path, body in calls:
            list(seconds(client, path, body, 1))
        report("all scenarios", [s for path, body in calls for s in seconds(client, path, body, ROUNDS)])
        path, body = request_of("spondylodiscitis-l4-l5")
        for count in LARGE:
            report(
                f"one scenario with {count} more results",
                seconds(client, path, with_more_observations(body, count), LARGE_ROUNDS),
            )


if __name__ == "__main__":
    main()
