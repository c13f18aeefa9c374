"""Metrics, logs and traces hold no word of a patient's record, whatever way it comes and however a call ends."""

import io
import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import fhir_fixtures
from cds_service.app import build_backend
from cds_service.config import Settings
from cds_service.hooks.services import SERVICES
from cds_service.telemetry.desk import Telemetry
from cds_service.telemetry.tracing import Tracer
from cds_service.web.logs import JsonLines
from cds_service.web.site import build_site
from tests.telemetry.calls import ADDRESS, call_of
from tests.telemetry.planted import MARK, fhir_server, overgrown, planted, renamed

SECRET = "sixteen letters or more"
HEADERS = {
    "X-Request-Id": MARK,
    "User-Agent": MARK,
    "traceparent": f"00-{MARK}-{MARK}-01",
    "tracestate": MARK,
    "baggage": f"patient={MARK}",
    "Cookie": f"session={MARK}",
    "Accept-Language": MARK,
    "Origin": f"https://{MARK}.example",
    "Referer": f"https://ehr.example/{MARK}",
    "X-Forwarded-For": MARK,
}
PAGES = (
    "/", "/about", "/about/knowledge", "/about/usage", "/cds-services", "/health", "/livez", "/readyz", "/metrics",
    "/openapi.json", "/preview", "/preview/catalogue", f"/static/{MARK}.css", f"/{MARK}", f"/cds-services/{MARK}",
)  # fmt: skip


@dataclass
class Site:
    client: FlaskClient
    logged: io.StringIO
    exporter: InMemorySpanExporter
    tracer: Tracer
    folder: Path
    fhir: str

    def told(self) -> dict[str, str]:
        """All that the service tells of its calls to others than the caller."""
        self.tracer.flush()
        metrics = self.client.get("/metrics", headers={"Authorization": f"Bearer {SECRET}"})
        assert metrics.status_code == 200
        spans = "\n".join(span.to_json() for span in self.exporter.get_finished_spans())
        return {"metrics": metrics.text, "logs": self.logged.getvalue(), "spans": spans}

    def check(self) -> None:
        """Find the mark nowhere."""
        told = self.told()
        assert {
            name: [line for line in text.splitlines() if MARK.lower() in line.lower()] for name, text in told.items()
        } == {"metrics": [], "logs": [], "spans": []}
        assert told["metrics"]
        assert told["logs"]


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the process logs: all of the service, and of its libraries what is logged when it runs."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root, own = logging.getLogger(), logging.getLogger("cds_service")
    before = root.level, own.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    own.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before[0])
    own.setLevel(before[1])


@pytest.fixture
def site(tmp_path: Path, logged: io.StringIO) -> Iterator[Site]:
    report = planted(call_of("epidural-abscess-weakness")["prefetch"]["reports"]["entry"][0]["resource"])
    with fhir_server(report | {"subject": {"reference": f"Patient/{MARK}-4711"}}) as fhir:
        settings = Settings(
            state_dir=tmp_path,
            budget_seconds=60,
            max_body_bytes=2_000_000,
            fhir_origins=(fhir.removesuffix("/fhir"),),
            results_fhir=fhir,
            results_secret=SECRET,
            metrics_secret=SECRET,
        )
        exporter = InMemorySpanExporter()
        tracer = Tracer("http://127.0.0.1:9", exporter)
        backend = build_backend(settings)
        backend = replace(backend, telemetry=Telemetry(backend.telemetry.metrics, tracer=tracer))
        yield Site(build_site(backend).test_client(), logged, exporter, tracer, tmp_path, fhir)
        tracer.close()


def calls() -> Iterator[tuple[str, dict[str, Any]]]:
    """Calls of every service, with the mark in all texts."""
    hooks = {service.hook.value: service for service in SERVICES}
    for name in fhir_fixtures.scenarios():
        service = hooks[fhir_fixtures.scenario(name).hook]
        body = fhir_fixtures.hook_request(name, service.to_wire(), datetime.now(UTC))
        yield f"/cds-services/{service.id}", renamed(planted(body), body["context"]["patientId"])


def test_answered_calls(site: Site) -> None:
    statuses = []
    for address, body in calls():
        query = f"{address}?patient={MARK}"
        answer = site.client.post(query, json=body, headers=HEADERS | {"Authorization": f"Bearer {MARK}"})
        statuses.append(answer.status_code)
        if answer.status_code == 200:
            feedback = [
                {
                    "card": card["uuid"],
                    "outcome": "overridden",
                    "outcomeTimestamp": "2026-11-21T10:00:00Z",
                    "overrideReason": {"reason": {"code": MARK, "system": MARK}, "userComment": MARK},
                }
                for card in answer.get_json()["cards"]
            ]
            items = [*feedback, {"card": MARK, "outcome": MARK}, MARK]
            site.client.post(f"{address}/feedback", json={"feedback": items, MARK: MARK}, headers=HEADERS)
    assert statuses.count(200) > len(statuses) // 2
    site.check()
    assert site.told()["spans"].count("marrow.rules") > len(statuses) // 2


