"""Reads from a client's FHIR server: the outgoing call of the service with the token of one hook call."""

import random
import time
from collections.abc import Callable
from typing import Any

from cds_service.hooks.prefetch import FetchFailed
from cds_service.security.outbound import FetchRefused, Outbound, Sending

_ACCEPT = "application/fhir+json, application/json;q=0.9"
_FORM = "application/x-www-form-urlencoded"
_TRIES = 3
_FIRST_PAUSE = 0.1


def _nobody(_outcome: str, _seconds: float) -> None:
    """Tell nobody."""


class HttpTransport:
    """Reads FHIR JSON over HTTP. ``max_bytes`` bounds one answer.

    ``watch`` is told of each read: the word with which it failed or "", and how many seconds it took.
    """

    def __init__(
        self, max_bytes: int, outbound: Outbound | None = None, watch: Callable[[str, float], None] = _nobody
    ) -> None:
        self._max_bytes = max_bytes
        self._outbound = outbound or Outbound()
        self._watch = watch

    def get(self, url: str, *, token: str, seconds: float, form: str = "") -> Any:
        """Return what ``_get`` returns, and tell who watches."""
        begun = time.monotonic()
        try:
            found = self._get(url, token=token, seconds=seconds, form=form)
        except FetchFailed as failure:
            self._watch(failure.reason, time.monotonic() - begun)
            raise
        self._watch("", time.monotonic() - begun)
        return found

    def _get(self, url: str, *, token: str, seconds: float, form: str) -> Any:
        """Return the decoded JSON of ``url`` within ``seconds``, asked by POST with ``form`` when there is one.

        A server that is busy or lost the connection is asked again while there is time. Raises FetchFailed with a
        word for the reason.
        """
        # Without "no-cache" servers may answer a search from a list they made minutes ago.
        headers = {"Accept": _ACCEPT, "Cache-Control": "no-cache"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if form:
            headers["Content-Type"] = _FORM
        sending = Sending("POST", headers, form.encode()) if form else Sending("GET", headers)
        deadline = time.monotonic() + seconds
        for attempt in range(1, _TRIES + 1):
            try:
                left = deadline - time.monotonic()
                return self._outbound.exchange(url, sending, seconds=left, max_bytes=self._max_bytes).json()
            except FetchRefused as failure:
                if failure.again is None or attempt == _TRIES:
                    raise FetchFailed(failure.reason) from None
                # A random part, so that the queries of one chart do not come back in step.
                pause = max(failure.again, _FIRST_PAUSE * 2**attempt * random.random())  # noqa: S311 - no secret
                if pause >= deadline - time.monotonic():
                    raise FetchFailed(failure.reason) from None
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")
