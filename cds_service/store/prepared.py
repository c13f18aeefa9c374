"""Statements put into the words of a database once: what a hook call does in it then costs little beside the database.

The library's own objects build and look up a statement at each use, which takes longer than storing a row.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, Table, insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Row = Mapping[str, Any]
_Convert = Callable[[Any], Any]


class Prepared:
    """One statement as the driver takes it, with what turns each value into the driver's own."""

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        self._text = str(compiled)
        names = compiled.positiontup if compiled.positional else list(compiled.bind_names.values())
        self._names: tuple[str, ...] = tuple(names or ())
        self._positional = compiled.positional
        self._converts = tuple(_to_driver(compiled.binds[name].type, dialect) for name in self._names)

    def run(self, cursor: DBAPICursor, row: Row) -> DBAPICursor:
        """Execute for one row of values and return the cursor with what was found."""
        cursor.execute(self._text, self._bound(row))
        return cursor

    def run_all(self, cursor: DBAPICursor, rows: Sequence[Row]) -> None:
        """Execute for each row of values: for the few of a call a driver takes longer to prepare for many."""
        for row in rows:
            cursor.execute(self._text, self._bound(row))

    def _bound(self, row: Row) -> Any:
        values = [
            row[name] if convert is None else convert(row[name])
            for name, convert in zip(self._names, self._converts, strict=True)
        ]
        return tuple(values) if self._positional else dict(zip(self._names, values, strict=True))


def _to_driver(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def from_driver(kind: TypeEngine[Any], dialect: Dialect) -> _Convert:
    """Return what turns a value of the driver into that of a column."""
    found = kind.dialect_impl(dialect).result_processor(dialect, None)
    return found or (lambda value: value)


def prepare(statement: Executable, dialect: Dialect, names: tuple[str, ...] | None = None) -> Prepared:
    """Return the statement for a kind of database; ``names`` are the columns that an insert fills."""
    compiled = statement.compile(dialect=dialect, column_keys=names)  # type: ignore[attr-defined]
    return Prepared(compiled, dialect)


def insert_or_meet(table: Table, dialect: Dialect) -> Any:
    """Return an insert that may say what becomes of a row which is there already, as both databases can."""
    if dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert  # noqa: PLC0415 - where it is in use

        return postgresql_insert(table).inline()
    return sqlite_insert(table).inline()


@lru_cache(maxsize=64)
def prepared_insert(table: Table, names: tuple[str, ...], dialect: Dialect) -> Prepared:
    """Return the insert of rows that have just these columns; nothing of the new row is read back."""
    return prepare(insert(table).inline(), dialect, names)
