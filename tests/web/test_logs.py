"""Log lines are JSON with the call they belong to, and planted identifiers stand in none of them."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import fhir_fixtures
from cds_service.app import build_backend
from cds_service.config import Settings
from cds_service.hooks.services import PATIENT_VIEW
from cds_service.web.logs import JsonLines
from cds_service.web.site import build_site

ADDRESS = f"/cds-services/{PATIENT_VIEW.id}"
# Stand for a name, a number, a birthday, an address, a phrase of a report, a token and a comment of a patient's record.
PLANTED = (
    "Zephyrine", "MRN-7718283", "1931-07-29", "Quittenweg", "xanthopsia", "eyJ-bearer", "fhir-secret", "pat-4711-x",
)  # fmt: skip


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    # Without the memory, which would answer a call instead of what is broken for a test.
    settings = Settings(state_dir=tmp_path_factory.mktemp("state"), budget_seconds=0.5, remember_seconds=0)
    return build_site(build_backend(settings)).test_client()


def planted_call() -> dict[str, Any]:
    body = fhir_fixtures.hook_request("t11-before-labs", PATIENT_VIEW.to_wire(), datetime.now(UTC))
    text = json.dumps(body).replace(body["context"]["patientId"], "pat-4711-x")
    planted: dict[str, Any] = json.loads(text)
    patient = planted["prefetch"]["patient"]
    patient["name"] = [{"family": "Zephyrine"}]
    patient["identifier"] = [{"value": "MRN-7718283"}]
    patient["birthDate"] = "1931-07-29"
    patient["address"] = [{"text": "Quittenweg 7"}]
    planted["prefetch"]["reports"]["entry"][0]["resource"]["conclusion"] += " xanthopsia."
    planted["fhirServer"] = "http://127.0.0.1:9/fhir"
    planted["fhirAuthorization"] = {"access_token": "fhir-secret", "token_type": "Bearer", "expires_in": 300}
    return planted


def broken_calls() -> Iterator[tuple[str, Any]]:
    """Calls that fail in different places, each with planted values."""
    yield ADDRESS, {"hook": "Zephyrine", "context": {"patientId": "MRN-7718283 xanthopsia"}}
    call = planted_call()
    yield ADDRESS, call | {"hookInstance": "Zephyrine"}
    yield ADDRESS, call | {"context": call["context"] | {"userId": "Quittenweg"}}
    yield ADDRESS, call | {"prefetch": {}}
    yield ADDRESS, call | {"prefetch": {"patient": call["prefetch"]["patient"] | {"id": "MRN-7718283"}}}
    yield f"{ADDRESS}/feedback", {"feedback": [{"card": "Zephyrine", "outcome": "xanthopsia"}]}
    yield f"{ADDRESS}/Zephyrine", call
    yield "/preview", {"patient": "Zephyrine", "labs": ["xanthopsia"]}


def test_planted_identifiers_are_in_no_log_and_no_error(client: Any, logged: io.StringIO) -> None:
    headers = {"Authorization": "Bearer eyJ-bearer", "X-Request-Id": "MRN-7718283", "User-Agent": "Zephyrine"}
    assert client.post(f"{ADDRESS}?mrn=MRN-7718283", json=planted_call(), headers=headers).status_code == 200
    for address, body in broken_calls():
        answer = client.post(address, json=body, headers=headers)
        if answer.status_code != 200:
            assert [word for word in PLANTED if word in answer.text] == [], address
    assert [word for word in PLANTED if word in logged.getvalue()] == []
    assert logged.getvalue().count('"endpoint":"hook.call"') >= 5


def test_planted_identifiers_are_in_no_crash(client: Any, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("Zephyrine MRN-7718283")

    monkeypatch.setattr("cds_service.fhir.extract.FactExtractor.extract", crash)
    answer = client.post(ADDRESS, json=planted_call())
    assert answer.status_code == 500
    assert [word for word in PLANTED if word in answer.text + logged.getvalue()] == []
    assert "RuntimeError" in logged.getvalue()


def test_planted_identifiers_are_not_on_the_disk(tmp_path: Path) -> None:
    client = build_site(build_backend(Settings(state_dir=tmp_path, budget_seconds=0.5))).test_client()
    assert client.post(ADDRESS, json=planted_call(), headers={"Authorization": "Bearer eyJ-bearer"}).status_code == 200
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"marrow-edema-patient-view" in kept
    assert [word for word in PLANTED if word.encode() in kept] == []


def test_each_line_names_its_request_and_hook_instance(client: Any, logged: io.StringIO) -> None:
    call = planted_call()
    answer = client.post(ADDRESS, json=call)
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    (line,) = [line for line in lines if line["logger"] == "cds_service.access"]
    assert line["request"] == answer.headers["X-Request-Id"]
    assert line["instance"] == call["hookInstance"]
    assert (line["status"], line["level"], line["endpoint"]) == (200, "info", "hook.call")


def line_of(message: str, *args: Any, **more: Any) -> dict[str, Any]:
    record = logging.LogRecord("x", logging.ERROR, "f", 1, message, args, more.get("exc_info"))
    written = JsonLines().format(record)
    assert "\n" not in written
    found: dict[str, Any] = json.loads(written)
    return found


def test_message_cannot_forge_another_line() -> None:
    assert line_of('a\n{"level":"info"} %s', "b")["message"] == 'a\n{"level":"info"} b'


def test_exception_is_named_without_its_text() -> None:
    error = ValueError("Zephyrine")
    line = line_of("failed", exc_info=(ValueError, error, None))
    assert line["exception"] == "ValueError"
    assert "Zephyrine" not in str(line)
