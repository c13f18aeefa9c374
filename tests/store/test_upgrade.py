"""Steps of the tables: from nothing, from the release before, at once by several, and beside the release before."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from cds_service.store import schema
from cds_service.store.audit import AuditStore
from cds_service.store.backup import counts
from cds_service.store.connection import Database
from cds_service.store.database import SqlStore
from cds_service.store.keeper import Keeper
from cds_service.store.records import Outcome
from cds_service.store.spool import Line, Spool
from cds_service.store.upgrade import _LOCK, HEAD, open_tables, revision_of
from cds_service.store.usage import Window, reading_usage
from tests.store import previous_release, step_two
from tests.store.keeping import keep
from tests.usage import cohort

_EACH = 25
_EARLY, _LATE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)


def opened(url: str) -> Database:
    database = Database(url)
    open_tables(database)
    return database


def test_steps_lead_to_the_tables_that_the_release_uses(url: str, engine: Engine) -> None:
    database = opened(url)
    assert database.run("look", revision_of) == HEAD
    found = inspect(engine)
    for name, table in schema.metadata.tables.items():
        assert {column["name"] for column in found.get_columns(name)} == set(table.columns.keys()), name
        assert {i["name"] for i in found.get_indexes(name) if not i.get("duplicates_constraint")} >= {
            index.name for index in table.indexes
        }, name
    database.close()


def test_database_of_the_release_before_is_taken_over_without_loss(url: str, engine: Engine) -> None:
    SqlStore(url).close()
    previous_release.start(engine)
    for number in range(3):
        previous_release.work(engine, f"old-{number}")
    database = opened(url)
    rows = database.run("count", counts)
    assert rows == {"issued_card": 3, "feedback": 3, "shown_card": 3, "audit_event": 3}
    database.close()
    store, audit = SqlStore(url), AuditStore(url)
    store.open()
    audit.open()
    assert {kept.card.uuid for kept in store.feedback() if kept.card} == {"old-0", "old-1", "old-2"}
    assert [kept.repeats for kept in store.feedback()] == [1, 1, 1]
    assert [record.request_id for record in audit.records()] == ["old-0", "old-1", "old-2"]
    store.close()
    audit.close()


def test_release_before_works_on_beside_this_one(url: str, engine: Engine) -> None:
    database = opened(url)
    previous_release.start(engine)
    previous_release.work(engine, "during the upgrade")
    assert database.run("count", counts)["audit_event"] == 1
    database.close()


def _in_threads(*works: Callable[[], None]) -> list[Exception]:
    """Run all of them at once and return what went wrong."""
    failures: list[Exception] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - counted by the test
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_old_and_new_code_write_and_read_one_database_at_once(url: str, engine: Engine) -> None:
    opened(url).close()
    store = SqlStore(url)
    store.open()

    def old() -> None:
        for number in range(_EACH):
            step_two.work(engine, f"old-{number}")
            assert f"old-{number}" in step_two.cards(engine)

    def new() -> None:
        for number in range(_EACH):
            card = cohort.card(f"new-{number}", cohort.LAST, ["R-2"])
            keep(store, [card])
            store.record_feedback([cohort.answer(card, Outcome.ACCEPTED)])
            assert store.issued(card.uuid) == card

    assert _in_threads(old, new) == []
    names = {f"{release}-{number}" for release in ("old", "new") for number in range(_EACH)}
    # Both find all cards and all feedback of both.
    assert step_two.cards(engine).keys() == names
    expected = {name: ("overridden", 1) if name.startswith("old") else ("accepted", 0) for name in names}
    assert step_two.reports(engine) == expected
    linked = {kept.feedback.card: kept for kept in store.feedback()}
    assert linked.keys() == names
    for name, kept in linked.items():
        assert kept.card
        assert (kept.card.client, kept.card.report_at is None) == (
            (None, True) if name.startswith("old") else (cohort.EAST, False)
        )
    store.close()
    database = Database(url)
    with reading_usage(database, 60.0) as reader:
        counted = [(kind.client, fate.outcome, fate.cards) for kind, fate in reader.by_kind(Window(_EARLY, _LATE))]
    database.close()
    assert sorted(counted, key=str) == [(cohort.EAST, "accepted", _EACH), (None, "overridden", _EACH)]


def test_rows_in_the_spool_of_the_release_before_are_carried_over(url: str, engine: Engine, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1_000_000)
    spool.append([Line("issued_card", step_two.spooled("left in the spool"))])
    spool.close()
    store = SqlStore(url, Keeper(Database(url), Spool(tmp_path / "spool", 1_000_000)))
    keeper = Keeper(Database(url), Spool(tmp_path / "spool", 1_000_000))
    assert keeper.replay() == 1
    keeper.close()
    keeper.database.close()
    kept = store.issued("left in the spool")
    store.close()
    assert kept
    assert (kept.client, kept.report_at) == (None, None)
    assert step_two.cards(engine) == {"left in the spool": "hash"}
    assert not list((tmp_path / "spool").glob("*.refused"))


def test_several_that_start_at_once_upgrade_once(url: str, engine: Engine) -> None:
    SqlStore(url).close()
    previous_release.start(engine)
    previous_release.work(engine, "old")
    assert _in_threads(*[lambda: opened(url).close()] * 6) == []
    with engine.connect() as connection:
        assert revision_of(connection) == HEAD
        assert counts(connection)["feedback"] == 1


def test_start_waits_for_another_that_changes_the_tables(url: str, engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("a file has no lock of this kind")
    held = threading.Event()

    def other() -> None:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            held.set()
            # Longer than a call waits for anything.
            connection.execute(text("SELECT pg_sleep(2)"))

    thread = threading.Thread(target=other)
    thread.start()
    assert held.wait(60)
    opened(url).close()
    thread.join()
    with engine.connect() as connection:
        assert revision_of(connection) == HEAD


@pytest.mark.usefixtures("engine")
def test_database_of_a_later_release_that_leaves_room_is_used(url: str, engine: Engine) -> None:
    opened(url).close()
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :later"), {"later": f"{int(HEAD) + 1:04}"})
    store = SqlStore(url)
    store.open()
    store.check()
    store.close()
