"""Tables of the store as this release uses them; ``migrations`` leads every older database here.

``SCHEMA_VERSION`` goes up only when releases before the change could no longer work with the database: they then refuse
to start. Everything else is added beside what is there, so that the release before runs on during an upgrade.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

SCHEMA_VERSION = 1
metadata = MetaData()


class Moment(TypeDecorator[datetime]):
    """A moment in UTC; databases without time zones get it naive and give it back aware."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Store as naive UTC."""
        del dialect
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return as aware UTC."""
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


class Words(TypeDecorator[str]):
    """Text of callers in a form that every database takes: no NUL, no half of a surrogate pair."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replace what PostgreSQL refuses; a record is worth more than one odd character of it."""
        del dialect
        return None if value is None else value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


schema_version = Table("schema_version", metadata, Column("version", Integer, nullable=False))

issued_card = Table(
    "issued_card",
    metadata,
    Column("uuid", String(64), primary_key=True),
    Column("service", String(64), nullable=False),
    Column("hook_instance", Words, nullable=False),
    Column("card_id", String(32), nullable=False),
    Column("text_id", String(32), nullable=False),
    Column("indicator", String(16), nullable=False),
    Column("rule_ids", JSON, nullable=False),
    Column("suggestions", JSON, nullable=False),
    Column("language", String(8), nullable=False),
    Column("knowledge_version", String(80), nullable=False),
    Column("patient", String(64), nullable=False),
    Column("issued_at", Moment, nullable=False),
    # Records of releases before these were added have none.
    Column("client", Words),
    Column("report_at", Moment),
)

# No foreign key to issued_card: feedback on a card that this store does not know is kept as well.
feedback = Table(
    "feedback",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("identity", String(64), nullable=False, unique=True),
    Column("card", Words, nullable=False),
    Column("service", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("outcome_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("accepted_suggestions", JSON, nullable=False),
    Column("reason_system", Words, nullable=False),
    Column("reason_code", Words, nullable=False),
    Column("reason_display", Words, nullable=False),
    Column("comment", Words, nullable=False),
    Column("repeats", Integer, nullable=False, default=0),
    # The write that was last counted, so that none counts twice when it is replayed.
    Column("last_write", String(36)),
    # The state of the patient that the card was shown for, where that is known.
    Column("state", String(64)),
    Index("feedback_card", "card"),
    Index("feedback_state", "state"),
)

# Tokens that were used, by the hash of issuer and token id; kept until they could no longer be used.
seen_token = Table(
    "seen_token",
    metadata,
    Column("identity", String(64), primary_key=True),
    Column("until", Float, nullable=False, index=True),
)

# Calls of a client, by the hash of its name, that all processes together have counted in the span that ends then.
used_share = Table(
    "used_share",
    metadata,
    Column("identity", String(64), primary_key=True),
    Column("ends", Float, primary_key=True),
    Column("taken", Integer, nullable=False),
)

# Files of the spool whose records are stored; the file of a name that is found here only needs to be deleted.
replayed_segment = Table(
    "replayed_segment",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("at", Moment, nullable=False),
)

# For which state of a patient a card was shown: a keyed hash and the uuid of the card, nothing else.
shown_card = Table(
    "shown_card",
    metadata,
    Column("card", String(64), primary_key=True),
    Column("state", String(64), nullable=False),
    Index("shown_card_state", "state"),
)

# The audit record may be kept in another database; that one holds the same tables, most of them empty.
audit_event = Table(
    "audit_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("request_id", String(36), nullable=False),
    Column("action", String(16), nullable=False),
    Column("status", Integer, nullable=False),
    Column("service", String(64), nullable=False),
    Column("hook", String(64), nullable=False),
    Column("hook_instance", Words, nullable=False),
    Column("issuer", Words, nullable=False),
    Column("tenant", Words, nullable=False),
    Column("user", String(64), nullable=False),
    Column("patient", String(64), nullable=False),
    Column("knowledge_version", String(80), nullable=False),
    Column("language", String(8), nullable=False),
    Column("cards", JSON, nullable=False),
    # One for each record, so that none is stored twice; records of releases before it was added have none.
    Column("entry", String(36)),
    Index("audit_event_entry", "entry", unique=True),
)
