"""Verification of the callers' signed tokens: pinned keys, two algorithms, exact audience, each token once."""

import threading
from collections.abc import Callable
from typing import Any

import jwt

from cds_service.errors import MarrowError
from cds_service.security.clients import Client, ClientRegistry

LEEWAY_SECONDS = 60
MAX_LIFE_SECONDS = 3600
_ALGORITHMS = {"ES384": "EC", "RS384": "RSA"}
_REQUIRED = ["iss", "aud", "exp", "iat", "jti"]
_MAX_TOKEN = 16_000


class TokenRefused(MarrowError):  # noqa: N818 - the answer to a token, not a fault of this service
    """The caller is not authenticated. The reason goes to the log; the caller gets the same 401 for every reason."""


class SeenTokens:
    """Token ids accepted before, until they expire. Kept in this process: a token's short life bounds the rest."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def first_use(self, issuer: str, token_id: str, expires: float, now: float) -> bool:
        """Remember a token; false when it was used before. ``expires`` and ``now`` are seconds since 1970."""
        with self._lock:
            for old in [key for key, until in self._until.items() if until < now]:
                del self._until[old]
            if (issuer, token_id) in self._until:
                return False
            self._until[issuer, token_id] = expires + LEEWAY_SECONDS
            return True


def _bearer(authorization: list[str]) -> str:
    if len(authorization) != 1:
        raise TokenRefused("not exactly one Authorization header")
    scheme, _, token = authorization[0].partition(" ")
    if scheme.lower() != "bearer" or not token or " " in token or len(token) > _MAX_TOKEN:
        raise TokenRefused("not a bearer token")
    return token


class TokenVerifier:
    """Verifies tokens against the registry. ``clock`` gives seconds since 1970."""

    def __init__(self, registry: ClientRegistry, clock: Callable[[], float]) -> None:
        self._registry = registry
        self._clock = clock
        self._seen = SeenTokens()

    def verify(self, authorization: list[str], audience: str) -> Client:
        """Return the caller that signed for ``audience``, the public URL of the endpoint. Raises TokenRefused."""
        token = _bearer(authorization)
        try:
            header = jwt.get_unverified_header(token)
            unverified = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise TokenRefused("not a token") from None
        client, key = self._signer(header, unverified)
        claims = self._verified(token, key, header["alg"])
        self._check_claims(claims, audience, client)
        now = self._clock()
        if not self._seen.first_use(client.issuer, claims["jti"], float(claims["exp"]), now):
            raise TokenRefused("token used before")
        return client

    def _signer(self, header: dict[str, Any], claims: dict[str, Any]) -> tuple[Client, jwt.PyJWK]:
        issuer, key_id = claims.get("iss"), header.get("kid")
        client = self._registry.by_issuer(issuer) if isinstance(issuer, str) else None
        if client is None:
            raise TokenRefused("unknown issuer")
        key = client.keys.get(key_id) if isinstance(key_id, str) else None
        if key is None or header.get("typ") != "JWT" or header.get("crit"):
            raise TokenRefused("unknown key or header")
        if _ALGORITHMS.get(str(header.get("alg"))) != key.key_type:
            raise TokenRefused("algorithm does not fit")
        return client, key

    @staticmethod
    def _verified(token: str, key: jwt.PyJWK, algorithm: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                # Times and audience are checked below, against our own clock and by exact comparison.
                options={
                    "require": _REQUIRED,
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (jwt.PyJWTError, ValueError):
            raise TokenRefused("signature or claims do not hold") from None
        return claims

    def _check_claims(self, claims: dict[str, Any], audience: str, client: Client) -> None:
        named = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if audience.rstrip("/") not in {one.rstrip("/") for one in named if isinstance(one, str)}:
            raise TokenRefused("other audience")
        if not isinstance(claims["jti"], str) or not claims["jti"]:
            raise TokenRefused("no token id")
        times = [claims["iat"], claims["exp"], claims.get("nbf", 0)]
        if any(isinstance(time, bool) or not isinstance(time, int | float) for time in times):
            raise TokenRefused("times are no numbers")
        issued, expires, not_before = times
        now = self._clock()
        if now > expires + LEEWAY_SECONDS or max(issued, not_before) > now + LEEWAY_SECONDS:
            raise TokenRefused("outside its time")
        if expires - issued > MAX_LIFE_SECONDS:
            raise TokenRefused("lives too long")
        if client.tenants and claims.get("tenant") not in client.tenants:
            raise TokenRefused("unknown tenant")
