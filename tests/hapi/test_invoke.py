"""``marrow-cds invoke`` between the real service and a real FHIR server."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner

import fhir_fixtures
from cds_service.cli.main import cli
from cds_service.ehr.actions import Acceptance, choices
from cds_service.ehr.calls import Calls
from cds_service.ehr.server import FhirServer
from cds_service.hooks.services import PATIENT_VIEW
from tests.hapi.bedside import Ward, ward

SEEN = [name for name in fhir_fixtures.scenarios() if fhir_fixtures.scenario(name).hook == PATIENT_VIEW.hook]
TAG = f"i{uuid4().hex[:10]}"


@pytest.fixture(scope="module")
def at(hapi: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    assert seed(hapi).exit_code == 0
    with ward(hapi, tmp_path_factory.mktemp("ward")) as opened:
        yield opened
    assert seed(hapi, "--remove").exit_code == 0


def seed(hapi: str, *arguments: str) -> Any:
    return CliRunner().invoke(cli, ["seed", "--fhir", hapi, "--tag", TAG, *arguments], catch_exceptions=False)


def shown(cards: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(card["source"]["topic"]["code"], card["indicator"]) for card in cards]


@pytest.mark.parametrize("name", SEEN)
def test_the_cards_of_a_scenario_come_for_the_patient_on_the_server(at: Ward, name: str) -> None:
    expected = [
        (card.text.replace("-", "").replace("_", ""), card.indicator) for card in fhir_fixtures.scenario(name).cards
    ]
    assert shown(at.invoke(f"{TAG}-{name}").told["cards"]) == expected


def test_the_cards_are_the_same_when_the_service_does_the_looking_up(at: Ward) -> None:
    name = "spondylodiscitis-l4-l5"
    prefetched, fetched = at.invoke(f"{TAG}-{name}"), at.invoke(f"{TAG}-{name}", "--no-prefetch")
    assert shown(fetched.told["cards"]) == shown(prefetched.told["cards"]) != []


def test_they_are_found_by_their_reports(at: Ward) -> None:
    listed = json.loads(at.run("--list-patients", "--json").stdout)
    found = {one["patient_id"] for one in listed}
    assert f"{TAG}-t11-before-labs" in found
    assert f"{TAG}-knee-bone-bruise" not in found
    today = datetime.now(UTC).date().isoformat()
    assert all(one["day"] <= today for one in listed if one["patient_id"].startswith(TAG))


def test_what_is_accepted_carries_the_tag_of_the_patient_and_is_ordered_once(at: Ward) -> None:
    name = f"{TAG}-t11-before-labs"
    first = at.invoke(name)
    call = at.invoke(name, "--accept", first.number("Plan clinical review"))
    (order,) = [at.get(one) for one in call.done]
    assert order["meta"]["tag"][0]["code"] == TAG
    # The answer to a transaction can be lost, and the transaction is then sent again.
    server = FhirServer(at.fhir, Calls(60))
    taken = [one for one in choices(first.told["cards"]) if one.label.startswith("Plan clinical review")]
    entries = Acceptance(name, server, {"tag": order["meta"]["tag"]}).entries(taken)
    assert server.transaction(entries) == server.transaction(entries)


def test_a_draft_on_the_server_is_changed_and_taken_back(at: Ward) -> None:
    name = f"{TAG}-t11-before-labs"
    order = {
        "resourceType": "ServiceRequest",
        "id": f"draft-{uuid4().hex[:8]}",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{name}"},
        "code": {"text": "MRI"},
    }
    at.put(order)
    server = FhirServer(at.fhir, Calls(60))
    target = f"ServiceRequest/{order['id']}"

    def do(**action: Any) -> None:
        card = {"suggestions": [{"uuid": uuid4().hex, "actions": [action]}]}
        server.transaction(Acceptance(name, server, {}).entries(choices([card])))

    do(type="update", resource=at.get(target) | {"code": {"text": "MRI with contrast"}})
    assert at.get(target)["code"] == {"text": "MRI with contrast"}
    do(type="delete", resourceId=target)
    assert server.read(target) is None


def test_a_server_without_fhir_is_named(at: Ward) -> None:
    result = CliRunner().invoke(cli, ["invoke", "--fhir", at.service, "--patient", "x"])
    assert "has no FHIR interface there" in str(result.exception)
