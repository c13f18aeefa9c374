"""How many calls of a client were counted in a span of time, for every process that shares a database."""

import hashlib

from sqlalchemy import Connection, delete, insert, update
from sqlalchemy.exc import IntegrityError

from cds_service.store import schema
from cds_service.store.connection import Database


class UsedShares:
    """The table of shares in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, name: str, ends: float, number: int, most: int) -> int:
        """Take so many calls of the span that ``ends`` then, else one, and return how many were taken; 0 when all are.

        ``ends`` is in seconds since 1970, ``most`` what may be taken in all. Raises StoreError.
        """
        identity = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        return self._database.run("count calls", lambda connection: _take(connection, identity, ends, number, most))


def _take(connection: Connection, identity: str, ends: float, number: int, most: int) -> int:
    table = schema.used_share
    if _add(connection, identity, ends, number, most):
        return number
    try:
        with connection.begin_nested():
            connection.execute(insert(table).values(identity=identity, ends=ends, taken=number))
    except IntegrityError:
        # Either another process was quicker to begin the span, or less than this is left of it.
        return number if _add(connection, identity, ends, number, most) else _add(connection, identity, ends, 1, most)
    # A span begins; those before are over.
    connection.execute(delete(table).where(table.c.identity == identity, table.c.ends < ends))
    return number


def _add(connection: Connection, identity: str, ends: float, number: int, most: int) -> int:
    """Add to what was taken, unless that would be too much; 1 when it was done."""
    table = schema.used_share
    mine = (table.c.identity == identity) & (table.c.ends == ends)
    left = mine & (table.c.taken <= most - number)
    return connection.execute(update(table).where(left).values(taken=table.c.taken + number)).rowcount
