"""Tokens that were used, in a table: for every process that shares a database, or a file of this machine."""

import hashlib
import threading
from contextlib import suppress
from functools import lru_cache

from sqlalchemy import Dialect, bindparam, delete
from sqlalchemy.schema import CreateTable

from cds_service.store import schema
from cds_service.store.connection import Database
from cds_service.store.prepared import Prepared, insert_or_meet, prepare
from cds_service.store.records import StoreError

_SWEEP_EVERY = 200


class UsedTokens:
    """The table of used tokens in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered = 0

    def first_use(self, issuer: str, token_id: str, expires: float, now: float) -> bool:
        """Remember a used token for every process that shares the database; false when one of them knew it.

        ``expires`` and ``now`` are seconds since 1970. Raises StoreError.
        """
        identity = hashlib.sha256(f"{issuer}\x1f{token_id}".encode("utf-8", "surrogatepass")).hexdigest()
        remember = _remembering(self._database.engine.dialect)
        row = {"identity": identity, "until": expires, "now": now}
        written = self._database.quick(
            "remember a token", lambda cursor: remember.run(cursor, row).rowcount, alone=True
        )
        self._remembered += 1
        if self._remembered % _SWEEP_EVERY == 1:
            self._sweep(now)
        return written == 1

    def _sweep(self, now: float) -> None:
        """Delete what could no longer be used. What stays is replaced when it is used, or goes later."""
        sweep = _sweeping(self._database.engine.dialect)
        with suppress(StoreError):
            self._database.quick("sweep tokens", lambda cursor: sweep.run(cursor, {"now": now}), alone=True)


@lru_cache(maxsize=8)
def _remembering(dialect: Dialect) -> Prepared:
    """Return what writes one row for a new token or over one that expired, and none for one that is known."""
    table = schema.seen_token
    new = insert_or_meet(table, dialect)
    expired = table.c.until < bindparam("now", type_=table.c.until.type)
    remember = new.on_conflict_do_update(
        index_elements=[table.c.identity], set_={"until": new.excluded.until}, where=expired
    )
    return prepare(remember, dialect, ("identity", "until"))


@lru_cache(maxsize=8)
def _sweeping(dialect: Dialect) -> Prepared:
    table = schema.seen_token
    return prepare(delete(table).where(table.c.until < bindparam("now", type_=table.c.until.type)), dialect)


class MachineTokens:
    """Used tokens in a file that the processes of this machine share, for as long as nobody else can be asked."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._tokens: UsedTokens | None = None
        self._lock = threading.Lock()

    def first_use(self, issuer: str, token_id: str, expires: float, now: float) -> bool:
        """Remember a used token; false when a process of this machine knew it. Raises StoreError."""
        with self._lock:
            if self._tokens is None:
                database = Database(self._url)
                made = CreateTable(schema.seen_token, if_not_exists=True)
                database.run("open", lambda connection: connection.execute(made))
                self._tokens = UsedTokens(database)
        return self._tokens.first_use(issuer, token_id, expires, now)
