"""One SQL database behind a time limit: SQLite in a file by default, PostgreSQL for several machines.

A database that is lost or slow costs one call about a second and the next ones nothing: for a short while they are told
at once that it is away. What is written meanwhile goes to the spool.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPICursor, DBAPIModule
from sqlalchemy.exc import ArgumentError, DataError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from cds_service.errors import ConfigError
from cds_service.store.records import StoreAway, StoreError

# A writer waits this long for another one before the write counts as failed; a hook answer must not wait longer.
_BUSY_SECONDS = 1
# What one statement may take, and one connection; the driver knows no shorter time for the latter.
_STATEMENT_SECONDS = 1.0
_CONNECT_SECONDS = 2
# What the statements of one call may take together; a database that needs longer is as good as one that is away.
_CALL_SECONDS = 2.0
# A transaction whose client fell silent in its middle is ended by the server: its locks would keep the spool waiting.
_SILENT_SECONDS = 10
# How long nobody asks a database that did not answer.
_PAUSE_SECONDS = 2.0
_CONNECTIONS = 16
_POSTGRESQL = "postgresql+psycopg"

_Result = TypeVar("_Result")


class Database:
    """A database and whether it answers. ``setting`` is the variable that named it, for messages.

    With ``durable`` a file has every record on the disk before the answer leaves; a server has that anyway.
    """

    def __init__(self, url: str, setting: str = "MARROW_DATABASE_URL", *, durable: bool = False) -> None:
        self.engine = _open_engine(url, setting)
        # Of this machine; such a one is asked every time.
        self.is_file = self.engine.dialect.name == "sqlite"
        self._is_bounded = self.engine.dialect.name == "postgresql"
        self._ask_again = 0.0
        self._lock = threading.Lock()
        if durable and self.is_file:
            event.listen(self.engine, "connect", _flush_each)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def connections(self) -> tuple[int, int]:
        """Return how many connections are open, and how many of them are in use."""
        pool = self.engine.pool
        if not isinstance(pool, QueuePool):
            return 0, 0
        used = pool.checkedout()
        return pool.checkedin() + used, used

    def run(self, operation: str, work: Callable[[Connection], _Result]) -> _Result:
        """Do the work in one transaction. Raises StoreAway (try again later) and StoreError (it would fail again)."""
        if not self._may_ask():
            raise StoreAway(f"{operation}: the database is away")
        return self._ask(operation, work if self.is_file else lambda connection: work(self._hurried(connection)))

    def quick(self, operation: str, work: Callable[[DBAPICursor], _Result], *, alone: bool = False) -> _Result:
        """Do the work as ``run`` does, with a cursor of the driver: the library's own costs more than storing a row.

        One statement ``alone`` spares a server the questions to begin and to end.
        """
        if not self._may_ask():
            raise StoreAway(f"{operation}: the database is away")

        def ask() -> _Result:
            driver = self.engine.dialect.loaded_dbapi
            try:
                return self._committed(work, driver, alone=alone)
            except (driver.IntegrityError, driver.DataError) as error:
                raise StoreError(f"{operation}: {type(error).__name__}") from error
            except (driver.Error, SQLAlchemyError) as error:
                raise StoreAway(f"{operation}: {type(error).__name__}") from error

        return self._answered(ask)

    def reach(self, operation: str, work: Callable[[Connection], _Result]) -> _Result:
        """Do the work also while the database counts as away, in the background only. Raises as ``run`` does."""
        return self._ask(operation, work)

    def check(self) -> None:
        """Raise StoreError unless the database answers a trivial query."""
        self.run("check", lambda connection: connection.execute(text("SELECT 1")))

    def _ask(self, operation: str, work: Callable[[Connection], _Result]) -> _Result:
        def begin() -> _Result:
            with named(operation), self.engine.begin() as connection:
                return work(connection)

        return self._answered(begin)

    def _committed(self, work: Callable[[DBAPICursor], _Result], driver: DBAPIModule, *, alone: bool) -> _Result:
        connection = self.engine.raw_connection()
        try:
            self._hurry(connection.driver_connection, alone=alone)
            found = work(connection.cursor())
            connection.commit()
        except driver.Error as error:
            if self.engine.dialect.is_disconnect(error, connection, None):
                # What ended this one ended the others as well, as the library itself takes it. To dispose of the pool
                # would leave those in use to a pool that nobody counts.
                self.engine.pool._invalidate(connection, error)  # noqa: SLF001 - there is no public way
            raise
        else:
            return found
        finally:
            # What was not committed is rolled back.
            connection.close()

    def _answered(self, ask: Callable[[], _Result]) -> _Result:
        """Note whether the database answers."""
        try:
            found = ask()
        except StoreAway:
            if not self.is_file:
                self._ask_again = time.monotonic() + _PAUSE_SECONDS
            raise
        self._ask_again = 0.0
        return found

    def _hurried(self, connection: Connection) -> Connection:
        self._hurry(connection.connection.driver_connection)
        return connection

    def _hurry(self, connection: Any, *, alone: bool = False) -> None:
        """Let all that is done over the connection now take no longer than a call may wait for it, with its end."""
        if self._is_bounded:
            connection.give(_CALL_SECONDS, alone=alone)

    def _may_ask(self) -> bool:
        """Whether to ask; of the calls after a pause only the first one does, the others wait for what it finds."""
        with self._lock:
            now = time.monotonic()
            if self._ask_again == 0.0:
                return True
            if now < self._ask_again:
                return False
            self._ask_again = now + _PAUSE_SECONDS
            return True


def _unhurried(connection: Any, record: object, proxy: object) -> None:
    """Take what held for the call before from a connection that is used again."""
    del record, proxy
    connection.give(None)


def may_pause(connection: Connection) -> None:
    """Let a transaction that only reads be silent for as long as whoever takes the rows wants, a pager for instance."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


