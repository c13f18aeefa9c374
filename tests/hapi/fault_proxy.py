"""A proxy before a real FHIR server that spoils some of its answers, each in one way."""

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.hapi.charts import SECONDS, Resource
from tests.servers.in_thread import in_thread

FHIR_JSON = "application/fhir+json"
MANY, PAGE = 10_000, 200
FOREIGN_ORIGIN = "http://127.0.0.2:9"
_HANG_SECONDS = 300
_LATE_SECONDS = 2.5


@dataclass(frozen=True, slots=True)
class Real:
    """What the server behind answers."""

    status: int
    kind: str
    content: bytes

    @property
    def json(self) -> Resource:
        """The resource in it."""
        found: Resource = json.loads(self.content)
        return found


@dataclass
class Exchange:
    """One call that is to be spoiled. ``number`` counts the spoiled calls from 1, ``base`` is the proxy's address."""

    handler: BaseHTTPRequestHandler
    base: str
    number: int
    released: threading.Event
    content: bytes
    ask: Callable[[], Real]

    def send(self, content: bytes, kind: str = FHIR_JSON, status: int = 200, **headers: str) -> None:
        """Send an answer."""
        self.handler.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(content)

    def send_json(self, body: Any) -> None:
        """Send a resource."""
        self.send(json.dumps(body).encode())

    def pass_on(self) -> None:
        """Send what the real server answers."""
        real = self.ask()
        self.send(real.content, real.kind, real.status)


Fault = Callable[[Exchange], None]


def refused(status: int, **headers: str) -> Fault:
    """Answer with a status and an OperationOutcome."""

    def spoil(call: Exchange) -> None:
        issue = {"severity": "error", "code": "processing", "diagnostics": "made to fail"}
        body = json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()
        call.send(body, status=status, **headers)

    return spoil


def first_only(fault: Fault) -> Fault:
    """Spoil the first call, not its repetition."""
    return lambda call: fault(call) if call.number == 1 else call.pass_on()


def changed(change: Callable[[Resource, Exchange], Resource]) -> Fault:
    """Answer with the real resource after a change of it."""
    return lambda call: call.send_json(change(call.ask().json, call))


def silent(call: Exchange) -> None:
    """Say nothing until the test has ended."""
    call.released.wait(_HANG_SECONDS)
    call.handler.close_connection = True


def late(call: Exchange) -> None:
    """Give the right answer after a while, as a busy server does."""
    call.released.wait(_LATE_SECONDS)
    call.pass_on()


def dripping(call: Exchange) -> None:
    """Send the answer one blank at a time, without end."""
    call.handler.send_response(200)
    call.handler.send_header("Content-Type", FHIR_JSON)
    call.handler.end_headers()
    with suppress(OSError):
        while not call.released.wait(0.1):
            call.handler.wfile.write(b" ")
            call.handler.wfile.flush()


def reset(call: Exchange) -> None:
    """Break the connection with a reset."""
    call.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The handler holds the connection in two more objects, and only the last of them really closes it.
    call.handler.connection.shutdown(socket.SHUT_RD)
    call.handler.wfile = open("/dev/null", "wb")  # noqa: PTH123, SIM115 - closed by the server
    call.handler.close_connection = True


