"""Keeps rows: in the database, or in the spool while the database is away, and carries them over when it is back."""

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select, text
from sqlalchemy.exc import DataError, IntegrityError

from cds_service.store import schema
from cds_service.store.connection import Database
from cds_service.store.prepared import Row
from cds_service.store.records import StoreAway, StoreError
from cds_service.store.reserve import ReserveError
from cds_service.store.rows import Batch, put_feedback, put_new, put_once
from cds_service.store.spool import Line, Spool, read_lines
from cds_service.store.upgrade import open_tables

_log = logging.getLogger("cds_service.store")
_RETRY_SECONDS = 0.5


class Keeper:
    """Writes to one database. Without a spool a row that the database does not take is refused."""

    def __init__(self, database: Database, spool: Spool | None = None) -> None:
        self.database = database
        self._spool = spool
        self._opened = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def write_feedback(self, operation: str, rows: Sequence[Row]) -> None:
        """Keep all reports or none; one that is known is only counted. Raises StoreError when they are kept nowhere."""
        dialect = self.database.engine.dialect
        try:
            self.database.quick(operation, lambda cursor: put_feedback(cursor, dialect, rows))
        except StoreError as reason:
            self._set_aside(reason, [(schema.feedback, rows)])

    def write_new(self, operation: str, batches: Sequence[Batch]) -> None:
        """Keep new rows of several tables, all or none. Raises StoreError when they are kept nowhere."""
        dialect = self.database.engine.dialect
        try:
            self.database.quick(operation, lambda cursor: put_new(cursor, dialect, batches))
        except StoreError as reason:
            self._set_aside(reason, batches)

    def _set_aside(self, reason: StoreError, batches: Sequence[Batch]) -> None:
        """Put into the spool what the database did not take, also rows that it would refuse again: the call goes on."""
        if self._spool is None:
            raise reason
        self._spool.append([Line(table.name, row) for table, rows in batches for row in rows])
        if self._replay_soon():
            _log.warning("%s; kept in the spool until the database takes it", reason)

    def open(self) -> None:
        """Make or change the tables where needed, and carry over what an earlier run left.

        A server that is away is waited for in the background while rows go to the spool. Raises StoreError.
        """
        try:
            self._open_tables()
        except StoreAway as reason:
            if self._spool is None or self.database.is_file:
                raise
            _log.error("%s; the service runs on its spool until the database is there", reason)
        if not self._opened or self.waiting()[0]:
            self._replay_soon()

    def _open_tables(self) -> None:
        open_tables(self.database)
        self._opened = True

    def close(self) -> None:
        """End the background work; what waits stays in the spool for the next start."""
        self._stopping.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()
        if self._spool is not None:
            self._spool.close()

    def waiting(self) -> tuple[int, int]:
        """Return how many files and bytes wait in the spool."""
        return self._spool.sizes() if self._spool is not None else (0, 0)

    def aside(self) -> tuple[int, int]:
        """Return how many files and bytes the spool has put aside for somebody to look at."""
        return self._spool.aside() if self._spool is not None else (0, 0)

    def can_write(self) -> bool:
        """Whether a row written now would be kept: in the database or in the spool."""
        try:
            self.database.check()
        except StoreError:
            return self._spool is not None and self._spool.room()
        return True

    def replay(self) -> int:
        """Store what waits, oldest first, and return how many files that were. Raises StoreAway, the rest waits on."""
        if self._spool is None:
            return 0
        if not self._opened:
            self._open_tables()
        # While the database is away, what is being written is not cut into small files.
        self.database.reach("look", lambda connection: connection.execute(text("SELECT 1")))
        with self._spool.taken() as paths:
            for path in paths or ():
                self._carry_over(self._spool, path)
            return len(paths or ())

    def _carry_over(self, spool: Spool, path: Path) -> None:
        """Store one file in one transaction, which also notes its name: the file may outlive a crash right after."""
        lines, damaged = read_lines(path)
        refused: list[Line] = []

        def work(connection: Connection) -> None:
            refused.clear()
            known = schema.replayed_segment
            if connection.execute(select(known).where(known.c.name == path.name)).first() is not None:
                return
            for line in lines:
                try:
                    put_once(connection, line)
                except (IntegrityError, DataError, KeyError):
                    refused.append(line)
            connection.execute(insert(known).values(name=path.name, at=datetime.now(UTC)))

        self.database.reach("replay", work)
        if refused:
            spool.refuse(refused, path)
        if refused or damaged:
            _log.error("spool: %d rows were refused by the database, %d lines are damaged", len(refused), damaged)
        spool.forget(path, whole=not damaged)
        self.database.reach("replay", lambda connection: _forget_name(connection, path.name))
        _log.info("%d rows carried over from the spool", len(lines) - len(refused))

    def _replay_soon(self) -> bool:
        """See to it that a thread carries over; true when it was not at work yet."""
        with self._lock:
            if self._spool is None or self._thread is not None or self._stopping.is_set():
                return False
            self._thread = threading.Thread(target=self._keep_trying, name="spool", daemon=True)
            self._thread.start()
            return True

    def _keep_trying(self) -> None:
        while not self._stopping.wait(_RETRY_SECONDS):
            try:
                self._hold_reserve()
                self.replay()
                with self._lock:
                    # What was written after the look stays for the next round; nobody else would start one.
                    if self.waiting()[0] == 0:
                        self._thread = None
                        return
            except StoreAway:
                continue
            except (StoreError, OSError):
                _log.exception("the spool could not be carried over")

    def _hold_reserve(self) -> None:
        """Take from the disk what was used of the reserve; a disk without room for it was told at the start."""
        if self._spool is not None:
            with suppress(ReserveError):
                self._spool.hold_reserve()


def _forget_name(connection: Connection, name: str) -> None:
    connection.execute(delete(schema.replayed_segment).where(schema.replayed_segment.c.name == name))
