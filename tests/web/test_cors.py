"""Cross-origin headers on preflights, answers and errors."""

from typing import Any

import pytest

from cds_service.config import Settings

PATHS = ["/cds-services", "/cds-services/marrow-edema-patient-view", "/cds-services/marrow-edema-order-sign/feedback"]
LOCAL = "http://127.0.0.1:8181"


@pytest.mark.parametrize("path", [*PATHS, "/cds-services//marrow-edema-patient-view"])
def test_preflight_succeeds_without_token(client: Any, path: str) -> None:
    headers = {
        "Origin": LOCAL,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = client.options(path, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == LOCAL
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    assert "Authorization, Content-Type" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_preflight_to_a_local_network_is_granted_when_asked(client: Any) -> None:
    headers = {"Origin": LOCAL, "Access-Control-Request-Private-Network": "true"}
    assert client.options(PATHS[0], headers=headers).headers["Access-Control-Allow-Private-Network"] == "true"


@pytest.mark.parametrize("path", PATHS[1:])
def test_errors_carry_the_headers_too(client: Any, path: str) -> None:
    answer = client.post(path, json=[], headers={"Origin": LOCAL})
    assert answer.status_code == 400
    assert answer.headers["Access-Control-Allow-Origin"] == LOCAL
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", "http://localhost:1/x", ""]
)
def test_foreign_origins_get_the_answer_without_the_header(client: Any, origin: str) -> None:
    answer = client.get(PATHS[0], headers={"Origin": origin})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_listed_origin_is_echoed(world: Any) -> None:
    listed = Settings(cors_origins=("https://ehr.example.org",))
    client = world.client(settings=listed)
    answer = client.get(PATHS[0], headers={"Origin": "https://ehr.example.org"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://ehr.example.org"
