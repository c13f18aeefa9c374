"""The counts are the same on every database that is supported."""

from tests.store.conftest import engine, store, url  # noqa: F401 - used by name
