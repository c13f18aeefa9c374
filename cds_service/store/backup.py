"""The whole store as one compressed file of JSON lines, from any supported database into any other.

First line: what it is and the step its tables had; then one line for each row; last line: how many rows there are. Used
tokens are left out: they are worthless after a restore.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Table, func, insert, select, text

from cds_service.store import schema
from cds_service.store.connection import Database, may_pause, named
from cds_service.store.records import StoreError
from cds_service.store.rows import typed
from cds_service.store.upgrade import HEAD, open_tables, revision_of

FORMAT = "marrow-cds-store"
TABLES: tuple[Table, ...] = (schema.issued_card, schema.feedback, schema.shown_card, schema.audit_event)
_AT_ONCE = 500


def write_backup(database: Database, path: Path) -> int:
    """Write everything as it stands at one moment, while the service runs on, and return the number of rows.

    Raises StoreError; what was begun is then removed.
    """
    begun = path.with_name(f".{path.name}.part")
    try:
        begun.touch(mode=0o600)
        with named("back up"), database.engine.connect() as connection, gzip.open(begun, "wb") as file:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
                connection.execute(text("SET LOCAL statement_timeout = 0"))
            may_pause(connection)
            written = 0
            for line in _lines(connection):
                file.write(orjson.dumps(line) + b"\n")
                written += "row" in line
            file.write(orjson.dumps({"rows": written}) + b"\n")
        begun.replace(path)
    except OSError as error:
        raise StoreError(f"back up: {error.strerror or type(error).__name__}") from error
    finally:
        begun.unlink(missing_ok=True)
    return written


def read_backup(database: Database, path: Path) -> int:
    """Fill an empty store from a file, all of it or nothing, and return the number of rows. Raises StoreError."""
    open_tables(database)
    return database.reach("restore", lambda connection: _fill(connection, path))


def counts(connection: Connection) -> dict[str, int]:
    """Return how many rows each table has."""
    return {table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in TABLES}


def _lines(connection: Connection) -> Iterator[dict[str, Any]]:
    yield {"format": FORMAT, "revision": revision_of(connection)}
    for table in TABLES:
        query = select(table).order_by(*table.primary_key).execution_options(yield_per=_AT_ONCE)
        for row in connection.execute(query).mappings():
            yield {"table": table.name, "row": {str(name): value for name, value in row.items()}}


def _fill(connection: Connection, path: Path) -> int:
    if any(counts(connection).values()):
        raise StoreError("restore: the store is not empty")
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    may_pause(connection)
    stored, waiting = 0, dict[str, list[dict[str, Any]]]()
    end: dict[str, Any] = {}
    for line in _read(path):
        if "row" not in line:
            end = line
            continue
        table = schema.metadata.tables[line["table"]]
        waiting.setdefault(table.name, []).append(typed(table, line["row"]))
        stored += 1
        if len(waiting[table.name]) >= _AT_ONCE:
            connection.execute(insert(table), waiting.pop(table.name))
    for name, rows in waiting.items():
        connection.execute(insert(schema.metadata.tables[name]), rows)
    if end.get("rows") != stored:
        raise StoreError("restore: the file is not whole")
    _count_on(connection)
    return stored


def _read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines after the first one. Raises StoreError for anything but a backup of this release or before."""
    try:
        with gzip.open(path, "rb") as file:
            first = orjson.loads(file.readline())
            if first["format"] != FORMAT or first["revision"] > HEAD:
                raise StoreError("restore: not a backup that this release can read")
            yield from map(orjson.loads, file)
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"restore: the file cannot be read ({type(error).__name__})") from error


def _count_on(connection: Connection) -> None:
    """Let PostgreSQL number new rows behind the restored ones."""
    if connection.dialect.name == "postgresql":
        for table in ("feedback", "audit_event"):
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "  # noqa: S608 - names of two tables
                    f"(SELECT coalesce(max(id), 0) + 1 FROM {table}), false)"
                )
            )
