"""Reads from a client's FHIR server: the outgoing call of the service with the token of one hook call."""

from typing import Any

from cds_service.hooks.prefetch import FetchFailed
from cds_service.security.outbound import FetchRefused, Outbound

_ACCEPT = "application/fhir+json, application/json;q=0.9"


class HttpTransport:
    """Reads FHIR JSON over HTTP. ``max_bytes`` bounds one answer."""

    def __init__(self, max_bytes: int, outbound: Outbound | None = None) -> None:
        self._max_bytes = max_bytes
        self._outbound = outbound or Outbound()

    def get(self, url: str, *, token: str, seconds: float) -> Any:
        """Return the decoded JSON of ``url`` within ``seconds``. Raises FetchFailed with a word for the reason."""
        headers = {"Accept": _ACCEPT} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            return self._outbound.get_json(url, headers=headers, seconds=seconds, max_bytes=self._max_bytes)
        except FetchRefused as failure:
            raise FetchFailed(failure.reason) from None
