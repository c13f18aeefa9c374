"""The store: what was issued, what clinicians said of it, and honest failures."""

import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, NullPool, column, create_engine, func, select, table, text
from sqlalchemy.engine.interfaces import DBAPICursor

from cds_service.errors import ConfigError
from cds_service.store import connection
from cds_service.store.connection import Database, may_pause
from cds_service.store.database import SqlStore, load_hash_key
from cds_service.store.records import Feedback, IssuedCard, Outcome, StoreAway, StoreError, patient_hash
from cds_service.store.repeats import ShownCard
from tests.servers.postgresql import PostgreSQL
from tests.store.keeping import keep

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
CARD = IssuedCard(
    uuid="c-1",
    service="marrow-edema-patient-view",
    hook_instance="i-1",
    card_id="C11",
    text_id="C11-E",
    indicator="critical",
    rule_ids=("R-1", "R-2"),
    suggestions=("s-1",),
    language="de",
    knowledge_version="2026-11-21+abc",
    patient="hash",
    issued_at=NOW,
)
ACCEPTED = Feedback("c-1", "marrow-edema-patient-view", Outcome.ACCEPTED, NOW, NOW, ("s-1",))


def test_feedback_is_found_beside_its_card(store: SqlStore) -> None:
    keep(store, [CARD, replace(CARD, uuid="c-2")])
    store.record_feedback([ACCEPTED])
    (kept,) = store.feedback()
    assert kept.card == CARD
    assert kept.feedback == ACCEPTED
    assert kept.repeats == 0


def test_everything_survives_a_restart(store: SqlStore, url: str) -> None:
    keep(store, [CARD])
    store.record_feedback([ACCEPTED])
    store.close()
    again = SqlStore(url)
    again.open()
    assert [kept.card for kept in again.feedback()] == [CARD]
    again.close()


def test_repeats_are_counted_not_added(store: SqlStore) -> None:
    later = replace(ACCEPTED, outcome_at=NOW + timedelta(seconds=1))
    store.record_feedback([ACCEPTED, later])
    store.record_feedback([replace(later, accepted_suggestions=("s-2",))])
    assert [(kept.feedback.accepted_suggestions, kept.repeats) for kept in store.feedback()] == [
        (("s-1",), 1),
        (("s-2",), 0),
    ]


def test_suggestions_with_half_a_surrogate_pair_are_kept(store: SqlStore) -> None:
    odd = replace(ACCEPTED, accepted_suggestions=("s-\ud800", "s-é"))
    store.record_feedback([odd])
    assert store.feedback()[0].feedback.accepted_suggestions == odd.accepted_suggestions


def test_times_come_back_in_utc(store: SqlStore) -> None:
    east = NOW.astimezone(timezone(timedelta(hours=2)))
    store.record_feedback([replace(ACCEPTED, outcome_at=east)])
    assert store.feedback()[0].feedback.outcome_at == NOW


def test_parallel_writers_lose_nothing(store: SqlStore) -> None:
    def write(number: int) -> None:
        keep(store, [replace(CARD, uuid=f"c-{number}")])
        store.record_feedback([replace(ACCEPTED, card=f"c-{number}"), ACCEPTED])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(10, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = store.feedback()
    assert len(kept) == 21
    assert sum(one.repeats for one in kept) == 19
    assert sum(one.card is not None for one in kept) == 20


def test_same_report_from_several_at_once_is_stored_once_and_counted(store: SqlStore) -> None:
    keep(store, [CARD], [ShownCard("c-1", "state-a")])
    begin = threading.Barrier(4)

    def write() -> None:
        begin.wait()
        store.record_feedback([ACCEPTED])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(kept.feedback, kept.repeats) for kept in store.feedback()] == [(ACCEPTED, 3)]


def test_report_on_a_card_with_odd_characters_is_kept(store: SqlStore) -> None:
    store.record_feedback([replace(ACCEPTED, card="c-\0-\ud800")])
    assert [(kept.feedback.card, kept.card) for kept in store.feedback()] == [("c-\ufffd-?", None)]


def test_items_of_one_report_are_kept_together_or_not_at_all(store: SqlStore) -> None:
    broken = replace(ACCEPTED, card="c-9", service=None)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match=r"record feedback: (IntegrityError|NotNullViolation)"):
        store.record_feedback([replace(ACCEPTED, card="c-8"), broken])
    assert store.feedback() == ()


def test_same_uuid_twice_is_a_named_failure(store: SqlStore) -> None:
    keep(store, [CARD])
    with pytest.raises(StoreError, match=r"record a call: \w+$"):
        keep(store, [CARD])
    assert store.issued("c-1") == CARD
    assert store.issued("c-7") is None


