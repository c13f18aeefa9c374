"""Writes rows of any table: new ones, and ones from the spool of which some may be stored already."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Dialect, Table, func, insert, select, update
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import IntegrityError

from cds_service.store import schema
from cds_service.store.prepared import Row, prepared_insert
from cds_service.store.spool import Line

# Rows of one table.
Batch = tuple[Table, Sequence[Row]]

# What makes a row of the table one of its kind.
_KEYS = {"issued_card": "uuid", "shown_card": "card", "audit_event": "entry"}


def row_of(record: Any) -> dict[str, Any]:
    """Return the members of a flat record with slots, by the names of their columns."""
    return {name: getattr(record, name) for name in record.__slots__}


def put_new(cursor: DBAPICursor, dialect: Dialect, batches: Sequence[Batch]) -> None:
    """Insert rows of several tables, those of one table with the same columns."""
    for table, rows in batches:
        prepared_insert(table, tuple(rows[0]), dialect).run_all(cursor, rows)


def put_feedback(connection: Connection, row: Row) -> None:
    """Keep one report; a repeat of a known one counts, unless this very write was counted."""
    table = schema.feedback
    again = (
        update(table)
        .where(table.c.identity == row["identity"], func.coalesce(table.c.last_write, "") != row["last_write"])
        .values(repeats=table.c.repeats + 1, last_write=row["last_write"])
    )
    counted = select(table.c.id).where(table.c.identity == row["identity"], table.c.last_write == row["last_write"])
    if connection.execute(again).rowcount or connection.execute(counted).first() is not None:
        return
    try:
        with connection.begin_nested():
            connection.execute(insert(table).values(dict(row) | {"state": _state_of(row)}))
    except IntegrityError:
        # Another process stored the same report between our look and our insert; anything else is a real failure.
        if not connection.execute(again).rowcount:
            raise


def _state_of(row: Row) -> Any:
    """Return the question for which state the card of a report was shown."""
    shown = schema.shown_card.c
    return select(shown.state).where(shown.card == row["card"]).scalar_subquery()


def put_once(connection: Connection, line: Line) -> None:
    """Store a row from the spool unless it is there. Raises IntegrityError and DataError for one that never will be."""
    table = schema.metadata.tables[line.table]
    row = typed(table, line.row)
    with connection.begin_nested():
        if table is schema.feedback:
            put_feedback(connection, row)
        elif not _is_known(connection, table, _KEYS[line.table], row):
            connection.execute(insert(table).values(row))
            if table is schema.shown_card:
                _tell_feedback(connection, row)


def _tell_feedback(connection: Connection, row: Row) -> None:
    """Give the state to feedback that was stored before the showing that it is about."""
    feedback = schema.feedback
    connection.execute(update(feedback).where(feedback.c.card == row["card"]).values(state=row["state"]))


def _is_known(connection: Connection, table: Table, key: str, row: Row) -> bool:
    return connection.execute(select(table.c[key]).where(table.c[key] == row[key])).first() is not None


def typed(table: Table, row: Row) -> dict[str, Any]:
    """Give moments their type back, which JSON does not know."""
    return {
        name: datetime.fromisoformat(value).astimezone(UTC)
        if isinstance(table.c[name].type, schema.Moment) and value is not None
        else value
        for name, value in row.items()
    }
