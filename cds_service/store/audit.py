"""The audit record: who asked which service when, and which cards by which rules were the answer; nobody by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from cds_service.identity import new_uuid
from cds_service.store import schema
from cds_service.store.connection import Database, may_pause, named
from cds_service.store.keeper import Keeper
from cds_service.store.rows import row_of

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class AuditedCard:
    """One card of an answer: its uuid, which card it was, and the rules behind it."""

    uuid: str
    card_id: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One call. ``user`` and ``patient`` are keyed hashes, ``status`` is the HTTP status of the answer."""

    at: datetime
    request_id: str
    action: str
    status: int
    service: str
    hook: str
    hook_instance: str = ""
    issuer: str = ""
    tenant: str = ""
    user: str = ""
    patient: str = ""
    knowledge_version: str = ""
    language: str = ""
    cards: tuple[AuditedCard, ...] = ()


class AuditStore:
    """Audit records in a SQL database, by default the one of the store."""

    def __init__(self, url: str, keeper: Keeper | None = None) -> None:
        self._keeper = keeper or Keeper(Database(url, "MARROW_AUDIT_URL", durable=True))
        self._database = self._keeper.database

    def open(self) -> None:
        """Make or change the tables where needed. Raises StoreError."""
        self._keeper.open()

    def close(self) -> None:
        """Give the connections back."""
        self._keeper.close()
        self._database.close()

    def records(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[AuditRecord]:
        """Yield the records from ``since`` to before ``until``, in order of arrival. Raises StoreError."""
        table = schema.audit_event
        query = select(table).order_by(table.c.id).execution_options(yield_per=_AT_ONCE)
        if since is not None:
            query = query.where(table.c.at >= since)
        if until is not None:
            query = query.where(table.c.at < until)
        with named("read the audit record"), self._database.engine.connect() as connection:
            may_pause(connection)
            for row in connection.execute(query).mappings():
                yield _record(row)

    def purge(self, before: datetime) -> int:
        """Delete the records from before a moment and return how many they were. Raises StoreError."""
        old = delete(schema.audit_event).where(schema.audit_event.c.at < before)
        return self._database.run("purge the audit record", lambda connection: connection.execute(old).rowcount)


def audit_row(record: AuditRecord) -> dict[str, Any]:
    """Return the row of a record that is to be kept, with a name by which it is known when it is written again."""
    cards = [row_of(card) for card in record.cards]
    return row_of(record) | {"cards": cards, "entry": new_uuid()}


def _record(row: Mapping[Any, Any]) -> AuditRecord:
    values = {field.name: row[field.name] for field in fields(AuditRecord)}
    cards = tuple(AuditedCard(card["uuid"], card["card_id"], tuple(card["rules"])) for card in row["cards"])
    return AuditRecord(**values | {"cards": cards})
