"""Servers of this machine as fixtures, one of each for a whole run of a worker; tests take a database of their own."""

import os
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeVar

import pytest

from tests.servers.postgresql import PostgreSQL
from tests.servers.processes import MissingError
from tests.servers.redis import Redis

_Made = TypeVar("_Made")


def made_or_skipped(make: Callable[[], _Made]) -> _Made:
    """Skip what needs a missing program; where all of them must be there, its absence is a failure."""
    try:
        return make()
    except MissingError as reason:
        _give_up(str(reason))


def _give_up(reason: str) -> NoReturn:
    if os.environ.get("TESTS_REQUIRE_TOOLS"):
        pytest.fail(f"TESTS_REQUIRE_TOOLS is set, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A cluster that all tests share; whoever stops it takes ``own_postgresql``."""
    cluster = made_or_skipped(PostgreSQL)
    cluster.server.start()
    yield cluster
    cluster.remove()


@pytest.fixture
def own_postgresql() -> Iterator[PostgreSQL]:
    """A cluster of this test alone."""
    cluster = made_or_skipped(PostgreSQL)
    cluster.server.start()
    yield cluster
    cluster.remove()


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis of this test alone, empty."""
    server = made_or_skipped(Redis)
    server.server.start()
    yield server
    server.remove()
