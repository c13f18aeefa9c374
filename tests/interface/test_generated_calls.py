"""Calls made from the OpenAPI document: whatever is sent, no failure of ours and only documented answers."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cds_service.app import create_app
from cds_service.config import Settings
from cds_service.hooks.services import SERVICES

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Calls of each seed, and how many seeds: in parts, so that several processes share the work.
RICH = {f"/cds-services/{service.id}": 60 for service in SERVICES} | {"/preview": 60}
RICH |= {f"/cds-services/{service.id}/feedback": 60 for service in SERVICES}
RICH |= {"/preview/export": 15, "/preview/patients": 15, "/preview/compare": 5, "/preview/changes": 5}
SEEDS = range(5)
FEWEST = 2000
PARTS = [(path, part) for path in RICH for part in SEEDS]
PLAIN = [
    "/",
    "/cds-services",
    "/preview",
    "/preview/catalogue",
    "/about",
    "/about/knowledge",
    "/about/usage",
    "/livez",
    "/readyz",
    "/health",
    "/openapi.json",
]


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    app = create_app(Settings(state_dir=tmp_path_factory.mktemp("state"), budget_seconds=0.5))
    return schemathesis.openapi.from_wsgi("/openapi.json", app)


def send(schema: Any, path: str, method: str, number: int, examples: int) -> int:
    """Make calls of one operation, well formed and not, and return how many were sent."""
    strategy = schema[path][method].as_strategy(generation_mode=GenerationMode.POSITIVE)
    if method == "POST":
        strategy |= schema[path][method].as_strategy(generation_mode=GenerationMode.NEGATIVE)
    sent = 0

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def one(case: Any) -> None:
        nonlocal sent
        sent += 1
        case.validate_response(case.call(), checks=CHECKS)

    one()
    return sent


def test_the_plan_is_large_enough() -> None:
    assert sum(RICH.values()) * len(SEEDS) >= FEWEST


@pytest.mark.parametrize(("path", "part"), PARTS)
def test_generated_calls_are_answered_as_documented(schema: Any, path: str, part: int) -> None:
    assert send(schema, path, "POST", part, RICH[path]) >= RICH[path]


@pytest.mark.parametrize("path", PLAIN)
def test_generated_looks_at_pages(schema: Any, path: str) -> None:
    assert send(schema, path, "GET", 1, 10) >= 1
