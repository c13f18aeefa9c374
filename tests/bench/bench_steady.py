"""The whole stack under a steady load: two workers, PostgreSQL, Redis, signed calls and feedback; then the accounts.

``python -m tests.bench.bench_steady --minutes 10``. First it finds out how many calls a second get through, then it
sends a share of that for so long, each call when it is due. Rows in the database must equal the calls.
"""

import argparse
import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count, takewhile
from threading import Lock
from typing import Any

from sqlalchemy import create_engine, text

from cds_service.ehr.signing import Signer
from tests.bench import payloads
from tests.bench.bench_service import ISSUER, OK, signing
from tests.bench.payloads import Calls
from tests.bench.sending import Line, Seen, Template, at_rate, one_after_another
from tests.bench.servers import Served, form_option, keep, machine, ours, quantiles, runs_compiled, served
from tests.servers.postgresql import PostgreSQL
from tests.servers.redis import Redis

SIZE = 30_000
WORKERS = 2
SHARE = 0.7
LINES = 16
WARM_UP = 60
# What is called, in turns.
FEEDBACK = "feedback"
TURNS = (Calls.WARM, Calls.COLD, Calls.WARM, Calls.COLD, FEEDBACK)
_ROWS = {
    "calls": "SELECT count(*) FROM audit_event WHERE status = 200",
    "cards": "SELECT count(*) FROM issued_card",
    "feedback": "SELECT count(*) FROM feedback",
}
# Gives the seconds of processor time that somebody used so far.
Spent = Callable[[], float]


class Clinic:
    """Makes signed calls and overrides cards of theirs, and counts what must be on record."""

    def __init__(self, signer: Signer) -> None:
        self._path, base = payloads.base_request()
        body = payloads.of_size(base, SIZE)
        self._templates: dict[str, Template] = {
            calls: payloads.template(body, calls) for calls in (Calls.WARM, Calls.COLD)
        }
        self._signer = signer
        self._lock = Lock()
        self._cards: list[str] = []
        self.first = 0
        self.expected = Counter[str]()

    def __call__(self, line: Line, number: int) -> int:
        """Make one call."""
        kind = TURNS[number % len(TURNS)]
        if kind == FEEDBACK:
            return self._feed_back(line)
        body = self._templates[kind].body(self.first + number)
        status, answer = line.call(self._path, body, self._headers(self._path))
        if status == OK:
            cards = [card["uuid"] for card in json.loads(answer)["cards"]]
            self._cards.append(cards[0])
            self._expect(calls=1, cards=len(cards))
        return status

    def _feed_back(self, line: Line) -> int:
        path = f"{self._path}/feedback"
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        told = {"feedback": [{"card": self._cards.pop(), "outcome": "overridden", "outcomeTimestamp": moment}]}
        status, _ = line.call(path, json.dumps(told).encode(), self._headers(path))
        if status == OK:
            self._expect(calls=1, feedback=1)
        return status

    def _headers(self, path: str) -> str:
        return f"Authorization: {self._signer.authorization(ISSUER + path)}\r\nX-Request-Id: {uuid.uuid4()}\r\n"

    def _expect(self, **rows: int) -> None:
        with self._lock:
            self.expected.update(rows)


@contextmanager
def stack(settings: dict[str, str], *, compiled: bool, durable: bool) -> Iterator[tuple[int, str, dict[str, Spent]]]:
    """Start all of it; yield the port, the address of the database, and whose processor time can be asked for."""
    with ExitStack() as running:
        postgresql, redis = PostgreSQL(durable=durable), Redis()
        for made in (postgresql, redis):
            running.callback(made.remove)
            made.server.start()
        url = postgresql.new_database()
        settings = settings | {"DATABASE_URL": url, "REDIS_URL": redis.url}
        service = running.enter_context(served(ours(WORKERS), settings, compiled=compiled))
        spent: dict[str, Spent] = {"workers": service.cpu_seconds, "caller": time.process_time}
        for name, made in (("postgresql", postgresql), ("redis", redis)):
            spent[name] = Served(made.server.process_id, made.port).cpu_seconds
        yield service.port, url, spent


def capacity(port: int, clinic: Clinic, seconds: float) -> float:
    """Return how many calls a second get through over as many connections as later."""
    until = time.perf_counter() + seconds
    seen = one_after_another(port, clinic, takewhile(lambda _: time.perf_counter() < until, count()), LINES)
    return len(seen.times) / seen.seconds


def by_kind(seen: Seen) -> dict[str, dict[str, float]]:
    """Return p50, p95 and p99 in ms of each kind of calls."""
    times: dict[str, list[float]] = {kind: [] for kind in TURNS}
    for number, taken in zip(seen.numbers, seen.times, strict=True):
        times[TURNS[number % len(TURNS)]].append(taken)
    return {kind: quantiles(taken) for kind, taken in times.items()}


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
    parser.add_argument("--rate", type=float, help="calls a second, instead of a share of what gets through")
    parser.add_argument("--no-fsync", action="store_true", help="leave out the disk of the database")
    form_option(parser)
    options = parser.parse_args()
    form = {"compiled": runs_compiled(options), "durable": not options.no_fsync}
    results: dict[str, Any] = {"machine": machine(), **form, "minutes": options.minutes}
    with signing("ES384") as (signer, settings), stack(settings, **form) as (port, url, spent):
        clinic = Clinic(signer)
        # Over one connection, so that there are cards before the first feedback.
        one_after_another(port, clinic, range(WARM_UP))
        rate = options.rate
        if not rate:
            clinic.first = 1_000_000
            results["capacity"] = capacity(port, clinic, options.capacity_seconds)
            rate = SHARE * results["capacity"]
        sys.stdout.write(f"{rate:.0f} calls a second for {options.minutes} min\n")
        sys.stdout.flush()
        clinic.first = 2_000_000
        before = {name: seconds() for name, seconds in spent.items()}
        seen = at_rate(port, clinic, rate, 60 * options.minutes, LINES)
        cpu = {name: 1000 * (seconds() - before[name]) / len(seen.times) for name, seconds in spent.items()}
        rows = found_rows(url, clinic.expected)
    results |= {"rate": rate, "calls": len(seen.times), "errors": seen.errors, "cpu_ms": cpu}
    results |= {**quantiles(seen.times), "by_kind": by_kind(seen)}
    results |= {"expected": dict(clinic.expected), "found": rows}
    sys.stdout.write(json.dumps(results, indent=1) + "\n")
    keep("steady", results)
    sys.exit(0 if rows == dict(clinic.expected) and not seen.errors else 1)


if __name__ == "__main__":
    main()
