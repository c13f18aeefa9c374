"""Keys are read from PEM and JWK; the tokens are those that the service accepts."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from cds_service.ehr import signing
from cds_service.ehr.signing import Signer, load_key
from cds_service.errors import ConfigError

EC = ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(65537, 2048)
NOW = 1_800_000_000.7


def pem(key: Any, password: bytes = b"") -> bytes:
    protection = BestAvailableEncryption(password) if password else NoEncryption()
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
    return text


def jwk(key: Any, **more: str) -> dict[str, Any]:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {**jwt.algorithms.ECAlgorithm.to_jwk(key, as_dict=True), **more}
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True), **more}


def written(folder: Path, content: bytes | dict[str, Any]) -> Path:
    path = folder / "key"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


@pytest.mark.parametrize(
    ("content", "algorithm", "key_id"),
    [
        (pem(EC), "ES384", None),
        (pem(RSA), "RS384", None),
        (jwk(EC, kid="k1"), "ES384", "k1"),
        (jwk(RSA, kid="k2"), "RS384", "k2"),
        ({"keys": [{"kty": "EC", "kid": "public"}, jwk(EC, kid="k3")]}, "ES384", "k3"),
    ],
)
def test_keys(tmp_path: Path, content: bytes | dict[str, Any], algorithm: str, key_id: str | None) -> None:
    key = load_key(written(tmp_path, content))
    assert key.algorithm == algorithm
    assert key.key_id == key_id or (key_id is None and len(key.key_id) == 43)
    assert "d" not in key.public()


def test_the_thumbprint_is_that_of_the_standard() -> None:
    numbers = {
        "kty": "RSA",
        "n": (
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV"
            "4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0"
            "zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-cs"
            "FCur-kEgU8awapJzKnqDKgw"
        ),
        "e": "AQAB",
    }
    public = jwt.algorithms.RSAAlgorithm.from_jwk(numbers)

    class Holder:
        """A private key of which only the public half is known."""

        def public_key(self) -> Any:
            return public

    # The example of RFC 7638, section 3.1
    assert signing._thumbprint(Holder()) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"  # type: ignore[arg-type]


def test_the_given_id_counts(tmp_path: Path) -> None:
    assert load_key(written(tmp_path, jwk(EC, kid="own")), "other").key_id == "other"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"nonsense", "is no private key as PEM without password or as JWK"),
        (b"{", "is no private key"),
        (b"[]", "is no private key"),
        ({"keys": []}, "is no private key"),
        ({"kty": "oct", "k": "AAAA", "d": "x"}, "is no private key"),
        ({"kty": "EC", "d": "x"}, "is no private key"),
        (pem(EC, b"secret"), "is no private key"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "must be a P-384 key"),
        (pem(Ed25519PrivateKey.generate()), "must be a P-384 key"),
        (
            pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - what has to be refused
            "an RSA key of 2048 bits or more",
        ),
    ],
)
def test_what_is_no_key_is_named(tmp_path: Path, content: bytes | dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_key(written(tmp_path, content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_key(tmp_path / "none.pem")


def test_token(tmp_path: Path) -> None:
    ids = iter(["id-1", "id-2"])
    key = load_key(written(tmp_path, pem(EC)), "k1")
    signer = Signer(key, "https://ehr.example.org", lambda: NOW, lambda: next(ids), "https://ehr.example.org/jwks", "t")
    scheme, _, token = signer.authorization("https://cds.example.org/cds-services").partition(" ")
    assert scheme == "Bearer"
    assert jwt.get_unverified_header(token) == {
        "alg": "ES384",
        "typ": "JWT",
        "kid": "k1",
        "jku": "https://ehr.example.org/jwks",
    }
    assert jwt.decode(token, EC.public_key(), ["ES384"], options={"verify_aud": False, "verify_iat": False}) == {
        "iss": "https://ehr.example.org",
        "aud": "https://cds.example.org/cds-services",
        "iat": 1_800_000_000,
        "exp": 1_800_000_300,
        "jti": "id-1",
        "tenant": "t",
    }
    assert "id-2" in str(jwt.decode(signer.authorization("x").split()[1], options={"verify_signature": False}))
    assert "key=" not in repr(signer)
