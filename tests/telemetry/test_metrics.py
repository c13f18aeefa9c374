"""What is counted is what is told, over all processes, in the form that Prometheus reads."""

import os
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cds_service.security import tokens
from cds_service.telemetry.board import Board
from cds_service.telemetry.calls import SeenCall
from cds_service.telemetry.catalogue import BY_NAME, METRICS, Kind
from cds_service.telemetry.labels import OTHER, REFUSALS, listed, of_fetch, of_refused_token
from cds_service.telemetry.laps import UNWATCHED, Laps, Stage
from cds_service.telemetry.metrics import Metrics, Series
from cds_service.telemetry.page import Page


@dataclass(frozen=True)
class Card:
    card_id: str
    indicator: str
    rule_ids: tuple[str, ...] = ()


def told(metrics: Metrics, shared: Iterable[tuple[Series, float]] = ()) -> dict[Series, float]:
    """Every sample of the page, by name and values of labels in the order of their names."""
    text = Page(metrics, [lambda: shared]).text().decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def seen(status: int = 200, **changes: object) -> SeenCall:
    call = SeenCall(endpoint="hook.call", status=status, service="view", client="anybody", evaluated=True)
    for stage in (Stage.PARSE, Stage.EXTRACT):
        call.laps.done(stage)
    for name, value in changes.items():
        setattr(call, name, value)
    return call


def test_call_is_counted_with_its_cards_gaps_and_stages() -> None:
    metrics = Metrics()
    cards = [Card("C10", "warning", ("R-1", "R-2")), Card("C11", "info", ("R-2",))]
    metrics.called(seen(cards=cards, gaps=["missing-unit", "missing-unit"], fetched=["labs"], held_back=2))
    found = told(metrics)
    assert found["marrow_calls_total", "anybody", "view", "200"] == 1
    assert found["marrow_requests_total", "hook.call", "200"] == 1
    assert found["marrow_cards_total", "C10", "warning", "view"] == 1
    assert found["marrow_card_rules_total", "R-2", "view"] == 2
    assert found["marrow_gaps_total", "missing-unit", "view"] == 2
    assert found["marrow_prefetch_total", "labs", "fetched", "view"] == 1
    assert found["marrow_cards_held_back_total", "view"] == 2
    assert found["marrow_stage_seconds_count", "view", "parse"] == 1
    assert found["marrow_stage_seconds_count", "view", "extract"] == 1
    assert found["marrow_call_seconds_count", "view"] == 1
    assert found["marrow_call_seconds_bucket", "+Inf", "view"] == 1


def test_refusal_is_counted_by_a_reason_of_the_list() -> None:
    metrics = Metrics()
    metrics.called(seen(status=401, refused="expired", evaluated=False))
    metrics.called(seen(status=400, refused="what a caller wrote", evaluated=False))
    metrics.called(seen(status=500))
    found = told(metrics)
    assert found["marrow_refusals_total", "expired", "401"] == 1
    assert found["marrow_refusals_total", OTHER, "400"] == 1
    assert found["marrow_refusals_total", OTHER, "500"] == 1
    assert ("marrow_call_seconds_count", "view") in found


def test_buckets_hold_what_is_not_longer_than_their_bound() -> None:
    metrics = Metrics()
    bounds = BY_NAME["marrow_fhir_fetch_seconds"].bounds
    for seconds in (bounds[0], bounds[0] + 1e-9, 1e9):
        metrics.observe([(("marrow_fhir_fetch_seconds",), seconds)])
    found = told(metrics)
    assert found["marrow_fhir_fetch_seconds_bucket", str(bounds[0])] == 1
    assert found["marrow_fhir_fetch_seconds_bucket", str(bounds[1])] == 2
    assert found["marrow_fhir_fetch_seconds_bucket", "+Inf"] == 3
    assert found["marrow_fhir_fetch_seconds_sum",] == pytest.approx(1e9 + 2 * bounds[0])


