"""Reading from a FHIR server that is slow, large, wrong or gone."""

import gzip
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from cds_service.hooks.prefetch import FetchFailed
from cds_service.hooks.transport import HttpTransport
from tests.servers.in_thread import in_thread


class Stub(BaseHTTPRequestHandler):
    answer: ClassVar[Callable[["Stub"], None]]
    seen: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        self.seen.append(dict(self.headers.items()))
        type(self).answer(self)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.seen.append({**self.headers, "sent": sent})
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
    with in_thread(ThreadingHTTPServer(("127.0.0.1", 0), Stub)) as origin:
        yield f"{origin}/fhir/Patient/1"


def get(url: str, seconds: float = 1.0) -> Any:
    return HttpTransport(10_000).get(url, token="t", seconds=seconds)


@pytest.mark.parametrize("label", ["application/fhir+json; charset=utf-8", "application/json", "application/json+fhir"])
def test_json_is_read_under_every_label(url: str, label: str) -> None:
    Stub.answer = lambda stub: stub.send(b'{"resourceType": "Patient"}', label)
    assert get(url) == {"resourceType": "Patient"}
    assert Stub.seen[0]["Authorization"] == "Bearer t"
    assert Stub.seen[0]["Accept"].startswith("application/fhir+json")
    assert Stub.seen[0]["Cache-Control"] == "no-cache"


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
    """Both end by themselves as well, much later and in another way: without an answer, and with one of blanks."""

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
        with pytest.raises(FetchFailed, match="timeout"):
            get(url, 0.2)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_that_is_busy_for_a_moment_is_asked_again(url: str, status: int) -> None:
    Stub.answer = lambda stub: stub.send(b"{}", status=status if len(Stub.seen) == 1 else 200)
    assert get(url, 30) == {}
    assert len(Stub.seen) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 500])
def test_what_will_not_change_is_asked_once(url: str, status: int) -> None:
    Stub.answer = lambda stub: stub.send(b"{}", status=status)
    with pytest.raises(FetchFailed, match=f"HTTP {status}"):
        get(url, 30)
    assert len(Stub.seen) == 1


def test_it_is_not_asked_again_before_it_wants_to_be(url: str) -> None:
    def busy(stub: Stub) -> None:
        stub.send_response(503)
        stub.send_header("Retry-After", "120")
        stub.send_header("Content-Length", "0")
        stub.end_headers()

    Stub.answer = busy
    with pytest.raises(FetchFailed, match="HTTP 503"):
        get(url, 30)
    assert len(Stub.seen) == 1


def test_a_form_is_posted(url: str) -> None:
    Stub.answer = lambda stub: stub.send(b"{}")
    assert HttpTransport(10_000).get(url, token="t", seconds=30, form="_id=1%2C2") == {}
    assert Stub.seen[0]["Content-Type"] == "application/x-www-form-urlencoded"
    assert Stub.seen[0]["sent"] == "_id=1%2C2"


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
