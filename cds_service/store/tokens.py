"""Tokens that were used, in a table: for every process that shares a database, or a file of this machine."""

import hashlib
import threading

from sqlalchemy import Connection, delete, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from cds_service.store import schema
from cds_service.store.connection import Database

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
        table = schema.seen_token
        # Sweeping now and then is enough; a row that could no longer be used is replaced at any time.
        self._remembered += 1
        expired = table.c.until < now
        gone = expired if self._remembered % _SWEEP_EVERY == 1 else expired & (table.c.identity == identity)

        def write(connection: Connection) -> bool:
            connection.execute(delete(table).where(gone))
            try:
                with connection.begin_nested():
                    connection.execute(insert(table).values(identity=identity, until=expires))
            except IntegrityError:
                return False
            return True

        return self._database.run("remember a token", write)


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
