"""Over HTTP: registered callers keep to what was agreed, their share is bounded, and each call is on record."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from limits import parse
from sqlalchemy import text

from cds_service.config import Settings
from cds_service.hooks.audit import AuditDesk
from cds_service.security.clients import Client
from cds_service.security.quota import Quotas
from cds_service.security.tokens import Caller
from cds_service.store.audit import AuditStore
from cds_service.store.calls import CallStore
from cds_service.web.admission import WAITING

VIEW = "/cds-services/marrow-edema-patient-view"
SIGN = "/cds-services/marrow-edema-order-sign"
CLIENT = Client("https://ehr.example.org", "Example")


class Known:
    """Knows everybody as one client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def verify(self, authorization: list[str], audience: str) -> Caller:
        assert audience
        return Caller(self._client, "north", f"token-{len(authorization)}")


@pytest.fixture
def audit(tmp_path: Path) -> Iterator[AuditStore]:
    store = AuditStore(f"sqlite:///{tmp_path / 'audit.sqlite'}")
    store.open()
    yield store
    store.close()


def desk(world: Any, audit: AuditStore) -> AuditDesk:
    return AuditDesk(CallStore(world.keeper, audit._keeper), b"k" * 32, world.backend.clock, "2026-11-21+test")


def test_hook_that_was_not_agreed_is_forbidden(world: Any, patient_view: dict[str, Any]) -> None:
    client = world.client(verifier=Known(replace(CLIENT, hooks=frozenset({"patient-view"}))))
    assert client.post(VIEW, json=patient_view).status_code == 200
    refused = client.post(SIGN, json=patient_view | {"hook": "order-sign"})
    assert (refused.status_code, refused.json["issue"][0]["code"]) == (403, "forbidden")
    assert client.post(f"{SIGN}/feedback", json={"feedback": []}).status_code == 403


def test_rate_and_places_are_told_with_the_time_to_wait(
    world: Any, audit: AuditStore, patient_view: dict[str, Any]
) -> None:
    client = world.client(verifier=Known(replace(CLIENT, rate=parse("2/minute"))), audit=desk(world, audit))
    assert [client.post(VIEW, json=patient_view).status_code for _ in range(3)] == [200, 200, 429]
    late = client.post(VIEW, data=b"{broken", content_type="application/json")
    assert (late.status_code, late.json["issue"][0]["code"]) == (429, "throttled")
    assert 0 < int(late.headers["Retry-After"]) <= 61
    assert len(list(audit.records())) == 2
    quotas = Quotas()
    one = replace(CLIENT, concurrent=1)
    with quotas.admitted(one, ""):
        busy = world.client(verifier=Known(one), quotas=quotas).post(VIEW, json=patient_view)
    assert (busy.status_code, busy.headers["Retry-After"]) == (503, "1")


@pytest.mark.parametrize("path", [VIEW, f"{VIEW}/feedback", "/preview"])
def test_calls_are_turned_away_while_too_many_wait(world: Any, patient_view: dict[str, Any], path: str) -> None:
    client = world.client()
    full = client.post(path, json=patient_view, environ_base={WAITING: world.backend.settings.max_waiting + 1})
    assert (full.status_code, full.headers["Retry-After"]) == (503, "2")
    assert full.json["issue"][0]["code"] == "throttled"
    assert world.middle.calls == []
    body = {"feedback": []} if path.endswith("feedback") else patient_view
    room = client.post(path, json=body, environ_base={WAITING: world.backend.settings.max_waiting})
    assert room.status_code != 503


def test_waiting_calls_do_not_make_the_service_look_dead_and_no_header_counts_as_them(
    world: Any, patient_view: dict[str, Any]
) -> None:
    client = world.client()
    assert client.get("/livez", environ_base={WAITING: 10_000}).status_code == 200
    named = {"marrow.waiting": "10000", "Marrow-Waiting": "10000"}
    assert client.post(VIEW, json=patient_view, headers=named).status_code == 200


def test_answer_is_in_the_version_of_the_client(world: Any, patient_view: dict[str, Any]) -> None:
    client = world.client(verifier=Known(replace(CLIENT, version="1.0")))
    (card,) = client.post(VIEW, json=patient_view).json["cards"]
    assert not {"uuid", "overrideReasons"} & set(card)
    # What the client does not see is kept nevertheless.
    assert world.store.issued(str(UUID(int=1, version=4))) is not None


def test_servers_of_the_client_decide_where_data_are_fetched(world: Any, patient_view: dict[str, Any]) -> None:
    del patient_view["prefetch"]
    body = patient_view | {"fhirServer": "https://ehr.example.org/fhir"}
    world.client(verifier=Known(replace(CLIENT, fhir_servers=frozenset()))).post(VIEW, json=body)
    assert world.transport.calls == []
    listed = frozenset({"https://ehr.example.org/fhir"})
    world.client(verifier=Known(replace(CLIENT, fhir_servers=listed))).post(VIEW, json=body)
    assert world.transport.calls


