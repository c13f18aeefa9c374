"""Faults under load: what was answered is on record afterwards, every answer has its red flag, and nothing is lost.

Each fault is a test of its own; the table of all of them is printed at the end of a run.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.servers.postgresql import PostgreSQL
from tests.servers.redis import Redis
from tests.servers.service import Service
from tests.servers.stack import service_with_stores
from tests.stack.load import PUBLIC, Callers, Outcome, found, registry

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
            self.service.stop()
        seen = self.callers.seen
        rows = found(self._url, seen)
        stored = rows["calls"] + rows["cards"] + rows["feedback"]
        refused = ", ".join(f"{number} x {status}" for status, number in sorted(seen.refused.items())) or "0"
        self._note(
            "fault",
            f"| {fault} | {seen.sent} | {seen.answered} | {refused} | {seen.unanswered} | {seen.expected} | {stored} |",
        )
        assert seen.sent == seen.answered + seen.unanswered + seen.refused.total()
        assert seen.red_flags == len(seen.calls) - len(seen.feedback)
        assert seen.replays_taken == 0
        assert rows["twice"] == 0
        return seen.expected - stored


@contextmanager
def world(
    tmp_path: Path, postgresql: PostgreSQL, redis: Redis, note: Any, spool: Path | None = None
) -> Iterator[World]:
    clients, signer = registry(tmp_path)
    url, spool = postgresql.new_database(), spool or tmp_path / "spool"
    settings = {"DATABASE_URL": url, "CLIENTS": str(clients), "PUBLIC_URL": PUBLIC, "SPOOL_DIR": str(spool)}
    # Time for a machine that is busy with other tests.
    settings |= {"BUDGET_SECONDS": "60"}
    with service_with_stores(tmp_path, postgresql, redis, settings) as service:
        yield World(service, url, Callers(service.url, signer), spool, note)


@pytest.fixture
def at(tmp_path: Path, own_postgresql: PostgreSQL, own_redis: Redis, record_property: Any) -> Iterator[World]:
    with world(tmp_path, own_postgresql, own_redis, record_property) as opened:
        yield opened


def test_no_fault(at: World) -> None:
    at.callers.run(BATCH)
    seen = at.account("none")
    assert seen.answered == seen.sent
    assert at.waiting == []


def test_postgresql_stopped(at: World, own_postgresql: PostgreSQL) -> None:
    at.callers.run(BATCH, MIDST, own_postgresql.server.stop)
    assert at.waiting
    assert at.service.state()["store"] == "spooling"
    own_postgresql.server.start()
    at.callers.run(BATCH)
    seen = at.account("PostgreSQL stopped, started later")
    assert seen.answered == seen.sent


def test_postgresql_restarted(at: World, own_postgresql: PostgreSQL) -> None:
    def restart() -> None:
        own_postgresql.server.stop()
        own_postgresql.server.start()

    at.callers.run(BATCH, MIDST, restart)
    seen = at.account("PostgreSQL restarted")
    assert seen.answered == seen.sent


def test_postgresql_read_only(at: World, own_postgresql: PostgreSQL) -> None:
    at.callers.run(BATCH, MIDST, lambda: own_postgresql.read_only(on=True))
    at.callers.run(BATCH)
    assert at.waiting
    own_postgresql.read_only(on=False)
    seen = at.account("PostgreSQL read-only for a while")
    assert seen.answered == seen.sent


def test_postgresql_hangs(at: World, own_postgresql: PostgreSQL) -> None:
    at.callers.run(BATCH, MIDST, own_postgresql.server.freeze)
    at.callers.run(BATCH)
    assert at.waiting
    own_postgresql.server.thaw()
    seen = at.account("PostgreSQL hangs for a while")
    assert seen.answered == seen.sent


def test_redis_gone(at: World, own_redis: Redis) -> None:
    at.callers.run(MIDST)
    own_redis.server.stop()
    at.callers.run(BATCH)
    own_redis.server.start()
    at.callers.run(MIDST)
    seen = at.account("Redis gone, back later")
    assert seen.answered == seen.sent


def test_redis_and_postgresql_gone(at: World, own_redis: Redis, own_postgresql: PostgreSQL) -> None:
    own_redis.server.stop()
    own_postgresql.server.stop()
    at.callers.run(BATCH)
    own_postgresql.server.start()
    seen = at.account("Redis and PostgreSQL gone")
    assert seen.answered == seen.sent


def test_worker_killed(at: World) -> None:
    at.callers.run(2 * BATCH, MIDST, at.service.kill_a_worker)
    seen = at.account("worker killed (-9)")
    assert seen.refused.total() == 0
    assert seen.unanswered <= 4, "only the calls that the worker was at"


def test_worker_killed_while_postgresql_is_stopped(at: World, own_postgresql: PostgreSQL) -> None:
    own_postgresql.server.stop()
    at.callers.run(2 * BATCH, MIDST, at.service.kill_a_worker)
    own_postgresql.server.start()
    at.account("worker killed (-9), PostgreSQL stopped")


def test_service_restarted_while_postgresql_is_stopped(at: World, own_postgresql: PostgreSQL) -> None:
    own_postgresql.server.stop()
    at.callers.run(MIDST)
    at.service.stop()
    at.service.server.start()
    at.callers.run(MIDST)
    own_postgresql.server.start()
    seen = at.account("service restarted, PostgreSQL stopped")
    assert seen.answered == seen.sent


def test_workers_replaced(at: World) -> None:
    at.callers.run(2 * BATCH, MIDST, at.service.reload)
    seen = at.account("workers replaced (SIGHUP)")
    assert seen.answered == seen.sent


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_disk_full(
    tmp_path: Path, small_disk: Path, own_postgresql: PostgreSQL, own_redis: Redis, record_property: Any
) -> None:
    with world(tmp_path, own_postgresql, own_redis, record_property, spool=small_disk / "spool") as at:
        own_postgresql.server.stop()
        at.callers.run(2 * BATCH)
        told = [line for line in at.service.logged() if "not recorded" in str(line.get("message"))]
        own_postgresql.server.start()
        seen = at.callers.seen
        assert set(seen.refused) == {503}, "feedback that cannot be kept is refused, so that the client sends it again"
        assert seen.red_flags == 2 * BATCH, "cards are answered all the same"
        assert told, "and each loss is said"
        lost_calls = sum("a call was" in str(line["message"]) for line in told)
        lost_cards = sum(
            int(str(line["message"]).split()[0]) for line in told if "issued cards" in str(line["message"])
        )
        # Also calls that were refused have their record, or its loss is told.
        missing = at.missing("disk full for the spool, PostgreSQL stopped")
        assert 0 < missing <= lost_calls + lost_cards
