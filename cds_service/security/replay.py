"""Tokens are used once: remembered in this process and, where there is a store, for every process that shares it."""

import logging
import threading
from typing import Protocol

_log = logging.getLogger("cds_service.replay")
_SWEEP_SECONDS = 60.0


class ReplayGuard(Protocol):
    """Remembers tokens until they expire."""

    def first_use(self, issuer: str, token_id: str, expires: float, now: float) -> bool:
        """Remember a token; false when it was used before. ``expires`` and ``now`` are seconds since 1970."""


class SeenTokens:
    """Tokens that this process accepted, until they expire."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}
        self._swept = 0.0
        self._lock = threading.Lock()

    def first_use(self, issuer: str, token_id: str, expires: float, now: float) -> bool:
        """Remember a token; false when it was used before."""
        with self._lock:
            if abs(now - self._swept) > _SWEEP_SECONDS:
                self._until = {key: until for key, until in self._until.items() if until >= now}
                self._swept = now
            if self._until.get((issuer, token_id), -1.0) >= now:
                return False
            self._until[issuer, token_id] = expires
            return True


class SharedTokens:
    """Asks this process first, then the shared record, and when that fails a record of this machine.

    When neither can be asked, a token is refused; without a ``spare`` this process still refuses its own repeats.
    """

    def __init__(self, shared: ReplayGuard, failure: type[Exception], spare: ReplayGuard | None = None) -> None:
        self._own = SeenTokens()
        self._shared = shared
        self._failure = failure
        self._spare = spare

    def first_use(self, issuer: str, token_id: str, expires: float, now: float) -> bool:
        """Remember a token here and in the shared record; false when either knew it."""
        if not self._own.first_use(issuer, token_id, expires, now):
            return False
        try:
            return self._shared.first_use(issuer, token_id, expires, now)
        except self._failure as error:
            _log.error("token not remembered for other machines: %s", error)
        if self._spare is None:
            return True
        try:
            return self._spare.first_use(issuer, token_id, expires, now)
        except self._failure as error:
            _log.error("token refused, because no record can tell whether it was used: %s", error)
            return False
