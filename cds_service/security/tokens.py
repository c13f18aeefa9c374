"""Verification of the callers' signed tokens: listed keys, pinned algorithms, exact audience, each token once."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self

import jwt

from cds_service.errors import MarrowError
from cds_service.security.addresses import plain_url
from cds_service.security.clients import OPEN, Client
from cds_service.security.keys import SigningKey
from cds_service.security.replay import ReplayGuard, SeenTokens

LEEWAY_SECONDS = 60
MAX_LIFE_SECONDS = 3600
_REQUIRED = ("iss", "aud", "exp", "iat", "jti")
_MAX_TOKEN = 16_000
_MAX_NAME = 1000
# Seconds since 1970 far beyond any calendar; larger numbers are attacks on arithmetic.
_LAST_MOMENT = 1e11
_jws = jwt.PyJWS()


class TokenRefused(MarrowError):  # noqa: N818 - the answer to a token, not a fault of this service
    """The caller is not authenticated. The reason goes to the log; the caller gets the same 401 for every reason."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who made one call: a client, the tenant that its token names, and the id of the token."""

    client: Client
    tenant: str = ""
    token_id: str = ""


class Clients(Protocol):
    """The registry as far as verification needs it."""

    def by_issuer(self, issuer: str) -> Client | None:
        """Return the caller whose issuer is exactly ``issuer``."""

    @property
    def without_token(self) -> Client | None:
        """Who calls without any token."""


class CallerCheck(Protocol):
    """Tells who calls."""

    def verify(self, authorization: list[str], audience: str) -> Caller:
        """Return the caller of the endpoint whose public URL is ``audience``. Raises TokenRefused."""

    def examine(self, authorization: list[str], audience: str) -> Caller:
        """Verify like a call, but leave the token unused. Raises TokenRefused."""


class OpenAccess:
    """Lets everybody in, as where no registry is kept."""

    def verify(self, authorization: list[str], audience: str) -> Caller:
        """Return the same caller for every call."""
        del authorization, audience
        return Caller(OPEN)

    def examine(self, authorization: list[str], audience: str) -> Caller:
        """Return the same caller for every call."""
        return self.verify(authorization, audience)


def _bearer(authorization: list[str]) -> str:
    if len(authorization) != 1:
        raise TokenRefused("not exactly one Authorization header")
    scheme, _, token = authorization[0].partition(" ")
    if scheme.lower() != "bearer" or not token or " " in token or len(token) > _MAX_TOKEN:
        raise TokenRefused("not a bearer token")
    return token


@dataclass(frozen=True, slots=True)
class _Token:
    """A token and what it says; ``verify`` tells whether its issuer says so."""

    text: str
    header: dict[str, Any]
    claims: dict[str, Any]

    @classmethod
    def read(cls, text: str) -> Self:
        """Take a token apart. Raises TokenRefused."""
        try:
            parts = _jws.decode_complete(text, options={"verify_signature": False})
            claims = json.loads(parts["payload"])
        except (jwt.PyJWTError, ValueError, RecursionError, OverflowError):
            raise TokenRefused("not a token") from None
        if not isinstance(claims, dict):
            raise TokenRefused("not a token")
        return cls(text, parts["header"], claims)

    def verify(self, key: SigningKey) -> None:
        """Check the signature by the algorithm of the header, which must be one of the key's. Raises TokenRefused."""
        try:
            # Of the claims nothing is read anew: they stand in the very text that is verified.
            _jws.decode_complete(self.text, key.key, algorithms=[self.header["alg"]])
        except (jwt.PyJWTError, ValueError, TypeError):
            raise TokenRefused("signature does not hold") from None


