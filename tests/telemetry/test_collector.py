"""Spans arrive at a collector over OTLP, from the workers of a running service too."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.servers.service import Service
from tests.telemetry.calls import ADDRESS, call_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector:
    """Takes spans and remembers them."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.spans: list[Any] = []
        self.services: set[str] = set()

    def take(self, path: str, body: bytes) -> None:
        self.paths.add(path)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {
                one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
            }
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]

    def until(self, number: int) -> None:
        """Wait until so many spans have come; they are sent in batches."""
        for _ in range(600):
            if len(self.spans) >= number:
                return
            time.sleep(0.1)
        raise AssertionError(f"{len(self.spans)} spans instead of {number}")


@contextmanager
def collecting(collector: Collector) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_call_of_a_worker_is_a_trace_at_the_collector(tmp_path: Path) -> None:
    collector = Collector()
    with collecting(collector) as endpoint:
        service = Service(tmp_path, {"BUDGET_SECONDS": "60", "OTLP_ENDPOINT": endpoint})
        service.server.start()
        try:
            headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
            answer = requests.post(
                f"{service.url}{ADDRESS}", json=call_of("t11-before-labs"), headers=headers, timeout=60
            )
            assert answer.status_code == 200
            collector.until(10)
        finally:
            service.stop()
    assert collector.paths == {"/v1/traces"}
    assert collector.services == {"marrow-cds"}
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    (root,) = [span for span in collector.spans if span.parent_span_id.hex() == SPAN]
    inside = [span.name for span in collector.spans if span.parent_span_id == root.span_id]
    assert inside == ["admit", "parse", "complete", "extract", "assess", "screen", "write", "hold", "record"]
    line = next(one for one in service.logged() if one.get("endpoint") == "hook.call")
    assert line["trace"] == TRACE


def test_collector_that_is_gone_is_no_matter(tmp_path: Path) -> None:
    service = Service(tmp_path, {"BUDGET_SECONDS": "60", "OTLP_ENDPOINT": "http://127.0.0.1:9"})
    service.server.start()
    try:
        for _ in range(3):
            answer = requests.post(f"{service.url}{ADDRESS}", json=call_of("t11-before-labs"), timeout=60)
            assert answer.status_code == 200
            assert answer.json()["cards"]
    finally:
        service.stop()
