"""A call is a trace of its stages, part of the caller's where it says so; a collector that is gone harms nothing."""

import sys
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from cds_service.errors import ConfigError
from cds_service.telemetry.calls import SeenCall
from cds_service.telemetry.desk import Telemetry
from cds_service.telemetry.laps import Stage
from cds_service.telemetry.metrics import Metrics
from cds_service.telemetry.parent import TraceParent, read_parent
from cds_service.telemetry.tracing import Tracer, traces_address

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
INSTANCE = "9f4d74f6-a7e0-486a-bd2f-9a7f8589b2b3"


@dataclass(frozen=True)
class Card:
    card_id: str
    indicator: str
    rule_ids: tuple[str, ...] = ()


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def seen(**changes: Any) -> SeenCall:
    cards = [Card("C10", "warning", ("R-2", "R-1"))]
    call = SeenCall(trace=TRACE, endpoint="hook.call", status=200, service="view", instance=INSTANCE, cards=cards)
    for stage in (Stage.PARSE, Stage.EXTRACT, Stage.WRITE):
        call.laps.done(stage)
    for name, value in changes.items():
        setattr(call, name, value)
    return call


def spans_of(exporter: InMemorySpanExporter, call: SeenCall) -> list[Any]:
    tracer = Tracer("http://127.0.0.1:9", exporter)
    tracer.called(call)
    tracer.close()
    return list(exporter.get_finished_spans())


def test_call_is_a_span_with_its_stages_inside(exporter: InMemorySpanExporter) -> None:
    *stages, root = spans_of(exporter, seen())
    assert root.name == "cds-services view"
    assert root.kind is SpanKind.SERVER
    assert root.parent is None
    assert f"{root.context.trace_id:032x}" == TRACE
    assert root.attributes["marrow.hook_instance"] == INSTANCE
    assert root.attributes["marrow.cards"] == ("C10",)
    assert root.attributes["marrow.rules"] == ("R-1", "R-2")
    assert [span.name for span in stages] == ["parse", "extract", "write"]
    assert {span.parent.span_id for span in stages} == {root.context.span_id}
    assert root.start_time <= stages[0].start_time <= stages[0].end_time == stages[1].start_time
    assert stages[-1].end_time <= root.end_time


def test_call_belongs_to_the_trace_of_its_caller(exporter: InMemorySpanExporter) -> None:
    *_, root = spans_of(exporter, seen(parent=SPAN))
    assert f"{root.context.trace_id:032x}" == TRACE
    assert f"{root.parent.span_id:016x}" == SPAN


def test_what_the_caller_does_not_keep_is_not_kept_here(exporter: InMemorySpanExporter) -> None:
    assert spans_of(exporter, seen(parent=SPAN, sampled=False)) == []


def test_failure_is_marked(exporter: InMemorySpanExporter) -> None:
    assert spans_of(exporter, seen(status=500))[-1].status.status_code is StatusCode.ERROR


def test_collector_that_is_gone_costs_spans_only() -> None:
    tracer = Tracer("http://127.0.0.1:9")
    metrics = Metrics()
    desk = Telemetry(metrics, tracer=tracer)
    desk.called(seen())
    tracer.flush()


def test_failure_of_counting_is_told_by_its_kind_only(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def called(self, _call: SeenCall) -> None:
            raise ValueError("Zephyrine")

    metrics = Metrics()
    tracer: Any = Broken()
    Telemetry(metrics, tracer=tracer).called(seen())
    assert "ValueError" in caplog.text
    assert "Zephyrine" not in caplog.text


def test_missing_extra_is_said_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    with pytest.raises(ConfigError, match=r"MARROW_OTLP_ENDPOINT: needs marrow-cds\[telemetry\]"):
        Tracer("http://127.0.0.1:4318")


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [("http://c:4318", "http://c:4318/v1/traces"), ("https://c/otlp/v1/traces", "https://c/otlp/v1/traces")],
)
def test_address_without_path_gets_the_usual_one(endpoint: str, address: str) -> None:
    assert traces_address(endpoint) == address


def test_traceparent_in_form_is_read() -> None:
    assert read_parent(f"00-{TRACE}-{SPAN}-01") == TraceParent(TRACE, SPAN, sampled=True)
    assert read_parent(f"00-{TRACE}-{SPAN}-00") == TraceParent(TRACE, SPAN, sampled=False)
    assert read_parent(f"cc-{TRACE}-{SPAN}-01-what-comes-later") == TraceParent(TRACE, SPAN, sampled=True)


@pytest.mark.parametrize(
    "header",
    ["", "Zephyrine", f"00-{TRACE}-{SPAN}", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01",
     f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-more",
     f"00-{TRACE[:-1]}٣-{SPAN}-01", "0" * 100_000],
)  # fmt: skip
def test_anything_else_is_no_traceparent(header: str) -> None:
    assert read_parent(header) is None
