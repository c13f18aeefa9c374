"""Steps of the tables: from nothing, from the release before, at once by several, and beside the release before."""

import threading

import pytest
from sqlalchemy import Engine, inspect

from cds_service.store import schema
from cds_service.store.audit import AuditStore
from cds_service.store.backup import counts
from cds_service.store.connection import Database
from cds_service.store.database import SqlStore
from cds_service.store.upgrade import HEAD, open_tables, revision_of
from tests.store import previous_release


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


def test_several_that_start_at_once_upgrade_once(url: str, engine: Engine) -> None:
    SqlStore(url).close()
    previous_release.start(engine)
    previous_release.work(engine, "old")
    failures: list[Exception] = []

    def begin() -> None:
        try:
            opened(url).close()
        except Exception as error:  # noqa: BLE001 - counted below
            failures.append(error)

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with engine.connect() as connection:
        assert revision_of(connection) == HEAD
        assert counts(connection)["feedback"] == 1


@pytest.mark.usefixtures("engine")
def test_database_of_a_later_release_that_leaves_room_is_used(url: str, engine: Engine) -> None:
    opened(url).close()
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0004'")
    store = SqlStore(url)
    store.open()
    store.check()
    store.close()
