"""The one way out: HTTP to checked addresses, without redirects, bounded in time and size.

A name is resolved once, every address it has is checked, and the connection goes to an address that was checked. A
second answer of the name server, given between check and connection, changes nothing.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import orjson
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from cds_service.errors import MarrowError
from cds_service.security.addresses import Address, Network, literal, may_connect, plain_url
from cds_service.security.lookup import LookupFailed, Lookups, look_up

_CHUNK = 65_536
_CONNECT_SECONDS = 2.0
_LOOKUP_SECONDS = 2.0
_MOST_ADDRESSES = 8
_TRIED_ADDRESSES = 2
_OK = 200
_READ = frozenset({_OK, 201})
# Statuses of a server that is busy or restarts; with others the next answer is the same.
_PASSING = frozenset({429, 502, 503, 504})


class FetchRefused(MarrowError):  # noqa: N818 - an outcome of the other side, not a fault of this one
    """Nothing usable came back, or nothing was asked; ``reason`` is a word for the log without address or data.

    ``again`` is after how many seconds another try may help, ``None`` when it would not.
    """

    def __init__(self, reason: str, again: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again


@dataclass(frozen=True, slots=True)
class Sending:
    """What is sent: method, headers, and the content of a body if there is one."""

    method: str
    headers: Mapping[str, str]
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. ``content`` is read of good answers (200, 201) only; ``wait`` are the seconds of Retry-After."""

    status: int
    kind: str
    content: bytes = b""
    wait: float = 0.0

    @property
    def refusal(self) -> FetchRefused:
        """The same as a failure."""
        return FetchRefused(f"HTTP {self.status}", self.wait if self.status in _PASSING else None)

    def json(self) -> Any:
        """Return the decoded JSON of a good answer. Raises FetchRefused."""
        if self.status != _OK:
            raise self.refusal
        if "json" not in self.kind:
            raise FetchRefused("answer is not JSON")
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            raise FetchRefused("answer is not JSON") from None


@cache
def _usual_tls() -> ssl.SSLContext:
    """Trust what this machine trusts: a large file, loaded once, and only by whoever calls another server."""
    return ssl.create_default_context()


def _nothing_listed() -> Iterable[Network]:
    return ()


class Outbound:
    """Calls other servers. ``listed`` gives the private networks that may be reached, ``find`` looks up."""

    def __init__(
        self,
        listed: Callable[[], Iterable[Network]] = _nothing_listed,
        find: Callable[[str, int], list[str]] = look_up,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._listed = listed
        self._lookups = Lookups(find)
        self._tls = tls

    def get_json(self, url: str, *, headers: Mapping[str, str], seconds: float, max_bytes: int) -> Any:
        """Return the decoded JSON of ``url`` within ``seconds``. Raises FetchRefused with a word for the reason."""
        return self.exchange(url, Sending("GET", headers), seconds=seconds, max_bytes=max_bytes).json()

    def exchange(self, url: str, sending: Sending, *, seconds: float, max_bytes: int) -> Reply:
        """Send to ``url`` and return the answer, whatever its status, within ``seconds``. Raises FetchRefused."""
        deadline = time.monotonic() + seconds
        plain = plain_url(url, query=True)
        if not plain:
            raise FetchRefused("address refused")
        parts = urlsplit(plain)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        addresses = self._checked(host, port, deadline)
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        own = {"Host": parts.netloc, "Accept-Encoding": "gzip", "User-Agent": "marrow-cds"}
        sent = Sending(sending.method, {**sending.headers, **own}, sending.content)
        failure = FetchRefused("connection failed")
        for address in addresses[:_TRIED_ADDRESSES]:
            connection = self._connection(parts.scheme, str(address), port, host, deadline)
            try:
                return _ask(connection, target, sent, deadline, max_bytes)
            except NewConnectionError:
                failure = FetchRefused("connection failed")
            except ConnectTimeoutError:
                failure = FetchRefused("timeout")
            finally:
                connection.close()
        raise failure

    def _checked(self, host: str, port: int, deadline: float) -> list[Address]:
        """Return the addresses of ``host``; one that may not be reached refuses them all."""
        try:
            written = literal(host)
            seconds = min(deadline - time.monotonic(), _LOOKUP_SECONDS)
            texts = [str(written)] if written is not None else self._lookups.addresses(host, port, seconds)
            found = [ipaddress.ip_address(text) for text in dict.fromkeys(texts)]
        except LookupFailed as failure:
            raise FetchRefused(failure.reason) from None
        except ValueError:
            raise FetchRefused("connection failed") from None
        if not found or len(found) > _MOST_ADDRESSES:
            raise FetchRefused("connection failed")
        listed = tuple(self._listed())
        if not all(may_connect(host, address, listed) for address in found):
            raise FetchRefused("address refused")
        return found

    def _connection(self, scheme: str, address: str, port: int, host: str, deadline: float) -> HTTPConnection:
        left = deadline - time.monotonic()
        if left <= 0:
            raise FetchRefused("timeout")
        seconds = min(left, _CONNECT_SECONDS)
        if scheme == "http":
            return HTTPConnection(address, port, timeout=seconds)
        tls = self._tls or _usual_tls()
        # The certificate must be that of the name, though the connection goes to the address.
        return HTTPSConnection(address, port, timeout=seconds, ssl_context=tls, server_hostname=host)


def _ask(connection: HTTPConnection, target: str, sending: Sending, deadline: float, max_bytes: int) -> Reply:
    """Send the request and read the answer; whatever the other side does, the connection ends at the deadline."""
    ended = threading.Event()

    def end() -> None:
        ended.set()
        if connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(max(0.0, deadline - time.monotonic()), end)
    watch.daemon = True
    watch.start()
    try:
        connection.connect()
        # The time to connect is short; for the answer there is all that is left.
        connection.timeout = max(0.01, deadline - time.monotonic())
        connection.sock.settimeout(connection.timeout)
        connection.request(sending.method, target, body=sending.content, headers=sending.headers, preload_content=False)
        with closing(connection.getresponse()) as answer:
            return _read(answer, deadline, max_bytes)
    except (NewConnectionError, ConnectTimeoutError):
        raise
    except (TimeoutError, urllib3.exceptions.TimeoutError):
        raise FetchRefused("timeout") from None
    except (HTTPError, http.client.HTTPException, ValueError, OSError):
        raise (FetchRefused("timeout") if ended.is_set() else FetchRefused("connection failed", 0.0)) from None
    finally:
        watch.cancel()


def _read(answer: urllib3.BaseHTTPResponse, deadline: float, max_bytes: int) -> Reply:
    kind = answer.headers.get("Content-Type", "")
    if answer.status not in _READ:
        return Reply(answer.status, kind, wait=_seconds_of(answer.headers.get("Retry-After", "")))
    body = bytearray()
    # read1 gives what has arrived; a full chunk could be awaited byte by byte for ever.
    while chunk := answer.read1(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > max_bytes:
            raise FetchRefused("answer too large")
        # A server that sends a byte now and then never runs into the timeout of one read.
        if time.monotonic() > deadline:
            raise FetchRefused("timeout")
    return Reply(answer.status, kind, bytes(body))


def _seconds_of(retry_after: str) -> float:
    """Return the seconds of a Retry-After header; a date there is not looked at."""
    return (
        float(retry_after)
        if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < len("99999")
        else 0.0
    )
