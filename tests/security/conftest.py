"""Keys, a registry of one caller, and tokens signed by it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from cds_service.security.clients import load_clients
from cds_service.security.tokens import TokenVerifier

NOW = 1_772_532_000
ISSUER = "https://ehr.example.org"
JKU = "https://ehr.example.org/.well-known/jwks.json"
BASE = "https://spine.example.net"
AUDIENCE = f"{BASE}/cds-services/marrow-edema-patient-view"
KEY_ID = "ec/+="


@dataclass(frozen=True)
class Keys:
    """Private keys of the caller and of somebody else."""

    p384: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP384R1()))
    p256: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    rsa: Any = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    short_rsa: Any = field(default_factory=lambda: rsa.generate_private_key(65537, 1024))  # noqa: S505 - to be refused
    ed25519: Any = field(default_factory=ed25519.Ed25519PrivateKey.generate)
    foreign: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP384R1()))


def jwk(key: Any, key_id: str, **members: Any) -> dict[str, Any]:
    algorithm: Any = RSAAlgorithm
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm = ECAlgorithm
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm = OKPAlgorithm
    public: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))
    return {name: value for name, value in public.items() if name != "key_ops"} | {"kid": key_id} | members


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys()


@pytest.fixture(scope="session")
def key_set(keys: Keys) -> dict[str, Any]:
    """What the caller publishes: good keys beside every kind that must be passed over."""
    return {
        "keys": [
            jwk(keys.p384, KEY_ID, alg="ES384", use="sig"),
            jwk(keys.rsa, "rsa", use="sig"),
            jwk(keys.rsa, "both"),
            jwk(keys.p384, "both"),
            jwk(keys.rsa, "only-512", alg="RS512"),
            jwk(keys.p256, "p256"),
            jwk(keys.short_rsa, "short"),
            jwk(keys.p384, "enc", use="enc"),
            jwk(keys.p384, "sign-only", key_ops=["sign"]),
            jwk(keys.p384, ""),
            {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"},
            {"kty": "EC", "crv": "P-384", "kid": "broken", "x": "AA", "y": "AA"},
            {"kid": 5},
            "no key",
        ]
    }


@pytest.fixture
def clients(tmp_path: Path, key_set: dict[str, Any]) -> Path:
    (tmp_path / "ehr.json").write_text(json.dumps(key_set))
    path = tmp_path / "clients.toml"
    path.write_text(
        f'[[client]]\nissuer = "{ISSUER}"\nname = "Example"\nlanguage = "de"\njwks = "ehr.json"\njku = ["{JKU}"]\n'
    )
    return path


@pytest.fixture
def verifier(clients: Path) -> TokenVerifier:
    return TokenVerifier(load_clients(clients), lambda: NOW)


Sign = Callable[..., str]


@pytest.fixture
def sign(keys: Keys) -> Sign:
    def signed(key: Any = None, alg: str = "ES384", headers: dict[str, Any] | None = None, **claims: Any) -> str:
        body = {"iss": ISSUER, "aud": AUDIENCE, "iat": NOW, "exp": NOW + 300, "jti": "d383e4cd"} | claims
        body = {name: value for name, value in body.items() if value is not None}
        return jwt.encode(body, key or keys.p384, algorithm=alg, headers={"kid": KEY_ID} | (headers or {}))

    return signed
