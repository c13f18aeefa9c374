"""Tables of the store; the numbered schema version refuses a database of a later release."""

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


schema_version = Table("schema_version", metadata, Column("version", Integer, nullable=False))

issued_card = Table(
    "issued_card",
    metadata,
    Column("uuid", String(64), primary_key=True),
    Column("service", String(64), nullable=False),
    Column("hook_instance", String(200), nullable=False),
    Column("card_id", String(32), nullable=False),
    Column("text_id", String(32), nullable=False),
    Column("indicator", String(16), nullable=False),
    Column("rule_ids", JSON, nullable=False),
    Column("suggestions", JSON, nullable=False),
    Column("language", String(8), nullable=False),
    Column("knowledge_version", String(80), nullable=False),
    Column("patient", String(64), nullable=False),
    Column("issued_at", Moment, nullable=False),
)

# No foreign key to issued_card: feedback on a card that this store does not know is kept as well.
feedback = Table(
    "feedback",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("identity", String(64), nullable=False, unique=True),
    Column("card", String(200), nullable=False),
    Column("service", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("outcome_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("accepted_suggestions", JSON, nullable=False),
    Column("reason_system", String(400), nullable=False),
    Column("reason_code", String(200), nullable=False),
    Column("reason_display", String(400), nullable=False),
    Column("comment", Text, nullable=False),
    Column("repeats", Integer, nullable=False, default=0),
    Index("feedback_card", "card"),
)

# Tokens that were used, by the hash of issuer and token id; kept until they could no longer be used.
seen_token = Table(
    "seen_token",
    metadata,
    Column("identity", String(64), primary_key=True),
    Column("until", Float, nullable=False, index=True),
)

# For which state of a patient a card was shown: a keyed hash and the uuid of the card, nothing else.
shown_card = Table(
    "shown_card",
    metadata,
    Column("card", String(64), primary_key=True),
    Column("state", String(64), nullable=False),
    Index("shown_card_state", "state"),
)

# A table of its own metadata, because the audit record may be kept in another database.
audit_metadata = MetaData()
audit_event = Table(
    "audit_event",
    audit_metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("request_id", String(36), nullable=False),
    Column("action", String(16), nullable=False),
    Column("status", Integer, nullable=False),
    Column("service", String(64), nullable=False),
    Column("hook", String(64), nullable=False),
    Column("hook_instance", String(200), nullable=False),
    Column("issuer", String(500), nullable=False),
    Column("tenant", Text, nullable=False),
    Column("user", String(64), nullable=False),
    Column("patient", String(64), nullable=False),
    Column("knowledge_version", String(80), nullable=False),
    Column("language", String(8), nullable=False),
    Column("cards", JSON, nullable=False),
)