def test_each_call_is_on_record_with_its_outcome(world: Any, audit: AuditStore, patient_view: dict[str, Any]) -> None:
    client = world.client(verifier=Known(CLIENT), audit=desk(world, audit))
    answer = client.post(VIEW, json=patient_view)
    client.post(VIEW, json={})
    client.post(VIEW, data=b"{", content_type="application/json")
    client.post(f"{VIEW}/feedback", json={"feedback": []})
    world.middle.crash = ZeroDivisionError("Loopback")
    client.post(VIEW, json=patient_view)
    kept = list(audit.records())
    assert [(one.action, one.status) for one in kept] == [
        ("hook", 200),
        ("hook", 400),
        ("hook", 400),
        ("feedback", 200),
        ("hook", 500),
    ]
    first = kept[0]
    assert (first.issuer, first.tenant, first.language) == ("https://ehr.example.org", "north", "en")
    assert first.request_id == answer.headers["X-Request-Id"]
    assert first.hook_instance == patient_view["hookInstance"]
    assert [(card.uuid, card.card_id, card.rules) for card in first.cards] == [
        (answer.json["cards"][0]["uuid"], "C10", ("R-VIEW",))
    ]
    assert len(first.user) == len(first.patient) == 64
    assert first.user != first.patient
    assert kept[4].patient == first.patient
    assert not kept[1].patient
    assert "pt-1" not in str(kept)
    assert "Practitioner" not in str(kept)


def test_refused_callers_leave_no_record(world: Any, audit: AuditStore, patient_view: dict[str, Any]) -> None:
    world.client(audit=desk(world, audit)).get("/health")
    assert list(audit.records()) == []
    world.client(audit=desk(world, audit)).post(VIEW, json=patient_view)
    assert [one.issuer for one in audit.records()] == [""]


@pytest.mark.parametrize("answered", [False, True])
def test_call_without_record_is_counted_and_refused_unless_the_site_wants_it(
    world: Any, audit: AuditStore, patient_view: dict[str, Any], caplog: pytest.LogCaptureFixture, *, answered: bool
) -> None:
    with audit._database.engine.begin() as connection:
        connection.execute(text("DROP TABLE audit_event"))
    desk_of_site = desk(world, audit)
    desk_of_site._answer_unrecorded = answered
    client = world.client(audit=desk_of_site)
    told = client.post(VIEW, json=patient_view)
    assert told.status_code == (200 if answered else 503)
    assert ("cards" in told.json) == answered
    assert told.headers["X-Content-Type-Options"] == "nosniff"
    if not answered:
        assert told.headers["Retry-After"] == "30"
        assert told.json["issue"][0]["code"] == "transient"
    assert "a call was not recorded" in caplog.text
    assert client.get("/health").json["unrecordedCalls"] == 1


def test_request_id_of_a_proxy_is_kept_only_when_it_is_one(client: Any) -> None:
    given = "0d9f1c9e-2e0b-4d5b-9a53-0f3c0f1f7d11"
    assert client.get("/livez", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given
    made = client.get("/livez", headers={"X-Request-Id": "patient-4711"}).headers["X-Request-Id"]
    assert UUID(made).version == 4


@pytest.mark.parametrize("path", ["/cds-services", "/livez", "/preview", "/nowhere", "/about/knowledge"])
def test_security_headers_are_on_every_answer(client: Any, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    scripts = [part for part in headers["Content-Security-Policy"].split("; ") if part.startswith("script-src")]
    assert set(scripts) <= {"script-src 'self'"}
    assert "Strict-Transport-Security" not in headers


def test_https_is_asked_for_where_it_is_used(world: Any) -> None:
    secure = world.client(settings=replace(world.backend.settings, public_url="https://cds.example.org"))
    assert secure.get("/livez").headers["Strict-Transport-Security"] == "max-age=31536000"


def test_beyond_a_trial_preview_and_local_pages_need_a_word_of_the_operator(world: Any, tmp_path: Path) -> None:
    registered: Settings = replace(world.backend.settings, clients=tmp_path / "clients.toml")
    local = {"Origin": "http://localhost:8181"}
    client = world.client(settings=registered)
    assert client.post("/preview", json={"text": "edema"}).status_code == 404
    assert "Access-Control-Allow-Origin" not in client.get("/cds-services", headers=local).headers
    opened = world.client(settings=replace(registered, preview=True, cors_origins=("http://localhost:8181",)))
    assert opened.post("/preview", json={"text": "Edema of L4."}).status_code == 200
    assert opened.get("/cds-services", headers=local).headers["Access-Control-Allow-Origin"] == local["Origin"]


def test_number_of_resources_is_bounded_over_all_lists(world: Any, patient_view: dict[str, Any]) -> None:
    client = world.client(settings=replace(world.backend.settings, max_entries=20))
    entries = [{"resource": {"resourceType": "Observation", "id": str(number)}} for number in range(12)]
    for key in ("labs", "vitals"):
        patient_view["prefetch"][key] = {"resourceType": "Bundle", "entry": entries}
    refused = client.post(VIEW, json=patient_view)
    assert (refused.status_code, refused.json["issue"][0]["code"]) == (413, "too-long")
