"""Servers that the tests of the stack stop, freeze and start; each test leaves them as it found them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hapi.conftest import hapi
from tests.servers.fixtures import made_or_skipped
from tests.servers.postgresql import PostgreSQL
from tests.servers.redis import Redis
from tests.stack.world import World, world

__all__ = ["hapi"]


@pytest.fixture(scope="module")
def _cluster() -> Iterator[PostgreSQL]:
    cluster = made_or_skipped(PostgreSQL)
    yield cluster
    cluster.remove()


@pytest.fixture(scope="module")
def _redis() -> Iterator[Redis]:
    server = made_or_skipped(Redis)
    yield server
    server.remove()


@pytest.fixture
def own_postgresql(_cluster: PostgreSQL) -> PostgreSQL:
    """A cluster that no test of another module uses; running and writable, whatever the test before did to it."""
    _cluster.server.heal()
    _cluster.read_only(on=False)
    return _cluster


@pytest.fixture
def own_redis(_redis: Redis) -> Redis:
    """A Redis that no test of another module uses."""
    _redis.server.heal()
    return _redis


@pytest.fixture
def at(tmp_path: Path, own_postgresql: PostgreSQL, own_redis: Redis, record_property: Any) -> Iterator[World]:
    """The running service over both."""
    with world(tmp_path, own_postgresql, own_redis, record_property) as opened:
        yield opened
