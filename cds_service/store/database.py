"""The store in a SQL database: SQLite in a file by default, any other that SQLAlchemy speaks by its URL."""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Row, create_engine, delete, event, insert, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from cds_service.errors import ConfigError
from cds_service.store import schema
from cds_service.store.records import Feedback, IssuedCard, LinkedFeedback, Outcome, StoreError

# A writer waits this long for another one before the write counts as failed; a hook answer must not wait longer.
_BUSY_SECONDS = 2
_KEY_BYTES = 32
_SWEEP_EVERY = 200

_Result = TypeVar("_Result")


def _prepare_sqlite(connection: Any, record: object) -> None:
    del record
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def open_engine(url: str, setting: str = "MARROW_DATABASE_URL") -> Engine:
    """Return the engine of a database URL. Raises ConfigError naming the setting."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True)
        if parsed.database in {None, "", ":memory:"}:
            raise ConfigError(f"{setting}: an in-memory database would lose feedback; name a file")
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS})
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError):
        raise ConfigError(f"{setting}: not a database URL that this installation can use") from None
    except OSError as error:
        raise ConfigError(f"{setting}: its directory cannot be made ({error.strerror})") from None
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


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

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        self._remembered = 0

    def open(self) -> None:
        """Create the tables where they are missing. Raises StoreError, also for a database of a later release."""
        self._run("open", self._create)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @staticmethod
    def _create(connection: Connection) -> None:
        schema.metadata.create_all(connection)
        found = connection.execute(select(schema.schema_version.c.version)).scalar()
        if found is None:
            connection.execute(insert(schema.schema_version).values(version=schema.SCHEMA_VERSION))
        elif found > schema.SCHEMA_VERSION:
            raise StoreError(f"open: the database has schema {found}, this release knows {schema.SCHEMA_VERSION}")

    def record_issued(self, cards: Sequence[IssuedCard]) -> None:
        """Keep issued cards in one transaction. Raises StoreError."""
        rows = [asdict(card) for card in cards]
        if rows:
            self._run("record issued cards", lambda connection: connection.execute(insert(schema.issued_card), rows))

    def record_feedback(self, items: Sequence[Feedback]) -> None:
        """Keep all items or none; a repeat only counts up. Raises StoreError."""

        def write(connection: Connection) -> None:
            for item in items:
                _keep(connection, item)

        if items:
            self._run("record feedback", write)

    def feedback(self) -> tuple[LinkedFeedback, ...]:
        """Return all feedback beside its cards, in order of arrival. Raises StoreError."""

        def read(connection: Connection) -> tuple[LinkedFeedback, ...]:
            rows = connection.execute(select(schema.feedback).order_by(schema.feedback.c.id)).all()
            about = select(schema.issued_card).where(schema.issued_card.c.uuid.in_(select(schema.feedback.c.card)))
            cards = {row.uuid: _issued(row) for row in connection.execute(about)}
            return tuple(LinkedFeedback(_feedback(row), row.repeats, cards.get(row.card)) for row in rows)

        return self._run("read feedback", read)

    def issued(self, uuid: str) -> IssuedCard | None:
        """Return one issued card. Raises StoreError."""

        def read(connection: Connection) -> IssuedCard | None:
            row = connection.execute(select(schema.issued_card).where(schema.issued_card.c.uuid == uuid)).first()
            return None if row is None else _issued(row)

        return self._run("read a card", read)

    def first_use(self, issuer: str, token_id: str, expires: float, now: float) -> bool:
        """Remember a used token for every process that shares this store; false when one of them knew it.

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

        return self._run("remember a token", write)

    def check(self) -> None:
        """Raise StoreError unless the database answers a trivial query."""
        self._run("check", lambda connection: connection.execute(text("SELECT 1")))

    def _run(self, operation: str, work: Callable[[Connection], _Result]) -> _Result:
        with named(operation), self._engine.begin() as connection:
            return work(connection)


@contextmanager
def named(operation: str) -> Iterator[None]:
    """Turn database errors into StoreError; their texts may repeat values, so only the class is named."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(f"{operation}: {type(error).__name__}") from error


def _keep(connection: Connection, item: Feedback) -> None:
    table = schema.feedback
    again = update(table).where(table.c.identity == item.identity).values(repeats=table.c.repeats + 1)
    if connection.execute(again).rowcount:
        return
    values = asdict(item) | {"identity": item.identity, "repeats": 0}
    try:
        with connection.begin_nested():
            connection.execute(insert(table).values(values))
    except IntegrityError:
        # Another process stored the same report between our look and our insert; anything else is a real failure.
        if not connection.execute(again).rowcount:
            raise


def _issued(row: Row[Any]) -> IssuedCard:
    values = {field.name: getattr(row, field.name) for field in fields(IssuedCard)}
    return IssuedCard(**values | {"rule_ids": tuple(row.rule_ids), "suggestions": tuple(row.suggestions)})


def _feedback(row: Row[Any]) -> Feedback:
    values = {field.name: getattr(row, field.name) for field in fields(Feedback)}
    return Feedback(
        **values | {"outcome": Outcome(row.outcome), "accepted_suggestions": tuple(row.accepted_suggestions)}
    )
