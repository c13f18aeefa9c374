"""The tables of the first releases, which made them without counting steps: what is there already is left as it is."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TEXTS = {
    "issued_card": {
        "service": 64,
        "hook_instance": 200,
        "card_id": 32,
        "text_id": 32,
        "indicator": 16,
        "language": 8,
        "knowledge_version": 80,
        "patient": 64,
    },
    "feedback": {"card": 200, "service": 64, "outcome": 16, "reason_system": 400, "reason_code": 200}
    | {"reason_display": 400},
    "audit_event": {
        "request_id": 36,
        "action": 16,
        "service": 64,
        "hook": 64,
        "hook_instance": 200,
        "issuer": 500,
        "user": 64,
        "patient": 64,
        "knowledge_version": 80,
        "language": 8,
    },
}


def _texts(table: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(length), nullable=False) for name, length in _TEXTS[table].items()]


def _needed(name: str, column_type: type[sa.types.TypeEngine[Any]]) -> sa.Column[Any]:
    return sa.Column(name, column_type(), nullable=False)


def upgrade() -> None:
    """Make the tables that are missing."""
    there = set(sa.inspect(op.get_bind()).get_table_names())
    if "schema_version" not in there:
        made = op.create_table("schema_version", _needed("version", sa.Integer))
        op.bulk_insert(made, [{"version": 1}])
    if "issued_card" not in there:
        op.create_table(
            "issued_card",
            sa.Column("uuid", sa.String(64), primary_key=True),
            *_texts("issued_card"),
            _needed("rule_ids", sa.JSON),
            _needed("suggestions", sa.JSON),
            _needed("issued_at", sa.DateTime),
        )
    if "feedback" not in there:
        _make_feedback()
    if "seen_token" not in there:
        op.create_table(
            "seen_token", sa.Column("identity", sa.String(64), primary_key=True), _needed("until", sa.Float)
        )
        op.create_index("ix_seen_token_until", "seen_token", ["until"])
    if "shown_card" not in there:
        op.create_table(
            "shown_card",
            sa.Column("card", sa.String(64), primary_key=True),
            sa.Column("state", sa.String(64), nullable=False),
        )
        op.create_index("shown_card_state", "shown_card", ["state"])
    if "audit_event" not in there:
        _make_audit_event()


def _make_feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("identity", sa.String(64), nullable=False, unique=True),
        *_texts("feedback"),
        _needed("outcome_at", sa.DateTime),
        _needed("received_at", sa.DateTime),
        _needed("accepted_suggestions", sa.JSON),
        _needed("comment", sa.Text),
        _needed("repeats", sa.Integer),
    )
    op.create_index("feedback_card", "feedback", ["card"])


def _make_audit_event() -> None:
    op.create_table(
        "audit_event",
        sa.Column("id", sa.Integer, primary_key=True),
        _needed("at", sa.DateTime),
        _needed("status", sa.Integer),
        *_texts("audit_event"),
        _needed("tenant", sa.Text),
        _needed("cards", sa.JSON),
    )
    op.create_index("ix_audit_event_at", "audit_event", ["at"])