def truncated(call: Exchange) -> None:
    """Announce the whole answer and send half of it."""
    content = call.ask().content
    call.handler.send_response(200)
    call.handler.send_header("Content-Type", FHIR_JSON)
    call.handler.send_header("Content-Length", str(len(content)))
    call.handler.end_headers()
    call.handler.wfile.write(content[: len(content) // 2])
    call.handler.close_connection = True


def half(call: Exchange) -> None:
    """Send half of the JSON as if it were the whole."""
    content = call.ask().content
    call.send(content[: len(content) // 2])


def web_page(call: Exchange) -> None:
    """Send a login page, as portals do, with status 200."""
    call.send(b"<html><body>Please log in</body></html>", "text/html")


def xml(call: Exchange) -> None:
    """Send the right JSON under the label of XML."""
    call.send(call.ask().content, "application/fhir+xml")


def compressed(call: Exchange) -> None:
    """Send the answer compressed."""
    call.send(gzip.compress(call.ask().content), Content_Encoding="gzip")


def redirected(call: Exchange) -> None:
    """Send the caller to another server."""
    call.send(b"", status=302, Location=f"{FOREIGN_ORIGIN}/fhir")


def outcome_entry(severity: str) -> Fault:
    """Add an OperationOutcome entry to a Bundle; with "error" it takes the place of the results."""

    def change(bundle: Resource, call: Exchange) -> Resource:
        del call
        issue = {"severity": severity, "code": "processing", "details": {"text": "made to fail"}}
        entry = {"resource": {"resourceType": "OperationOutcome", "issue": [issue]}, "search": {"mode": "outcome"}}
        kept = bundle.get("entry", []) if severity != "error" else []
        return {**bundle, "entry": [*kept, entry]} | ({"total": 0} if severity == "error" else {})

    return changed(change)


def of_somebody_else(found: Resource, call: Exchange) -> Resource:
    """Let the answer be about another patient."""
    del call
    if found["resourceType"] == "Patient":
        return {**found, "id": "somebody-else"}
    entries = [
        {**entry, "resource": {**entry["resource"], "subject": {"reference": "Patient/somebody-else"}}}
        for entry in found.get("entry", [])
    ]
    return {**found, "entry": entries}


def next_link(to: str) -> Fault:
    """Add a link to a next page: ``same`` leads back, ``new`` to ever new pages, else an address."""

    def change(bundle: Resource, call: Exchange) -> Resource:
        where = {"same": f"{call.base}/Observation?page=same", "new": f"{call.base}/Observation?page={call.number}"}
        link = {"relation": "next", "url": where.get(to, to)}
        return {**bundle, "link": [link]}

    def spoil(call: Exchange) -> None:
        if call.number == 1:
            changed(change)(call)
        else:
            call.send_json(change({"resourceType": "Bundle", "type": "searchset", "entry": []}, call))

    return spoil


def _older(entries: list[Resource], wanted: int) -> list[Resource]:
    """Fill up with older results that say nothing new: haemoglobin of years ago."""
    sample = entries[0]["resource"]
    code = {"coding": [{"system": "http://loinc.org", "code": "718-7"}], "text": "Hemoglobin"}
    quantity = {"value": 13.5, "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"}
    fillers = [
        {
            "resource": {
                "resourceType": "Observation",
                "id": f"filler-{number}",
                "status": "final",
                "category": sample["category"],
                "code": code,
                "subject": sample["subject"],
                "effectiveDateTime": "2019-01-01T08:00:00Z",
                "valueQuantity": quantity,
            }
        }
        for number in range(wanted - len(entries))
    ]
    return [*entries, *fillers]


def ten_thousand(page: int) -> Fault:
    """Answer with ten thousand results, newest first, ``page`` at a time."""
    held: list[Resource] = []

    def spoil(call: Exchange) -> None:
        if call.number == 1:
            held[:] = _older(call.ask().json["entry"], MANY)
        start = (call.number - 1) * page
        bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": MANY}
        bundle["entry"] = held[start : start + page]
        if start + page < MANY:
            bundle["link"] = [{"relation": "next", "url": f"{call.base}/Observation?page={call.number + 1}"}]
        call.send_json(bundle)

    return spoil


@dataclass
class Proxy:
    """Spoils the calls with a part of ``where`` in their path and query; everything else is passed on."""

    target: str
    fault: Fault
    where: tuple[str, ...]
    released: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Return the class that answers for this proxy."""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                proxy.answer(self, b"")

            def do_POST(self) -> None:
                proxy.answer(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_: Any) -> None:
                """Nothing: the test looks at the outcome."""

        return Handler

    def answer(self, handler: BaseHTTPRequestHandler, content: bytes) -> None:
        """Pass a call on, or spoil it."""
        self.asked.append((handler.command, handler.path, dict(handler.headers.items())))
        path = handler.path.removeprefix("/fhir/")
        base = f"http://{handler.headers['Host']}/fhir"

        def ask() -> Real:
            # With the proxy's own address as host, so that links of the real server lead back here.
            headers = {name: value for name, value in handler.headers.items() if name != "Accept-Encoding"}
            where = f"{self.target.removesuffix('/fhir')}{handler.path}"
            real = requests.request(handler.command, where, headers=headers, data=content, timeout=SECONDS)
            return Real(real.status_code, real.headers.get("Content-Type", FHIR_JSON), real.content)

        spoiled = any(part in path for part in self.where)
        call = Exchange(handler, base, next(self.numbers) if spoiled else 0, self.released, content, ask)
        # The service hangs up on whoever takes too long.
        with suppress(BrokenPipeError, ConnectionResetError):
            (self.fault if spoiled else Exchange.pass_on)(call)


@contextmanager
def spoiling(target: str, fault: Fault, *where: str) -> Iterator[tuple[str, Proxy]]:
    """Serve a proxy before ``target``; gives its base address."""
    proxy = Proxy(target, fault, where)
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), proxy.handler())
    httpd.daemon_threads = True
    with in_thread(httpd) as origin:
        try:
            yield f"{origin}{urlsplit(target).path}", proxy
        finally:
            proxy.released.set()
