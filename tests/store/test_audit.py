"""The audit record: durable, exported in two forms, purged by age."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from sqlalchemy import Engine, text

from cds_service.errors import ConfigError
from cds_service.store.audit import AuditedCard, AuditRecord, AuditStore
from cds_service.store.audit_export import to_audit_event, to_json
from cds_service.store.records import StoreError
from tests.store.keeping import keep

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
RECORD = AuditRecord(
    at=NOW,
    request_id="8b0f6a3c-4e5f-4071-8b0f-6a3c4e5f6071",
    action="hook",
    status=200,
    service="marrow-edema-patient-view",
    hook="patient-view",
    hook_instance="2b4fd9de-6f52-4b1f-8b0f-6a3c4e5f6071",
    issuer="https://ehr.example.org",
    tenant="north",
    user="u" * 64,
    patient="p" * 64,
    knowledge_version="2026-11-21+abc",
    language="de",
    cards=(AuditedCard("c-1", "C11", ("R-1", "R-2")), AuditedCard("c-2", "C92", ())),
)
BARE = AuditRecord(NOW, "r", "feedback", 500, "marrow-edema-patient-view", "patient-view")


@pytest.fixture
def audit(url: str) -> Iterator[AuditStore]:
    opened = AuditStore(url)
    opened.open()
    yield opened
    opened.close()


def test_record_comes_back_as_it_was_kept(audit: AuditStore, url: str) -> None:
    keep(audit, record=RECORD)
    keep(audit, record=BARE)
    audit.close()
    again = AuditStore(url)
    again.open()
    assert list(again.records()) == [RECORD, BARE]
    again.close()


def test_days_can_be_chosen_and_old_ones_purged(audit: AuditStore) -> None:
    days = [replace(RECORD, at=NOW - timedelta(days=age)) for age in (400, 30, 0)]
    for record in days:
        keep(audit, record=record)
    assert list(audit.records(since=NOW - timedelta(days=30))) == days[1:]
    assert list(audit.records(until=NOW)) == days[:2]
    assert audit.purge(NOW - timedelta(days=31)) == 1
    assert list(audit.records()) == days[1:]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_record_is_on_the_disk_before_the_answer_leaves(audit: AuditStore) -> None:
    with audit._database.engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2


def test_failures_are_named_without_values(audit: AuditStore, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE audit_event"))
    for failing in (lambda: keep(audit, record=RECORD), lambda: list(audit.records()), lambda: audit.purge(NOW)):
        with pytest.raises(StoreError, match=r"record|audit") as failed:
            failing()
        assert "north" not in str(failed.value)


def test_unusable_address_is_named() -> None:
    with pytest.raises(ConfigError, match="MARROW_AUDIT_URL"):
        AuditStore("sqlite://")


def test_plain_form_leaves_out_what_is_not_there() -> None:
    assert to_json(RECORD)["cards"][0] == {"uuid": "c-1", "card_id": "C11", "rules": ("R-1", "R-2")}
    assert to_json(RECORD)["at"] == "2026-11-21T10:00:00+00:00"
    assert set(to_json(BARE)) == {"at", "request_id", "action", "status", "service", "hook"}


@pytest.mark.parametrize(
    ("record", "outcome"),
    [(RECORD, "0"), (BARE, "8"), (replace(BARE, status=412), "4"), (replace(RECORD, cards=()), "0")],
)
def test_fhir_form_is_a_valid_audit_event(record: AuditRecord, outcome: str) -> None:
    event = to_audit_event(record)
    assert AuditEvent.model_validate(event).get_resource_type() == "AuditEvent"
    assert event["outcome"] == outcome
    assert sum(agent["requestor"] for agent in event["agent"]) == 1


def test_fhir_form_names_cards_with_their_rules() -> None:
    entities = to_audit_event(RECORD)["entity"]
    assert [(entity.get("name"), len(entity.get("detail", ()))) for entity in entities[2:]] == [("C11", 2), ("C92", 0)]
