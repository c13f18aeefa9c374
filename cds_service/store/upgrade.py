"""Leads a database to the tables of this release; several processes that start at once do it one after another."""

import importlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect, select, text

from cds_service.store import schema
from cds_service.store.connection import Database, may_pause
from cds_service.store.records import StoreError

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0005"
# Any number, as long as nobody else on the server uses it.
_LOCK = 7_204_516_390_112
_LOCK_SECONDS = 30


def revision_of(connection: Connection) -> str:
    """Return the step a database has reached; "" for one without any."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def open_tables(database: Database) -> None:
    """Make or change the tables where they are missing or old. Raises StoreError, also for a later, unfit database."""
    if database.reach("open", _is_ready):
        return
    # Loaded before any other process has to wait; it takes a third of a second and is needed once in a release.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    importlib.import_module("alembic.command")
    database.reach("upgrade", _upgrade)


def _is_ready(connection: Connection) -> bool:
    if not inspect(connection).has_table("schema_version"):
        return False
    version = connection.execute(select(schema.schema_version.c.version)).scalar()
    if version is not None and version > schema.SCHEMA_VERSION:
        raise StoreError(f"open: the database has schema {version}, this release knows {schema.SCHEMA_VERSION}")
    # Beyond ours: a later release was here, and its changes leave room for this one.
    return revision_of(connection) >= HEAD


def _upgrade(connection: Connection) -> None:
    _wait_for_turn(connection)
    if not _is_ready(connection):
        from alembic import command  # noqa: PLC0415 - loaded by now

        command.upgrade(_steps(connection), "head")


def _wait_for_turn(connection: Connection) -> None:
    # This one connection waits longer than those of calls, and is closed when the work is done.
    driver: Any = connection.connection.driver_connection
    connection.detach()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_LOCK_SECONDS * 1000}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif connection.dialect.name == "postgresql":
        driver.silent_seconds = _LOCK_SECONDS + 1.0
        may_pause(connection)
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{_LOCK_SECONDS}s'")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _steps(connection: Connection) -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - loaded by now

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