def test_refused_calls(site: Site) -> None:
    body = planted(call_of("t11-before-labs"))
    for address in (ADDRESS, f"{ADDRESS}/feedback", f"/cds-services/{MARK}", "/preview", "/preview/changes"):
        for wrong in (
            {MARK: MARK},
            [MARK],
            MARK,
            {"hook": MARK, "hookInstance": MARK, "context": {"patientId": MARK, "userId": MARK}},
            body | {"hookInstance": MARK},
            body | {"fhirServer": f"https://{MARK}.example/{MARK}", "prefetch": {}},
            body | {"prefetch": {MARK: body["prefetch"]["patient"], "patient": MARK}},
            body | {"context": {"patientId": MARK, "userId": f"Patient/{MARK}"}},
            overgrown(body),
            overgrown(body) | {"prefetch": {"reports": None}},
        ):
            site.client.post(address, json=wrong, headers=HEADERS)
        for raw in (b"{" + MARK.encode(), b'{"a": "' + MARK.encode() + b"\xff", MARK.encode() * 300_000, b"[" * 5000):
            site.client.post(address, data=raw, content_type="application/json", headers=HEADERS)
        site.client.post(address, data=MARK, content_type=f"text/{MARK}", headers=HEADERS)
        site.client.put(address, json=body, headers=HEADERS)
    for page in PAGES:
        for query in (f"?{MARK}={MARK}", f"?lang={MARK}&language={MARK}&format={MARK}&from={MARK}&client={MARK}"):
            site.client.get(f"{page}{query}", headers=HEADERS | {"Authorization": f"Bearer {MARK}"})
    site.client.get("/preview", headers={"Host": f"{MARK}.example"})
    site.check()


def test_previews(site: Site) -> None:
    body = planted(call_of("t11-before-labs"))
    text = {"text": f"MRT BWS: Oedem T11. {MARK}", "language": MARK}
    for path in ("/preview", "/preview/changes", "/preview/compare", "/preview/export", "/preview/patients"):
        for given in (body, text, {"fixture": MARK}, {"server": site.fhir, "patient": MARK}, {"a": body, "b": text}):
            site.client.post(f"{path}?asOf={MARK}", json=given, headers=HEADERS)
            site.client.post(path, json=given, headers=HEADERS)
        site.client.post(path, data={"text": MARK, "language": MARK}, headers=HEADERS)
    site.check()


def test_charts_from_a_fhir_server_that_goes_wrong(site: Site) -> None:
    body = renamed(planted(call_of("t11-before-labs")), "t11-before-labs")
    grant = {"access_token": MARK, "token_type": "Bearer", "expires_in": 300, "scope": MARK, "subject": MARK}
    asked = body | {"fhirServer": site.fhir, "fhirAuthorization": grant}
    for prefetch in (None, {}, {"patient": body["prefetch"]["patient"]}, {"reports": body["prefetch"]["reports"]}):
        site.client.post(ADDRESS, json=asked | {"prefetch": prefetch}, headers=HEADERS)
    site.check()
    assert 'marrow_fhir_fetches_total{outcome="HTTP 5xx"}' in site.told()["metrics"]
    assert 'marrow_fhir_fetches_total{outcome="answer is not JSON"}' in site.told()["metrics"]


def test_notifications_of_results(site: Site) -> None:
    allowed = HEADERS | {"Authorization": f"Bearer {SECRET}"}
    report = {"resourceType": "DiagnosticReport", "id": f"{MARK}-1", "conclusion": MARK}
    for headers in (allowed, HEADERS | {"Authorization": f"Bearer {MARK}"}):
        site.client.post("/results", headers=headers)
        site.client.post("/results", json=report, headers=headers)
        site.client.post("/results", json={MARK: MARK}, headers=headers)
        for name in (f"{MARK}-2", "gone", f"{MARK} {MARK}"):
            site.client.put(f"/results/DiagnosticReport/{name}?{MARK}", json=report, headers=headers)
    assert "marrow_refusals_total" in site.told()["metrics"]
    site.check()


def test_crashes_and_a_store_that_fails(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    body = planted(call_of("t11-before-labs"))
    site.client.post(ADDRESS, json=body)
    with closing(sqlite3.connect(site.folder / "marrow-cds.sqlite")) as database:
        database.execute("DROP TABLE issued_card")
        database.execute("DROP TABLE feedback")
        database.commit()
    item = {"card": MARK, "outcome": "accepted", "outcomeTimestamp": "2026-11-21T10:00:00Z"}
    items = [item | {"acceptedSuggestions": [{"id": MARK}]}]
    assert site.client.post(f"{ADDRESS}/feedback", json={"feedback": items}).status_code == 200
    site.client.post(ADDRESS, json=body | {"hookInstance": MARK})

    def crash(*_arguments: object, **_named: object) -> None:
        raise RuntimeError(f"patient {MARK}") from ValueError(MARK)

    monkeypatch.setattr("cds_service.fhir.extract.FactExtractor.extract", crash)
    other = json.loads(json.dumps(body).replace("t11-before-labs", MARK))
    answer = site.client.post(ADDRESS, json=other, headers=HEADERS)
    assert answer.status_code == 500
    assert MARK not in answer.text
    site.check()


def test_the_mark_is_found_where_it_is(site: Site) -> None:
    logging.getLogger("elsewhere").warning("patient %s", MARK)
    with pytest.raises(AssertionError, match=MARK):
        site.check()
