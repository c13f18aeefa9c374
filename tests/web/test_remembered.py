"""Advice that is remembered for a moment: the same answer as a fresh one, and never that of another call."""

import copy
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import fhir_fixtures
from cds_service.app import build_backend
from cds_service.config import Settings
from cds_service.hooks.answer import HookDesk
from cds_service.hooks.memory import AdviceMemory
from cds_service.hooks.services import SERVICES
from cds_service.security.clients import OPEN, Client
from cds_service.security.tokens import Caller
from cds_service.store.connection import Database
from cds_service.web.backend import Backend
from cds_service.web.site import build_site
from tests.web.test_hostile import damage

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
SERVICE_OF = {service.hook.value: service for service in SERVICES}
VIEW = "/cds-services/marrow-edema-patient-view"


def call(name: str) -> tuple[str, dict[str, Any]]:
    service = SERVICE_OF[fhir_fixtures.scenario(name).hook]
    body = fhir_fixtures.hook_request(name, service.to_wire(), NOW - timedelta(minutes=5))
    return f"/cds-services/{service.id}", body


class Site:
    """A whole service; ``clock`` and ``now`` stand still until they are moved."""

    def __init__(self, folder: Path, seconds: int) -> None:
        self.now = NOW
        self.time = 0.0
        self.seconds = seconds
        self.settings = Settings(state_dir=folder, budget_seconds=60, remember_seconds=seconds)
        self.backend: Backend = build_backend(self.settings)
        self.forget()

    def forget(self, version: str = "1") -> None:
        self.memory = AdviceMemory(self.seconds, version, lambda: self.time)
        self.backend.hooks._memory = self.memory

    def client(self, caller: Client | None = None, tenant: str = "") -> FlaskClient:
        backend = replace(self.backend, clock=lambda: self.now)
        if caller is not None:
            backend = replace(backend, verifier=Known(Caller(caller, tenant)))
        return build_site(backend).test_client()


