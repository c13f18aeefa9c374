"""Each test of the store runs on every database that is supported."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from cds_service.store.database import SqlStore
from cds_service.store.keeper import Keeper
from cds_service.store.spool import Spool
from tests.store.keeping import WatchedDatabase

MEBIBYTE = 1024 * 1024


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deep' / 'store.sqlite'}"
    return str(request.getfixturevalue("postgresql").new_database())


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    """The store, open, with its tables made."""
    opened = SqlStore(url)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def database(url: str) -> Iterator[WatchedDatabase]:
    opened = WatchedDatabase(url)
    yield opened
    opened.close()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", MEBIBYTE)


@pytest.fixture
def keeper(database: WatchedDatabase, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    """Carries over when told, not by itself."""
    monkeypatch.setattr(Keeper, "_replay_soon", lambda _: True)
    opened = Keeper(database, spool)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """The same database, past the store."""
    opened = create_engine(url)
    yield opened
    opened.dispose()
