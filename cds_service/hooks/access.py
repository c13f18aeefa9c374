"""Which FHIR servers may be asked for one call, and with which token: addresses in a request are untrusted input."""

from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import quote, urljoin, urlsplit

from cds_service.config import is_loopback, origin_of
from cds_service.hooks.prefetch import FetchFailed
from cds_service.hooks.request import HookRequest

# Characters of a search template that stay as they are; everything else is percent-encoded.
_KEPT = "?&=/:.-_~$"


class Transport(Protocol):
    """Gets JSON over HTTP, read-only, without following redirects."""

    def get(self, url: str, *, token: str, seconds: float) -> Any:
        """Return the decoded JSON of ``url``. Raises FetchFailed."""


class FhirAccess:
    """The FHIR server of one call, confined to its base address."""

    def __init__(self, base: str, token: str, transport: Transport, expired: Callable[[], bool]) -> None:
        self._base = base
        self._token = token
        self._transport = transport
        self._expired = expired

    def get(self, address: str, seconds: float) -> Any:
        """Return the JSON of a relative query or of a page of an earlier answer. Raises FetchFailed."""
        is_page = address.startswith(("http://", "https://"))
        url = self._page(address) if is_page else f"{self._base}/{quote(address, safe=_KEPT)}"
        if self._token and self._expired():
            raise FetchFailed("token expired")
        return self._transport.get(url, token=self._token, seconds=seconds)

    def _page(self, address: str) -> str:
        """Follow a page link only below the base address, so that a token never leaves for another server."""
        url = urljoin(f"{self._base}/", address)
        inside = origin_of(url) == origin_of(self._base)
        path, base_path = urlsplit(url).path, urlsplit(self._base).path
        if not inside or ".." in path or (path != base_path and not path.startswith(f"{base_path}/")):
            raise FetchFailed("page link leads elsewhere")
        return url


class AccessPolicy:
    """Opens the FHIR server of a call when its origin is this machine or a listed one. ``clock`` is monotonic."""

    def __init__(self, origins: tuple[str, ...], transport: Transport, clock: Callable[[], float]) -> None:
        self._origins = frozenset(origins)
        self._transport = transport
        self._clock = clock

    def open(self, request: HookRequest) -> FhirAccess | None:
        """Return the server of ``request``, or ``None`` when it names none that may be asked.

        A token travels only over https or inside this machine.
        """
        server = request.fhir_server
        origin = origin_of(server)
        parts = urlsplit(server) if origin else None
        if parts is None or parts.query or parts.fragment or parts.username or ".." in parts.path:
            return None
        local = is_loopback(parts.hostname or "")
        if not local and origin not in self._origins:
            return None
        private = local or parts.scheme == "https"
        token = request.grant.token if request.grant and private else ""
        life = request.grant.seconds if request.grant else None
        ends = float("inf") if life is None else self._clock() + life
        return FhirAccess(server.rstrip("/"), token, self._transport, lambda: self._clock() >= ends)