class Known:
    """Knows everybody as one caller."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def verify(self, authorization: list[str], audience: str) -> Caller:
        del authorization, audience
        return self._caller

    def examine(self, authorization: list[str], audience: str) -> Caller:
        return self.verify(authorization, audience)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Site]:
    return Site(tmp_path_factory.mktemp("on"), 60), Site(tmp_path_factory.mktemp("off"), 0)


@pytest.fixture
def site(sites: tuple[Site, Site]) -> Site:
    kept = sites[0]
    kept.now, kept.time = NOW, 0.0
    kept.forget()
    return kept


def without_uuids(answer: Any) -> Any:
    """The answer with every uuid blanked, after a look that no two of them are the same."""
    found = answer.get_json()
    uuids = []
    for card in found.get("cards", ()):
        for holder in (card, *card.get("suggestions", ())):
            if "uuid" in holder:
                uuids.append(holder["uuid"])
                holder["uuid"] = ""
    assert len(set(uuids)) == len(uuids)
    return answer.status_code, found


def uuids_of(answer: Any) -> set[str]:
    return {holder["uuid"] for card in answer.get_json()["cards"] for holder in (card, *card.get("suggestions", ()))}


@pytest.mark.parametrize("name", fhir_fixtures.scenarios())
def test_a_remembered_answer_is_a_fresh_one_with_uuids_of_its_own(
    sites: tuple[Site, Site], site: Site, name: str
) -> None:
    off = sites[1]
    off.now = NOW
    path, body = call(name)
    for language in ("en", "de", "ro"):
        headers = {"Accept-Language": language}
        before = site.memory.hits
        first, again = (site.client().post(path, json=body, headers=headers) for _ in range(2))
        assert site.memory.hits == before + 1
        assert (
            without_uuids(again)
            == without_uuids(first)
            == without_uuids(off.client().post(path, json=body, headers=headers))
        )
        first, again = (site.client().post(path, json=body, headers=headers) for _ in range(2))
        assert not uuids_of(first) & uuids_of(again)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_a_call_holds_the_answers_are_the_same(sites: tuple[Site, Site], site: Site, seed: int) -> None:
    off = sites[1]
    off.now = NOW
    chance = random.Random(seed)  # noqa: S311 - repeatable damage, no secret
    on_client, off_client = site.client(), off.client()
    for _ in range(12):
        path, body = call(chance.choice(fhir_fixtures.scenarios()))
        calls = [body]
        for _ in range(3):
            damage(changed := copy.deepcopy(calls[-1]), chance)
            calls.append(changed)
        # Each one between others like it, so that one could be taken for another.
        for one in (*calls, *reversed(calls), *calls):
            raw = json.dumps(one).encode()
            sent = {"data": raw, "content_type": "application/json"}
            assert without_uuids(on_client.post(path, **sent)) == without_uuids(off_client.post(path, **sent))


def changed(body: dict[str, Any], change: str) -> dict[str, Any]:
    other = copy.deepcopy(body)
    match change:
        case "one character of the report":
            text = json.dumps(other["prefetch"]["reports"])
            other["prefetch"]["reports"] = json.loads(text.replace("final", "fina1", 1))
        case "patient":
            patient = other["context"]["patientId"]
            other = json.loads(json.dumps(other).replace(patient, "someone-else"))
        case "patient of the context":
            other["context"]["patientId"] = "someone-else"
        case "encounter":
            other["context"]["encounterId"] = "e-77"
        case "proxy of the patient":
            other["context"]["userId"] = "RelatedPerson/7"
        case "server":
            other["fhirServer"] = "https://elsewhere.example.org/fhir"
        case "one key less":
            other["prefetch"].popitem()
        case "member beside":
            other["context.patientId"] = other["context"].pop("patientId")
    return other


@pytest.mark.parametrize(
    "change",
    [
        "one character of the report", "patient", "patient of the context", "encounter", "proxy of the patient",
        "server", "one key less", "member beside",
    ],
)  # fmt: skip
def test_another_call_is_evaluated(sites: tuple[Site, Site], site: Site, change: str) -> None:
    path, body = call("t11-before-labs")
    client = site.client()
    client.post(path, json=body)
    other = changed(body, change)
    assert other != body
    sites[1].now = NOW
    assert without_uuids(client.post(path, json=other)) == without_uuids(sites[1].client().post(path, json=other))
    assert site.memory.hits == 0


@pytest.mark.parametrize("place", ["labs", "reports", "patient"])
def test_what_came_in_place_of_a_bundle_is_part_of_the_call(sites: tuple[Site, Site], site: Site, place: str) -> None:
    path, body = call("t11-before-labs")
    report = body["prefetch"]["reports"]["entry"][0]["resource"]
    client = site.client()
    sites[1].now = NOW
    for value in (report, report | {"conclusion": "No edema."}, None, {"resourceType": "OperationOutcome"}, {}):
        body["prefetch"][place] = value
        answers = [without_uuids(one.post(path, json=body)) for one in (client, sites[1].client())]
        assert answers[0] == answers[1]
    assert site.memory.hits == 0


def test_what_nobody_reads_is_no_part_of_the_call(site: Site) -> None:
    path, body = call("t11-before-labs")
    client = site.client()
    client.post(path, json=body)
    client.post(path, json=body | {"unheard-of": 5, "prefetch": body["prefetch"] | {"nobody-asked": {"a": 1}}})
    assert site.memory.hits == 1


def test_another_clinician_and_hook_instance_get_the_same_advice_and_their_own_record(site: Site) -> None:
    path, body = call("t11-before-labs")
    client = site.client()
    body["fhirAuthorization"] = {"access_token": "one token", "token_type": "Bearer", "expires_in": 300}
    first = client.post(path, json=body)
    body["context"]["userId"] = "PractitionerRole/other"
    body["hookInstance"] = "9f4d74f6-a7e0-486a-bd2f-9a7f8589b2b3"
    body["fhirAuthorization"] = {"access_token": "another", "token_type": "Bearer", "expires_in": 200}
    second = client.post(path, json=body)
    assert site.memory.hits == 1
    assert without_uuids(first) == without_uuids(second)
    with Database(site.settings.database).engine.connect() as connection:
        calls = connection.exec_driver_sql(
            "SELECT hook_instance, user, patient, cards FROM audit_event ORDER BY id DESC LIMIT 2"
        ).all()
        issued = connection.exec_driver_sql(
            f"SELECT hook_instance FROM issued_card WHERE uuid = '{second.get_json()['cards'][0]['uuid']}'"  # noqa: S608
        ).all()
    assert calls[0][0] == body["hookInstance"] != calls[1][0]
    assert calls[0][1] != calls[1][1]
    assert calls[0][2] == calls[1][2]
    assert [card["uuid"] for card in json.loads(calls[0][3])] == [card["uuid"] for card in second.get_json()["cards"]]
    assert [row[0] for row in issued] == [body["hookInstance"]]


def test_what_was_acknowledged_meanwhile_is_held_back(site: Site) -> None:
    path, body = call("t11-before-labs")
    client = site.client()
    shown = client.post(path, json=body).get_json()["cards"]
    again = client.post(path, json=body).get_json()["cards"]
    assert site.memory.hits == 1
    items = [{"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": NOW.isoformat()} for card in again[1:]]
    assert client.post(f"{path}/feedback", json={"feedback": items}).status_code == 200
    left = client.post(path, json=body).get_json()["cards"]
    assert site.memory.hits == 2
    assert [card["summary"] for card in left] == [shown[0]["summary"]]


def test_it_lasts_for_its_time_and_its_day(site: Site) -> None:
    path, body = call("t11-before-labs")
    client = site.client()
    client.post(path, json=body)
    site.time = 59.0
    client.post(path, json=body)
    assert (site.memory.hits, site.memory.misses) == (1, 1)
    site.time = 61.0
    client.post(path, json=body)
    assert (site.memory.hits, site.memory.misses) == (1, 2)
    site.now = NOW + timedelta(days=1)
    client.post(path, json=body)
    assert (site.memory.hits, site.memory.misses) == (1, 3)


def test_client_tenant_and_settings_of_the_client_are_never_shared(site: Site) -> None:
    path, body = call("t11-before-labs")
    known = Client("https://ehr.example.org", "Example")
    site.client(known, "north").post(path, json=body)
    for caller, tenant in (
        (Client("https://other.example.org", "Other"), "north"),
        (known, "south"),
        (replace(known, version="1.0"), "north"),
        (replace(known, repeat_lock=False), "north"),
    ):
        site.client(caller, tenant).post(path, json=body)
    assert site.memory.hits == 0
    site.client(known, "south").post(path, json=body)
    assert site.memory.hits == 1


def test_another_version_of_the_knowledge_starts_anew(site: Site) -> None:
    path, body = call("t11-before-labs")
    entries = site.memory._entries
    site.client().post(path, json=body)
    site.forget("2")
    site.memory._entries, site.memory._key = entries, site.memory._key
    site.client().post(path, json=body)
    assert site.memory.hits == 0


def test_nothing_of_the_chart_or_the_token_is_held(site: Site) -> None:
    path, body = call("t11-before-labs")
    body["fhirAuthorization"] = {"access_token": "fhir-secret", "token_type": "Bearer", "expires_in": 300}
    site.client().post(path, json=body)
    (entry,) = site.memory._entries.values()
    assert (entry.request.prefetch, entry.request.grant, entry.request.orders) == (None, None, ())
    assert not [digest for digest in site.memory._entries if body["context"]["patientId"].encode() in digest]


def test_memory_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.hooks.memory._MOST_CALLS", 3)
    path, body = call("t11-before-labs")
    client = site.client()
    for number in range(5):
        body["extension"] = {"number": number}
        client.post(path, json=body)
    assert len(site.memory._entries) == 3
    assert site.memory._size == sum(entry.size for entry in site.memory._entries.values())
    monkeypatch.setattr("cds_service.hooks.memory._MOST_BYTES", 1)
    body["extension"] = {"number": 9}
    client.post(path, json=body)
    assert len(site.memory._entries) == 3


def test_what_is_too_old_makes_room_with_the_next_call(site: Site) -> None:
    path, body = call("t11-before-labs")
    client = site.client()
    for number, moment in enumerate((0.0, 30.0, 59.0, 61.0)):
        site.time = moment
        client.post(path, json=body | {"extension": {"number": number}})
    assert [entry.until for entry in site.memory._entries.values()] == [90.0, 119.0, 121.0]
    assert site.memory._size == sum(entry.size for entry in site.memory._entries.values())


@pytest.mark.parametrize(
    "unusable",
    [{"expires_in": 0}, {"patient": "someone-else"}, {"token_type": "mac"}, {"subject": "another-service"}],
    ids=lambda change: next(iter(change)),
)
def test_what_an_unusable_token_left_unread_is_read_with_the_next(
    world: Any, patient_view: dict[str, Any], unusable: dict[str, Any]
) -> None:
    memory = AdviceMemory(60, "1", lambda: 0.0)
    hooks = world.backend.hooks
    hooks._memory, reach = memory, hooks._open_access
    # A server that answers nobody without a token is not asked without one.
    hooks._open_access = lambda request, servers: reach(request, servers) if request.grant else None
    client = world.client(verifier=Known(Caller(replace(OPEN, fhir_client_id="marrow-cds"), "")))
    patient_view["fhirServer"] = "https://ehr.example.org/fhir"
    good = {"access_token": "some-token", "token_type": "Bearer", "expires_in": 300, "subject": "marrow-cds"}
    asked = []
    for authorization in (good | unusable, good):
        patient_view["fhirAuthorization"] = authorization
        assert client.post(VIEW, json=patient_view).status_code == 200
        asked.append(len(world.transport.calls))
    assert memory.hits == 0
    assert asked[0] == 0 < asked[1]


def test_answers_that_rest_on_a_server_or_ran_out_of_time_are_not_remembered(
    world: Any, patient_view: dict[str, Any]
) -> None:
    memory = AdviceMemory(60, "1", lambda: 0.0)

    def desk(**changes: Any) -> HookDesk:
        old = world.backend.hooks
        parts = {"completer": old._completer, "open_access": old._open_access, "evaluator": old._evaluator}
        return HookDesk(**parts, cards=old._cards, hash_key=b"k" * 32, memory=memory, **changes)

    patient_view["fhirServer"] = "https://ehr.example.org/fhir"
    client = world.client(hooks=desk())
    for _ in range(2):
        assert client.post(VIEW, json=patient_view).status_code == 200
    assert world.transport.calls
    del patient_view["fhirServer"]
    late = world.client(hooks=desk(start=lambda: lambda: False))
    for _ in range(2):
        assert late.post(VIEW, json=patient_view).status_code == 200
    assert memory.hits == 0
    assert not memory._entries
