"""Faults under load: what was answered is on record afterwards, every answer has its red flag, and nothing is lost.

Each fault is a test of its own; the table of all of them is printed at the end of a run.
"""

from tests.servers.postgresql import PostgreSQL
from tests.servers.redis import Redis
from tests.stack.world import BATCH, MIDST, World


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


def test_service_killed_and_restarted(at: World) -> None:
    at.callers.run(BATCH, MIDST, at.service.kill)
    at.service.server.start()
    at.callers.run(BATCH)
    seen = at.account("service killed (-9), restarted")
    assert seen.refused.total() == 0
    assert seen.answered >= 2 * BATCH


def test_service_killed_and_restarted_while_postgresql_is_stopped(at: World, own_postgresql: PostgreSQL) -> None:
    own_postgresql.server.stop()
    at.callers.run(BATCH, MIDST, at.service.kill)
    at.service.server.start()
    own_postgresql.server.start()
    at.callers.run(BATCH)
    seen = at.account("service killed (-9), restarted, PostgreSQL stopped")
    assert seen.refused.total() == 0
    assert seen.answered >= 2 * BATCH
