"""Neighbours that are slow or odd: PostgreSQL, FHIR server, clock, callers that hold connections, older workers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.exc import OperationalError

from tests.servers.postgresql import PostgreSQL
from tests.servers.redis import Redis
from tests.servers.slow_line import slow_line
from tests.stack.load import CALLERS
from tests.stack.slow_callers import Drippers, idle
from tests.stack.world import BATCH, MIDST, World, world
from tests.store import previous_release

IDLE = 1000
# More than all workers together can receive at once.
DRIPPING_BODIES, DRIPPING_HEADERS = 600, 100


def test_postgresql_slow(tmp_path: Path, own_postgresql: PostgreSQL, own_redis: Redis, record_property: Any) -> None:
    with (
        slow_line(own_postgresql.port) as line,
        world(tmp_path, own_postgresql, own_redis, record_property, through=line.port) as at,
    ):

        def slow() -> None:
            line.seconds = 0.5

        at.callers.run(BATCH, MIDST, slow)
        assert at.waiting
        line.seconds = 0.0
        at.callers.run(BATCH)
        seen = at.account("PostgreSQL slow for a while, 0.5 s a statement")
    assert seen.answered == seen.sent


@pytest.fixture
def silent_fhir() -> Iterator[str]:
    """A FHIR server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_fhir_server_hangs(
    tmp_path: Path, silent_fhir: str, own_postgresql: PostgreSQL, own_redis: Redis, record_property: Any
) -> None:
    settings = {"FHIR_ORIGINS": silent_fhir, "BUDGET_SECONDS": "5"}
    with world(tmp_path, own_postgresql, own_redis, record_property, settings=settings) as at:
        at.callers.body |= {"fhirServer": f"{silent_fhir}/fhir"}
        whole = at.callers.body["prefetch"]
        at.callers.body["prefetch"] = {key: value for key, value in whole.items() if key != "labs"}
        at.callers.run(CALLERS)
        told = [line for line in at.service.logged() if line.get("missing")]
        assert len(told) == CALLERS
        assert {tuple(line["missing"]) for line in told} == {("labs",)}  # type: ignore[arg-type]
        assert all("were not sent" in detail for detail in at.callers.details)
        # Without reports there is no advice, and that is said.
        at.callers.body["prefetch"] = {key: value for key, value in whole.items() if key != "reports"}
        at.callers.run(CALLERS)
        seen = at.account("FHIR server hangs, part of the chart not sent")
    assert dict(seen.refused) == {412: CALLERS}
    assert seen.unanswered == 0


def test_clock_jumps(at: World) -> None:
    at.callers.run(MIDST)
    for hours in (26.0, 0.0, -26.0, 0.0):
        at.service.move_clock(hours)
        # Whoever has the time of before is refused, whoever has the new one is answered.
        at.callers.run(2)
        at.callers.clock.hours = hours
        at.callers.run(MIDST)
    assert at.callers.first_again() == 401, "a token that was used before the jumps stays used"
    seen = at.account("clock jumps: a day ahead, back, a day behind, back")
    assert dict(seen.refused) == {401: 8}
    assert seen.unanswered == 0


def test_idle_connections(at: World) -> None:
    with idle(at.service.port, IDLE):
        at.callers.run(2 * BATCH)
    seen = at.account(f"{IDLE} idle connections")
    assert seen.answered == seen.sent


def test_slow_loris(tmp_path: Path, own_postgresql: PostgreSQL, own_redis: Redis, record_property: Any) -> None:
    with world(tmp_path, own_postgresql, own_redis, record_property, settings={"BUDGET_SECONDS": "6"}) as at:
        drippers = Drippers(at.service.port, DRIPPING_BODIES, DRIPPING_HEADERS)
        drippers.start()
        try:
            at.callers.run(2 * BATCH)
            assert drippers.left < DRIPPING_BODIES
        finally:
            drippers.close()
        assert any("cut off" in str(line.get("message")) for line in at.service.logged())
        seen = at.account(f"{DRIPPING_BODIES} bodies and {DRIPPING_HEADERS} headers byte by byte")
    assert seen.answered == seen.sent


def test_upgrade_under_load(tmp_path: Path, own_postgresql: PostgreSQL, own_redis: Redis, record_property: Any) -> None:
    """Workers of the release before write on while this one changes the tables and takes calls beside them."""
    url = own_postgresql.new_database()
    engine = create_engine(url)
    previous_release.start(engine)
    stopping, written = threading.Event(), [0, 0]

    def write_on(worker: int) -> None:
        while not stopping.is_set():
            # What fails while the tables change, that release keeps in its spool and stores later.
            with suppress(OperationalError):
                previous_release.work(engine, f"old {worker} {written[worker]}")
                written[worker] += 1

    threads = [threading.Thread(target=write_on, args=(worker,)) for worker in range(2)]
    for thread in threads:
        thread.start()
    try:
        while not all(written):
            assert all(thread.is_alive() for thread in threads)
        with world(tmp_path, own_postgresql, own_redis, record_property, database=url) as at:
            at.callers.run(BATCH)
            during = sum(written)
            at.callers.run(BATCH)
            assert sum(written) > during, "the release before works on beside this one"
            stopping.set()
            for thread in threads:
                thread.join()
            at.also(4 * sum(written), lambda: _of_before(engine))
            seen = at.account("upgrade while the release before works on")
    finally:
        stopping.set()
        engine.dispose()
    assert seen.answered == seen.sent


def _of_before(engine: Engine) -> int:
    """Count the rows that the release before wrote."""
    before = previous_release
    names = (before.issued_card.c.uuid, before.feedback.c.card, before.shown_card.c.card)
    tables = [(name.table, name) for name in (*names, before.audit_event.c.request_id)]
    with engine.connect() as connection:
        found = (
            connection.execute(select(func.count()).select_from(table).where(column.like("old %"))).scalar_one()
            for table, column in tables
        )
        return sum(found)
