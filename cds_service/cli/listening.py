"""The HTTP server of one process: bodies stay in memory, connections are kept, running calls end before it stops."""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

import waitress  # type: ignore[import-untyped]  # it ships no types
from flask import Flask
from waitress import wasyncore

from cds_service.telemetry.metrics import Source, of_places
from cds_service.web.admission import WAITING

# Bodies a little over the limit are read and refused in the answer form of the service; beyond this, at the socket.
# Every connection may hold as much, of whoever it is: no token is seen before the body is there.
_SOCKET_MARGIN = 2 * 1024 * 1024
_DRAIN_SECONDS = 10.0
_TURN_SECONDS = 1.0
# Connections that send nothing or little must not keep others out; a proxy in front has better means.
_MOST_CONNECTIONS = 250
_IDLE_SECONDS = 30
_RECEIVE_SECONDS = 20.0


def _busy(server: Any) -> bool:
    """Whether a call is being received, answered or sent."""
    channels = list(server.active_channels.values())
    return any(channel.requests or channel.request or channel.total_outbufs_len for channel in channels)


class Stragglers:
    """Ends connections that take too long to send one request; a byte now and then keeps none of them open."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[Any, float] = {}

    def end(self, channels: Iterable[Any]) -> None:
        """Look at the connections; those whose request began too long ago and is not whole yet are closed."""
        now = self._clock()
        self._since = {channel: self._since.get(channel, now) for channel in channels if channel.request is not None}
        for channel, since in self._since.items():
            if now - since > _RECEIVE_SECONDS:
                channel.will_close = True


def serve(
    app: Flask,
    listening: socket.socket,
    *,
    threads: int,
    max_body_bytes: int,
    reload: Callable[[], None],
    follow: Callable[[Source], None],
) -> None:
    """Answer calls until SIGTERM or SIGINT, then finish those that run; a second signal ends at once.

    SIGHUP calls ``reload`` and changes nothing else. ``follow`` takes what tells how the places are taken.
    """
    in_memory = max_body_bytes + _SOCKET_MARGIN
    connections: dict[int, Any] = {}

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        # How many calls wait behind this one; no header can be called like that.
        environ[WAITING] = len(server.task_dispatcher.queue)
        return app(environ, start_response)

    server = waitress.create_server(
        answer,
        connections,
        sockets=[listening],
        threads=threads,
        ident=None,
        max_request_body_size=in_memory,
        # Never spooled to a file: bodies hold patient data.
        inbuf_overflow=in_memory + 1,
        outbuf_overflow=in_memory + 1,
        connection_limit=_MOST_CONNECTIONS,
        channel_timeout=_IDLE_SECONDS,
        cleanup_interval=_IDLE_SECONDS,
    )
    calls = server.task_dispatcher
    follow(lambda: of_places(threads, calls.active_count, len(calls.queue)))
    stragglers = Stragglers()
    stopping = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        del frame
        signal.signal(signum, signal.SIG_DFL)
        stopping.set()
        server.pull_trigger()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda _signum, _frame: reload())
    while not stopping.is_set():
        wasyncore.loop(timeout=_TURN_SECONDS, use_poll=True, map=connections, count=1)
        stragglers.end(list(server.active_channels.values()))
    _drain(server, connections)


def _drain(server: Any, connections: dict[int, Any]) -> None:
    """Take no more calls, let those that run end, and close."""
    server.accepting = False
    deadline = time.monotonic() + _DRAIN_SECONDS
    while _busy(server) and time.monotonic() < deadline:
        wasyncore.loop(timeout=0.05, use_poll=True, map=connections, count=1)
    server.task_dispatcher.shutdown()
    wasyncore.close_all(connections)
