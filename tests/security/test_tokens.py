"""Each attack on the callers' tokens is refused, each form of real clients is accepted."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from cds_service.domain.vocabulary import Language
from cds_service.errors import ConfigError
from cds_service.security.clients import SANDBOX_ISSUER, load_clients
from cds_service.security.tokens import TokenRefused, TokenVerifier

NOW = 1_772_532_000
ISSUER = "https://ehr.example.org"
AUDIENCE = "https://spine.example.net/cds-services/marrow-edema-patient-view"
EC_KEY = ec.generate_private_key(ec.SECP384R1())
WEAK_EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)
SHORT_RSA_KEY = rsa.generate_private_key(65537, 1024)  # noqa: S505 - must be refused
OTHER_KEY = ec.generate_private_key(ec.SECP384R1())


def jwk(key: Any, key_id: str, **members: str) -> dict[str, Any]:
    algorithm: Any = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
    public: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))
    return public | {"kid": key_id} | members


@pytest.fixture
def clients(tmp_path: Path) -> Path:
    keys = [
        jwk(EC_KEY, "ec/+="),
        jwk(RSA_KEY, "rsa", use="sig"),
        jwk(WEAK_EC_KEY, "p256"),
        jwk(SHORT_RSA_KEY, "short"),
        jwk(EC_KEY, "enc", use="enc"),
        {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"},
    ]
    (tmp_path / "ehr.json").write_text(json.dumps({"keys": keys}))
    path = tmp_path / "clients.toml"
    path.write_text(f'[[client]]\nissuer = "{ISSUER}"\nname = "Example"\nlanguage = "de"\njwks = "ehr.json"\n')
    return path


@pytest.fixture
def verifier(clients: Path) -> TokenVerifier:
    return TokenVerifier(load_clients(clients), lambda: NOW)


def sign(key: Any = EC_KEY, alg: str = "ES384", headers: dict[str, Any] | None = None, **claims: Any) -> str:
    body = {"iss": ISSUER, "aud": AUDIENCE, "iat": NOW, "exp": NOW + 300, "jti": "d383e4cd"} | claims
    body = {name: value for name, value in body.items() if value is not None}
    return jwt.encode(body, key, algorithm=alg, headers={"kid": "ec/+="} | (headers or {}))


def bearer(token: str, scheme: str = "Bearer") -> list[str]:
    return [f"{scheme} {token}"]


def test_signed_call_names_its_client_and_language(verifier: TokenVerifier) -> None:
    client = verifier.verify(bearer(sign()), AUDIENCE)
    assert (client.name, client.language) == ("Example", Language.DE)


@pytest.mark.parametrize(
    "make",
    [
        lambda: bearer(sign(), "bearer"),
        lambda: bearer(sign(RSA_KEY, "RS384", {"kid": "rsa"})),
        lambda: bearer(sign(aud=["https://other", AUDIENCE])),
        lambda: bearer(sign(aud=f"{AUDIENCE}/")),
        lambda: bearer(sign(exp=NOW - 30, iat=NOW - 300)),
        lambda: bearer(sign(iat=NOW + 1)),
        lambda: bearer(sign(nbf=NOW - 300)),
        lambda: bearer(sign(sub="somebody", tenant="any")),
        lambda: bearer(sign(jti="f" * 64)),
        lambda: bearer(sign(headers={"jku": "https://evil.example/keys"})),
    ],
)
def test_forms_of_real_clients_are_accepted(verifier: TokenVerifier, make: Callable[[], list[str]]) -> None:
    assert verifier.verify(make(), AUDIENCE).issuer == ISSUER


def unsigned(alg: str) -> str:
    head = jwt.utils.base64url_encode(json.dumps({"alg": alg, "typ": "JWT", "kid": "ec/+="}).encode()).decode()
    body = sign().split(".")[1]
    return f"{head}.{body}."


@pytest.mark.parametrize(
    ("reason", "make"),
    [
        ("Authorization header", list),
        ("Authorization header", lambda: bearer(sign()) * 2),
        ("bearer", lambda: bearer(sign(), "Basic")),
        ("bearer", lambda: [f"Bearer  {sign()}"]),
        ("bearer", lambda: ["Bearer "]),
        ("bearer", lambda: bearer("x" * 20_000)),
        ("not a token", lambda: bearer("opaque-access-token")),
        ("not a token", lambda: bearer("a.b.c")),
        ("not a token|algorithm", lambda: bearer(unsigned("none"))),
        ("not a token|algorithm", lambda: bearer(unsigned("None"))),
        ("algorithm", lambda: bearer(sign("shared-secret-that-is-long-enough-for-it-48-bytes!!", "HS384"))),
        ("algorithm", lambda: bearer(sign(RSA_KEY, "RS256", {"kid": "rsa"}))),
        ("algorithm", lambda: bearer(sign(RSA_KEY, "RS384"))),
        ("unknown key", lambda: bearer(sign(WEAK_EC_KEY, "ES256", {"kid": "p256"}))),
        ("unknown key", lambda: bearer(sign(RSA_KEY, "RS384", {"kid": "short"}))),
        ("unknown key", lambda: bearer(sign(headers={"kid": "enc"}))),
        ("unknown key", lambda: bearer(sign(headers={"kid": "other"}))),
        ("unknown key", lambda: bearer(sign(headers={"typ": "at+jwt"}))),
        ("unknown key|not a token", lambda: bearer(sign(headers={"crit": ["x"], "x": 1}))),
        ("signature", lambda: bearer(sign(OTHER_KEY))),
        ("signature", lambda: bearer(sign(OTHER_KEY, headers={"jwk": jwk(OTHER_KEY, "ec/+=")}))),
        ("unknown issuer", lambda: bearer(sign(iss="https://ehr.example.org.evil"))),
        ("unknown issuer", lambda: bearer(sign(iss=f"{ISSUER}/"))),
        ("signature|issuer", lambda: bearer(sign(iss=None))),
        ("signature", lambda: bearer(sign(aud=None))),
        ("signature", lambda: bearer(sign(exp=None))),
        ("signature", lambda: bearer(sign(iat=None))),
        ("signature", lambda: bearer(sign(jti=None))),
        ("no token id|signature", lambda: bearer(sign(jti=""))),
        ("times", lambda: bearer(sign(exp=str(NOW + 300)))),
        ("times", lambda: bearer(sign(iat=True))),
        ("other audience", lambda: bearer(sign(aud="https://spine.example.net/cds-services"))),
        ("other audience", lambda: bearer(sign(aud=f"{AUDIENCE}/feedback"))),
        ("other audience", lambda: bearer(sign(aud=[]))),
        ("time", lambda: bearer(sign(exp=NOW - 120, iat=NOW - 400))),
        ("time", lambda: bearer(sign(iat=NOW + 600, exp=NOW + 900))),
        ("time", lambda: bearer(sign(nbf=NOW + 600))),
        ("lives too long", lambda: bearer(sign(exp=NOW + 24 * 3600))),
    ],
)
def test_every_fault_is_refused_for_its_reason(
    verifier: TokenVerifier, reason: str, make: Callable[[], list[str]]
) -> None:
    with pytest.raises(TokenRefused, match=reason):
        verifier.verify(make(), AUDIENCE)


def test_token_works_once_also_in_parallel(verifier: TokenVerifier) -> None:
    token = bearer(sign())
    outcomes: list[bool] = []

    def call() -> None:
        try:
            verifier.verify(token, AUDIENCE)
            outcomes.append(True)
        except TokenRefused:
            outcomes.append(False)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 7 + [True]


def test_seen_tokens_are_forgotten_when_they_can_no_longer_be_used(clients: Path) -> None:
    now = [float(NOW)]
    verifier = TokenVerifier(load_clients(clients), lambda: now[0])
    verifier.verify(bearer(sign()), AUDIENCE)
    now[0] += 1000
    verifier.verify(bearer(sign(iat=NOW + 1000, exp=NOW + 1100, jti="next")), AUDIENCE)
    assert list(verifier._seen._until) == [(ISSUER, "next")]


def test_tenants_are_held_to_the_list(clients: Path) -> None:
    clients.write_text(clients.read_text() + 'tenants = ["north"]\n')
    verifier = TokenVerifier(load_clients(clients), lambda: NOW)
    assert verifier.verify(bearer(sign(tenant="north")), AUDIENCE).tenants == {"north"}
    with pytest.raises(TokenRefused, match="tenant"):
        verifier.verify(bearer(sign(tenant="south", jti="2")), AUDIENCE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text + "x = 1\n", "client.0.x"),
        (lambda text: text.replace('"de"', '"fr"'), "client.0.language"),
        (lambda text: text.replace(ISSUER, "ehr"), "client.0.issuer"),
        (lambda text: text + text, "twice"),
        (lambda text: text.replace(ISSUER, SANDBOX_ISSUER), "synthetic_data_only"),
        (lambda text: text.replace("ehr.json", "none.json"), "JWKS"),
        (lambda text: text.replace("ehr.json", "clients.toml"), "JWKS"),
        (lambda text: text.replace("[[client]]", "[[client"), "clients.toml"),
        (lambda _: "", "client"),
    ],
)
def test_flaws_of_the_registry_are_named(clients: Path, change: Callable[[str], str], message: str) -> None:
    clients.write_text(change(clients.read_text()))
    with pytest.raises(ConfigError, match="MARROW_CLIENTS") as refused:
        load_clients(clients)
    assert message in str(refused.value)


def test_registry_without_strong_keys_is_refused(clients: Path) -> None:
    (clients.parent / "ehr.json").write_text(json.dumps({"keys": [jwk(WEAK_EC_KEY, "p256")]}))
    with pytest.raises(ConfigError, match="no P-384 or RSA"):
        load_clients(clients)


def test_missing_registry_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_clients(tmp_path / "none.toml")


def test_sandbox_is_trusted_only_for_synthetic_data(clients: Path) -> None:
    clients.write_text(clients.read_text().replace(ISSUER, SANDBOX_ISSUER) + "synthetic_data_only = true\n")
    assert load_clients(clients).by_issuer(SANDBOX_ISSUER) is not None
    assert load_clients(clients).by_issuer(ISSUER) is None
