"""Authenticated calls over HTTP: decided before the body, refused without a reason, language by registration."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cds_service.domain.vocabulary import Language
from cds_service.security.clients import Client
from cds_service.security.tokens import Caller, TokenRefused

VIEW = "/cds-services/marrow-edema-patient-view"


class Gate:
    """Lets one token in and remembers for which address it was shown."""

    def __init__(self) -> None:
        self.audiences: list[str] = []

    def verify(self, authorization: list[str], audience: str) -> Caller:
        self.audiences.append(audience)
        if authorization != ["Bearer good"]:
            raise TokenRefused(f"not good: {len(authorization)}")
        return Caller(Client("https://ehr.example.org", "Example", Language.RO))


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def guarded(world: Any, gate: Gate) -> Any:
    return world.client(verifier=gate)


def test_registered_language_wins_over_the_header(guarded: Any, patient_view: dict[str, Any]) -> None:
    headers = {"Authorization": "Bearer good", "Accept-Language": "de"}
    answer = guarded.post(VIEW, json=patient_view, headers=headers)
    assert answer.headers["Content-Language"] == "ro"


def test_audience_is_the_public_address_whatever_the_host_says(
    world: Any, gate: Gate, patient_view: dict[str, Any]
) -> None:
    registered = replace(world.backend.settings, clients=Path("clients.toml"))
    guarded = world.client(verifier=gate, settings=registered)
    headers = {"Authorization": "Bearer good", "Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    guarded.post(VIEW, json=patient_view, headers=headers)
    guarded.post(f"{VIEW}/feedback", json={"feedback": []}, headers=headers)
    guarded.post(VIEW.replace("services/", "services//"), json=patient_view, headers=headers)
    assert gate.audiences == [
        f"http://127.0.0.1:8000{VIEW}",
        f"http://127.0.0.1:8000{VIEW}/feedback",
        "http://127.0.0.1:8000/cds-services//marrow-edema-patient-view",
    ]


@pytest.mark.parametrize("path", [VIEW, f"{VIEW}/feedback"])
def test_every_fault_gets_the_same_answer_before_the_body_is_read(guarded: Any, path: str) -> None:
    answers = [
        guarded.post(path, data=b"{broken", headers={"Content-Type": "application/json"} | headers)
        for headers in ({}, {"Authorization": "Bearer bad"}, {"Authorization": "Basic x"})
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.data for answer in answers} == {answers[0].data}
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {"Bearer"}
    assert answers[0].json["issue"] == [
        {"severity": "error", "code": "login", "details": {"text": "The caller is not authenticated."}}
    ]


def test_preflight_and_discovery_need_no_token(guarded: Any) -> None:
    assert guarded.options(VIEW, headers={"Origin": "http://localhost:1"}).status_code == 200
    assert guarded.get("/cds-services").status_code == 200
