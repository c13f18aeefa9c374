"""Discovery: what is published, and that it stays inside what every client understands."""

import re
from typing import Any
from urllib.parse import parse_qsl

import pytest

from cds_service.hooks.services import SERVICES, Hook, PrefetchKey, service_by_id

KEYS = [(service.id, key) for service in SERVICES for key in service.prefetch]


def test_discovery_lists_the_three_services(client: Any) -> None:
    answer = client.get("/cds-services")
    assert answer.status_code == 200
    assert [(s["hook"], s["id"]) for s in answer.json["services"]] == [
        ("patient-view", "marrow-edema-patient-view"),
        ("order-select", "marrow-edema-order-select"),
        ("order-sign", "marrow-edema-order-sign"),
    ]
    for service in answer.json["services"]:
        assert list(service) == ["hook", "id", "title", "description", "usageRequirements", "prefetch"]
        assert all(service.values())


@pytest.mark.requirement("DISC-18", "DISC-19")
def test_discovery_is_stable_and_the_same_with_a_slash(client: Any) -> None:
    first, second, slash = (client.get(path) for path in ("/cds-services", "/cds-services", "/cds-services/"))
    assert first.data == second.data == slash.data
    assert slash.status_code == 200


def test_every_listed_service_answers_at_its_address(client: Any) -> None:
    for service in client.get("/cds-services").json["services"]:
        assert client.post(f"/cds-services/{service['id']}", json={}).status_code == 400


@pytest.mark.parametrize(("service", "key"), KEYS, ids=lambda value: getattr(value, "name", value))
def test_templates_stay_in_the_portable_subset(service: str, key: PrefetchKey) -> None:
    assert re.fullmatch(
        r"[A-Z][A-Za-z]+(/\{\{context\.patientId\}\}|\?[^{}]*\{\{context\.patientId\}\}[^{}]*)", key.template
    )
    parameters: list[tuple[str, str]] = parse_qsl(key.template.partition("?")[2])
    names = [name for name, _ in parameters]
    assert len(names) == len(set(names)), "repeated parameters are merged by some clients"
    assert set(names) <= {"patient", "category", "code", "_sort", "_count"}
    assert all("|" in token for name, value in parameters if name in {"category", "code"} for token in value.split(","))
    assert service_by_id(service) is not None


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.id)
def test_keys_are_unique_and_coverage_points_to_a_wider_key(service: Any) -> None:
    names = [key.name for key in service.prefetch]
    assert len(names) == len(set(names))
    assert {key.name for key in service.prefetch if key.required} == {"patient", "reports"}
    for key in service.prefetch:
        if key.covered_by:
            wider = service.key(key.covered_by)
            assert wider is not None
            assert wider.resource_type == key.resource_type
            assert names.index(wider.name) < names.index(key.name)


def test_only_order_services_ask_for_allergies() -> None:
    asking = {service.hook for service in SERVICES if service.key("allergies")}
    assert asking == {Hook.ORDER_SELECT, Hook.ORDER_SIGN}
