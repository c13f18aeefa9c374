"""Callers that keep connections without calling, or send a call byte by byte."""

import resource
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.stack.load import PATH

LIVE = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HEADER = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode()
BODY = HEADER + b"Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"
_TURN_SECONDS = 0.3
_FILES = 4096


def _allow_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, _FILES), most))


@contextmanager
def idle(port: int, number: int) -> Iterator[list[socket.socket]]:
    """Keep so many connections open; over every second one a call was made before."""
    _allow_files()
    opened = [socket.create_connection(("127.0.0.1", port)) for _ in range(number)]
    try:
        for one in opened[::2]:
            one.sendall(LIVE)
        for one in opened[::2]:
            assert one.recv(12) == b"HTTP/1.1 200"
        yield opened
    finally:
        for one in opened:
            one.close()


class Drippers:
    """Connections on which a call comes byte by byte; ``left`` is how many of them the server still holds."""

    def __init__(self, port: int, bodies: int, headers: int) -> None:
        _allow_files()
        self._open = [self._begun(port, BODY) for _ in range(bodies)] + [
            self._begun(port, HEADER) for _ in range(headers)
        ]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._drip)

    def _begun(self, port: int, what: bytes) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", port))
        opened.sendall(what)
        return opened

    @property
    def left(self) -> int:
        """How many connections are not closed by the server."""
        return len(self._open)

    def _drip(self) -> None:
        while not self._stopping.wait(_TURN_SECONDS):
            waiting = select.poll()
            for one in self._open:
                waiting.register(one, select.POLLIN | select.POLLHUP)
            # Whatever the server says before the call is whole is its end.
            ended = {descriptor for descriptor, _ in waiting.poll(0)}
            for one in self._open:
                with suppress(OSError):
                    one.send(b"x")
            for one in [one for one in self._open if one.fileno() in ended]:
                self._open.remove(one)
                one.close()

    def start(self) -> None:
        """Send on from now."""
        self._thread.start()

    def close(self) -> None:
        """Go away."""
        self._stopping.set()
        self._thread.join()
        for one in self._open:
            one.close()
