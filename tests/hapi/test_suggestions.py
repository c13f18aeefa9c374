"""What cards suggest is valid R4 by HAPI's own validator, and a server takes it."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

import fhir_fixtures
from cards.changes import CHANGES
from cards.orders import OrderWriting, orders, resources
from cards.wording import wordings
from cds_service.domain.assessment import Draft, DraftKind, PlannedCard, Priority
from cds_service.domain.vocabulary import Indicator, Lane, Language
from cds_service.hooks.services import PATIENT_VIEW, SERVICES
from tests.hapi.charts import JSON, ORDERED, RUN, SECONDS, Chart, Resource, chart, load

CREATED = [kind for kind in DraftKind if kind is not DraftKind.DELETE_ORDER and kind not in CHANGES]
LEVELS = {"C": "C5", "T": "T11", "L": "L4-L5", "S": "S1", "unknown": ""}
DATED = Draft(
    DraftKind.CRP,
    Priority.URGENT,
    occurrence=date(2026, 12, 17),
    occurrence_end=date(2026, 12, 31),
    quantity=2,
    note="stability",
)


def errors_of(session: requests.Session, hapi: str, resource: Resource) -> list[str]:
    address = f"{hapi}/{resource['resourceType']}/$validate"
    outcome = session.post(address, json=resource, headers=JSON, timeout=SECONDS).json()
    assert outcome["resourceType"] == "OperationOutcome"
    return [issue["diagnostics"] for issue in outcome["issue"] if issue["severity"] in {"error", "fatal"}]


def accepted(session: requests.Session, hapi: str, resource: Resource) -> bool:
    """Write a new order, or put a changed draft where it was; the server gives it back unchanged."""
    kind, name = resource["resourceType"], resource.get("id")
    address, method = (f"{hapi}/{kind}/{name}", "PUT") if name else (f"{hapi}/{kind}", "POST")
    answer = session.request(method, address, json=resource, headers=JSON, timeout=SECONDS)
    assert answer.status_code in {200, 201}, answer.text
    kept = answer.json()
    return {key: kept.get(key) for key in resource} == resource


def held(hapi: str, suggested: list[Resource]) -> int:
    """Validate and write every distinct resource once; how many there were."""
    distinct = {json.dumps(resource, sort_keys=True): resource for resource in suggested}
    with requests.Session() as session:
        for resource in distinct.values():
            assert errors_of(session, hapi, resource) == [], resource
            assert accepted(session, hapi, resource), resource
    return len(distinct)


def requests_of(patient: Chart) -> Iterator[tuple[str, Resource]]:
    """Every hook; order hooks with the draft orders of every order scenario, whoever they were written for."""
    for service in SERVICES:
        for orders_of in ("",) if service is PATIENT_VIEW else ORDERED:
            yield f"/cds-services/{service.id}", patient.request(service, orders_of)


def actions_of(answer: Any) -> Iterator[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    for card in answer.json["cards"]:
        for suggestion in card.get("suggestions", []):
            yield from suggestion["actions"]


@pytest.mark.parametrize("name", fhir_fixtures.scenarios())
def test_every_suggestion_for_a_patient_is_valid_and_accepted(
    name: str, hapi: str, client: FlaskClient, record_property: Any
) -> None:
    patient = chart(name)
    load(hapi, patient)
    calls, suggested = 0, []
    for address, body in requests_of(patient):
        for language in Language:
            answer = client.post(address, json=body, headers={"Accept-Language": language.value})
            suggested += [action["resource"] for action in actions_of(answer) if action["type"] != "delete"]
            calls += 1
    record_property("counted", ("hook calls whose suggestions were validated", calls))
    record_property("counted", ("suggested resources", len(suggested)))
    record_property("counted", ("distinct ones valid by HAPI and accepted", held(hapi, suggested)))


@pytest.mark.parametrize("language", list(Language))
def test_every_sort_of_suggestion_is_valid_and_accepted(language: Language, hapi: str, record_property: Any) -> None:
    # Whatever no fixture happens to lead to: every sort of draft, each spine region that has a code of its own.
    patient = {"resourceType": "Patient", "id": f"sorts-{language.value}-{RUN}"}
    with requests.Session() as session:
        assert accepted(session, hapi, patient)
    suggested = []
    for kind in CREATED:
        spec = orders()[kind.value]
        for level in [LEVELS[region] for region in spec.regions] or ["T11"]:
            card = PlannedCard(
                "C11", "C11-E", Lane.INFECTION, "1", Indicator.WARNING, levels=(level,) if level else (), drafts=()
            )
            writing = OrderWriting(card, "C11-E", wordings()[language], orders(), frozenset(), patient["id"])
            dated = Draft(kind, DATED.priority, DATED.occurrence, DATED.occurrence_end, DATED.quantity, DATED.note)
            suggested += [*resources(writing, Draft(kind)), *resources(writing, dated)]
    record_property("counted", ("sorts of suggestion in all languages, valid and accepted", held(hapi, suggested)))
    assert {resource["resourceType"] for resource in suggested} == {spec.resource for spec in orders().values()}
