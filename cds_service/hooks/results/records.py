"""The one FHIR server that results come from: reads as for a hook call, and the one thing this service ever writes."""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

import orjson

from cds_service.hooks.prefetch import FetchFailed
from cds_service.security.outbound import FetchRefused, Outbound, Reply, Sending

_WRITTEN = (200, 201)
# What servers say of a parallel creation of the same, or of several that fit.
_COLLISIONS = frozenset({409, 412, 500})
_TRIES = 3
_FIRST_PAUSE = 0.1
_ANSWER_BYTES = 1024 * 1024


class Reads(Protocol):
    """Reads of that server."""

    def get(self, address: str, seconds: float) -> Any:
        """Return the JSON of a relative query or of a page of an earlier answer. Raises FetchFailed."""


class WriteRefused(FetchFailed):
    """The server does not take a resource as it is; the same one will never be taken."""


class ResultServer:
    """Reads and conditional creation, within ``deadline`` (monotonic seconds) each."""

    def __init__(self, base: str, token: str, reads: Reads, outbound: Outbound, clock: Callable[[], float]) -> None:
        self.base = base
        self._token = token
        self._reads = reads
        self._outbound = outbound
        self._clock = clock

    def get(self, address: str, deadline: float) -> Any:
        """Return the JSON of a relative address or of a page. Raises FetchFailed."""
        return self._reads.get(address, self._left(deadline))

    def create_once(self, resource: Mapping[str, Any], deadline: float) -> bool:
        """Create a resource unless one with its identifier is there; says whether it is new. Raises FetchFailed.

        The same call may be made at the same time elsewhere: whoever loses looks whether the other one's is there.
        """
        named = resource["identifier"][0]
        condition = f"identifier={named['system']}|{named['value']}"
        for attempt in range(1, _TRIES + 1):
            last = attempt == _TRIES
            try:
                reply = self._post(resource, condition, deadline)
            except FetchRefused as failure:
                if failure.again is None or last:
                    raise FetchFailed(failure.reason) from None
            else:
                if reply.status in _WRITTEN:
                    return reply.status != _WRITTEN[0]
                if reply.status in _COLLISIONS and self._is_there(resource["resourceType"], condition, deadline):
                    return False
                if last or not (reply.status in _COLLISIONS or reply.refusal.again is not None):
                    raise _refusal(reply)
            pause = _FIRST_PAUSE * 2**attempt * random.random()  # noqa: S311 - no secret
            time.sleep(min(pause, self._left(deadline)))
        raise AssertionError("the last try returns or raises")

    def _post(self, resource: Mapping[str, Any], condition: str, deadline: float) -> Reply:
        headers = {
            "Accept": "application/fhir+json",
            "Content-Type": "application/fhir+json; charset=utf-8",
            "If-None-Exist": quote(condition, safe="=:/"),
            "Prefer": "return=minimal",
        }
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        sending = Sending("POST", headers, orjson.dumps(resource))
        url = f"{self.base}/{resource['resourceType']}"
        return self._outbound.exchange(url, sending, seconds=self._left(deadline), max_bytes=_ANSWER_BYTES)

    def _is_there(self, kind: str, condition: str, deadline: float) -> bool:
        found = self.get(f"{kind}?{condition}", deadline)
        return isinstance(found, dict) and bool(found.get("entry"))

    def _left(self, deadline: float) -> float:
        left = deadline - self._clock()
        if left <= 0:
            raise FetchFailed("timeout")
        return left


def _refusal(reply: Reply) -> FetchFailed:
    """Return the failure: a content that is refused stays refused, everything else may pass."""
    words = f"HTTP {reply.status}"
    return WriteRefused(words) if reply.status in {400, 404, 422} else FetchFailed(words)
