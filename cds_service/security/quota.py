"""How often and how many at once: each client has its share, so that none can take the service from the others."""

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from cds_service.errors import MarrowError
from cds_service.security.clients import Client
from cds_service.security.shared_redis import RedisGone, SharedRedis

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
    """Counts the calls of each client where its registration sets a limit.

    With a Redis the rate holds for all processes together; without one, or while it is gone, for each process.
    """

    def __init__(self, shared: SharedRedis | None = None) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._shared = shared
        self._shared_limiter = MovingWindowRateLimiter(shared.counters()) if shared is not None else None
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
        if rate is None:
            return
        resets = self._used_up(rate, name)
        if resets is not None:
            raise Throttled(_TOO_MANY, max(1, math.ceil(resets - time.time())))

    def _used_up(self, rate: RateLimitItem, name: str) -> float | None:
        """Count one call; when it is one too many, return the moment from which there is room again."""
        shared, limiter = self._shared, self._shared_limiter
        if shared is not None and limiter is not None:
            try:
                found: float | None = shared.ask(lambda _client: _hit(limiter, rate, name))
            except RedisGone:
                return _hit(self._limiter, rate, name)
            return found
        return _hit(self._limiter, rate, name)


def _hit(limiter: MovingWindowRateLimiter, rate: RateLimitItem, name: str) -> float | None:
    return None if limiter.hit(rate, name) else limiter.get_window_stats(rate, name).reset_time