class TokenVerifier:
    """Verifies tokens against the registry. ``clock`` gives seconds since 1970, ``seen`` remembers what was used."""

    def __init__(self, registry: Clients, clock: Callable[[], float], seen: ReplayGuard | None = None) -> None:
        self._registry = registry
        self._clock = clock
        self._seen = seen or SeenTokens()

    def verify(self, authorization: list[str], audience: str) -> Caller:
        """Return the caller that signed for ``audience``, the public URL of the endpoint. Raises TokenRefused."""
        caller, expires = self._examine(authorization, audience)
        # Remembered last, so that nobody can use up the token of somebody else.
        until = expires + LEEWAY_SECONDS
        if caller.token_id and not self._seen.first_use(caller.client.issuer, caller.token_id, until, self._clock()):
            raise TokenRefused("token used before")
        return caller

    def examine(self, authorization: list[str], audience: str) -> Caller:
        """Verify like a call, but leave the token unused: for what is public, and an operator who wants to know why."""
        return self._examine(authorization, audience)[0]

    def _examine(self, authorization: list[str], audience: str) -> tuple[Caller, float]:
        if not authorization and self._registry.without_token is not None:
            return Caller(self._registry.without_token), 0.0
        token = _Token.read(_bearer(authorization))
        claims = token.claims
        client = self._client(claims.get("iss"))
        token.verify(_key(client, token.header))
        _check_complete(claims)
        # Times and audience against our own clock and by exact comparison.
        expires = self._check_times(claims)
        _check_audience(claims["aud"], audience)
        token_id, tenant = claims["jti"], claims.get("tenant", "")
        if not _is_name(token_id) or not token_id:
            raise TokenRefused("no token id")
        if not _is_name(tenant) or (client.tenants and tenant not in client.tenants):
            raise TokenRefused("unknown tenant")
        return Caller(client, tenant, token_id), expires

    def _client(self, issuer: object) -> Client:
        client = self._registry.by_issuer(issuer) if isinstance(issuer, str) else None
        if client is None:
            raise TokenRefused("unknown issuer")
        return client

    def _check_times(self, claims: dict[str, Any]) -> float:
        """Return when the token expires, in seconds since 1970."""
        times = [claims["iat"], claims["exp"], claims.get("nbf", 0)]
        for moment in times:
            if isinstance(moment, bool) or not isinstance(moment, int | float):
                raise TokenRefused("times are no numbers")
            if not (0 <= moment <= _LAST_MOMENT and math.isfinite(moment)):
                raise TokenRefused("times are no moments")
        issued, expires, not_before = map(float, times)
        now = self._clock()
        if now > expires + LEEWAY_SECONDS:
            raise TokenRefused("expired")
        if issued > now + LEEWAY_SECONDS:
            raise TokenRefused("issued in the future")
        if not_before > now + LEEWAY_SECONDS:
            raise TokenRefused("not valid yet")
        if expires - issued > MAX_LIFE_SECONDS:
            raise TokenRefused("lives too long")
        return expires


def _key(client: Client, header: dict[str, Any]) -> SigningKey:
    """Return the listed key that the header names; keys that the header itself brings count for nothing."""
    if header.get("typ") != "JWT":
        raise TokenRefused("not typed as JWT")
    if "crit" in header:
        raise TokenRefused("critical header that is not understood")
    if "jku" in header and not _is_listed(header["jku"], client.jku):
        raise TokenRefused("key address not listed")
    if header.get("alg") not in client.algorithms:
        raise TokenRefused("algorithm not accepted")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise TokenRefused("no key id")
    if client.keys is None:
        raise TokenRefused("no keys listed")
    found = client.keys.find(key_id)
    if not found:
        raise TokenRefused("unknown key")
    fitting = next((key for key in found if header["alg"] in key.algorithms), None)
    if fitting is None:
        raise TokenRefused("algorithm does not fit the key")
    return fitting


def _is_name(value: object) -> bool:
    """Whether a claim is a text that can be written to log and record: bounded, no line ends, no broken characters."""
    return isinstance(value, str) and len(value) <= _MAX_NAME and value.isprintable()


def _is_listed(address: object, listed: frozenset[str]) -> bool:
    return isinstance(address, str) and plain_url(address).rstrip("/") in listed


def _check_complete(claims: dict[str, Any]) -> None:
    missing = [name for name in _REQUIRED if claims.get(name) is None]
    if missing:
        raise TokenRefused(f"claim {missing[0]} missing")


def _check_audience(named: object, audience: str) -> None:
    """Compare exactly; one slash at the end makes no difference."""
    listed = named if isinstance(named, list) else [named]
    if audience.removesuffix("/") not in {one.removesuffix("/") for one in listed if isinstance(one, str)}:
        raise TokenRefused("other audience")
