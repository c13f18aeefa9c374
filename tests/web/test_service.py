"""The whole service, nothing replaced: scenarios over HTTP, data fetched from a FHIR server, feedback to the rules."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

import pytest
from flask import Flask

import fhir_fixtures
from cds_service.app import build_backend
from cds_service.config import Settings
from cds_service.hooks.services import ORDER_SELECT, PATIENT_VIEW, SERVICES, Hook, Service
from cds_service.web.backend import Backend
from cds_service.web.site import build_site
from fhir_fixtures.prefetch import filled

SERVICE_OF = {service.hook: service for service in SERVICES}
CASE = "spondylodiscitis-l4-l5"
VIEWED = [name for name in fhir_fixtures.scenarios() if fhir_fixtures.scenario(name).hook == Hook.PATIENT_VIEW]


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Backend:
    # The tests share one store and some give feedback; what that holds back has tests of its own.
    folder = tmp_path_factory.mktemp("state")
    return build_backend(Settings(state_dir=folder, budget_seconds=2.0, repeat_lock=False))


@pytest.fixture(scope="module")
def app(backend: Backend) -> Flask:
    return build_site(backend)


@pytest.fixture
def client(app: Flask) -> Any:
    return app.test_client()


def request_of(name: str, service: Service) -> dict[str, Any]:
    return fhir_fixtures.hook_request(name, service.to_wire(), datetime.now(UTC) - timedelta(minutes=1))


def address(service: Service) -> str:
    return f"/cds-services/{service.id}"


def without_uuids(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_uuids(item) for name, item in value.items() if name != "uuid"}
    return [without_uuids(item) for item in value] if isinstance(value, list) else value


def members(value: Any) -> Iterator[Any]:
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from members(item)


@pytest.mark.parametrize(
    "name", [n for n in fhir_fixtures.scenarios() if fhir_fixtures.scenario(n).hook == "patient-view"]
)
def test_templates_bring_everything_that_a_scenario_needs(client: Any, name: str) -> None:
    headers = {"Accept-Language": fhir_fixtures.scenario(name).language}
    hooked = client.post(address(PATIENT_VIEW), json=request_of(name, PATIENT_VIEW), headers=headers)
    whole = fhir_fixtures.bundle(name, datetime.now(UTC) - timedelta(minutes=1))
    shown = client.post("/preview", json=whole, headers=headers)
    assert hooked.status_code == shown.status_code == 200, hooked.text
    assert [card["summary"] for card in hooked.json["cards"]] == [card["summary"] for card in shown.json["cards"]]
    assert hooked.headers["Content-Language"] == fhir_fixtures.scenario(name).language


@pytest.mark.parametrize("name", fhir_fixtures.scenarios())
def test_nothing_in_an_answer_is_null_or_empty(client: Any, name: str) -> None:
    service = SERVICE_OF[Hook(fhir_fixtures.scenario(name).hook)]
    answer = client.post(address(service), json=request_of(name, service)).json
    assert [part for part in members(answer["cards"] or [1]) if part in (None, "", [], {})] == []


def test_same_call_gives_the_same_advice(client: Any) -> None:
    body = request_of(CASE, PATIENT_VIEW)
    first, second = (client.post(address(PATIENT_VIEW), json=body).json for _ in range(2))
    assert first["cards"]
    assert without_uuids(first) == without_uuids(second)


def test_parallel_calls_do_not_mix_patients(client: Any, app: Flask) -> None:
    names = ["t11-before-labs", CASE, "normal-mri-negated-edema", "metastasis-breast-cancer"] * 4
    expected = {
        name: without_uuids(client.post(address(PATIENT_VIEW), json=request_of(name, PATIENT_VIEW)).json)
        for name in set(names)
    }
    wrong: list[str] = []

    def call(name: str) -> None:
        answer = app.test_client().post(address(PATIENT_VIEW), json=request_of(name, PATIENT_VIEW))
        if without_uuids(answer.json) != expected[name]:
            wrong.append(name)

    threads = [threading.Thread(target=call, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_feedback_finds_rules_and_knowledge_version(client: Any, backend: Backend) -> None:
    card = client.post(address(PATIENT_VIEW), json=request_of(CASE, PATIENT_VIEW)).json["cards"][0]
    item = {
        "card": card["uuid"],
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}],
        "outcomeTimestamp": "2026-11-21T10:00:00Z",
    }
    assert client.post(f"{address(PATIENT_VIEW)}/feedback", json={"feedback": [item]}).status_code == 200
    kept = next(one for one in backend.store.feedback() if one.feedback.card == card["uuid"])
    assert kept.card is not None
    assert kept.card.rule_ids
    assert kept.card.knowledge_version == backend.knowledge_version
    assert card["suggestions"][0]["uuid"] in kept.card.suggestions


class FhirStub(BaseHTTPRequestHandler):
    """A FHIR server for one patient; ``moods`` changes what it does with a resource type."""

    resources: ClassVar[list[dict[str, Any]]] = []
    calls: ClassVar[list[tuple[str, str, str, str]]] = []
    moods: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        path = unquote(self.path.removeprefix("/fhir/"))
        headers = self.headers
        self.calls.append((self.command, path, headers.get("Authorization", ""), headers.get("Accept", "")))
        mood = self.moods.get(path.partition("?")[0].partition("/")[0], "")
        if mood.isdigit():
            self.send_response(int(mood))
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        found = filled({"x": path}, self.resources, {})["x"]
        body = b"<html>no</html>" if mood == "html" else json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if mood == "html" else "application/fhir+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
        """Stay quiet."""


@pytest.fixture
def fhir() -> Iterator[str]:
    FhirStub.resources = [
        e["resource"] for e in fhir_fixtures.bundle(CASE, datetime.now(UTC) - timedelta(minutes=1))["entry"]
    ]
    FhirStub.calls.clear()
    FhirStub.moods.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), FhirStub)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/fhir"
    server.shutdown()
    thread.join()
    server.server_close()


GRANT = {"access_token": "token-for-one-call", "token_type": "Bearer", "expires_in": 300, "scope": "s", "subject": "c"}


def test_fetched_data_give_the_same_cards_as_prefetched(client: Any, fhir: str) -> None:
    body = request_of(CASE, PATIENT_VIEW)
    sent = client.post(address(PATIENT_VIEW), json=body).json
    del body["prefetch"]
    fetched = client.post(address(PATIENT_VIEW), json=body | {"fhirServer": fhir, "fhirAuthorization": GRANT})
    assert fetched.status_code == 200, fetched.text
    assert without_uuids(fetched.json) == without_uuids(sent)
    assert {method for method, _, _, _ in FhirStub.calls} == {"GET"}
    assert {token for _, _, token, _ in FhirStub.calls} == {"Bearer token-for-one-call"}
    assert all(accept.startswith("application/fhir+json") for _, _, _, accept in FhirStub.calls)
    asked = {path.partition("?")[0] for _, path, _, _ in FhirStub.calls}
    assert f"Patient/{CASE}" in asked
    assert len(FhirStub.calls) == len([key for key in PATIENT_VIEW.prefetch if not key.covered_by])


def test_complete_prefetch_leaves_the_server_alone(client: Any, fhir: str) -> None:
    assert (
        client.post(address(PATIENT_VIEW), json=request_of(CASE, PATIENT_VIEW) | {"fhirServer": fhir}).status_code
        == 200
    )
    assert FhirStub.calls == []


@pytest.mark.parametrize("mood", ["401", "403", "404", "429", "500", "302", "html"])
def test_refusals_of_the_server_are_not_passed_on(client: Any, fhir: str, mood: str) -> None:
    body = request_of(CASE, PATIENT_VIEW) | {"fhirServer": fhir}
    del body["prefetch"]["reports"]
    del body["prefetch"]["devices"]
    FhirStub.moods["Device"] = mood
    assert client.post(address(PATIENT_VIEW), json=body).status_code == 200
    FhirStub.moods["DiagnosticReport"] = mood
    refused = client.post(address(PATIENT_VIEW), json=body)
    assert refused.status_code == 412
    assert [issue["expression"] for issue in refused.json["issue"]] == [["prefetch.reports"]]
    assert not any("elsewhere" in path for _, path, _, _ in FhirStub.calls)


def test_lost_medication_list_is_said_on_the_card(client: Any) -> None:
    body = request_of(CASE, PATIENT_VIEW)
    complete = client.post(address(PATIENT_VIEW), json=body).json["cards"]
    del body["prefetch"]["medicationRequests"]
    partial = client.post(address(PATIENT_VIEW), json=body).json["cards"]
    assert [card["summary"] for card in partial] == [card["summary"] for card in complete]
    assert all(card["detail"] != whole["detail"] for card, whole in zip(partial, complete, strict=True))


def test_token_leaves_no_trace(client: Any, fhir: str, backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    body = request_of(CASE, PATIENT_VIEW) | {"fhirServer": fhir, "fhirAuthorization": GRANT}
    del body["prefetch"]["devices"]
    with caplog.at_level("DEBUG"):
        answer = client.post(address(PATIENT_VIEW), json=body)
    state = b"".join(path.read_bytes() for path in Path(backend.settings.state_path).iterdir() if path.is_file())
    for place in (answer.data, caplog.text.encode(), state):
        assert b"token-for-one-call" not in place
    assert CASE.encode() not in state


def test_reasoning_points_at_the_words_of_the_report(client: Any) -> None:
    shown = client.post("/preview", json=fhir_fixtures.bundle(CASE, datetime.now(UTC) - timedelta(minutes=1))).json
    for finding in (f for report in shown["reasoning"]["findings"] for f in report["findings"]):
        start, end = finding["span"]
        text = next(r for r in shown["reasoning"]["findings"] if finding in r["findings"])["texts"]
        assert text[finding.get("text_index", 0)]["text"][start:end].strip()
    assert any(rule["fired"] for rule in shown["reasoning"]["rules"])
    assert all(rule["why"] for rule in shown["reasoning"]["rules"])


def test_typed_report_is_read_and_orders_are_judged(client: Any) -> None:
    typed = {
        "text": "MRI lumbar spine. Marrow edema of L4 and L5 with fluid signal in the L4-L5 disc and endplate erosion.",
        "patient": {"age": 61, "sex": "male"},
        "labs": [{"name": "CRP", "value": 84, "unit": "mg/L"}],
        "orders": ["vertebroplasty L4"],
    }
    answer = client.post("/preview", json=typed)
    assert answer.status_code == 200
    assert len({card["source"]["topic"]["code"] for card in answer.json["cards"]}) >= 2
    assert "critical" in {card["indicator"] for card in answer.json["cards"]}


def test_form_shows_the_cards_of_a_typed_report(client: Any) -> None:
    form = {
        "text": "MRT LWS: Knochenmarködem LWK 4 mit Flüssigkeitssignal der Bandscheibe L4/5.",
        "cards": "de",
        "labs": "CRP 84 mg/l",
    }
    answer = client.post("/preview", data=form)
    assert answer.status_code == 200
    assert '<article class="card' in answer.text


def test_knowledge_page_lists_the_row_that_cards_link_to(client: Any) -> None:
    cards = client.post(address(PATIENT_VIEW), json=request_of(CASE, PATIENT_VIEW)).json["cards"]
    page = client.get("/about/knowledge", headers={"Accept": "text/html"}).text
    for card in cards:
        for link in card.get("links", ()):
            assert f'id="{link["url"].partition("#")[2]}"' in page


def test_order_form_just_opened_needs_no_data(client: Any) -> None:
    body = request_of(CASE, ORDER_SELECT) | {"prefetch": {}}
    assert client.post(address(ORDER_SELECT), json=body).json == {"cards": []}


def test_waiting_order_of_an_emergency_is_raised_as_the_client_sent_it(client: Any) -> None:
    body = request_of("epidural-abscess-weakness", ORDER_SELECT)
    waiting = {
        "resourceType": "ServiceRequest",
        "id": "mri-1",
        "status": "draft",
        "intent": "order",
        "priority": "routine",
        "subject": {"reference": f"Patient/{body['context']['patientId']}"},
        "code": {
            "coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "72148"}],
            "text": "MRI lumbar spine",
        },
        "extension": [{"url": "https://site.example/slot", "valueString": "A"}],
    }
    drafts = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": waiting}]}
    body["context"] |= {"draftOrders": drafts, "selections": ["ServiceRequest/mri-1"]}
    cards = client.post(address(ORDER_SELECT), json=body).json["cards"]
    updates = [
        action
        for card in cards
        for step in card.get("suggestions", ())
        for action in step["actions"]
        if action["type"] == "update"
    ]
    assert [action["resource"] for action in updates] == [waiting | {"priority": "stat"}]
    assert "resourceId" not in updates[0]
