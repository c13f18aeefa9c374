"""Measure one round trip of the preview for each fixture in processor time of one core; run by ``make bench``."""  # noqa: INP001 - a script, no package

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from flask.testing import FlaskClient

import fhir_fixtures
from cds_service.app import create_app
from cds_service.config import Settings

ROUNDS = 15
CHANGES_ROUNDS = 3


def seconds(client: FlaskClient, path: str, name: str, accept: str) -> float:
    """Processor time of one call, in seconds; stops at the first answer that is not 200."""
    data = json.dumps({"fixture": name}).encode()
    start = time.process_time()
    answer = client.post(path, data=data, content_type="application/json", headers={"Accept": accept})
    taken = time.process_time() - start
    if answer.status_code != 200:  # noqa: PLR2004 - HTTP
        sys.exit(f"{path} answered {answer.status_code} for {name}")
    return taken


def report(client: FlaskClient, path: str, accept: str, rounds: int) -> None:
    """Print the median of all fixtures, and the slowest one by its median."""
    medians = {
        name: 1000 * statistics.median(seconds(client, path, name, accept) for _ in range(rounds))
        for name in fhir_fixtures.scenarios()
    }
    slowest = max(medians, key=lambda name: medians[name])
    middle = statistics.median(medians.values())
    longest = f"{medians[slowest]:.1f} ms for {slowest}"
    sys.stdout.write(f"{path:<18} {accept:<18} median {middle:6.1f} ms, slowest {longest}\n")


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as state:
        client = create_app(Settings(state_dir=Path(state), budget_seconds=60)).test_client()
        for accept in ("application/json", "text/html"):
            report(client, "/preview", accept, ROUNDS)
        report(client, "/preview/changes", "application/json", CHANGES_ROUNDS)


if __name__ == "__main__":
    main()
