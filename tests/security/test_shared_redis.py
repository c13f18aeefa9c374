"""Redis for tokens and rates: shared while it is there; when it is gone the store and each process take over."""

import time
from pathlib import Path

import pytest
from limits import parse

from cds_service.errors import ConfigError
from cds_service.security.clients import OPEN, Client
from cds_service.security.quota import Quotas, Throttled
from cds_service.security.replay import SeenTokens, SharedTokens
from cds_service.security.shared_redis import RedisTokens, SharedRedis
from cds_service.store.database import SqlStore
from cds_service.store.records import StoreError
from cds_service.store.tokens import MachineTokens
from tests.servers.redis import Redis


def client(rate: str) -> Client:
    return Client(**{name: getattr(OPEN, name) for name in OPEN.__slots__} | {"issuer": "i", "rate": parse(rate)})


def test_token_is_known_to_every_process_by_redis_and_by_the_store_when_it_is_gone(own_redis: Redis) -> None:
    store = SeenTokens()
    shares = [SharedRedis(own_redis.url) for _ in range(2)]
    first, second = (RedisTokens(shared, store, StoreError) for shared in shares)
    now = time.time()
    assert first.first_use("i", "t", now + 60, now)
    assert not second.first_use("i", "t", now + 60, now)
    assert second.first_use("other", "t", now + 60, now)
    own_redis.server.stop()
    assert first.first_use("i", "later", now + 60, now)
    assert not second.first_use("i", "later", now + 60, now)
    for shared in shares:
        shared.close()


def test_token_is_known_after_redis_was_lost_or_came_back_empty(own_redis: Redis) -> None:
    store = SeenTokens()
    shares = [SharedRedis(own_redis.url) for _ in range(3)]
    first, second, third = (RedisTokens(shared, store, StoreError) for shared in shares)
    now = time.time()
    assert first.first_use("i", "t", now + 60, now)
    shares[0].client.flushall()
    assert not second.first_use("i", "t", now + 60, now)
    own_redis.server.stop()
    assert not third.first_use("i", "t", now + 60, now)
    for shared in shares:
        shared.close()


def test_redis_decides_while_the_store_gives_no_answer(own_redis: Redis, tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'store.sqlite'}")  # never opened: it has no tables
    shares = [SharedRedis(own_redis.url) for _ in range(2)]
    first, second = (RedisTokens(shared, store, StoreError) for shared in shares)
    now = time.time()
    assert first.first_use("i", "t", now + 60, now)
    assert not second.first_use("i", "t", now + 60, now)
    own_redis.server.stop()
    with pytest.raises(StoreError):
        first.first_use("i", "u", now + 60, now)
    for shared in shares:
        shared.close()
    store.close()


def test_rate_holds_for_all_processes_together_and_for_each_when_redis_is_gone(own_redis: Redis) -> None:
    shares = [SharedRedis(own_redis.url) for _ in range(2)]
    processes = [Quotas(shared) for shared in shares]
    eager = client("3/hour")
    let_in, waits = 0, list[int]()
    for number in range(6):
        try:
            with processes[number % 2].admitted(eager, "a"):
                let_in += 1
        except Throttled as refused:
            waits.append(refused.retry_seconds)
    assert let_in == len(waits) == 3
    assert all(1 <= seconds <= 3600 for seconds in waits)
    own_redis.server.stop()
    for quotas in processes:
        for _ in range(3):
            with quotas.admitted(eager, "a"):
                let_in += 1
        with pytest.raises(Throttled), quotas.admitted(eager, "a"):
            pass
    assert let_in == 9
    for shared in shares:
        shared.close()


def test_frozen_redis_holds_nobody_up(own_redis: Redis) -> None:
    shared = SharedRedis(own_redis.url)
    tokens = RedisTokens(shared, SeenTokens(), StoreError)
    own_redis.server.freeze()
    assert tokens.first_use("i", "t", 100, 0)
    own_redis.server.thaw()
    shared.close()


def test_without_store_the_processes_of_one_machine_refuse_repeats_and_without_a_disk_all(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'store.sqlite'}")  # never opened: it has no tables
    spare = f"sqlite:///{tmp_path / 'seen-tokens.sqlite'}"
    first, second = (SharedTokens(store, StoreError, MachineTokens(spare)) for _ in range(2))
    assert first.first_use("i", "t", 100, 0)
    assert not second.first_use("i", "t", 100, 0)
    assert second.first_use("i", "u", 100, 0)
    none = SharedTokens(store, StoreError, store)
    assert not none.first_use("i", "v", 100, 0)
    store.close()


@pytest.mark.parametrize("wrong", ["nonsense", "http://host"])
def test_unusable_address_is_named(wrong: str) -> None:
    with pytest.raises(ConfigError, match="MARROW_REDIS_URL"):
        SharedRedis(wrong)
