"""Used tokens: every process that shares the database refuses what one of them took, until it could not be used."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cds_service.store.connection import Database
from cds_service.store.database import SqlStore
from cds_service.store.keeper import Keeper
from cds_service.store.records import StoreAway, StoreError
from cds_service.store.tokens import UsedTokens

_THREADS = 4


class Sweepless(Database):
    """A database that deletes nothing."""

    def quick(self, operation: str, work: Callable[[Any], Any], *, alone: bool = False) -> Any:
        """Do the work unless it sweeps."""
        if operation == "sweep tokens":
            raise StoreAway(operation)
        return super().quick(operation, work, alone=alone)


@pytest.fixture
def stores(url: str) -> Iterator[tuple[SqlStore, SqlStore]]:
    """Two processes, as far as the database can tell."""
    both = SqlStore(url), SqlStore(url)
    for store in both:
        store.open()
    yield both
    for store in both:
        store.close()


@pytest.mark.requirement("SEC-14")
def test_used_token_is_known_to_every_process(stores: tuple[SqlStore, SqlStore]) -> None:
    first, second = stores
    assert first.first_use("https://a", "1", expires=100.0, now=50.0)
    assert not second.first_use("https://a", "1", expires=100.0, now=60.0)
    assert second.first_use("https://b", "1", expires=100.0, now=60.0)
    # To the very moment of its end it may be sent, so that it counts until then.
    assert not second.first_use("https://a", "1", expires=300.0, now=100.0)
    assert second.first_use("https://a", "1", expires=300.0, now=200.0)
    assert not first.first_use("https://a", "1", expires=300.0, now=250.0)


@pytest.mark.requirement("SEC-14")
@pytest.mark.parametrize("expired", [False, True])
def test_of_those_that_send_a_token_at_once_exactly_one_is_the_first(
    stores: tuple[SqlStore, SqlStore], *, expired: bool
) -> None:
    names = [str(number) for number in range(10)]
    if expired:
        for name in names:
            assert stores[0].first_use("i", name, expires=10.0, now=0.0)
    begin = threading.Barrier(_THREADS)
    taken: list[tuple[str, bool]] = []

    def send(store: SqlStore) -> None:
        begin.wait()
        own = [(name, store.first_use("i", name, expires=200.0, now=100.0)) for name in names]
        taken.extend(own)

    threads = [threading.Thread(target=send, args=(stores[number % 2],)) for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(taken) == Counter({(name, True): 1 for name in names} | {(name, False): 3 for name in names})


def test_expired_tokens_are_swept_out(stores: tuple[SqlStore, SqlStore], engine: Engine) -> None:
    store = stores[0]
    for number in range(5):
        store.first_use("i", str(number), expires=10.0, now=0.0)
    assert _rows(engine) == 5
    store._tokens._remembered = 200
    store.first_use("i", "next", expires=200.0, now=100.0)
    assert _rows(engine) == 1


def test_token_counts_although_nothing_can_be_swept(url: str, engine: Engine) -> None:
    database = Sweepless(url)
    Keeper(database).open()
    tokens = UsedTokens(database)
    assert tokens.first_use("i", "1", expires=10.0, now=0.0)
    assert not tokens.first_use("i", "1", expires=10.0, now=0.0)
    assert _rows(engine) == 1
    database.close()


def test_failures_are_named_without_values(stores: tuple[SqlStore, SqlStore], engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE seen_token"))
    with pytest.raises(StoreError, match=r"^remember a token: \w+$"):
        stores[0].first_use("https://a", "1", expires=100.0, now=50.0)


def _rows(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM seen_token")).scalar_one())
