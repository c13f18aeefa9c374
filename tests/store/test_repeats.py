"""Shown states: found again by the feedback on their cards, and nothing else is kept."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from cds_service.store.connection import Database
from cds_service.store.database import SqlStore
from cds_service.store.keeper import Keeper
from cds_service.store.records import Feedback, Outcome, StoreError
from cds_service.store.repeats import RepeatStore, ShownCard
from cds_service.store.spool import Line, Spool
from cds_service.store.upgrade import open_tables
from tests.store import previous_release
from tests.store.keeping import keep

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


@pytest.fixture
def repeats(url: str, store: SqlStore) -> Iterator[RepeatStore]:
    del store
    database = Database(url)
    yield RepeatStore(database)
    database.close()


def feedback(card: str, outcome: Outcome, at: datetime) -> Feedback:
    accepted = ("s-1",) if outcome is Outcome.ACCEPTED else ()
    return Feedback(card, "marrow-edema-patient-view", outcome, at, at, accepted)


def test_only_states_with_feedback_are_acknowledged_at_its_latest_time(store: SqlStore, repeats: RepeatStore) -> None:
    keep(store, shown=[ShownCard("c-1", "state-a"), ShownCard("c-2", "state-b"), ShownCard("c-3", "state-a")])
    store.record_feedback([feedback("c-1", Outcome.OVERRIDDEN, NOW - timedelta(days=3))])
    store.record_feedback([feedback("c-3", Outcome.ACCEPTED, NOW)])
    assert repeats.acknowledged(["state-a", "state-b", "state-c"]) == {"state-a": NOW}
    assert repeats.acknowledged(["state-b"]) == {}


def test_no_state_asks_nothing(repeats: RepeatStore) -> None:
    assert repeats.acknowledged([]) == {}


def test_feedback_that_came_before_its_showing_is_found_all_the_same(
    url: str, repeats: RepeatStore, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool", 1024 * 1024)
    spool.append([Line("shown_card", {"card": "c-1", "state": "state-a"})])
    keeper = Keeper(Database(url), spool)
    SqlStore(url, keeper).record_feedback([feedback("c-1", Outcome.ACCEPTED, NOW)])
    assert repeats.acknowledged(["state-a"]) == {}
    assert keeper.replay() == 1
    assert repeats.acknowledged(["state-a"]) == {"state-a": NOW}
    keeper.close()
    keeper.database.close()


def test_what_was_acknowledged_under_the_release_before_is_shown_once_more(url: str, engine: Engine) -> None:
    """That release has another hash for a state: nothing is copied, so that a large store is not locked for it."""
    SqlStore(url).close()
    previous_release.start(engine)
    previous_release.work(engine, "old")
    database = Database(url)
    open_tables(database)
    assert RepeatStore(database).acknowledged(["state"]) == {}
    database.close()


def test_looking_up_a_state_costs_the_same_however_often_it_was_shown(
    store: SqlStore, repeats: RepeatStore, engine: Engine
) -> None:
    keep(store, shown=[ShownCard(f"c-{number}", "state-a") for number in range(50)])
    store.record_feedback([feedback("c-7", Outcome.ACCEPTED, NOW)])
    with engine.begin() as connection:
        # Only the feedback is looked at: it knows by itself for which state the card was shown.
        connection.execute(text("DELETE FROM shown_card"))
    assert repeats.acknowledged(["state-a"]) == {"state-a": NOW}


@pytest.mark.usefixtures("repeats")
def test_only_card_and_hash_are_kept(engine: Engine) -> None:
    columns = {column["name"] for column in inspect(engine).get_columns("shown_card")}
    assert columns == {"card", "state"}


def test_failures_are_named_without_contents(engine: Engine, store: SqlStore, repeats: RepeatStore) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE shown_card"))
        connection.execute(text("DROP TABLE feedback"))
    with pytest.raises(StoreError, match=r"^record a call: \w+$"):
        keep(store, shown=[ShownCard("c-1", "state-a")])
    with pytest.raises(StoreError, match=r"^read shown states: \w+$"):
        repeats.acknowledged(["state-a"])
