"""A line to a server that takes its time: everything that is sent to it arrives late."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE = 65536


class SlowLine:
    """Passes connections on to a port of this machine; what callers send waits ``seconds`` before it goes on."""

    def __init__(self, to_port: int) -> None:
        self.seconds = 0.0
        self._to = to_port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])

    def serve(self) -> None:
        """Pass on until it is closed."""
        with suppress(OSError):
            while True:
                caller, _ = self._listening.accept()
                behind = socket.create_connection(("127.0.0.1", self._to))
                for source, target, late in ((caller, behind, True), (behind, caller, False)):
                    threading.Thread(target=self._pass_on, args=(source, target, late), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, late: bool) -> None:  # noqa: FBT001 - of a thread
        with suppress(OSError), source, target:
            while data := source.recv(_PIECE):
                if late:
                    time.sleep(self.seconds)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@contextmanager
def slow_line(to_port: int) -> Iterator[SlowLine]:
    """Run one beside the test."""
    line = SlowLine(to_port)
    thread = threading.Thread(target=line.serve)
    thread.start()
    try:
        yield line
    finally:
        line.close()
        thread.join()