def test_nothing_to_record_touches_nothing(store: SqlStore) -> None:
    keep(store)
    store.record_feedback([])
    store.check()
    assert store.feedback() == ()


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_writing_does_not_block_readers(store: SqlStore, engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    store.check()


def test_database_of_a_later_release_is_refused(store: SqlStore, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE schema_version SET version = 99"))
    with pytest.raises(StoreError, match="schema 99, this release knows 1"):
        store.open()


@pytest.mark.parametrize("wrong", ["sqlite://", "sqlite:///:memory:", "not a url", "nosuch://host/db"])
def test_unusable_urls_are_named(wrong: str) -> None:
    with pytest.raises(ConfigError, match="MARROW_DATABASE_URL"):
        SqlStore(wrong)


def test_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="directory cannot be made"):
        SqlStore(f"sqlite:///{tmp_path / 'file' / 'store.sqlite'}")


def test_hash_key_is_made_once_and_private(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = load_hash_key("", state)
    assert load_hash_key("", state) == first
    assert len(first) == 32
    assert (state / "patient-hash.key").stat().st_mode & 0o777 == 0o600
    assert load_hash_key("given", tmp_path / "unused") == b"given"
    assert not (tmp_path / "unused").exists()


def test_hash_key_without_a_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="MARROW_STATE_DIR"):
        load_hash_key("", tmp_path / "file")
    (tmp_path / "patient-hash.key").write_bytes(b"short")
    with pytest.raises(ConfigError, match="incomplete"):
        load_hash_key("", tmp_path)


def test_patient_hash_depends_on_key_and_patient() -> None:
    hashes = {patient_hash(key, patient) for key in (b"a", b"b") for patient in ("1", "2")}
    assert len(hashes) == 4
    assert patient_hash(b"a", "1") in hashes


def test_a_transaction_whose_client_fell_silent_ends_and_its_locks_with_it(postgresql: PostgreSQL) -> None:
    with closing(Database(postgresql.new_database())) as database, database.engine.begin() as connection:
        assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar() == "10s"
        may_pause(connection)
        assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar() == "0"


def test_connections_that_the_server_ended_fail_one_call_and_not_one_each(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(cursor: DBAPICursor) -> None:
        cursor.execute("SELECT 1")

    monkeypatch.setattr(connection, "_PAUSE_SECONDS", 0.0)
    with closing(Database(postgresql.new_database())) as database:
        opened = [database.engine.connect() for _ in range(3)]
        for one in opened:
            one.close()
        assert database.connections() == (3, 0)
        ended = create_engine(database.engine.url, poolclass=NullPool)
        with ended.begin() as other:
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            other.execute(
                select(func.pg_terminate_backend(column("pid")))
                .select_from(table("pg_stat_activity"))
                .where(text(others))
            )
        with pytest.raises(StoreAway, match=r"^ask: \w+$"):
            database.quick("ask", ask)
        again = [database.engine.raw_connection() for _ in range(3)]
        for lent in again:
            ask(lent.cursor())
            lent.close()
        assert database.connections() == (3, 0)


def test_a_connection_in_use_is_counted_on_when_another_one_is_lost(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall_silent(cursor: DBAPICursor) -> None:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(connection, "_PAUSE_SECONDS", 0.0)
    with closing(Database(postgresql.new_database())) as database:
        held = database.engine.raw_connection()
        with pytest.raises(StoreAway):
            database.quick("ask", fall_silent)
        assert database.connections()[1] == 1
        held.close()
        assert database.connections()[1] == 0


def test_what_fails_in_the_middle_is_rolled_back_and_the_connection_stays_good(store: SqlStore, url: str) -> None:
    def half(cursor: DBAPICursor) -> None:
        cursor.execute("INSERT INTO shown_card (card, state) VALUES ('c-1', 'state-a')")
        raise KeyError("half")

    with closing(Database(url)) as database:
        # A statement alone leaves no trace on the connection that the next transaction uses.
        database.quick("read", partial(_rows, "SELECT 1"), alone=True)
        with pytest.raises(KeyError):
            database.quick("write", half)
        assert database.connections()[1] == 0
        keep(store, shown=[ShownCard("c-1", "state-b")])
        query = "SELECT state FROM shown_card"
        assert [tuple(row) for row in database.quick("read", partial(_rows, query))] == [("state-b",)]


def _rows(query: str, cursor: DBAPICursor) -> Sequence[Any]:
    cursor.execute(query)
    return cursor.fetchall()
