"""Whatever goes wrong between the service and a real FHIR server: right advice, a refusal with its reason, or a card
that says what could not be read. The table of it is printed by the test run and kept in docs/faults.md.
"""

import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from cards.wording import wordings
from cds_service.app import build_backend
from cds_service.config import Settings
from cds_service.domain.vocabulary import Language
from cds_service.hooks.access import FhirAccess
from cds_service.hooks.services import PATIENT_VIEW
from cds_service.hooks.transport import HttpTransport
from cds_service.web.site import build_site
from tests.hapi.charts import Chart, Resource, chart, load
from tests.hapi.fault_proxy import spoiling
from tests.hapi.fault_table import DOCUMENT, FAULTS, SAME, Row, document

# What the patient's advice rests on: a report that suggests infection, raised markers, a problem list.
NAME = "spondylodiscitis-l4-l5"
# Time enough for a busy machine to answer the calls that are not spoiled, which all run at once.
BUDGET_SECONDS = 8.0


@pytest.fixture(scope="module")
def patient(hapi: str) -> Chart:
    made = chart(NAME, "faults")
    load(hapi, made)
    return made


def ask(client: FlaskClient, body: Resource) -> Any:
    return client.post(f"/cds-services/{PATIENT_VIEW.id}", json=body)


def advice(answer: Any) -> list[tuple[str, str, str]]:
    assert answer.status_code == 200, answer.text
    cards = answer.get_json()["cards"]
    return [(card["source"]["topic"]["code"], card["indicator"], card["summary"] + card["detail"]) for card in cards]


@pytest.fixture(scope="module")
def expected(client: FlaskClient, patient: Chart) -> list[tuple[str, str, str]]:
    return advice(ask(client, patient.request(PATIENT_VIEW)))


@pytest.fixture(scope="module")
def hurried(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """A service with little time, for what only the time limit ends."""
    changed = replace(settings, state_dir=tmp_path_factory.mktemp("hurried"), budget_seconds=BUDGET_SECONDS)
    return build_site(build_backend(changed)).test_client()


def said(text: str) -> list[str]:
    """The gaps that a card tells, as the words of the table."""
    gaps = wordings()[Language.EN].gaps
    told = {code: template.fill({"where": ""}) or "" for code, template in gaps.items()}
    return [words for words in told.values() if words in text]


def outcome_of(answer: Any, expected: list[tuple[str, str, str]]) -> str:
    """Put an outcome into the words of the table."""
    if answer.status_code != 200:
        diagnostics = answer.get_json()["issue"][0]["diagnostics"]
        return f"{answer.status_code}: {diagnostics.partition('(')[2].partition(')')[0]}"
    found = advice(answer)
    if found == expected:
        return SAME
    assert found, "an empty list of cards would read as all-clear"
    words = sorted({one for *_, text in found for one in said(text)} - {w for *_, t in expected for w in said(t)})
    same_cards = [card[:2] for card in found] == [card[:2] for card in expected]
    told = f"card says: {'; '.join(words)}" if words else "another answer"
    return f"{'same cards, ' if same_cards else ''}{told}"


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: f"{row.name}, {row.where}")
def test_every_fault_has_its_outcome(
    row: Row,
    hapi: str,
    patient: Chart,
    expected: list[tuple[str, str, str]],
    client: FlaskClient,
    hurried: FlaskClient,
    record_property: Any,
) -> None:
    with spoiling(hapi, row.fault, *row.paths) as (base, proxy):
        body = {**patient.request(PATIENT_VIEW), "prefetch": {}, "fhirServer": base}
        # A server that never answers is still holding its calls when this returns: nothing waited for it.
        outcome = outcome_of(ask(hurried if row.ends_with_time else client, body), expected)
    assert next(proxy.numbers) > 1, "the fault never happened"
    record_property("tabled", (f"{row.name}, {row.where}", outcome))
    assert outcome == row.outcome


def test_the_document_tells_the_same() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "run: python -m tests.hapi.fault_table"


def test_every_call_asks_for_fresh_data(hapi: str, patient: Chart, client: FlaskClient) -> None:
    with spoiling(hapi, lambda call: call.pass_on(), "Patient/") as (base, proxy):
        body = {**patient.request(PATIENT_VIEW), "prefetch": {}, "fhirServer": base}
        advice(ask(client, body))
    assert {method for method, *_ in proxy.asked} == {"GET"}
    assert {headers["Cache-Control"] for *_, headers in proxy.asked} == {"no-cache"}


def test_a_long_search_is_answered_by_the_real_server(hapi: str, patient: Chart) -> None:
    with spoiling(hapi, lambda call: call.pass_on(), "Observation") as (base, proxy):
        access = FhirAccess(base, "", HttpTransport(10_000_000), lambda: False)
        codes = ",".join(f"http://loinc.org|{number}-0" for number in range(100))
        query = f"Observation?patient={patient.patient_id}&code=http://loinc.org|1988-5,{codes}&_count=50"
        found = access.get(query, 60)
    assert [(method, path) for method, path, _ in proxy.asked] == [("POST", "/fhir/Observation/_search")]
    ids = {entry["resource"]["code"]["coding"][0]["code"] for entry in found["entry"]}
    assert ids == {"1988-5"}, json.dumps(found)[:300]
