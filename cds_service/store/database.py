"""The store: issued cards, feedback and used tokens in a SQL database."""

import secrets
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from cds_service.errors import ConfigError
from cds_service.store import schema
from cds_service.store.connection import Database
from cds_service.store.keeper import Keeper
from cds_service.store.records import Feedback, IssuedCard, LinkedFeedback, Outcome
from cds_service.store.rows import row_of
from cds_service.store.tokens import UsedTokens

_KEY_BYTES = 32


def load_hash_key(configured: str, state_dir: Path) -> bytes:
    """Return the key of the patient hash: as configured, else from a file made once in ``state_dir`` (mode 0600).

    Raises ConfigError when the file can neither be read nor made.
    """
    if configured:
        return configured.encode()
    path = state_dir / "patient-hash.key"
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError), path.open("xb") as new_file:
            path.chmod(0o600)
            new_file.write(secrets.token_bytes(_KEY_BYTES))
        key = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"MARROW_STATE_DIR: the patient hash key cannot be kept in {state_dir} ({error.strerror}); "
            "set MARROW_PATIENT_HASH_KEY or another directory"
        ) from None
    if len(key) < _KEY_BYTES:
        raise ConfigError(f"MARROW_STATE_DIR: {path.name} is incomplete; remove it and start again")
    return key


class SqlStore:
    """Issued cards and feedback in a SQL database."""

    def __init__(self, url: str, keeper: Keeper | None = None) -> None:
        self._keeper = keeper or Keeper(Database(url))
        self._database = self._keeper.database
        self._tokens = UsedTokens(self._database)

    def open(self) -> None:
        """Make or change the tables where needed. Raises StoreError, also for an unfit database of a later release."""
        self._keeper.open()

    def close(self) -> None:
        """Give the connections back."""
        self._keeper.close()
        self._database.close()

    def record_feedback(self, items: Sequence[Feedback]) -> None:
        """Keep all items or none; a repeat only counts up. Raises StoreError."""
        if items:
            rows = [
                row_of(item) | {"identity": item.identity, "repeats": 0, "last_write": str(uuid.uuid4())}
                for item in items
            ]
            self._keeper.write_feedback("record feedback", rows)

    def feedback(self) -> tuple[LinkedFeedback, ...]:
        """Return all feedback beside its cards, in order of arrival. Raises StoreError."""

        def read(connection: Connection) -> tuple[LinkedFeedback, ...]:
            rows = connection.execute(select(schema.feedback).order_by(schema.feedback.c.id)).all()
            about = select(schema.issued_card).where(schema.issued_card.c.uuid.in_(select(schema.feedback.c.card)))
            cards = {row.uuid: _issued(row) for row in connection.execute(about)}
            return tuple(LinkedFeedback(_feedback(row), row.repeats, cards.get(row.card)) for row in rows)

        return self._database.run("read feedback", read)

    def issued(self, uuid: str) -> IssuedCard | None:
        """Return one issued card. Raises StoreError."""

        def read(connection: Connection) -> IssuedCard | None:
            row = connection.execute(select(schema.issued_card).where(schema.issued_card.c.uuid == uuid)).first()
            return None if row is None else _issued(row)

        return self._database.run("read a card", read)

    def first_use(self, issuer: str, token_id: str, expires: float, now: float) -> bool:
        """Remember a used token; false when a process that shares this store knew it. Raises StoreError."""
        return self._tokens.first_use(issuer, token_id, expires, now)

    def check(self) -> None:
        """Raise StoreError unless the database answers a trivial query."""
        self._database.check()

    def can_write(self) -> bool:
        """Whether what is recorded now would be kept, if need be in the spool."""
        return self._keeper.can_write()

    def purge(self, before: datetime) -> int:
        """Delete cards and feedback from before a moment and return how many rows they were. Raises StoreError."""

        def work(connection: Connection) -> int:
            old = select(schema.issued_card.c.uuid).where(schema.issued_card.c.issued_at < before)
            shown = connection.execute(delete(schema.shown_card).where(schema.shown_card.c.card.in_(old)))
            feedback = connection.execute(delete(schema.feedback).where(schema.feedback.c.received_at < before))
            cards = connection.execute(delete(schema.issued_card).where(schema.issued_card.c.issued_at < before))
            return shown.rowcount + feedback.rowcount + cards.rowcount

        return self._database.run("purge the store", work)


def _issued(row: Row[Any]) -> IssuedCard:
    values = {field.name: getattr(row, field.name) for field in fields(IssuedCard)}
    return IssuedCard(**values | {"rule_ids": tuple(row.rule_ids), "suggestions": tuple(row.suggestions)})


def _feedback(row: Row[Any]) -> Feedback:
    values = {field.name: getattr(row, field.name) for field in fields(Feedback)}
    return Feedback(
        **values | {"outcome": Outcome(row.outcome), "accepted_suggestions": tuple(row.accepted_suggestions)}
    )
