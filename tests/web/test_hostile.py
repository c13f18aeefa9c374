"""Damaged calls: whatever a member holds, the answer is cards, a named refusal or 412, and never a crash."""

import copy
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

import fhir_fixtures
from cds_service.app import create_app
from cds_service.config import Settings
from cds_service.hooks.services import SERVICES

SERVICE_OF = {service.hook.value: service for service in SERVICES}
ODD: list[Any] = [
    None, "", [], {}, 5, -1, 1.5e300, 0, True, "x", "-0", "1e5", "2026-13-45", "0002-01-02", "9999-12-31T23:59:60Z",
    "<img src=x onerror=alert(1)>", ["a"], {"a": 1}, [None], [[]], {"resourceType": "Observation"}, "Patient/x",
    "urn:uuid:1", "\u0000", "\U0001f489" * 50, {"coding": [{}]}, {"coding": {}}, {"coding": [None]},
    {"value": "12", "unit": None}, {"value": {}}, [{"value": "<5"}], "L4 " * 3000,
]  # fmt: skip
NEW_MEMBERS = ["x1", "_value", "status", "code", "valueString", "effectiveDateTime", "subject", "resourceType"]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from places(inner, (*path, name))


def damage(body: dict[str, Any], chance: random.Random) -> None:
    """Replace, remove or add one member somewhere."""
    path = chance.choice(list(places(body)))
    holder: Any = body
    for name in path[:-1]:
        holder = holder[name]
    odd = copy.deepcopy(chance.choice(ODD))
    kind = chance.random()
    if kind < 0.7:
        holder[path[-1]] = odd
    elif kind < 0.85:
        del holder[path[-1]]
    elif isinstance(holder, dict):
        holder[chance.choice(NEW_MEMBERS)] = odd
    else:
        holder.append(odd)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return create_app(Settings(state_dir=tmp_path_factory.mktemp("state"), budget_seconds=0.5)).test_client()


def check(client: Any, seed: int, rounds: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable damage, no secret
    for _ in range(rounds):
        name = chance.choice(fhir_fixtures.scenarios())
        service = SERVICE_OF[fhir_fixtures.scenario(name).hook]
        body = fhir_fixtures.hook_request(name, service.to_wire(), datetime.now(UTC))
        for _ in range(chance.choice([1, 1, 2, 4])):
            damage(body, chance)
        headers = {"Content-Type": "application/json", "Accept-Language": chance.choice(["en", "de", "ro"])}
        answer = client.post(f"/cds-services/{service.id}", data=json.dumps(body).encode(), headers=headers)
        assert answer.status_code in {200, 400, 412}, json.dumps(body)
        assert ("cards" in answer.json) == (answer.status_code == 200)
        assert all("<img" not in card["detail"] for card in answer.json.get("cards", ()))


@pytest.mark.parametrize("seed", range(4))
def test_damaged_calls_never_crash(client: Any, seed: int) -> None:
    check(client, seed, 25)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_damaged_calls_never_crash(client: Any, seed: int) -> None:
    check(client, seed, 200)
