"""Who may read the metrics, and that calls, refusals and feedback stand in them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

import fhir_fixtures
from cds_service.app import build_backend, create_app
from cds_service.config import Settings
from cds_service.errors import ConfigError
from cds_service.hooks.services import PATIENT_VIEW
from cds_service.telemetry.desk import Telemetry
from cds_service.telemetry.laps import Stage
from cds_service.telemetry.metrics import Metrics
from cds_service.telemetry.tracing import Tracer
from cds_service.web.site import build_site
from tests.telemetry.calls import ADDRESS, call_of

SECRET = "sixteen letters or more"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def settings(folder: Path, **changes: Any) -> Settings:
    return replace(Settings(state_dir=folder, budget_seconds=60), **changes)


def samples(client: FlaskClient, name: str) -> dict[tuple[str, ...], float]:
    """The samples of one name, by the values of their labels in the order of the labels' names."""
    text = client.get("/metrics").text
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    return create_app(settings(tmp_path_factory.mktemp("state"))).test_client()


def test_trial_tells_everybody_on_this_machine(client: FlaskClient) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
    assert answer.headers["Cache-Control"] == "no-store"


def test_page_is_closed_beyond_a_trial_without_a_secret(tmp_path: Path) -> None:
    elsewhere = create_app(settings(tmp_path, host="192.0.2.7", allow_open=True)).test_client()
    assert elsewhere.get("/metrics").status_code == 404


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {SECRET}", f"Bearer {SECRET}x", "Bearer ä"])
def test_secret_is_asked_for_where_there_is_one(tmp_path: Path, header: str) -> None:
    guarded = create_app(settings(tmp_path, host="192.0.2.7", allow_open=True, metrics_secret=SECRET)).test_client()
    assert guarded.get("/metrics", headers={"Authorization": header}).status_code == 401
    answer = guarded.get("/metrics", headers={"Authorization": f"Bearer {SECRET}"})
    assert answer.status_code == 200
    assert 'marrow_refusals_total{reason="wrong-secret",status="401"} 1.0' in answer.text


def test_hook_call_is_counted_with_its_stages_and_cards(client: FlaskClient) -> None:
    before = samples(client, "marrow_call_seconds_count").get((PATIENT_VIEW.id,), 0)
    cards_before = sum(samples(client, "marrow_cards_total").values())
    answer = client.post(ADDRESS, json=call_of("t11-raised-labs"))
    cards = answer.get_json()["cards"]
    assert cards
    assert samples(client, "marrow_call_seconds_count")[PATIENT_VIEW.id,] == before + 1
    stages = {stage for _, stage in samples(client, "marrow_stage_seconds_count")}
    assert stages == {stage.value for stage in Stage}
    told = samples(client, "marrow_cards_total")
    assert sum(told.values()) == cards_before + len(cards)
    assert {indicator for _, indicator, _ in told} >= {card["indicator"] for card in cards}
    assert samples(client, "marrow_card_rules_total")
    assert samples(client, "marrow_calls_total")["anybody", PATIENT_VIEW.id, "200"] >= 1


def test_gaps_of_a_chart_are_counted_by_their_code(client: FlaskClient) -> None:
    body = call_of("t11-before-labs")
    del body["prefetch"]["labs"]
    assert client.post(ADDRESS, json=body).status_code == 200
    assert samples(client, "marrow_gaps_total")["prefetch-missing", PATIENT_VIEW.id] >= 1
    assert samples(client, "marrow_prefetch_total")["labs", "missing", PATIENT_VIEW.id] >= 1


def test_refusals_are_counted_by_status_and_reason(client: FlaskClient) -> None:
    client.post(ADDRESS, data=b"{", content_type="application/json")
    client.post(ADDRESS, json={})
    client.post(ADDRESS, json=call_of("t11-before-labs") | {"prefetch": {}})
    client.post(ADDRESS, data=b"x", content_type="text/plain")
    client.get("/nowhere")
    found = samples(client, "marrow_refusals_total")
    reasons = {("structure", "400"), ("required", "400"), ("required", "412"), ("not-supported", "415")}
    assert {*reasons, ("not-found", "404")} <= set(found)


