"""The server that other tests take for a real one: version, validation, notification."""

import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

import pytest
import requests

from tests.hapi import server
from tests.servers.in_thread import in_thread

JSON = {"Content-Type": "application/fhir+json"}


@pytest.fixture
def listener() -> Iterator[tuple[str, Queue[bytes]]]:
    received: Queue[bytes] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            received.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing: the answers are in the queue."""

    with in_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as origin:
        yield f"{origin}/notify", received


def test_it_is_hapi_for_r4_in_the_version_that_is_offered_in_containers(hapi: str) -> None:
    capabilities = requests.get(f"{hapi}/metadata", timeout=60).json()
    assert capabilities["fhirVersion"] == "4.0.1"
    assert capabilities["software"]["name"].startswith("HAPI FHIR")
    compose = (server.HERE.parents[1] / "docker-compose.yml").read_text()
    assert f"image: hapiproject/hapi:v{capabilities['software']['version']}\n" in compose


def test_it_finds_what_is_wrong_with_a_resource(hapi: str) -> None:
    wrong = {"resourceType": "ServiceRequest", "status": "draft", "intent": "proposal", "code": {"text": "CRP"}}
    outcome = requests.post(f"{hapi}/ServiceRequest/$validate", json=wrong, headers=JSON, timeout=120).json()
    errors = [issue["diagnostics"] for issue in outcome["issue"] if issue["severity"] == "error"]
    assert len(errors) == 1
    assert "ServiceRequest.subject: minimum required = 1" in errors[0]


def test_it_notifies_of_a_new_result(hapi: str, listener: tuple[str, Queue[bytes]]) -> None:
    endpoint, received = listener
    mark = uuid.uuid4().hex
    subscription = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "test",
        "criteria": f"DiagnosticReport?status=final&identifier=urn:test|{mark}",
        "channel": {"type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json"},
    }
    made = requests.post(f"{hapi}/Subscription", json=subscription, headers=JSON, timeout=60)
    made.raise_for_status()
    address = f"{hapi}/Subscription/{made.json()['id']}"
    for _ in range(240):
        if requests.get(address, timeout=60).json()["status"] == "active":
            break
        threading.Event().wait(0.25)
    report = {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "code": {"text": "MRI"},
        "identifier": [{"system": "urn:test", "value": mark}],
    }
    requests.post(f"{hapi}/DiagnosticReport", json=report, headers=JSON, timeout=60).raise_for_status()
    assert mark.encode() in received.get(timeout=60)
    requests.delete(address, timeout=60).raise_for_status()
