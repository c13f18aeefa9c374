"""Public keys of callers: which key of a set may sign with which algorithm, pinned in a file or fetched and cached."""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jwt

from cds_service.errors import ConfigError
from cds_service.security.outbound import FetchRefused

_log = logging.getLogger("cds_service.keys")

# Signature algorithms by key type and curve. None of them is symmetric, and "none" is none of them.
ALGORITHMS: Mapping[str, tuple[str, str]] = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "RS256": ("RSA", ""),
    "RS384": ("RSA", ""),
    "RS512": ("RSA", ""),
    "PS256": ("RSA", ""),
    "PS384": ("RSA", ""),
    "PS512": ("RSA", ""),
    "EdDSA": ("OKP", "Ed25519"),
}
USUAL_ALGORITHMS = ("ES384", "RS384")
_RSA_BITS = range(2048, 8193)
_MOST_KEYS = 100
_FRESH_SECONDS = 600.0
# How long the last good set is used while its address does not answer.
_STALE_SECONDS = 6 * 3600.0
# Nobody makes this service ask more often, whatever key ids they invent.
_PAUSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One public key with the algorithms that it may be used for."""

    id: str
    algorithms: frozenset[str]
    key: Any


class KeySource(Protocol):
    """The keys of one caller."""

    def find(self, key_id: str) -> tuple[SigningKey, ...]:
        """Return the keys called ``key_id``; keys of different types may share an id."""

    def describe(self) -> str:
        """Return a line for the operator."""


def _fitting(raw: Mapping[str, Any], wanted: Iterable[str]) -> frozenset[str]:
    """Return the algorithms of ``wanted`` that a JWK says it can be used for; none for keys that may not sign."""
    operations = raw.get("key_ops", ["verify"])
    if raw.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return frozenset()
    kind = (raw.get("kty"), raw.get("crv", "") if raw.get("kty") != "RSA" else "")
    return frozenset(name for name in wanted if ALGORITHMS[name] == kind and raw.get("alg", name) == name)


def _read_key(raw: Any, wanted: Iterable[str]) -> SigningKey | None:
    """Return a usable key, ``None`` for any other entry of a set."""
    if not isinstance(raw, dict) or not isinstance(raw.get("kid"), str) or not raw["kid"] or "d" in raw:
        return None
    algorithms = _fitting(raw, wanted)
    if not algorithms:
        return None
    try:
        key = jwt.PyJWK.from_dict(raw, min(algorithms)).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if raw["kty"] == "RSA" and key.key_size not in _RSA_BITS:
        return None
    return SigningKey(raw["kid"], algorithms, key)


def read_keys(document: Any, wanted: Iterable[str]) -> dict[str, tuple[SigningKey, ...]]:
    """Return the usable keys of a JWKS document by key id; entries that cannot be used are passed over."""
    listed = document.get("keys") if isinstance(document, dict) else None
    names = tuple(wanted)
    found: dict[str, tuple[SigningKey, ...]] = {}
    for raw in listed[:_MOST_KEYS] if isinstance(listed, list) else ():
        key = _read_key(raw, names)
        if key is not None:
            found[key.id] = (*found.get(key.id, ()), key)
    return found


class PinnedKeys:
    """Keys of a file beside the registry, read once."""

    def __init__(self, path: Path, algorithms: Iterable[str]) -> None:
        """Raise ConfigError naming the file when it cannot be read or holds no usable key."""
        names = tuple(algorithms)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            raise ConfigError(f"MARROW_CLIENTS: {path} is not a readable JWKS file") from None
        if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
            raise ConfigError(f"MARROW_CLIENTS: {path} is not a readable JWKS file (a list called keys is missing)")
        if any(isinstance(raw, dict) and "d" in raw for raw in document["keys"]):
            raise ConfigError(f"MARROW_CLIENTS: {path} holds a private key; only public keys belong there")
        self._path = path
        self._keys = read_keys(document, names)
        if not self._keys:
            raise ConfigError(
                f"MARROW_CLIENTS: {path} holds no signature key with a kid that fits {', '.join(names)} "
                "(RSA: 2048 to 8192 bits)"
            )

    def find(self, key_id: str) -> tuple[SigningKey, ...]:
        """Return the pinned keys called ``key_id``."""
        return self._keys.get(key_id, ())

    def describe(self) -> str:
        """Return file, key ids and algorithms."""
        keys = ", ".join(
            f"{key.id} ({'/'.join(sorted(key.algorithms))})" for group in self._keys.values() for key in group
        )
        return f"pinned in {self._path.name}: {keys}"


class FetchedKeys:
    """Keys from the address of a caller: cached, asked again when old or when a key id is new, never too often.

    ``fetch`` returns the JSON of an address or raises FetchRefused, ``clock`` gives monotonic seconds.
    """

    def __init__(
        self, url: str, algorithms: Iterable[str], fetch: Callable[[str], Any], clock: Callable[[], float]
    ) -> None:
        self.url = url
        self.algorithms = tuple(algorithms)
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, tuple[SigningKey, ...]] = {}
        self._asked = float("-inf")
        self._asked_for_new = float("-inf")
        self._got = float("-inf")

    def find(self, key_id: str) -> tuple[SigningKey, ...]:
        """Return the keys called ``key_id``; asks the address at most once for it, and not within the pause."""
        age = self._clock() - self._got
        if age > _FRESH_SECONDS or key_id not in self._keys:
            self._refresh(key_id)
        if self._clock() - self._got > _STALE_SECONDS:
            return ()
        return self._keys.get(key_id, ())

    @property
    def known(self) -> bool:
        """Whether there are keys that still count; an address that never answered has none."""
        return self._clock() - self._got <= _STALE_SECONDS

    def warm(self) -> None:
        """Fetch before the first call needs the keys."""
        self._refresh("")

    def describe(self) -> str:
        """Return the address."""
        return f"fetched from {self.url}"

    def _refresh(self, key_id: str) -> None:
        with self._lock:
            # Another call may have fetched while this one waited.
            now = self._clock()
            if now - self._got > _FRESH_SECONDS:
                due = now - self._asked >= _PAUSE_SECONDS
            else:
                due = key_id not in self._keys and now - self._asked_for_new >= _PAUSE_SECONDS
                self._asked_for_new = now if due else self._asked_for_new
            if not due:
                return
            self._asked = now
            try:
                document = self._fetch(self.url)
            except FetchRefused as failure:
                _log.warning("keys of a caller could not be fetched: %s", failure.reason)
                return
            if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
                _log.warning("keys of a caller could not be fetched: no key set")
                return
            # Also an empty set is an answer: keys that are gone no longer count.
            self._keys, self._got = read_keys(document, self.algorithms), self._clock()
