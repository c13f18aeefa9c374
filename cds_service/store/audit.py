"""The audit record: who asked which service when, and which cards by which rules were the answer; nobody by name."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import delete, event, insert, select

from cds_service.store import schema
from cds_service.store.database import named, open_engine

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


def _durable(connection: Any, record: object) -> None:
    del record
    cursor = connection.cursor()
    # What is recorded is on the disk before the answer leaves.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


class AuditStore:
    """Audit records in a SQL database, by default the one of the store."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url, "MARROW_AUDIT_URL")
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _durable)

    def open(self) -> None:
        """Create the table where it is missing. Raises StoreError."""
        with named("open the audit record"), self._engine.begin() as connection:
            schema.audit_metadata.create_all(connection)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def record(self, record: AuditRecord) -> None:
        """Keep one record. Raises StoreError."""
        with named("record a call"), self._engine.begin() as connection:
            connection.execute(insert(schema.audit_event).values(asdict(record)))

    def records(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[AuditRecord]:
        """Yield the records from ``since`` to before ``until``, in order of arrival. Raises StoreError."""
        table = schema.audit_event
        query = select(table).order_by(table.c.id).execution_options(yield_per=_AT_ONCE)
        if since is not None:
            query = query.where(table.c.at >= since)
        if until is not None:
            query = query.where(table.c.at < until)
        with named("read the audit record"), self._engine.connect() as connection:
            for row in connection.execute(query).mappings():
                yield _record(row)

    def purge(self, before: datetime) -> int:
        """Delete the records from before a moment and return how many they were. Raises StoreError."""
        with named("purge the audit record"), self._engine.begin() as connection:
            return connection.execute(delete(schema.audit_event).where(schema.audit_event.c.at < before)).rowcount


def _record(row: Mapping[Any, Any]) -> AuditRecord:
    values = {field.name: row[field.name] for field in fields(AuditRecord)}
    cards = tuple(AuditedCard(card["uuid"], card["card_id"], tuple(card["rules"])) for card in row["cards"])
    return AuditRecord(**values | {"cards": cards})
