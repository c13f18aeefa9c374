"""Redis for what several processes must know at once; while it is gone, somebody else is asked at once.

Redis is quick to lose and never asked twice in a row: after a failure it is left alone for a moment.
"""

import hashlib
import logging
import time
from collections.abc import Callable
from typing import Any

from limits.storage import RedisStorage, Storage

from cds_service.errors import ConfigError
from cds_service.security.replay import ReplayGuard

_log = logging.getLogger("cds_service.redis")
_ANSWER_SECONDS = 0.25
_PAUSE_SECONDS = 2.0
_SPARE_SECONDS = 60


class RedisGone(Exception):  # noqa: N818 - a state, named as such
    """Redis does not answer."""


class SharedRedis:
    """One Redis, by its address, and whether it answers."""

    def __init__(self, url: str) -> None:
        try:
            import redis  # noqa: PLC0415 - where it is installed
        except ModuleNotFoundError:
            raise ConfigError("MARROW_REDIS_URL: needs marrow-cds[redis]") from None
        try:
            self.client: Any = redis.Redis.from_url(
                url, socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS, retry=None
            )
        except ValueError:
            raise ConfigError("MARROW_REDIS_URL: not the address of a Redis, such as redis://host:6379/0") from None
        self._failure = redis.RedisError
        self._ask_again = 0.0

    def counters(self) -> Storage:
        """Return the storage of rate limits; every use of it goes through ``ask``."""
        return RedisStorage("redis://", connection_pool=self.client.connection_pool, key_prefix="marrow:rate")

    def ask(self, work: Callable[[Any], Any]) -> Any:
        """Return what Redis answers. Raises RedisGone."""
        if time.monotonic() < self._ask_again:
            raise RedisGone
        try:
            return work(self.client)
        except (self._failure, OSError) as error:
            self._ask_again = time.monotonic() + _PAUSE_SECONDS
            _log.warning("Redis is gone (%s); the store is asked instead", type(error).__name__)
            raise RedisGone from error

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()


class RedisTokens:
    """Used tokens in Redis and in the store: each refuses what it knows, so either may be lost or come back empty.

    While one of them gives no answer, the other decides. ``failure`` is what the store raises then.
    """

    def __init__(self, shared: SharedRedis, store: ReplayGuard, failure: type[Exception]) -> None:
        self._shared = shared
        self._store = store
        self._failure = failure

    def first_use(self, issuer: str, token_id: str, expires: float, now: float) -> bool:
        """Remember a token; false when it was used before. ``expires`` and ``now`` are seconds since 1970.

        Raises what the store raises when neither answers.
        """
        identity = hashlib.sha256(f"{issuer}\x1f{token_id}".encode("utf-8", "surrogatepass")).hexdigest()
        seconds = max(1, int(expires - now) + _SPARE_SECONDS)
        try:
            new = bool(self._shared.ask(lambda client: client.set(f"marrow:token:{identity}", 1, nx=True, ex=seconds)))
        except RedisGone:
            return self._store.first_use(issuer, token_id, expires, now)
        if not new:
            return False
        try:
            return self._store.first_use(issuer, token_id, expires, now)
        except self._failure as error:
            _log.warning("token remembered by Redis only: %s", error)
            return True
