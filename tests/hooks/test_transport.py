"""Reading from a FHIR server that is slow, large, wrong or gone."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from cds_service.hooks.prefetch import FetchFailed
from cds_service.hooks.transport import HttpTransport


class Stub(BaseHTTPRequestHandler):
    answer: ClassVar[Callable[["Stub"], None]]
    seen: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        self.seen.append(dict(self.headers.items()))
        type(self).answer(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
        """Stay quiet."""

    def send(self, body: bytes, label: str = "application/fhir+json", status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", label)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def url() -> Iterator[str]:
    Stub.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/fhir/Patient/1"
    server.shutdown()
    thread.join()
    server.server_close()


def get(url: str, seconds: float = 1.0) -> Any:
    return HttpTransport(10_000).get(url, token="t", seconds=seconds)


@pytest.mark.parametrize("label", ["application/fhir+json; charset=utf-8", "application/json", "application/json+fhir"])
def test_json_is_read_under_every_label(url: str, label: str) -> None:
    Stub.answer = lambda stub: stub.send(b'{"resourceType": "Patient"}', label)
    assert get(url) == {"resourceType": "Patient"}
    assert Stub.seen[0]["Authorization"] == "Bearer t"
    assert Stub.seen[0]["Accept"].startswith("application/fhir+json")


def test_without_token_no_authorization_is_sent(url: str) -> None:
    Stub.answer = lambda stub: stub.send(b"{}")
    HttpTransport(10_000).get(url, token="", seconds=1)
    assert "Authorization" not in Stub.seen[0]


@pytest.mark.requirement("SEC-29")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda stub: stub.send(b"{}", status=503), "HTTP 503"),
        (lambda stub: stub.send(b"{}", "application/xml"), "answer is not JSON"),
        (lambda stub: stub.send(b"{broken"), "answer is not JSON"),
        (lambda stub: stub.send(b"[" + b" " * 20_000 + b"]"), "answer too large"),
        (lambda stub: stub.connection.close(), "connection failed"),
    ],
)
def test_unusable_answers_have_their_reason(url: str, answer: Callable[[Stub], None], reason: str) -> None:
    Stub.answer = answer
    with pytest.raises(FetchFailed, match=reason):
        get(url)


@pytest.mark.requirement("SEC-29", "PERF-4")
def test_silent_and_dripping_servers_end_with_the_time(url: str) -> None:
    def drip(stub: Stub) -> None:
        stub.send_response(200)
        stub.send_header("Content-Type", "application/json")
        stub.end_headers()
        for _ in range(80):
            try:
                stub.wfile.write(b" ")
                stub.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)

    for answer in (lambda _: time.sleep(2), drip):
        Stub.answer = answer
        started = time.monotonic()
        with pytest.raises(FetchFailed, match="timeout"):
            get(url, 0.2)
        assert time.monotonic() - started < 1.8  # both servers take longer than that


def test_chunked_and_compressed_answers_are_read(url: str) -> None:
    def chunked(stub: Stub) -> None:
        packed = gzip.compress(b'{"resourceType": "Patient"}')
        stub.protocol_version = "HTTP/1.1"
        stub.send_response(200)
        for name, value in (
            ("Content-Type", "application/json"),
            ("Content-Encoding", "gzip"),
            ("Connection", "close"),
        ):
            stub.send_header(name, value)
        stub.send_header("Transfer-Encoding", "chunked")
        stub.end_headers()
        for part in (packed[:10], packed[10:], b""):
            stub.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")

    Stub.answer = chunked
    assert get(url) == {"resourceType": "Patient"}


def test_nobody_there() -> None:
    with pytest.raises(FetchFailed, match="connection failed"):
        get("http://127.0.0.1:9/fhir")
