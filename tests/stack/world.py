"""The running service with its servers and callers, and the accounts after a fault."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.postgresql import PostgreSQL
from tests.servers.redis import Redis
from tests.servers.service import Service
from tests.servers.stack import service_with_stores
from tests.stack.load import PUBLIC, Callers, Clock, Outcome, found, registry

_LOOK_SECONDS = 0.1
BATCH = 16
MIDST = 6


class World:
    """The running service with its servers, its callers, and the accounts at the end."""

    def __init__(self, service: Service, url: str, callers: Callers, spool: Path, note: Any) -> None:
        self.service = service
        self.callers = callers
        self._url = url
        self._spool = spool
        self._note = note
        self._also: list[tuple[int, Callable[[], int]]] = []

    def also(self, expected: int, count: Callable[[], int]) -> None:
        """Expect so many rows of somebody else in the accounts."""
        self._also.append((expected, count))

    @property
    def waiting(self) -> list[Path]:
        """Files of rows that are not stored yet."""
        return list(self._spool.rglob("*.rows"))

    def account(self, fault: str) -> Outcome:
        """Let the service end and store what waits; then no row may be missing."""
        assert self.missing(fault) == 0
        return self.callers.seen

    def missing(self, fault: str) -> int:
        """Let the service end and store what waits, write the line of the table, and return how many rows are lost."""
        self.service.stop()
        if self.waiting:
            # What the workers could not carry over before they ended, the next start does.
            self.service.server.start()
            while self.waiting:
                assert self.service.is_live()
                # Asking without a break would take the processor from those who are waited for.
                time.sleep(_LOOK_SECONDS)
            self.service.stop()
        seen = self.callers.seen
        rows = found(self._url, seen)
        expected = seen.expected + sum(number for number, _ in self._also)
        stored = rows["calls"] + rows["cards"] + rows["feedback"] + sum(count() for _, count in self._also)
        refused = ", ".join(f"{number} x {status}" for status, number in sorted(seen.refused.items())) or "0"
        self._note(
            "fault",
            f"| {fault} | {seen.sent} | {seen.answered} | {refused} | {seen.unanswered} | {expected} | {stored} |",
        )
        assert seen.sent == seen.answered + seen.unanswered + seen.refused.total()
        assert seen.red_flags == len(seen.calls) - len(seen.feedback)
        assert seen.replays_taken == 0
        assert rows["twice"] == 0
        return expected - stored


@contextmanager
def world(
    tmp_path: Path,
    postgresql: PostgreSQL,
    redis: Redis,
    note: Any,
    *,
    spool: Path | None = None,
    database: str = "",
    through: int = 0,
    settings: Mapping[str, str] | None = None,
) -> Iterator[World]:
    """Start everything, over a new database unless one is given.

    ``through`` is a port by which the service is led to it; further settings as in the environment, without their
    prefix.
    """
    clock = Clock()
    clients, signer = registry(tmp_path, clock)
    url, spool = database or postgresql.new_database(), spool or tmp_path / "spool"
    led = url.replace(f":{postgresql.port}/", f":{through}/") if through else url
    given = {"DATABASE_URL": led, "CLIENTS": str(clients), "PUBLIC_URL": PUBLIC, "SPOOL_DIR": str(spool)}
    # Time for a machine that is busy with other tests.
    given |= {"BUDGET_SECONDS": "60"} | dict(settings or {})
    with service_with_stores(tmp_path, postgresql, redis, given) as service:
        yield World(service, url, Callers(service.url, signer, clock), spool, note)