def test_feedback_is_counted_with_reasons_of_our_list_only(client: FlaskClient) -> None:
    card = client.post(ADDRESS, json=call_of("t11-before-labs")).get_json()["cards"][0]
    ours = {key: card["overrideReasons"][0][key] for key in ("code", "system")}
    theirs = {"code": "Zephyrine", "system": "urn:elsewhere"}
    item = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-11-21T10:00:00Z"}
    items = [item | {"overrideReason": {"reason": reason}} for reason in (ours, theirs)]
    assert client.post(f"{ADDRESS}/feedback", json={"feedback": [*items, item, {"card": 7}]}).status_code == 400
    found = samples(client, "marrow_feedback_total")
    for reason in (ours["code"], "of the site", "none"):
        assert found["overridden", reason, PATIENT_VIEW.id] >= 1
    assert samples(client, "marrow_feedback_refused_total")[PATIENT_VIEW.id,] >= 1


def test_memory_of_readings_is_counted(client: FlaskClient) -> None:
    body = call_of("t11-before-labs")
    body["prefetch"]["reports"]["entry"][0]["resource"]["conclusion"] += " Kontrolle in drei Monaten."
    client.post(ADDRESS, json=body)
    before = samples(client, "marrow_cache_lookups_total")
    body["prefetch"]["patient"]["gender"] = "female"
    client.post(ADDRESS, json=body)
    after = samples(client, "marrow_cache_lookups_total")
    assert after["readings", "hit"] == before["readings", "hit"] + 1
    assert after["readings", "miss"] == before["readings", "miss"]


def test_trace_of_the_caller_is_in_log_and_span(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    exporter = InMemorySpanExporter()
    tracer = Tracer("http://127.0.0.1:9", exporter)
    backend = replace(build_backend(settings(tmp_path)), telemetry=Telemetry(Metrics(), tracer=tracer))
    client = build_site(backend).test_client()
    body = call_of("t11-before-labs")
    with caplog.at_level("INFO", "cds_service.access"):
        answer = client.post(ADDRESS, json=body, headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
        untraced = client.post(ADDRESS, json=body)
    tracer.close()
    assert answer.status_code == untraced.status_code == 200
    roots = [span for span in exporter.get_finished_spans() if span.name.startswith("cds-services")]
    traces = [f"{span.context.trace_id:032x}" for span in roots]
    assert traces == [TRACE, untraced.headers["X-Request-Id"].replace("-", "")]
    said = [dict(span.attributes or {}) for span in roots]
    assert {one["marrow.hook_instance"] for one in said} == {body["hookInstance"]}
    assert all(one["marrow.cards"] and one["marrow.rules"] for one in said)


def test_answer_is_the_same_with_and_without_counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError

    client = create_app(settings(tmp_path)).test_client()
    good = client.post(ADDRESS, json=call_of("t11-before-labs"))
    monkeypatch.setattr(Metrics, "called", fail)
    monkeypatch.setattr(Metrics, "add", fail)
    uncounted = client.post(ADDRESS, json=call_of("t11-before-labs"))
    assert [card["summary"] for card in uncounted.get_json()["cards"]] == [
        card["summary"] for card in good.get_json()["cards"]
    ]
    assert client.post(f"{ADDRESS}/feedback", json={"feedback": []}).status_code == 200


def test_tracing_without_its_extra_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.exporter.otlp.proto.http", None)
    with pytest.raises(ConfigError, match="MARROW_OTLP_ENDPOINT"):
        build_backend(settings(tmp_path, otlp_endpoint="http://127.0.0.1:4318"))


def test_every_scenario_is_a_call_that_can_be_counted(client: FlaskClient) -> None:
    for name in fhir_fixtures.scenarios()[:6]:
        assert client.post(ADDRESS, json=call_of(name)).status_code in {200, 400, 412}
    assert samples(client, "marrow_metrics_lost_total")[()] == 0
