"""How often and how many at once: each client has its share, so that none can take the service from the others.

The rate holds for all processes together: Redis counts over a moving window where there is one, else the database in
spans that begin with the clock, of which each process takes some calls at a time. Only while neither answers does each
process count for itself.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from cds_service.errors import MarrowError
from cds_service.security.clients import Client
from cds_service.security.shared_redis import RedisGone, SharedRedis

_BUSY_RETRY_SECONDS = 1
_TOO_MANY = 429
_BUSY = 503
# In so many portions a process takes the calls of a span.
_LEASES = 20


class Throttled(MarrowError):  # noqa: N818 - the answer to an eager caller, not a fault of this service
    """The caller has used its share. ``status`` is 429 (too often) or 503 (too many at once)."""

    def __init__(self, status: int, retry_seconds: int) -> None:
        super().__init__("too many calls in the time" if status == _TOO_MANY else "too many calls at once")
        self.status = status
        self.retry_seconds = retry_seconds


class Shares(Protocol):
    """Where processes count together."""

    def take(self, name: str, ends: float, number: int, most: int) -> int:
        """Take so many calls of the span that ends then, else one, and return how many were taken; 0 when all are."""


@dataclass(slots=True)
class _Lease:
    """Calls that this process took in the span that ends then and has not used; ``spent`` when there are no more."""

    ends: float
    left: int = 0
    spent: bool = False


class Leases:
    """Takes calls from the common share some at a time, so that few calls have to ask for it."""

    def __init__(self, shares: Shares, clock: Callable[[], float] = time.time) -> None:
        self._shares = shares
        self._clock = clock
        self._held: dict[str, _Lease] = {}
        self._lock = threading.Lock()

    def used_up(self, rate: RateLimitItem, name: str) -> float | None:
        """Count one call; when it is one too many, return the moment from which there is room again.

        Raises what the shares raise.
        """
        length = rate.get_expiry()
        ends = (self._clock() // length + 1) * length
        with self._lock:
            lease = self._held.get(name)
            if lease is not None and lease.ends == ends:
                if lease.left:
                    lease.left -= 1
                    return None
                if lease.spent:
                    return ends
        number = self._shares.take(name, ends, max(1, rate.amount // _LEASES), rate.amount)
        with self._lock:
            lease = self._held.get(name)
            if lease is None or lease.ends != ends:
                lease = self._held[name] = _Lease(ends)
            lease.left += max(number - 1, 0)
            lease.spent = number == 0
        return None if number else ends


class Quotas:
    """Counts the calls of each client where its registration sets a limit.

    ``shared`` and ``shares`` are where processes count together; ``failure`` is what the latter raises when it is away.
    """

    def __init__(
        self, shared: SharedRedis | None = None, shares: Shares | None = None, failure: type[Exception] = MarrowError
    ) -> None:
        self._leases = Leases(shares) if shares is not None else None
        self._failure = failure
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
                if not self._running[name]:
                    # Names that are idle are forgotten, so that many addresses do not fill the memory.
                    del self._running[name]

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
                return self._without_redis(rate, name)
            return found
        return self._without_redis(rate, name)

    def _without_redis(self, rate: RateLimitItem, name: str) -> float | None:
        if self._leases is not None:
            with suppress(self._failure):
                return self._leases.used_up(rate, name)
        return _hit(self._limiter, rate, name)


def _hit(limiter: MovingWindowRateLimiter, rate: RateLimitItem, name: str) -> float | None:
    return None if limiter.hit(rate, name) else limiter.get_window_stats(rate, name).reset_time
