"""Looking a name up within a time: the system's own resolver knows no deadline, so it is waited for and left behind."""

import socket
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

# Lookups that hang are left running; when so many do, the name servers do not answer and further ones are refused.
_MOST_AT_ONCE = 32


class LookupFailed(Exception):  # noqa: N818 - an outcome of the name servers, not a fault of this service
    """The name has no address, or none within the time; ``reason`` is a word for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of ``host`` as text. Raises OSError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Lookups:
    """Asks ``find`` in a thread of its own, at most so many at once."""

    def __init__(self, find: Callable[[str, int], list[str]] = look_up, most: int = _MOST_AT_ONCE) -> None:
        self._find = find
        self._places = threading.BoundedSemaphore(most)

    def addresses(self, host: str, port: int, seconds: float) -> list[str]:
        """Return the addresses of ``host`` within ``seconds``. Raises LookupFailed."""
        if seconds <= 0 or not self._places.acquire(blocking=False):
            raise LookupFailed("timeout")
        answers: SimpleQueue[list[str] | Exception] = SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._find(host, port))
            except (OSError, ValueError) as error:
                answers.put(error)
            finally:
                self._places.release()

        threading.Thread(target=ask, daemon=True, name="lookup").start()
        try:
            answer = answers.get(timeout=seconds)
        except Empty:
            raise LookupFailed("timeout") from None
        if isinstance(answer, Exception):
            raise LookupFailed("connection failed") from None
        return answer
