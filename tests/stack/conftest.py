"""The whole stack for one test each: nothing of it is replaced but the clock, which a test may move."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hapi.conftest import hapi
from tests.servers.postgresql import PostgreSQL
from tests.servers.redis import Redis
from tests.servers.service import Service
from tests.servers.stack import service_with_stores

__all__ = ["hapi"]


@pytest.fixture
def service(tmp_path: Path, own_postgresql: PostgreSQL, own_redis: Redis) -> Iterator[Service]:
    """Two workers with nothing to fetch; with time for a machine that is busy with other tests."""
    with service_with_stores(tmp_path, own_postgresql, own_redis, {"BUDGET_SECONDS": "60"}) as started:
        yield started
