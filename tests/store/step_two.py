"""The release of step 0002, as it wrote and read: its tables, its statements, its spool."""

from typing import Any

import orjson
from sqlalchemy import Column, DateTime, Engine, MetaData, String, Table, func, insert, select, update

from tests.store import previous_release
from tests.store.previous_release import NOW

metadata = MetaData()
issued_card, feedback, shown_card, audit_event = (
    getattr(previous_release, name).to_metadata(metadata)
    for name in ("issued_card", "feedback", "shown_card", "audit_event")
)
feedback.append_column(Column("last_write", String(36)))
audit_event.append_column(Column("entry", String(36)))
replayed_segment = Table(
    "replayed_segment",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("at", DateTime, nullable=False),
)


def card_row(name: str) -> dict[str, Any]:
    """An issued card as it kept it."""
    row = {"uuid": name, "service": "s", "hook_instance": "i", "card_id": "C11", "text_id": "C11-E"}
    row |= {"indicator": "warning", "language": "de", "knowledge_version": "k", "patient": "hash"}
    return row | {"rule_ids": ["R-1"], "suggestions": ["a"], "issued_at": NOW}


def _feedback_row(name: str) -> dict[str, Any]:
    row = {"identity": name, "card": name, "service": "s", "outcome": "overridden", "comment": "", "repeats": 0}
    row |= dict.fromkeys(("reason_system", "reason_code", "reason_display"), "")
    return row | {"outcome_at": NOW, "received_at": NOW, "accepted_suggestions": [], "last_write": name[:36]}


def work(engine: Engine, name: str) -> None:
    """One call with one card, its feedback sent twice, and its record."""
    call = {"at": NOW, "request_id": name[:36], "action": "hook", "status": 200, "service": "s", "hook": "patient-view"}
    call |= dict.fromkeys(("hook_instance", "issuer", "tenant", "user", "patient"), "")
    call |= {"knowledge_version": "k", "language": "de", "cards": [], "entry": name[:36]}
    with engine.begin() as connection:
        connection.execute(insert(issued_card), [card_row(name)])
        connection.execute(insert(shown_card).values(card=name, state="state"))
        connection.execute(insert(audit_event).values(call))
    with engine.begin() as connection:
        connection.execute(insert(feedback).values(_feedback_row(name)))
    table = feedback
    again = (
        update(table)
        .where(table.c.identity == name, func.coalesce(table.c.last_write, "") != "again")
        .values(repeats=table.c.repeats + 1, last_write="again")
    )
    with engine.begin() as connection:
        assert connection.execute(again).rowcount == 1


def cards(engine: Engine) -> dict[str, str]:
    """Every issued card by its uuid with its patient, as it read them."""
    with engine.connect() as connection:
        return {row.uuid: row.patient for row in connection.execute(select(issued_card))}


def reports(engine: Engine) -> dict[str, tuple[str, int]]:
    """All feedback as it read it: outcome and repeats by card."""
    with engine.connect() as connection:
        rows = connection.execute(select(feedback).order_by(feedback.c.id)).all()
    return {row.card: (row.outcome, row.repeats) for row in rows}


def spooled(name: str) -> dict[str, Any]:
    """The row of a card as it stood in its spool."""
    row: dict[str, Any] = orjson.loads(orjson.dumps(card_row(name) | {"issued_at": f"{NOW.isoformat()}+00:00"}))
    return row
