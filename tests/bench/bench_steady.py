"""The whole stack under a steady load: two workers, PostgreSQL, Redis, signed calls and feedback; then the accounts.

``python -m tests.bench.bench_steady --minutes 10``. First it finds out how many calls a second get through, then it
sends a share of that for so long, each call when it is due. Rows in the database must equal the calls.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from tests.bench import payloads
from tests.bench.bench_service import ISSUER, OK, signing
from tests.bench.payloads import Calls
from tests.bench.sending import Line, Seen, at_rate, one_after_another
from tests.bench.servers import RESULTS, machine, quantiles
from tests.servers.postgresql import PostgreSQL
from tests.servers.redis import Redis
from tests.servers.stack import service_with_stores

SIZE = 30_000
SHARE = 0.7
LINES = 16
# One call in so many is followed by feedback on its first card.
FEEDBACK_EVERY = 4
_ROWS = {
    "calls": "SELECT count(*) FROM audit_event WHERE status = 200",
    "cards": "SELECT count(*) FROM issued_card",
    "feedback": "SELECT count(*) FROM feedback",
}


class Clinic:
    """Makes signed calls with new patients, every second one with a new report, and counts what must be on record."""

    def __init__(self, signer: Any) -> None:
        self._path, base = payloads.base_request()
        body = payloads.of_size(base, SIZE)
        self._templates = [payloads.template(body, calls) for calls in (Calls.WARM, Calls.COLD)]
        self._signer = signer
        self._lock = threading.Lock()
        self.first = 0
        self.expected = Counter[str]()
        self.feedback = Seen()

    def __call__(self, line: Line, number: int) -> int:
        """Make one call; feedback is no part of its time."""
        number += self.first
        status, answer = line.call(self._path, self._templates[number % 2].body(number), self._headers(self._path))
        if status == OK:
            cards = json.loads(answer)["cards"]
            with self._lock:
                self.expected += Counter(calls=1, cards=len(cards))
            if number % FEEDBACK_EVERY == 0:
                threading.Thread(target=self._report, args=(cards[0]["uuid"], line.port)).start()
        return status

    def _report(self, card: str, port: int) -> None:
        path = f"{self._path}/feedback"
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        told = {"feedback": [{"card": card, "outcome": "overridden", "outcomeTimestamp": moment}]}
        line = Line(port)
        status = line.call(path, json.dumps(told).encode(), self._headers(path))[0]
        line.close()
        with self._lock:
            self.feedback.statuses[status] = self.feedback.statuses.get(status, 0) + 1
            if status == OK:
                self.expected += Counter(calls=1, feedback=1)

    def _headers(self, path: str) -> str:
        return f"Authorization: {self._signer.authorization(ISSUER + path)}\r\nX-Request-Id: {uuid.uuid4()}\r\n"


def found_rows(url: str, wanted: Counter[str]) -> dict[str, int]:
    """Return how many rows there are, once the last calls have ended."""
    engine = create_engine(url)
    deadline = time.monotonic() + 30
    while True:
        with engine.connect() as connection:
            rows = {name: connection.execute(text(query)).scalar_one() for name, query in _ROWS.items()}
        if rows == dict(wanted) or time.monotonic() > deadline:
            engine.dispose()
            return rows
        time.sleep(0.2)


def main() -> None:
    """Measure, print, and write the figures as JSON; status 1 when a row is missing or a call failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=0.5)
    parser.add_argument("--capacity-seconds", type=float, default=30.0)
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": machine(), "minutes": options.minutes}
    with ExitStack() as running:
        state = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="marrow-steady-")))
        postgresql, redis = PostgreSQL(), Redis()
        for made in (postgresql, redis):
            running.callback(made.remove)
            made.server.start()
        signer, settings = running.enter_context(signing("ES384"))
        url = postgresql.new_database()
        settings |= {"DATABASE_URL": url}
        service = running.enter_context(service_with_stores(state, postgresql, redis, settings))
        clinic = Clinic(signer)
        one_after_another(service.port, clinic, range(60), LINES)
        clinic.first = 1_000_000
        capacity = _capacity(service.port, clinic, options.capacity_seconds)
        clinic.first = 2_000_000
        rate = SHARE * capacity
        sys.stdout.write(f"capacity {capacity:.0f} calls/s; now {rate:.0f}/s for {options.minutes} min\n")
        sys.stdout.flush()
        seen = at_rate(service.port, clinic, rate, 60 * options.minutes, LINES)
        rows = found_rows(url, clinic.expected)
    failed = {str(status): number for status, number in clinic.feedback.statuses.items() if status != OK}
    results |= {"capacity": capacity, "rate": rate, "calls": len(seen.times), "errors": seen.errors}
    results |= {"refused_feedback": failed, **quantiles(seen.times)}
    results |= {"expected": dict(clinic.expected), "found": rows}
    sys.stdout.write(json.dumps(results, indent=1) + "\n")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "bench-steady.json").write_text(json.dumps(results, indent=1))
    sys.exit(0 if rows == dict(clinic.expected) and not seen.errors and not failed else 1)


def _capacity(port: int, clinic: Clinic, seconds: float) -> float:
    """Return how many calls a second get through over as many connections as later."""
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        done += len(one_after_another(port, clinic, range(done, done + 200), LINES).times)
    return done / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
