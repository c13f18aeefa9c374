"""A connection to PostgreSQL that gives up by itself when the server stays silent."""

import math
import time
from typing import Any

import psycopg

# Longer than the server's own limit, which ends a statement and keeps the connection.
_SILENT_SECONDS = 1.5
_LEAST_SECONDS = 0.05


class BoundedConnection(psycopg.Connection[Any]):
    """Ends itself where no answer comes: a stopped or unreachable server must not hold up an answer."""

    silent_seconds = _SILENT_SECONDS
    _until = math.inf

    def give(self, seconds: float | None, *, alone: bool = False) -> None:
        """Let all exchanges from now on take so long altogether; ``None`` sets no end.

        With ``alone`` each statement is a transaction by itself, which spares two exchanges.
        """
        self._until = math.inf if seconds is None else time.monotonic() + seconds
        if self.autocommit is not alone:
            self.autocommit = alone

    # The one place through which every exchange with the server goes.
    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for an exchange for as long as may be. Raises OperationalError."""
        began = time.monotonic()
        # What is left of the time, and enough to fail in one way.
        left = max(self._until - began, _LEAST_SECONDS)
        limit = min(self.silent_seconds if timeout is None else timeout, left)
        try:
            return super().wait(gen, interval, limit)
        except psycopg.Error:
            if time.monotonic() - began < limit:
                raise
            self.pgconn.finish()
            raise psycopg.OperationalError("the server did not answer in time") from None
