"""The OpenAPI document is true: every route stands in it, and every answer fits its schema."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

import fhir_fixtures
from cds_service.app import create_app
from cds_service.config import Settings
from cds_service.hooks.services import SERVICES

TYPED = {"text": "Marrow edema of L4.", "labs": [{"name": "CRP", "value": 84, "unit": "mg/L"}], "patient": {"age": 61}}


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    return create_app(Settings(state_dir=tmp_path_factory.mktemp("state"), repeat_lock=False)).test_client()


@pytest.fixture(scope="module")
def document(http: FlaskClient) -> dict[str, Any]:
    answer = http.get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    found: Any = answer.json
    assert isinstance(found, dict)
    return found


def routes(http: FlaskClient) -> Iterator[tuple[str, str]]:
    """Yield method and path of everything that answers; a doubled or missing slash is the same path."""
    for rule in http.application.url_map.iter_rules():
        path = rule.rule.replace("//", "/").replace("<path:filename>", "{filename}")
        path = path.rstrip("/") or "/"
        named = [path.replace("<service_id>", service.id) for service in SERVICES] if "<service_id>" in path else [path]
        for one in named:
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                yield method.lower(), one


def test_every_route_is_documented_and_no_other(http: FlaskClient, document: dict[str, Any]) -> None:
    documented = {(method, path) for path, item in document["paths"].items() for method in item}
    assert documented == set(routes(http))


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()
    assert document["openapi"] == "3.1.0"
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids)) == len(list(schema.get_all_operations()))
    for name, one in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(one)
        assert name


def fits(document: dict[str, Any], path: str, method: str, answer: Any) -> None:
    """Hold an answer to its schema."""
    described = document["paths"][path][method]["responses"][str(answer.status_code)]["content"][answer.mimetype]
    schema = described["schema"] | {"components": document["components"]}
    if answer.mimetype == "application/json":
        errors = [error.message for error in Draft202012Validator(schema).iter_errors(answer.json)]
        assert errors == []


@cache
def calls() -> list[tuple[str, dict[str, Any]]]:
    of_hook = {service.hook.value: service for service in SERVICES}
    now = datetime.now(UTC) - timedelta(minutes=1)
    found = []
    for name in fhir_fixtures.scenarios():
        service = of_hook[fhir_fixtures.scenario(name).hook]
        found.append((f"/cds-services/{service.id}", fhir_fixtures.hook_request(name, service.to_wire(), now)))
    return found


def test_calls_and_answers_of_all_cases_fit(http: FlaskClient, document: dict[str, Any]) -> None:
    for path, body in calls():
        asked = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        schema = asked | {"components": document["components"]}
        assert [error.message for error in Draft202012Validator(schema).iter_errors(body)] == []
        answer = http.post(path, json=body)
        assert answer.status_code == 200
        fits(document, path, "post", answer)
        fits(document, "/preview", "post", http.post("/preview", json=body))


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/cds-services/marrow-edema-patient-view", {}, 400),
        ("/cds-services/marrow-edema-order-sign/feedback", {"feedback": []}, 200),
        ("/cds-services/marrow-edema-order-sign/feedback", {"feedback": [5]}, 400),
        ("/preview", TYPED, 200),
        ("/preview", {"labs": 5}, 400),
    ],
)
def test_other_answers_fit(http: FlaskClient, document: dict[str, Any], path: str, body: Any, status: int) -> None:
    answer = http.post(path, json=body)
    assert answer.status_code == status
    fits(document, path, "post", answer)


def test_refused_calls_fit(http: FlaskClient, document: dict[str, Any]) -> None:
    path, body = calls()[0]
    for answer, status in (
        (http.post(path, json=body | {"prefetch": {}}), 412),
        (http.post(path, data=b"x", content_type="text/plain"), 415),
        (http.post(path, data=b" " * 11_000_000, content_type="application/json"), 413),
    ):
        assert answer.status_code == status
        fits(document, path, "post", answer)


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/", "*/*"),
        ("/cds-services", "*/*"),
        ("/preview", "text/html"),
        ("/about", "application/json"),
        ("/about/knowledge", "text/html"),
        ("/about/knowledge", "application/json"),
        ("/about/usage", "text/html"),
        ("/about/usage", "text/csv"),
        ("/about/usage", "application/json"),
        ("/livez", "*/*"),
        ("/readyz", "*/*"),
        ("/health", "*/*"),
        ("/openapi.json", "*/*"),
    ],
)
def test_pages_fit(http: FlaskClient, document: dict[str, Any], path: str, accept: str) -> None:
    fits(document, path, "get", http.get(path, headers={"Accept": accept}))


def test_the_example_of_the_preview_can_be_sent(http: FlaskClient, document: dict[str, Any]) -> None:
    example = document["paths"]["/preview"]["post"]["requestBody"]["content"]["application/json"]["examples"]["typed"]
    answer = http.post("/preview", json=example["value"])
    assert answer.status_code == 200
    found: Any = answer.json
    assert found["cards"]
