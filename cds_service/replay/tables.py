"""The tables of a replay as Parquet: the same rows in the same order give the same bytes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, get_type_hints

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from cds_service.replay.rows import TABLES, Row

_GROUP_ROWS: Final = 50_000
_WAITING_ROWS: Final = 5_000
# So many rows are plain Python objects at a time.
_READ_ROWS: Final = 8_192
_TYPES: Final[Mapping[Any, Any]] = {
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
    list[str]: pa.list_(pa.string()),
}


def _schema(row: type[Row]) -> Any:
    hints = get_type_hints(row)
    return pa.schema([pa.field(one.name, _TYPES[hints[one.name]], nullable=False) for one in fields(row)])


SCHEMAS: Final[Mapping[str, Any]] = {name: _schema(row) for name, row in TABLES.items()}
_NAMES: Final = {row: name for name, row in TABLES.items()}


def table_of(row: Row) -> str:
    """Return the name of the table that a row belongs to."""
    return _NAMES[type(row)]


def arrow(name: str, rows: Iterable[Row]) -> Any:
    """Return rows of one table as an Arrow table."""
    schema = SCHEMAS[name]
    columns: dict[str, list[Any]] = {field: [] for field in schema.names}
    appenders: list[tuple[str, Callable[[Any], None]]] = [(field, column.append) for field, column in columns.items()]
    for row in rows:
        for field, append in appenders:
            append(getattr(row, field))
    return pa.Table.from_pydict(columns, schema=schema)


def table_path(folder: Path, name: str) -> Path:
    """Return where a table stands: a file, or a folder of parts where a cluster wrote it."""
    return folder / f"{name}.parquet"


class PartWriter:
    """Writes the rows of one bucket, a file for each table, as they come; use it in a ``with`` block.

    The files are there whole once the block has ended well, else not at all.
    """

    def __init__(self, folder: Path, part: str) -> None:
        self._stack = ExitStack()
        self._writers = {name: TableWriter(folder / f"{part}-{name}.parquet", name) for name in TABLES}
        self._waiting: dict[str, list[Row]] = {name: [] for name in TABLES}

    def __enter__(self) -> Self:
        for writer in self._writers.values():
            self._stack.enter_context(writer)
        return self

    def add(self, row: Row) -> None:
        """Take in one row of any table."""
        name = table_of(row)
        waiting = self._waiting[name]
        waiting.append(row)
        if len(waiting) == _WAITING_ROWS:
            self._pass_on(name)

    def _pass_on(self, name: str) -> None:
        for batch in arrow(name, self._waiting[name]).to_batches():
            self._writers[name].add(batch)
        self._waiting[name] = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            for name in TABLES:
                self._pass_on(name)
        self._stack.__exit__(kind, error, trace)


def join_parts(folder: Path, parts: Iterable[str], out: Path) -> None:
    """Write the tables of all parts, in the order of ``parts``, as one file for each table."""
    listed = tuple(parts)
    for name in TABLES:
        with TableWriter(table_path(out, name), name) as writer:
            for part in listed:
                for batch in pq.ParquetFile(folder / f"{part}-{name}.parquet").iter_batches(_GROUP_ROWS):
                    writer.add(batch)


class TableWriter:
    """Writes batches to one Parquet file with row groups of one size, however the batches were cut."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._unfinished = path.with_suffix(".unfinished")
        self._schema = SCHEMAS[name]
        self._waiting: list[Any] = []
        self._rows = 0

    def __enter__(self) -> Self:
        self._writer = pq.ParquetWriter(self._unfinished, self._schema, compression="zstd")
        return self

    def add(self, batch: Any) -> None:
        """Take in one batch."""
        self._waiting.append(batch)
        self._rows += batch.num_rows
        while self._rows >= _GROUP_ROWS:
            table = pa.Table.from_batches(self._waiting, self._schema)
            self._writer.write_table(table.slice(0, _GROUP_ROWS).combine_chunks(), _GROUP_ROWS)
            self._waiting = table.slice(_GROUP_ROWS).to_batches()
            self._rows -= _GROUP_ROWS

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._rows:
            self._writer.write_table(pa.Table.from_batches(self._waiting, self._schema).combine_chunks(), _GROUP_ROWS)
        self._writer.close()
        if kind is None:
            self._unfinished.replace(self._path)


def read_rows(folder: Path, name: str, columns: Iterable[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a written table as plain dictionaries, batch by batch."""
    dataset = ds.dataset(table_path(folder, name), SCHEMAS[name], format="parquet")
    wanted = list(columns) if columns else None
    for batch in dataset.to_batches(columns=wanted, batch_size=_READ_ROWS, use_threads=False):
        yield from batch.to_pylist()
