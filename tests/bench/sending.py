"""A load generator that costs little itself: kept sockets, requests put together from prepared parts, no library."""

import base64
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

# Where a request has the number of the call: as nine digits, or as the base64 of nine digits.
PLAIN = b"@@@@@@@@@"
CODED = base64.b64encode(b"#########")
_SLOT = re.compile(re.escape(PLAIN) + b"|" + re.escape(CODED))
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"connection: *close", re.IGNORECASE)
_TIMEOUT = 60.0
_PIECE = 262144


class Template:
    """A request body with slots for the number of the call."""

    def __init__(self, body: Any) -> None:
        raw = json.dumps(body, separators=(",", ":")).encode()
        self._parts = _SLOT.split(raw)
        self._coded = [slot == CODED for slot in _SLOT.findall(raw)]

    def body(self, number: int) -> bytes:
        """Return the body of one call."""
        plain = b"%09d" % number
        coded = base64.b64encode(plain)
        pieces = [self._parts[0]]
        for is_coded, part in zip(self._coded, self._parts[1:], strict=True):
            pieces += (coded if is_coded else plain, part)
        return b"".join(pieces)


class Line:
    """One connection to a server, opened anew where the server closed it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket: socket.socket | None = None

    def call(self, path: str, body: bytes, headers: str = "") -> tuple[int, bytes]:
        """Make one call and return status and body of the answer. Raises OSError."""
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Type: application/json\r\n"
        request = f"{head}{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body
        opened = self._socket
        if opened is None:
            opened = self._socket = socket.create_connection(("127.0.0.1", self.port), _TIMEOUT)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            opened.sendall(request)
            return self._answer(opened)
        except OSError:
            self.close()
            raise

    def _answer(self, opened: socket.socket) -> tuple[int, bytes]:
        got = b""
        while b"\r\n\r\n" not in got:
            got += _received(opened)
        head, _, body = got.partition(b"\r\n\r\n")
        found = _LENGTH.search(head)
        length = int(found[1]) if found else 0
        while len(body) < length:
            body += _received(opened)
        if _CLOSES.search(head):
            self.close()
        return int(head[9:12]), body

    def close(self) -> None:
        """End the connection."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None


def _received(opened: socket.socket) -> bytes:
    data = opened.recv(_PIECE)
    if not data:
        raise ConnectionError("the server closed the connection")
    return data


@dataclass(slots=True)
class Seen:
    """What the callers saw: seconds of each answered call, statuses, broken calls; ``seconds`` is how long it took.

    ``numbers`` are those of the calls, in the order of ``times``.
    """

    times: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    broken: int = 0
    seconds: float = 0.0

    @property
    def errors(self) -> int:
        """Calls without an answer, or with another one than 200."""
        return self.broken + sum(number for status, number in self.statuses.items() if status != 200)


# Makes the call with a number over a line and returns its status. Raises OSError.
Call = Callable[[Line, int], int]


def one_after_another(port: int, call: Call, numbers: Iterable[int], lines: int = 1) -> Seen:
    """Make the calls over so many connections, each as soon as the one before is answered."""
    return _run(port, call, iter(numbers), lines, lambda _: None)


def at_rate(port: int, call: Call, rate: float, seconds: float, lines: int) -> Seen:
    """Begin so many calls a second, whether or not the ones before are answered; time counts from when one was due.

    Calls that could not even begin in twice the time count as broken.
    """
    began = time.perf_counter()
    wanted = int(rate * seconds)

    def numbers() -> Iterator[int]:
        for number in range(wanted):
            if time.perf_counter() > began + 2 * seconds:
                return
            yield number

    def due(number: int) -> float:
        at = began + number / rate
        time.sleep(max(0.0, at - time.perf_counter()))
        return at

    seen = _run(port, call, numbers(), lines, due)
    seen.broken = wanted - len(seen.times)
    return seen


def _run(port: int, call: Call, numbers: Iterator[int], lines: int, due: Callable[[int], float | None]) -> Seen:
    seen, lock = Seen(), threading.Lock()

    def work() -> None:
        line = Line(port)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                line.close()
                return
            began = due(number) or time.perf_counter()
            try:
                status = call(line, number)
            except OSError:
                with lock:
                    seen.broken += 1
                continue
            taken = time.perf_counter() - began
            with lock:
                seen.times.append(taken)
                seen.numbers.append(number)
                seen.statuses[status] = seen.statuses.get(status, 0) + 1

    began = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(lines)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen.seconds = time.perf_counter() - began
    return seen
