"""Writes rows of any table: new ones, and ones from the spool of which some may be stored already."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table, bindparam, func, insert, literal_column, select, update
from sqlalchemy.engine.interfaces import DBAPICursor

from cds_service.store import schema
from cds_service.store.prepared import Prepared, Row, insert_or_meet, prepare, prepared_insert
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


def put_feedback(cursor: DBAPICursor, dialect: Dialect, rows: Sequence[Row]) -> None:
    """Keep reports with the same columns; repeats of known ones count, unless this very write was counted."""
    _prepared_feedback(tuple(rows[0]), dialect).run_all(cursor, [_linked(row) for row in rows])


def _linked(row: Row) -> dict[str, Any]:
    return {**row, "about": row["card"]}


@lru_cache(maxsize=8)
def _prepared_feedback(names: tuple[str, ...], dialect: Dialect) -> Prepared:
    return prepare(_keeping_feedback(dialect), dialect, names)


@lru_cache(maxsize=8)
def _keeping_feedback(dialect: Dialect) -> Any:
    """Return what adds a report ``about`` a card with the state that this was shown for, or counts one that is there.

    A write that was counted already changes nothing.
    """
    table, shown = schema.feedback, schema.shown_card.c
    state = select(shown.state).where(shown.card == bindparam("about", type_=table.c.card.type)).scalar_subquery()
    new = insert_or_meet(table, dialect).values(state=state)
    return new.on_conflict_do_update(
        index_elements=[table.c.identity],
        set_={"repeats": table.c.repeats + literal_column("1"), "last_write": new.excluded.last_write},
        where=func.coalesce(table.c.last_write, literal_column("''")) != new.excluded.last_write,
    )


def put_once(connection: Connection, line: Line) -> None:
    """Store a row from the spool unless it is there. Raises IntegrityError and DataError for one that never will be."""
    table = schema.metadata.tables[line.table]
    row = typed(table, line.row)
    with connection.begin_nested():
        if table is schema.feedback:
            connection.execute(_keeping_feedback(connection.dialect), _linked(row))
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