def test_counters_survive_their_process_and_gauges_do_not() -> None:
    board = Board(lanes=3)
    mine = Metrics(board)
    mine.follow(lambda: [(("marrow_places", "total"), 8.0)])
    mine.sample()

    def work() -> None:
        theirs = Metrics(board)
        theirs.follow(lambda: [(("marrow_places", "total"), 8.0), (("marrow_unrecorded_total", "calls"), 3.0)])
        theirs.called(seen())
        assert told(theirs)["marrow_places", "total"] == 16
        assert told(theirs)["marrow_workers",] == 2

    for _ in range(2):
        child = os.fork()
        if child == 0:
            failed = 1
            try:
                work()
                failed = 0
            finally:
                os._exit(failed)
        assert os.waitpid(child, 0)[1] == 0
    found = told(mine)
    assert found["marrow_calls_total", "anybody", "view", "200"] == 2
    assert found["marrow_unrecorded_total", "calls"] == 6
    assert found["marrow_places", "total"] == 8
    assert found["marrow_workers",] == 1
    assert found["marrow_worker_starts_total",] == 3
    assert found["marrow_call_seconds_count", "view"] == 2


def test_threads_lose_no_count() -> None:
    metrics = Metrics()

    def work() -> None:
        for _ in range(500):
            metrics.called(seen())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = told(metrics)
    assert found["marrow_calls_total", "anybody", "view", "200"] == 2000
    assert found["marrow_call_seconds_count", "view"] == 2000


def test_series_without_room_are_counted_as_lost() -> None:
    metrics = Metrics(Board(lanes=1, lane_bytes=4096))
    for number in range(300):
        metrics.called(seen(cards=[Card(f"C{number}", "info")]))
    found = told(metrics)
    assert found["marrow_metrics_lost_total",] > 100
    assert found["marrow_requests_total", "hook.call", "200"] == 300


def test_shared_numbers_are_told_as_they_are() -> None:
    found = told(Metrics(), [(("marrow_spool_files", "store"), 7.0), (("marrow_store_up",), 1.0)])
    assert found["marrow_spool_files", "store"] == 7
    assert found["marrow_store_up",] == 1


def test_source_that_fails_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Iterable[tuple[Series, float]]:
        raise OSError("Zephyrine")

    metrics = Metrics()
    metrics.follow(fail)
    text = Page(metrics, [fail, lambda: [(("marrow_store_up",), 1.0)]]).text().decode()
    assert "marrow_store_up 1.0" in text
    assert "marrow_cpu_seconds_total" in text
    assert "OSError" in caplog.text
    assert "Zephyrine" not in caplog.text


def test_page_is_what_prometheus_reads_with_help_and_type() -> None:
    metrics = Metrics()
    metrics.called(seen(cards=[Card("C10", "info", ("R",))]))
    families = {family.name: family for family in text_string_to_metric_families(Page(metrics).text().decode())}
    assert families["marrow_call_seconds"].type == "histogram"
    assert families["marrow_cards"].type == "counter"
    assert families["marrow_workers"].type == "gauge"
    assert all(family.documentation for family in families.values())


def test_catalogue_is_sound() -> None:
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"marrow_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert bool(metric.bounds) == (metric.kind is Kind.HISTOGRAM)
        assert list(metric.bounds) == sorted(set(metric.bounds))
        assert metric.text.endswith(".")


def test_every_word_that_refuses_a_token_has_a_label_of_its_own() -> None:
    source = Path(tokens.__file__).read_text(encoding="utf-8")
    reasons = re.findall(r'TokenRefused\("([^"]+)"\)', source)
    assert len(reasons) > 20
    assert [reason for reason in reasons if of_refused_token(reason) not in REFUSALS - {"login"}] == []
    assert of_refused_token("claim jti missing") == "claim-missing"
    assert of_refused_token("the secret of the preview is missing or wrong") == "wrong-secret"
    assert of_refused_token("anything else") == "login"


@pytest.mark.parametrize(
    ("reason", "label"),
    [("", "ok"), ("timeout", "timeout"), ("HTTP 404", "HTTP 404"), ("HTTP 418", "HTTP 4xx"), ("HTTP 503", "HTTP 5xx"),
     ("HTTP 302", OTHER), ("http://ehr.example.org said so", OTHER)],
)  # fmt: skip
def test_reads_are_counted_by_a_word_of_the_list(reason: str, label: str) -> None:
    assert of_fetch(reason) == label


def test_what_is_not_listed_is_other() -> None:
    assert listed("Zephyrine", REFUSALS) == OTHER


def test_laps_follow_each_other_and_an_evaluation_nobody_times_keeps_none() -> None:
    laps = Laps()
    laps.done(Stage.PARSE)
    laps.done(Stage.WRITE)
    (first, _, middle), (second, begun, end) = laps.spans()
    assert (first, second) == (Stage.PARSE, Stage.WRITE)
    assert 0 <= middle == begun <= end
    UNWATCHED.done(Stage.PARSE)
    assert UNWATCHED.times == []
