"""How often and how many at once: each client has its share, so that none can take the service from the others."""

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from cds_service.errors import MarrowError
from cds_service.security.clients import Client

_BUSY_RETRY_SECONDS = 1
_TOO_MANY = 429
_BUSY = 503


class Throttled(MarrowError):  # noqa: N818 - the answer to an eager caller, not a fault of this service
    """The caller has used its share. ``status`` is 429 (too often) or 503 (too many at once)."""

    def __init__(self, status: int, retry_seconds: int) -> None:
        super().__init__("too many calls in the time" if status == _TOO_MANY else "too many calls at once")
        self.status = status
        self.retry_seconds = retry_seconds


class Quotas:
    """Counts the calls of each client in this process, where its registration sets a limit."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def admitted(self, client: Client, address: str) -> Iterator[None]:
        """Let one call in for as long as it runs. Raises Throttled.

        Calls without a registered client share by their network ``address``.
        """
        name = client.issuer or f"address {address}"
        self._count(client, name)
        most = client.concurrent
        with self._lock:
            if most is not None and self._running[name] >= most:
                raise Throttled(_BUSY, _BUSY_RETRY_SECONDS)
            self._running[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[name] -= 1
                # Names that are idle are forgotten, so that many addresses do not fill the memory.
                self._running += Counter()

    def _count(self, client: Client, name: str) -> None:
        rate = client.rate
        if rate is not None and not self._limiter.hit(rate, name):
            resets = self._limiter.get_window_stats(rate, name).reset_time
            raise Throttled(_TOO_MANY, max(1, math.ceil(resets - time.time())))
