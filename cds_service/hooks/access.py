"""Which FHIR servers may be asked for one call, and with which token: addresses in a request are untrusted input."""

from collections.abc import Callable, Collection
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from cds_service.config import is_loopback, origin_of
from cds_service.hooks.prefetch import FetchFailed
from cds_service.hooks.request import HookRequest
from cds_service.security.addresses import plain_url

# Characters of a search template that stay as they are; everything else is percent-encoded.
_KEPT = "?&=/:.-_~$"
# Longer addresses are cut off or refused by some servers and proxies; such a search goes by POST.
_LONGEST_ADDRESS = 1000


class Transport(Protocol):
    """Gets JSON over HTTP, read-only, without following redirects."""

    def get(self, url: str, *, token: str, seconds: float, form: str = "") -> Any:
        """Return the decoded JSON of ``url``, asked by POST when there is a ``form``. Raises FetchFailed."""


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
        path, _, query = url.partition("?")
        if query and not is_page and len(url) > _LONGEST_ADDRESS:
            return self._transport.get(f"{path}/_search", token=self._token, seconds=seconds, form=query)
        return self._transport.get(url, token=self._token, seconds=seconds)

    def _page(self, address: str) -> str:
        """Follow a page link only below the base address, so that a token never leaves for another server."""
        url = plain_url(address, query=True)
        base = urlsplit(self._base)
        path = urlsplit(url).path
        inside = origin_of(url) == origin_of(self._base) and (path == base.path or path.startswith(f"{base.path}/"))
        if not url or not inside:
            raise FetchFailed("page link leads elsewhere")
        return url


class AccessPolicy:
    """Opens the FHIR server of a call when it is listed. ``clock`` is monotonic.

    ``origins`` are for callers that list no servers of their own. ``local`` lets servers of this machine be asked
    without being listed; that is for trials, where nobody from elsewhere can call.
    """

    def __init__(
        self, origins: tuple[str, ...], transport: Transport, clock: Callable[[], float], *, local: bool = True
    ) -> None:
        self._origins = frozenset(origins)
        self._transport = transport
        self._clock = clock
        self._local = local

    def open(self, request: HookRequest, servers: Collection[str] | None = None) -> FhirAccess | None:
        """Return the server of ``request``, or ``None`` when it names none that may be asked.

        ``servers`` are the FHIR base addresses of the caller; ``None`` leaves it to the origins for everybody. A token
        travels only over https or inside this machine.
        """
        server = plain_url(request.fhir_server).rstrip("/")
        if not server:
            return None
        parts = urlsplit(server)
        on_this_machine = is_loopback(parts.hostname or "")
        if servers is not None:
            listed = server in servers
        else:
            listed = origin_of(server) in self._origins or (on_this_machine and self._local)
        if not listed:
            return None
        private = on_this_machine or parts.scheme == "https"
        token = request.grant.token if request.grant and private else ""
        life = request.grant.seconds if request.grant else None
        ends = float("inf") if life is None else self._clock() + life
        return FhirAccess(server, token, self._transport, lambda: self._clock() >= ends)
