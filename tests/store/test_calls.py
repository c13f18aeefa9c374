"""What a call leaves behind: one transaction where one database holds it, and nothing lost where one part fails."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from cds_service.store.audit import AuditStore
from cds_service.store.backup import counts
from cds_service.store.calls import CallStore, NotKept
from cds_service.store.connection import Database
from cds_service.store.keeper import Keeper
from cds_service.store.repeats import ShownCard
from tests.store.keeping import WatchedDatabase
from tests.store.test_audit import BARE
from tests.store.test_store import CARD

SHOWN = ShownCard(CARD.uuid, "state-a")


@pytest.fixture
def calls(keeper: Keeper) -> CallStore:
    return CallStore(keeper, keeper, together=True)


def found(database: Database) -> tuple[int, int, int]:
    rows = database.run("count", counts)
    return rows["issued_card"], rows["shown_card"], rows["audit_event"]


def test_a_whole_call_is_one_transaction(calls: CallStore, database: WatchedDatabase) -> None:
    database.taken = 0
    calls.keep([CARD, replace(CARD, uuid="c-2")], [SHOWN, ShownCard("c-2", "state-b")], BARE)
    assert database.taken == 1
    assert found(database) == (2, 2, 1)


def test_a_call_comes_back_as_it_was_kept(calls: CallStore, keeper: Keeper, url: str) -> None:
    calls.keep([CARD], [SHOWN], BARE)
    assert list(AuditStore(url, keeper).records()) == [BARE]


def test_a_row_that_the_database_never_takes_is_put_aside_and_the_others_are_stored(
    calls: CallStore, keeper: Keeper, database: WatchedDatabase, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE UNIQUE INDEX one_call ON audit_event (request_id)"))
    calls.keep([], [], BARE)
    calls.keep([CARD], [SHOWN], BARE)
    assert found(database) == (0, 0, 1)
    keeper.replay()
    assert found(database) == (1, 1, 1)
    assert keeper.aside()[0] == 1


def test_without_database_all_of_it_waits_in_the_spool_and_comes_back(
    calls: CallStore, keeper: Keeper, database: WatchedDatabase
) -> None:
    database.away = True
    calls.keep([CARD], [SHOWN], BARE)
    database.away = False
    assert found(database) == (0, 0, 0)
    assert keeper.replay() == 1
    assert found(database) == (1, 1, 1)


def test_without_database_and_spool_everything_is_named(database: WatchedDatabase) -> None:
    keeper = Keeper(database)
    keeper.open()
    database.away = True
    with pytest.raises(NotKept) as failed:
        CallStore(keeper, keeper, together=True).keep([CARD], [SHOWN], BARE)
    assert failed.value.tables == {"issued_card", "shown_card", "audit_event"}


def test_audit_record_in_another_database_is_written_there(
    keeper: Keeper, database: WatchedDatabase, tmp_path: Path
) -> None:
    elsewhere = WatchedDatabase(f"sqlite:///{tmp_path / 'audit.sqlite'}")
    other = Keeper(elsewhere)
    other.open()
    calls = CallStore(keeper, other)
    calls.keep([CARD], [SHOWN], BARE)
    elsewhere.away = True
    with pytest.raises(NotKept) as failed:
        calls.keep([replace(CARD, uuid="c-2")], [], BARE)
    assert failed.value.tables == {"audit_event"}
    elsewhere.away = False
    assert found(database) == (2, 1, 0)
    assert found(elsewhere) == (0, 0, 1)
    elsewhere.close()


def test_where_no_record_of_calls_is_wanted_the_cards_are_kept(keeper: Keeper, database: WatchedDatabase) -> None:
    CallStore(keeper).keep([CARD], [SHOWN], BARE)
    assert found(database) == (1, 1, 0)


def test_a_call_without_cards_leaves_its_record_only(calls: CallStore, database: WatchedDatabase) -> None:
    calls.keep([], [], BARE)
    assert found(database) == (0, 0, 1)
