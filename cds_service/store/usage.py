"""Counts in the database what became of issued cards; no patient, no report and no comment comes out of it.

The database groups the cards and the groups are read one after another, so that memory does not grow with the cards.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    case,
    cast,
    distinct,
    exists,
    extract,
    func,
    literal_column,
    select,
    text,
)

from cds_service.store import schema
from cds_service.store.connection import Database, named

# Waiting times are counted in steps of this length; what took longer than the last step counts there.
STEP_MINUTES: Final = 10
_LAST_STEP = 400 * 24 * 6
_AT_ONCE = 1000
_OPERATION = "report usage"


@dataclass(frozen=True, slots=True)
class Window:
    """Which cards to look at: issued from ``since`` to before ``until``, asked for by ``client`` if one is named."""

    since: datetime
    until: datetime
    client: str | None = None


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of so many ``cards`` alike.

    ``outcome`` is what was reported last, ``None`` while nothing was. ``suggests`` tells whether there was anything
    that could be accepted. The reason is as the client sent it.
    """

    suggests: bool
    outcome: str | None
    reason_system: str | None
    reason_code: str | None
    cards: int


@dataclass(frozen=True, slots=True)
class Kind:
    """Where cards belong. ``client`` is its issuer, "" where no registry was kept, ``None`` where not recorded."""

    year: int
    month: int
    service: str
    client: str | None
    card_id: str
    indicator: str


class UsageReader:
    """Reads counts from one database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def by_kind(self, window: Window) -> Iterator[tuple[Kind, Fate]]:
        """Yield the cards of the window in groups. Raises StoreError."""
        card = schema.issued_card.c
        names = (
            extract("year", card.issued_at).label("year"),
            extract("month", card.issued_at).label("month"),
            *(card.service, card.client, card.card_id, card.indicator),
        )
        for row in self._grouped(window, names):
            yield Kind(*row[: len(names)]), _fate(row)

    def by_rules(self, window: Window) -> Iterator[tuple[tuple[str, ...], Fate]]:
        """Yield the cards of the window in groups with the same rules. Raises StoreError."""
        # Not every database can group by JSON, all can by its text.
        for row in self._grouped(window, (cast(schema.issued_card.c.rule_ids, Text).label("rules"),)):
            yield tuple(orjson.loads(row[0])), _fate(row)

    def _grouped(self, window: Window, names: Sequence[ColumnElement[Any]]) -> Iterator[Any]:
        """Yield ``names``, then the columns of a fate."""
        card, told = schema.issued_card.c, schema.feedback
        # A clinician may answer twice; what was reported last holds.
        last = select(told.c.card, func.max(told.c.id).label("id")).group_by(told.c.card).subquery()
        each = (
            select(
                *names,
                case((cast(card.suggestions, Text) == literal_column("'[]'"), 0), else_=1).label("suggests"),
                *(told.c.outcome, told.c.reason_system, told.c.reason_code),
            )
            .select_from(
                schema.issued_card.outerjoin(last, last.c.card == card.uuid).outerjoin(told, told.c.id == last.c.id)
            )
            .where(*_within(card.issued_at, window), *_of(window))
            .subquery()
        )
        return self._read(select(*each.c, func.count()).group_by(*each.c))

    def waits(self, window: Window, services: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Yield (steps from the issue of a report to its first card, so many reports); only cards of ``services``.

        A report counts in the window of its first card. Raises StoreError.
        """
        card = schema.issued_card.c
        first = (
            select(card.report_at, func.min(card.issued_at).label("first"))
            .where(card.report_at.is_not(None), card.service.in_(services), *_of(window))
            .group_by(card.patient, card.report_at)
            .subquery()
        )
        step = self._steps(first.c.first, first.c.report_at).label("step")
        each = select(step).where(*_within(first.c.first, window)).subquery()
        bounded = case((each.c.step < 0, 0), (each.c.step > _LAST_STEP, _LAST_STEP), else_=each.c.step).label("step")
        counted = select(bounded).subquery()
        for row in self._read(select(counted.c.step, func.count()).group_by(counted.c.step)):
            yield int(row[0]), int(row[1])

    def unknown(self, window: Window) -> int:
        """Return how many cards were reported on in the window that this store never issued. Raises StoreError."""
        told = schema.feedback.c
        issued = exists().where(schema.issued_card.c.uuid == told.card)
        query = select(func.count(distinct(told.card))).where(*_within(told.received_at, window), ~issued)
        return int(self._connection.execute(query).scalar_one())

    def _read(self, query: Select[Any]) -> Iterator[Any]:
        return iter(self._connection.execute(query.execution_options(yield_per=_AT_ONCE)))

    def _steps(self, later: ColumnElement[Any], earlier: ColumnElement[Any]) -> ColumnElement[int]:
        """Whole steps between two moments; each database counts seconds in its own words."""
        if self._connection.dialect.name == "sqlite":
            seconds = cast(func.strftime("%s", later), Integer) - cast(func.strftime("%s", earlier), Integer)
        else:
            seconds = cast(func.floor(extract("epoch", later) - extract("epoch", earlier)), Integer)
        return cast(func.floor(seconds / (60.0 * STEP_MINUTES)), Integer)


def _fate(row: Sequence[Any]) -> Fate:
    suggests, outcome, system, code, cards = row[-5:]
    return Fate(bool(suggests), outcome, system, code, cards)


def _within(column: Any, window: Window) -> tuple[ColumnElement[bool], ...]:
    return column >= window.since, column < window.until


def _of(window: Window) -> tuple[ColumnElement[bool], ...]:
    return () if window.client is None else (schema.issued_card.c.client == window.client,)


@contextmanager
def reading_usage(database: Database, seconds: float) -> Iterator[UsageReader]:
    """Open a reader whose single questions may take so many seconds. Raises StoreError."""
    with named(_OPERATION), database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
            _wait_longer(connection, seconds)
        yield UsageReader(connection)


def _wait_longer(connection: Connection, seconds: float) -> None:
    # Those of calls are given up after a second; this one is closed when the work is done.
    driver: Any = connection.connection.driver_connection
    driver.silent_seconds = seconds + 1.0
    connection.detach()
    connection.execute(text(f"SET LOCAL statement_timeout = '{int(seconds * 1000)}ms'"))
