"""Signs the tokens with which an EHR shows who calls: ES384 or RS384, good for five minutes and one call."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from cds_service.errors import ConfigError

LIFE_SECONDS = 300
_SMALLEST_RSA = 2048
# The members that the thumbprint of a key is made of (RFC 7638).
_THUMBED = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}

PrivateKey = EllipticCurvePrivateKey | RSAPrivateKey


@dataclass(frozen=True, slots=True, repr=False)
class ClientKey:
    """A private key with its algorithm and id. Has no repr, so that it is never shown."""

    key: PrivateKey
    algorithm: str
    key_id: str

    def public(self) -> dict[str, Any]:
        """Return the public part as a JWK, for the registry of the service."""
        return _public(self.key) | {"kid": self.key_id, "use": "sig", "alg": self.algorithm}


def _public(key: PrivateKey) -> dict[str, Any]:
    if isinstance(key, EllipticCurvePrivateKey):
        return ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)


def _thumbprint(key: PrivateKey) -> str:
    public = _public(key)
    members = {name: public[name] for name in _THUMBED[public["kty"]]}
    digest = hashlib.sha256(orjson.dumps(members, option=orjson.OPT_SORT_KEYS)).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _from_jwk(raw: bytes) -> tuple[Any, str]:
    """Return the key of a JWK, or the first private one of a set, with its id."""
    held = orjson.loads(raw)
    listed = held.get("keys", [held]) if isinstance(held, dict) else []
    private = next((one for one in listed if isinstance(one, dict) and "d" in one), None)
    if private is None:
        raise ValueError("no private key in it")
    reader = {"EC": ECAlgorithm.from_jwk, "RSA": RSAAlgorithm.from_jwk}.get(str(private.get("kty")))
    if reader is None:
        raise ValueError("neither an EC nor an RSA key")
    return reader(private), str(private.get("kid", ""))


def load_key(path: Path, key_id: str = "") -> ClientKey:
    """Read a private key, PEM or JWK. Without ``key_id`` its own id counts, else its thumbprint. Raises ConfigError."""
    try:
        raw = path.read_bytes()
        key, own_id = _from_jwk(raw) if raw.lstrip()[:1] == b"{" else (load_pem_private_key(raw, None), "")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, jwt.PyJWTError):
        raise ConfigError(f"{path}: is no private key as PEM without password or as JWK") from None
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP384R1):
        algorithm = "ES384"
    elif isinstance(key, RSAPrivateKey) and key.key_size >= _SMALLEST_RSA:
        algorithm = "RS384"
    else:
        raise ConfigError(f"{path}: must be a P-384 key (ES384) or an RSA key of {_SMALLEST_RSA} bits or more (RS384)")
    return ClientKey(key, algorithm, key_id or own_id or _thumbprint(key))


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """Signs as ``issuer``. ``clock`` gives seconds since 1970, ``new_id`` an id that was never used."""

    key: ClientKey
    issuer: str
    clock: Callable[[], float]
    new_id: Callable[[], str]
    key_address: str = ""
    tenant: str = ""

    def authorization(self, audience: str) -> str:
        """Return the Authorization header for one call of ``audience``."""
        now = int(self.clock())
        claims = {"iss": self.issuer, "aud": audience, "iat": now, "exp": now + LIFE_SECONDS, "jti": self.new_id()}
        header = {"typ": "JWT", "kid": self.key.key_id}
        if self.tenant:
            claims["tenant"] = self.tenant
        if self.key_address:
            header["jku"] = self.key_address
        token = jwt.encode(claims, self.key.key, algorithm=self.key.algorithm, headers=header)
        return f"Bearer {token}"
