"""Whatever a client leaves out of the prefetch, the service fetches from a real server: the advice is the same."""

from dataclasses import replace
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

import fhir_fixtures
from cds_service.hooks.services import PATIENT_VIEW, Hook
from cds_service.store.database import SqlStore
from tests.hapi.charts import ORDERED, SECONDS, SERVICE_OF, Resource, chart, load

PAGE = 200
Advice = list[tuple[str, str, str, tuple[str, ...], list[Any]]]


def without_uuids(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_uuids(item) for key, item in value.items() if key != "uuid"}
    return [without_uuids(item) for item in value] if isinstance(value, list) else value


def advice(client: FlaskClient, store: SqlStore, body: Resource) -> Advice:
    """Each card: its id, indicator and words, the rules it came from, and every draft with its codes."""
    address = f"/cds-services/{SERVICE_OF[body['hook']].id}"
    answer = client.post(address, json=body, headers={"Accept-Language": "en"})
    assert answer.status_code == 200, answer.text
    found: Advice = []
    for card in answer.get_json()["cards"]:
        issued = store.issued(card["uuid"])
        assert issued is not None
        words = f"{card['summary']}\n{card['detail']}"
        drafts = without_uuids(card.get("suggestions", []))
        found.append((issued.card_id, card["indicator"], words, issued.rule_ids, drafts))
    return found


@pytest.mark.parametrize("name", fhir_fixtures.scenarios())
def test_fetched_chart_leads_to_the_advice_of_a_sent_one(
    name: str, hapi: str, client: FlaskClient, store: SqlStore, record_property: Any
) -> None:
    patient = chart(name)
    load(hapi, patient)
    service = SERVICE_OF[Hook(fhir_fixtures.scenario(name).hook)]
    whole = patient.request(service, "" if service is PATIENT_VIEW else name)
    expected = advice(client, store, whole)
    assert [(card, indicator) for card, indicator, *_ in expected] == [
        (card.card, card.indicator) for card in fhir_fixtures.scenario(name).cards
    ]
    keys = list(whole["prefetch"])
    for sent in ([], keys[::2], keys[1::2]):
        part = {**whole, "fhirServer": hapi, "prefetch": {key: whole["prefetch"][key] for key in sent}}
        assert advice(client, store, part) == expected, f"with {sent} sent"
    record_property("counted", ("cards the same with all, none and either half of the prefetch", len(expected)))


def test_what_lies_on_a_later_page_counts(hapi: str, client: FlaskClient, store: SqlStore) -> None:
    # Older complaints fill the first page, so that the known cancer comes with the second.
    patient = chart("metastasis-breast-cancer", "paged")
    kept = [resource for resource in patient.resources if resource["resourceType"] != "Condition"]
    conditions = [resource for resource in patient.resources if resource["resourceType"] == "Condition"]
    assert conditions
    fillers = [
        {**conditions[0], "id": f"{patient.patient_id}-{number}", "code": {"text": "Common cold"}}
        for number in range(PAGE + 30)
    ]
    for resources in (kept, fillers, conditions):
        load(hapi, replace(patient, resources=tuple(resources)))
    whole = replace(patient, resources=(*kept, *fillers, *conditions)).request(PATIENT_VIEW)
    expected = advice(client, store, whole)
    address = f"{hapi}/Condition?patient={patient.patient_id}&_count={PAGE}"
    first = requests.get(address, timeout=SECONDS).json()
    assert {entry["resource"]["code"]["text"] for entry in first["entry"]} == {"Common cold"}
    assert [link["relation"] for link in first["link"]] == ["self", "next"]
    assert advice(client, store, {**whole, "fhirServer": hapi, "prefetch": {}}) == expected
    started = {**whole, "fhirServer": hapi, "prefetch": {**whole["prefetch"], "conditions": first}}
    assert advice(client, store, started) == expected
    # A service that may not follow sees no cancer, and says that it has not seen everything.
    alone = {**whole, "prefetch": {**whole["prefetch"], "conditions": first}}
    assert advice(client, store, alone) != expected


def test_the_fixtures_cover_every_hook() -> None:
    assert {fhir_fixtures.scenario(name).hook for name in fhir_fixtures.scenarios()} == set(SERVICE_OF)
    assert ORDERED
