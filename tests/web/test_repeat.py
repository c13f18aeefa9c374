"""The repeat lock over HTTP: card, feedback, and the same chart opened again."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import fhir_fixtures
from cds_service.app import build_backend
from cds_service.config import Settings
from cds_service.domain.vocabulary import Indicator
from cds_service.hooks.answer import HookDesk
from cds_service.hooks.repeat import RepeatLock
from cds_service.hooks.services import PATIENT_VIEW
from cds_service.knowledge.thresholds import load_thresholds
from cds_service.rules.repeat import repeat_span
from cds_service.store.connection import Database
from cds_service.store.repeats import RepeatStore
from cds_service.store.upgrade import open_tables
from cds_service.web.site import build_site

VIEW, SELECT = "/cds-services/marrow-edema-patient-view", "/cds-services/marrow-edema-order-select"


@pytest.fixture
def at(world: Any) -> Iterator[Callable[[float], FlaskClient]]:
    """A client of the site as it is that many days later."""
    desk, limits = world.backend.hooks, load_thresholds()
    database = Database(world.backend.settings.database)
    open_tables(database)
    states = RepeatStore(database)
    hooks = HookDesk(
        completer=desk._completer,
        open_access=desk._open_access,
        evaluator=desk._evaluator,
        cards=desk._cards,
        hash_key=b"k" * 32,
        repeats=RepeatLock(states, b"k" * 32, lambda card: repeat_span(card, limits)),
    )
    now: datetime = world.backend.clock()
    yield lambda days: world.client(hooks=hooks, clock=lambda: now + timedelta(days=days))
    database.close()


def override(client: FlaskClient, service: str, uuid: str) -> None:
    item = {"card": uuid, "outcome": "overridden", "outcomeTimestamp": "2026-11-21T10:05:00Z"}
    assert client.post(f"{service}/feedback", json={"feedback": [item]}).status_code == 200


def shown(client: FlaskClient, service: str, body: dict[str, Any]) -> list[str]:
    answer = client.post(service, json=body)
    assert answer.status_code == 200
    return [card["uuid"] for card in answer.get_json()["cards"]]


def test_an_overridden_card_stays_away_until_its_time_is_over(at: Any, patient_view: dict[str, Any]) -> None:
    first = shown(at(0), VIEW, patient_view)
    assert len(first) == len(shown(at(1), VIEW, patient_view)) == 1
    override(at(1), VIEW, first[0])
    assert shown(at(2), VIEW, patient_view) == []
    assert len(shown(at(16), VIEW, patient_view)) == 1


def test_a_critical_card_comes_every_time(at: Any, world: Any, patient_view: dict[str, Any]) -> None:
    world.middle.indicator = Indicator.CRITICAL
    override(at(0), VIEW, shown(at(0), VIEW, patient_view)[0])
    assert len(shown(at(1), VIEW, patient_view)) == 1


def test_advice_on_orders_comes_every_time(at: Any, order_select: dict[str, Any]) -> None:
    override(at(0), SELECT, shown(at(0), SELECT, order_select)[0])
    assert len(shown(at(1), SELECT, order_select)) == 1


def test_without_the_lock_every_card_comes_every_time(world: Any, patient_view: dict[str, Any]) -> None:
    client = world.client()
    override(client, VIEW, shown(client, VIEW, patient_view)[0])
    assert len(shown(client, VIEW, patient_view)) == 1


def test_in_the_whole_service_a_new_result_brings_everything_back(tmp_path: Path) -> None:
    backend = build_backend(Settings(state_dir=tmp_path))
    client, moment = build_site(backend).test_client(), datetime.now(UTC) - timedelta(minutes=1)
    body = fhir_fixtures.hook_request("spondylodiscitis-l4-l5", PATIENT_VIEW.to_wire(), moment)
    first = shown(client, VIEW, body)
    assert first
    for uuid in first:
        override(client, VIEW, uuid)
    assert shown(client, VIEW, body) == []
    crp = {
        "resourceType": "Observation",
        "id": "crp-new",
        "status": "final",
        "subject": {"reference": f"Patient/{body['context']['patientId']}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "1988-5"}]},
        "valueQuantity": {"value": 133, "unit": "mg/L"},
        "effectiveDateTime": (moment - timedelta(hours=1)).isoformat(),
    }
    body["prefetch"]["crp"] = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": crp}]}
    assert len(shown(client, VIEW, body)) == len(first)
