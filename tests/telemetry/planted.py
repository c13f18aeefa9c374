"""Plants an unmistakable word wherever a caller or a FHIR server may put something of a patient."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

MARK = "Zephyrine"
# What has to stay as it is, or nothing would be evaluated.
_STRUCTURE = frozenset(
    {"resourceType", "system", "code", "status", "reference", "url", "hook", "type", "intent", "unit", "relation",
     "hookInstance", "patientId", "selections", "id", "contentType", "language", "gender", "use", "mode"}
)  # fmt: skip


def planted(value: Any, name: str = "") -> Any:
    """Return the JSON with the mark at the end of every text beside its structure; moments stay moments."""
    if isinstance(value, dict):
        return {key: planted(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [planted(inner, name) for inner in value]
    if name in {"userId", "encounterId"}:
        return f"{value}-{MARK}"
    if not isinstance(value, str) or name in _STRUCTURE or name == "data" or value[:4].isdigit():
        return value
    return f"{value} {MARK}"


def overgrown(value: Any) -> Any:
    """Return the JSON with the mark instead of every text but the types of resources, and as a member's name."""
    if isinstance(value, dict):
        inner = {key: one if key in {"resourceType", "hook"} else overgrown(one) for key, one in value.items()}
        return inner | {f"_{MARK}": MARK}
    if isinstance(value, list):
        return [overgrown(inner) for inner in value]
    return MARK if isinstance(value, str) else value


def renamed(body: Any, patient: str) -> Any:
    """Return a call about another patient id, which holds the mark."""
    return json.loads(json.dumps(body).replace(patient, f"{MARK}-4711"))


class FhirServer(BaseHTTPRequestHandler):
    """Answers with the mark in everything, and in every way that a server can go wrong."""

    reports: dict[str, Any]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.removeprefix("/fhir/")
        kind, _, name = path.partition("/")
        if kind == "DiagnosticReport" and name == "gone":
            self._send(410, {"resourceType": "OperationOutcome", "text": {"div": MARK}})
        elif kind == "DiagnosticReport" and name:
            self._send(200, self.reports | {"id": name})
        elif kind == "DiagnosticReport":
            self._send(200, {"resourceType": "Bundle", "entry": [{"resource": self.reports}]})
        elif kind == "Observation":
            self._raw(200, b'{"resourceType": "Bundle", "' + MARK.encode())
        elif kind == "Condition":
            self._send(500, {"resourceType": "OperationOutcome", "issue": [{"diagnostics": MARK}]})
        elif kind == "Patient":
            self._send(200, {"resourceType": "Patient", "id": name or f"{MARK}-4711", "name": [{"family": MARK}]})
        else:
            self._send(200, {"resourceType": "Bundle", "entry": [{"fullUrl": MARK, "resource": {"id": MARK}}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._send(422, {"resourceType": "OperationOutcome", "issue": [{"diagnostics": MARK}]})

    do_PUT = do_POST  # noqa: N815 - the name that the server calls

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""

    def _send(self, status: int, body: Any) -> None:
        self._raw(status, json.dumps(body).encode())

    def _raw(self, status: int, body: bytes) -> None:
        self.send_response(status, MARK)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Patient", MARK)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def fhir_server(report: dict[str, Any]) -> Iterator[str]:
    """Run the server; its base address."""
    handler = type("Handler", (FhirServer,), {"reports": report})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/fhir"
        server.shutdown()
