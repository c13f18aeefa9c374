"""Ends callers that send a call too slowly: a few of them must not hold the places of those that send it at once.

The server reads headers under a time limit of its own, but bodies without one, and it does not tell which connection a
call came by. So the kernel is asked: a connection on which a caller has sent something and nothing was answered for
longer than any call takes is one that is still not whole. It is shut down beneath the server, whose read then ends as
if the caller had gone. Nobody asks while all calls come in at once.

Now and then all are looked at, for those over which nothing comes at all: a caller that never spoke, or one that is
long gone and whose end got lost, as behind a firewall. The server would hold them for ever.
"""

import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

_log = logging.getLogger("cds_service.serve")
# What a call may take to arrive; in want of places only as long as an answer may take, and this.
_RECEIVE_SECONDS = 30.0
_SHORT_SECONDS = 2.0
_LOOK_SECONDS = 1.0
# Proxies keep a connection between two calls for a minute or a few, and should be the ones to end it.
_FIRST_SECONDS = 60.0
_NEXT_SECONDS = 900.0
_LOOKS_UNTIL_SILENT = 15
# The kernel's account of a connection: bytes that the other side has taken, and bytes that came from it.
_ACKNOWLEDGED_AND_RECEIVED = struct.Struct("=120xQQ")

Connection = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that went over a connection so far, from us and to us."""

    answered: int
    received: int


@dataclass(frozen=True, slots=True)
class Span:
    """From when something was sent on a connection and not answered, and until when more of it came."""

    since: float
    grown: float


class Unanswered:
    """Knows of each connection since when something was sent on it and nothing was answered."""

    def __init__(self) -> None:
        self._last: dict[Connection, Traffic] = {}
        self._since: dict[Connection, Span] = {}

    def look(self, found: Mapping[Connection, Traffic], now: float) -> dict[Connection, Span]:
        """Compare with the look before and return which connections wait, and since when."""
        since: dict[Connection, Span] = {}
        for connection, traffic in found.items():
            # Met for the first time with answers behind it, it is between two calls, as far as anybody knows.
            before = self._last.get(connection, traffic if traffic.answered else Traffic(0, 0))
            known, grew = self._since.get(connection), traffic.received > before.received
            if (known or grew) and traffic.answered == before.answered:
                known = known or Span(now, now)
                since[connection] = Span(known.since, now) if grew else known
        self._last, self._since = dict(found), since
        return since


class Silent:
    """Knows of each connection since when nothing went over it."""

    def __init__(self) -> None:
        self._last: dict[Connection, tuple[Traffic, float]] = {}

    def look(self, found: Mapping[Connection, Traffic], now: float) -> list[Connection]:
        """Compare with the look before and return those that were silent for too long; the first word comes soon."""
        last: dict[Connection, tuple[Traffic, float]] = {}
        for connection, traffic in found.items():
            before = self._last.get(connection)
            last[connection] = before if before is not None and before[0] == traffic else (traffic, now)
        self._last = last
        return [
            connection
            for connection, (traffic, since) in last.items()
            if now - since > (_NEXT_SECONDS if traffic.received else _FIRST_SECONDS)
        ]


class Receivers:
    """The calls that are being received.

    ``places`` is how many there may be, ``answer_seconds`` what an answer takes, ``port`` is where callers come in.
    ``connections`` gives theirs, ``end`` ends one.
    """

    def __init__(
        self,
        places: int,
        answer_seconds: float,
        port: int,
        clock: Callable[[], float] = time.monotonic,
        connections: Callable[[], Mapping[Connection, Traffic]] | None = None,
        end: Callable[[Connection], None] | None = None,
    ) -> None:
        self._places = places
        self._short = answer_seconds + _SHORT_SECONDS
        self._clock = clock
        self._connections = connections or partial(connections_at, port)
        self._end = end or shut_down
        self._numbers = count()
        self._since: dict[int, float] = {}
        self._unanswered = Unanswered()
        self._silent = Silent()

    def watch(self) -> None:
        """Look after the callers from now on, where the kernel can be asked."""
        if hasattr(socket, "TCP_INFO"):
            threading.Thread(target=self._look_again_and_again, name="receivers", daemon=True).start()

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Note a call for as long as it takes to arrive."""
        # Each line is one step of the interpreter, so that no lock is needed.
        number = next(self._numbers)
        self._since[number] = self._clock()
        try:
            yield
        finally:
            del self._since[number]

    def end_slow(self) -> int:
        """Look at the connections while a call is on its way for long, end the late ones and return how many."""
        now = self._clock()
        waiting = [now - since for since in self._since.copy().values()]
        if max(waiting, default=0.0) < _LOOK_SECONDS:
            return 0
        limit = min(self._short, _RECEIVE_SECONDS) if len(waiting) > self._places // 2 else _RECEIVE_SECONDS
        found = self._unanswered.look(self._connections(), now)
        # Those that hold the places came first; whole calls that wait behind them came later and grow no more.
        oldest = sorted(found, key=lambda connection: (found[connection].since, -found[connection].grown))
        places = sum(seconds > limit for seconds in waiting)
        late = [connection for connection in oldest if now - found[connection].since > limit][:places]
        for connection in late:
            self._end(connection)
        if late:
            _log.warning("%d callers sent too slowly and were cut off", len(late))
        return len(late)

    def end_silent(self) -> int:
        """End the connections over which nothing comes and return how many; no call takes as long as that."""
        silent = self._silent.look(self._connections(), self._clock())
        for connection in silent:
            self._end(connection)
        if silent:
            _log.info("%d silent connections were ended", len(silent))
        return len(silent)

    def _look_again_and_again(self) -> None:
        for look in count(1):
            time.sleep(_LOOK_SECONDS)
            try:
                self.end_slow()
                if look % _LOOKS_UNTIL_SILENT == 0:
                    self.end_silent()
            except (OSError, struct.error):
                # Without descriptors, for instance; a moment later it may go again, and nobody else looks.
                _log.exception("the connections could not be looked at")


@contextmanager
def _borrowed(descriptor: int) -> Iterator[socket.socket]:
    """Look at a connection that the server holds. Raises OSError for a descriptor of anything else."""
    connection = socket.socket(fileno=descriptor)
    try:
        yield connection
    finally:
        connection.detach()


def connections_at(port: int) -> dict[Connection, Traffic]:
    """Return the connections that this process took at ``port``, and none that it opened itself. Raises OSError."""
    found = {}
    for path in Path("/proc/self/fd").iterdir():
        # Most descriptors are something else, and any of them may be closed by now.
        with suppress(OSError), _borrowed(int(path.name)) as connection:
            of_callers = connection.family in {socket.AF_INET, socket.AF_INET6} and connection.getsockname()[1] == port
            if of_callers:
                caller = connection.getpeername()[:2]
                raw = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKNOWLEDGED_AND_RECEIVED.size)
                found[int(path.name), *caller] = Traffic(*_ACKNOWLEDGED_AND_RECEIVED.unpack(raw))
    return found


def shut_down(connection: Connection) -> None:
    """End a connection, unless its descriptor leads elsewhere by now."""
    descriptor, host, port = connection
    with suppress(OSError), _borrowed(descriptor) as found:
        if found.getpeername()[:2] == (host, port):
            found.shutdown(socket.SHUT_RDWR)
