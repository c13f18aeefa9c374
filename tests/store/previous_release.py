"""Tables and statements of the release before, kept as they were: it must find its way in a database of this one."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)

metadata = MetaData()
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC).replace(tzinfo=None)


def _texts(**lengths: int) -> list[Column[Any]]:
    return [Column(name, String(length), nullable=False) for name, length in lengths.items()]


version = Table("schema_version", metadata, Column("version", Integer, nullable=False))
issued_card = Table(
    "issued_card",
    metadata,
    Column("uuid", String(64), primary_key=True),
    *_texts(service=64, hook_instance=200, card_id=32, text_id=32, indicator=16),
    Column("rule_ids", JSON, nullable=False),
    Column("suggestions", JSON, nullable=False),
    *_texts(language=8, knowledge_version=80, patient=64),
    Column("issued_at", DateTime, nullable=False),
)
feedback = Table(
    "feedback",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("identity", String(64), nullable=False, unique=True),
    *_texts(card=200, service=64, outcome=16),
    Column("outcome_at", DateTime, nullable=False),
    Column("received_at", DateTime, nullable=False),
    Column("accepted_suggestions", JSON, nullable=False),
    *_texts(reason_system=400, reason_code=200, reason_display=400),
    Column("comment", Text, nullable=False),
    Column("repeats", Integer, nullable=False, default=0),
    Index("feedback_card", "card"),
)
seen_token = Table(
    "seen_token",
    metadata,
    Column("identity", String(64), primary_key=True),
    Column("until", Float, nullable=False, index=True),
)
shown_card = Table(
    "shown_card",
    metadata,
    Column("card", String(64), primary_key=True),
    Column("state", String(64), nullable=False),
    Index("shown_card_state", "state"),
)
audit_event = Table(
    "audit_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", DateTime, nullable=False, index=True),
    *_texts(request_id=36, action=16),
    Column("status", Integer, nullable=False),
    *_texts(service=64, hook=64, hook_instance=200, issuer=500),
    Column("tenant", Text, nullable=False),
    *_texts(user=64, patient=64, knowledge_version=80, language=8),
    Column("cards", JSON, nullable=False),
)


def start(engine: Engine) -> None:
    """What it did at its start; it refused any version above 1."""
    with engine.begin() as connection:
        metadata.create_all(connection)
        found = connection.execute(select(version.c.version)).scalar()
        if found is None:
            connection.execute(insert(version).values(version=1))
        assert found in {None, 1}


def work(engine: Engine, name: str) -> None:
    """One call with one card, its feedback and its record."""
    card = {"uuid": name, "service": "s", "hook_instance": "i", "card_id": "C11", "text_id": "C11-E"}
    card |= {"indicator": "warning", "language": "de", "knowledge_version": "k", "patient": "hash"}
    told = {"identity": name, "card": name, "service": "s", "outcome": "accepted", "comment": "", "repeats": 0}
    told |= dict.fromkeys(("reason_system", "reason_code", "reason_display"), "")
    call = {"at": NOW, "request_id": name, "action": "hook", "status": 200, "service": "s", "hook": "patient-view"}
    call |= dict.fromkeys(("hook_instance", "issuer", "tenant", "user", "patient"), "")
    call |= {"knowledge_version": "k", "language": "de", "cards": []}
    with engine.begin() as connection:
        connection.execute(insert(issued_card).values(**card, rule_ids=["R-1"], suggestions=[], issued_at=NOW))
        times = {"outcome_at": NOW, "received_at": NOW, "accepted_suggestions": ["a"]}
        connection.execute(insert(feedback).values(**told, **times))
        again = update(feedback).where(feedback.c.identity == name).values(repeats=feedback.c.repeats + 1)
        assert connection.execute(again).rowcount == 1
        connection.execute(insert(shown_card).values(card=name, state="state"))
        connection.execute(insert(audit_event).values(**call))
        assert connection.execute(select(feedback.c.repeats).where(feedback.c.identity == name)).scalar() == 1
