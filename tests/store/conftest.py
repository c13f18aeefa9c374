"""Each test of the store runs on every database that is supported."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deep' / 'store.sqlite'}"
    return str(request.getfixturevalue("postgresql").new_database())


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """The same database, past the store."""
    opened = create_engine(url)
    yield opened
    opened.dispose()