@contextmanager
def named(operation: str) -> Iterator[None]:
    """Turn database errors into StoreError; their texts may repeat values, so only the class is named."""
    try:
        yield
    except (IntegrityError, DataError) as error:
        raise StoreError(f"{operation}: {type(error).__name__}") from error
    except SQLAlchemyError as error:
        raise StoreAway(f"{operation}: {type(error).__name__}") from error


def _open_engine(url: str, setting: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return _open_server(parsed)
        if parsed.database in {None, "", ":memory:"}:
            raise ConfigError(f"{setting}: an in-memory database would lose feedback; name a file")
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The connection used last has the pages in its cache.
        engine = create_engine(
            parsed, connect_args={"timeout": _BUSY_SECONDS}, pool_use_lifo=True, json_serializer=_as_json
        )
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError):
        raise ConfigError(
            f"{setting}: not a database URL that this installation can use (PostgreSQL needs marrow-cds[postgresql])"
        ) from None
    except OSError as error:
        raise ConfigError(f"{setting}: its directory cannot be made ({error.strerror})") from None
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _as_json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # Halves of surrogate pairs, which callers may send and only the library of Python writes.
        return json.dumps(value)


def _prepare_sqlite(connection: Any, record: object) -> None:
    del record
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _flush_each(connection: Any, record: object) -> None:
    del record
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _open_server(url: URL) -> Engine:
    """Return the engine of a database server; PostgreSQL by its own driver, whichever way it is spelt."""
    if url.get_backend_name() in {"postgresql", "postgres"}:
        url = url.set(drivername=_POSTGRESQL)
    engine = create_engine(
        url,
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=_STATEMENT_SECONDS,
        pool_use_lifo=True,
        json_serializer=_as_json,
    )
    if url.drivername == _POSTGRESQL:
        event.listen(engine, "do_connect", _connect_bounded)
        event.listen(engine, "checkout", _unhurried)
    return engine


def _connect_bounded(dialect: object, record: object, arguments: list[Any], parameters: dict[str, Any]) -> Any:
    """Connect to PostgreSQL with time limits on both sides: a server that hangs does not keep its own."""
    del dialect, record
    from cds_service.store.postgresql import BoundedConnection  # noqa: PLC0415 - where the driver is installed

    milliseconds = int(_STATEMENT_SECONDS * 1000)
    limits: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS, "application_name": "marrow-cds"}
    options = (
        f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}"
        f" -c idle_in_transaction_session_timeout={_SILENT_SECONDS}s -c timezone=UTC"
    )
    given = parameters.get("options")
    return BoundedConnection.connect(
        *arguments, **limits | parameters | {"options": f"{options} {given}" if given else options}
    )
