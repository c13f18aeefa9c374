"""Each attack on the callers' tokens is refused for its own reason, each form of real clients is accepted."""

# ruff: noqa: E501 - one attack a line, however long
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from cds_service.domain.vocabulary import Language
from cds_service.security.clients import load_clients
from cds_service.security.replay import SeenTokens
from cds_service.security.tokens import OpenAccess, TokenRefused, TokenVerifier
from tests.security.conftest import AUDIENCE, BASE, ISSUER, JKU, KEY_ID, NOW, Keys, Sign, jwk

Make = Callable[[Sign, Keys], list[str]]


def bearer(token: str, scheme: str = "Bearer") -> list[str]:
    return [f"{scheme} {token}"]


def packed(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def rebuilt(token: str, header: Any = None, claims: Any = None, signature: str | None = None) -> str:
    """Return the token with parts of it replaced, as somebody without the key can do."""
    first, second, third = token.split(".")
    parts = [
        first if header is None else packed(header),
        second if claims is None else packed(claims),
        third if signature is None else signature,
    ]
    return ".".join(parts)


def header(**members: Any) -> dict[str, Any]:
    return {"alg": "ES384", "typ": "JWT", "kid": KEY_ID} | members


def public_pem(keys: Keys) -> str:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return str(keys.p384.public_key().public_bytes(*form).decode())


def hmac_with_public_key(sign: Sign, keys: Keys) -> str:
    """Sign with the public key as if it were a shared secret."""
    head, body = packed(header(alg="HS384")), sign().split(".")[1]
    made = hmac.new(public_pem(keys).encode(), f"{head}.{body}".encode(), hashlib.sha384).digest()
    return f"{head}.{body}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


def test_signed_call_names_its_client_and_language(verifier: TokenVerifier, sign: Sign) -> None:
    caller = verifier.verify(bearer(sign(tenant="north")), AUDIENCE)
    assert (caller.client.name, caller.client.language) == ("Example", Language.DE)
    assert (caller.tenant, caller.token_id) == ("north", "d383e4cd")


ACCEPTED: dict[str, Make] = {
    "scheme in small letters": lambda sign, _: bearer(sign(), "bearer"),
    "RS384": lambda sign, keys: bearer(sign(keys.rsa, "RS384", {"kid": "rsa"})),
    "two keys of one id, RSA": lambda sign, keys: bearer(sign(keys.rsa, "RS384", {"kid": "both"})),
    "two keys of one id, EC": lambda sign, _: bearer(sign(headers={"kid": "both"})),
    "audience among others": lambda sign, _: bearer(sign(aud=["https://other", AUDIENCE])),
    "audience with a slash": lambda sign, _: bearer(sign(aud=f"{AUDIENCE}/")),
    "just expired": lambda sign, _: bearer(sign(exp=NOW - 30, iat=NOW - 300)),
    "issued in a second": lambda sign, _: bearer(sign(iat=NOW + 1)),
    "fractions of a second": lambda sign, _: bearer(sign(iat=NOW + 0.5, exp=NOW + 300.5)),
    "valid since five minutes": lambda sign, _: bearer(sign(nbf=NOW - 300)),
    "other claims": lambda sign, _: bearer(sign(sub="somebody", tenant="any", extra={"a": 1})),
    "64 hexadecimal digits": lambda sign, _: bearer(sign(jti="f" * 64)),
    "listed key address": lambda sign, _: bearer(sign(headers={"jku": JKU})),
    "listed key address, other spelling": lambda sign, _: bearer(sign(headers={"jku": JKU.replace("ehr.e", "EHR.e")})),
}


@pytest.mark.parametrize("form", ACCEPTED)
def test_forms_of_real_clients_are_accepted(verifier: TokenVerifier, sign: Sign, keys: Keys, form: str) -> None:
    assert verifier.verify(ACCEPTED[form](sign, keys), AUDIENCE).client.issuer == ISSUER


# What is done to the call, and the reason that the log must name.
REFUSED: dict[str, tuple[str, Make]] = {
    "no header": ("not exactly one Authorization header", lambda _s, _k: []),
    "two headers": ("not exactly one Authorization header", lambda sign, _: bearer(sign()) * 2),
    "other scheme": ("not a bearer token", lambda sign, _: bearer(sign(), "Basic")),
    "two blanks": ("not a bearer token", lambda sign, _: [f"Bearer  {sign()}"]),
    "empty": ("not a bearer token", lambda _s, _k: ["Bearer "]),
    "huge": ("not a bearer token", lambda _s, _k: bearer("x" * 20_000)),
    "opaque": ("not a token", lambda _s, _k: bearer("opaque-access-token")),
    "no JSON inside": ("not a token", lambda _s, _k: bearer("a.b.c")),
    "two parts": ("not a token", lambda sign, _: bearer(sign().rpartition(".")[0])),
    "five parts": ("not a token", lambda sign, _: bearer(f"{sign()}.x.y")),
    "header is a list": ("not a token", lambda sign, _: bearer(rebuilt(sign(), header=["ES384"]))),
    "claims are a list": ("not a token", lambda sign, _: bearer(rebuilt(sign(), claims=[1]))),
    "deep claims": ("not a token", lambda sign, _: bearer(rebuilt(sign(), claims="[" * 9000))),
    "none": ("algorithm not accepted", lambda sign, _: bearer(rebuilt(sign(), header=header(alg="none"), signature=""))),
    "None": ("algorithm not accepted", lambda sign, _: bearer(rebuilt(sign(), header=header(alg="None"), signature=""))),
    "NONE": ("algorithm not accepted", lambda sign, _: bearer(rebuilt(sign(), header=header(alg="NONE")))),
    "no algorithm": ("algorithm not accepted|not a token", lambda sign, _: bearer(rebuilt(sign(), header=header(alg=None)))),
    "algorithm is a list": ("algorithm not accepted|not a token", lambda sign, _: bearer(rebuilt(sign(), header=header(alg=["ES384"])))),
    "shared secret": ("algorithm not accepted", lambda sign, _: bearer(sign("a-shared-secret-that-is-long-enough-48-bytes!!!!", "HS384"))),
    "public key as secret": ("algorithm not accepted", lambda sign, keys: bearer(hmac_with_public_key(sign, keys))),
    "RS256": ("algorithm not accepted", lambda sign, keys: bearer(sign(keys.rsa, "RS256", {"kid": "rsa"}))),
    "ES256": ("algorithm not accepted", lambda sign, keys: bearer(sign(keys.p256, "ES256", {"kid": "p256"}))),
    "other type of key": ("algorithm does not fit the key", lambda sign, keys: bearer(sign(keys.rsa, "RS384"))),
    "key for another algorithm": ("unknown key", lambda sign, keys: bearer(sign(keys.rsa, "RS384", {"kid": "only-512"}))),
    "short RSA key": ("unknown key", lambda sign, keys: bearer(sign(keys.short_rsa, "RS384", {"kid": "short"}))),
    "key for encryption": ("unknown key", lambda sign, _: bearer(sign(headers={"kid": "enc"}))),
    "key that may not verify": ("unknown key", lambda sign, _: bearer(sign(headers={"kid": "sign-only"}))),
    "unknown key id": ("unknown key", lambda sign, _: bearer(sign(headers={"kid": "other"}))),
    "key id of a shared secret": ("unknown key", lambda sign, _: bearer(sign(headers={"kid": "oct"}))),
    "key id as a path": ("unknown key", lambda sign, _: bearer(sign(headers={"kid": "../../dev/null"}))),
    "key id as SQL": ("unknown key", lambda sign, _: bearer(sign(headers={"kid": "' OR 1=1 --"}))),
    "empty key id": ("no key id", lambda sign, _: bearer(sign(headers={"kid": ""}))),
    "no key id": ("no key id|not a token", lambda sign, _: bearer(rebuilt(sign(), header=header(kid=None)))),
    "key id is a number": ("no key id|not a token", lambda sign, _: bearer(rebuilt(sign(), header=header(kid=5)))),
    "other type": ("not typed as JWT", lambda sign, _: bearer(sign(headers={"typ": "at+jwt"}))),
    "no type": ("not typed as JWT", lambda sign, _: bearer(rebuilt(sign(), header={"alg": "ES384", "kid": KEY_ID}))),
    "critical header": ("critical header|not a token", lambda sign, _: bearer(rebuilt(sign(), header=header(crit=["x"], x=1)))),
    "foreign key address": ("key address not listed", lambda sign, _: bearer(sign(headers={"jku": "https://evil.example/keys"}))),
    "look-alike key address": ("key address not listed", lambda sign, _: bearer(sign(headers={"jku": f"{JKU}.evil.example"}))),
    "key address below": ("key address not listed", lambda sign, _: bearer(sign(headers={"jku": f"{JKU}/../evil"}))),
    "key address without https": ("key address not listed", lambda sign, _: bearer(sign(headers={"jku": JKU.replace("https", "http")}))),
    "key address is a list": ("key address not listed", lambda sign, _: bearer(sign(headers={"jku": [JKU]}))),
    "signed by a stranger": ("signature does not hold", lambda sign, keys: bearer(sign(keys.foreign))),
    "brings its own key": ("signature does not hold", lambda sign, keys: bearer(sign(keys.foreign, headers={"jwk": jwk(keys.foreign, KEY_ID)}))),
    "brings its own certificate": ("signature does not hold", lambda sign, keys: bearer(sign(keys.foreign, headers={"x5u": "https://evil.example", "x5c": ["AA"]}))),
    "changed claims": ("signature does not hold", lambda sign, _: bearer(rebuilt(sign(), claims={"iss": ISSUER, "aud": AUDIENCE, "iat": NOW, "exp": NOW + 300, "jti": "other"}))),
    "changed header": ("signature does not hold", lambda sign, _: bearer(rebuilt(sign(), header=header(extra=1)))),
    "empty signature": ("signature does not hold", lambda sign, _: bearer(rebuilt(sign(), signature=""))),
    "zero signature": ("signature does not hold", lambda sign, _: bearer(rebuilt(sign(), signature="A" * 128))),
    "cut signature": ("signature does not hold", lambda sign, _: bearer(sign()[:-8])),
    "unknown issuer": ("unknown issuer", lambda sign, _: bearer(sign(iss="https://ehr.example.org.evil"))),
    "issuer with a slash": ("unknown issuer", lambda sign, _: bearer(sign(iss=f"{ISSUER}/"))),
    "issuer in capitals": ("unknown issuer", lambda sign, _: bearer(sign(iss=ISSUER.upper()))),
    "no issuer": ("unknown issuer", lambda sign, _: bearer(sign(iss=None))),
    "issuer is a list": ("unknown issuer|not a token", lambda sign, _: bearer(rebuilt(sign(), claims={"iss": [ISSUER]}))),
    "no audience": ("claim aud missing", lambda sign, _: bearer(sign(aud=None))),
    "no end": ("claim exp missing", lambda sign, _: bearer(sign(exp=None))),
    "no beginning": ("claim iat missing", lambda sign, _: bearer(sign(iat=None))),
    "no token id": ("claim jti missing", lambda sign, _: bearer(sign(jti=None))),
    "empty token id": ("no token id", lambda sign, _: bearer(sign(jti=""))),
    "endless token id": ("no token id", lambda sign, _: bearer(sign(jti="x" * 1001))),
    "end as text": ("times are no numbers", lambda sign, _: bearer(sign(exp=str(NOW + 300)))),
    "beginning is true": ("times are no numbers", lambda sign, _: bearer(sign(iat=True))),
    "end is no number": ("times are no moments", lambda sign, _: bearer(sign(exp=float("nan")))),
    "end is infinite": ("times are no moments", lambda sign, _: bearer(sign(exp=float("inf")))),
    "end beyond arithmetic": ("times are no moments", lambda sign, _: bearer(sign(iat=0.5, exp=10**400))),
    "negative times": ("times are no moments", lambda sign, _: bearer(sign(nbf=-1))),
    "base address as audience": ("other audience", lambda sign, _: bearer(sign(aud=BASE))),
    "discovery as audience": ("other audience", lambda sign, _: bearer(sign(aud=f"{BASE}/cds-services"))),
    "feedback as audience": ("other audience", lambda sign, _: bearer(sign(aud=f"{AUDIENCE}/feedback"))),
    "other service": ("other audience", lambda sign, _: bearer(sign(aud=f"{BASE}/cds-services/marrow-edema-order-sign"))),
    "other host": ("other audience", lambda sign, _: bearer(sign(aud=AUDIENCE.replace("spine", "spin")))),
    "audience in capitals": ("other audience", lambda sign, _: bearer(sign(aud=AUDIENCE.upper()))),
    "audience with two slashes": ("other audience", lambda sign, _: bearer(sign(aud=f"{AUDIENCE}//"))),
    "empty audience": ("other audience", lambda sign, _: bearer(sign(aud=[]))),
    "audience of numbers": ("other audience", lambda sign, _: bearer(sign(aud=[1]))),
    "expired": ("expired", lambda sign, _: bearer(sign(exp=NOW - 120, iat=NOW - 400))),
    "from the future": ("issued in the future", lambda sign, _: bearer(sign(iat=NOW + 600, exp=NOW + 900))),
    "not valid yet": ("not valid yet", lambda sign, _: bearer(sign(nbf=NOW + 600))),
    "lives a day": ("lives too long", lambda sign, _: bearer(sign(exp=NOW + 24 * 3600))),
    "token id with half a character": ("no token id", lambda sign, _: bearer(sign(jti="\ud800"))),
    "token id with a line end": ("no token id", lambda sign, _: bearer(sign(jti="1\n2"))),
    "tenant with half a character": ("unknown tenant", lambda sign, _: bearer(sign(tenant="\ud800"))),
    "tenant without end": ("unknown tenant", lambda sign, _: bearer(sign(tenant="n" * 1001))),
    "tenant is a number": ("unknown tenant", lambda sign, _: bearer(sign(tenant=5))),
}  # fmt: skip


@pytest.mark.requirement("SEC-4", "SEC-5", "SEC-6", "SEC-8", "SEC-19", "SEC-22")
@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits")
@pytest.mark.parametrize("attack", REFUSED)
def test_every_attack_is_refused_for_its_reason(verifier: TokenVerifier, sign: Sign, keys: Keys, attack: str) -> None:
    reason, make = REFUSED[attack]
    with pytest.raises(TokenRefused, match=f"^({reason})"):
        verifier.verify(make(sign, keys), AUDIENCE)
    # The refused attempt has used nothing up.
    assert verifier.verify(bearer(sign()), AUDIENCE).client.issuer == ISSUER


@pytest.mark.requirement("SEC-7")
def test_pinned_algorithms_are_the_only_ones(clients: Path, key_set: dict[str, Any], sign: Sign, keys: Keys) -> None:
    more = {"keys": [*key_set["keys"], jwk(keys.ed25519, "ed")]}
    (clients.parent / "ehr.json").write_text(json.dumps(more))
    clients.write_text(clients.read_text() + 'algorithms = ["ES256", "RS512", "EdDSA", "PS384"]\n')
    verifier = TokenVerifier(load_clients(clients), lambda: NOW)
    for number, (key, algorithm, key_id) in enumerate(
        [
            (keys.p256, "ES256", "p256"),
            (keys.rsa, "RS512", "only-512"),
            (keys.ed25519, "EdDSA", "ed"),
            (keys.rsa, "PS384", "rsa"),
        ]
    ):
        verifier.verify(bearer(sign(key, algorithm, {"kid": key_id}, jti=str(number))), AUDIENCE)
    with pytest.raises(TokenRefused, match="algorithm not accepted"):
        verifier.verify(bearer(sign()), AUDIENCE)


@pytest.mark.requirement("SEC-14")
def test_token_works_once_also_in_parallel(verifier: TokenVerifier, sign: Sign) -> None:
    token = bearer(sign())
    outcomes: list[str] = []

    def call() -> None:
        try:
            verifier.verify(token, AUDIENCE)
            outcomes.append("accepted")
        except TokenRefused as refused:
            outcomes.append(str(refused))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["accepted"] + ["token used before"] * 7


def test_looking_at_a_token_does_not_use_it_up(verifier: TokenVerifier, sign: Sign) -> None:
    token = bearer(sign())
    assert verifier.examine(token, AUDIENCE) == verifier.examine(token, AUDIENCE)
    assert verifier.verify(token, AUDIENCE).client.issuer == ISSUER


def test_used_token_is_refused_until_it_has_expired(clients: Path, sign: Sign) -> None:
    now = [float(NOW)]
    seen = SeenTokens()
    verifier = TokenVerifier(load_clients(clients), lambda: now[0], seen)
    verifier.verify(bearer(sign()), AUDIENCE)
    now[0] += 359
    with pytest.raises(TokenRefused, match="token used before"):
        verifier.verify(bearer(sign()), AUDIENCE)
    now[0] += 600
    verifier.verify(bearer(sign(iat=now[0], exp=now[0] + 100, jti="next")), AUDIENCE)
    assert list(seen._until) == [(ISSUER, "next")]


def test_tenants_are_held_to_the_list(clients: Path, sign: Sign) -> None:
    clients.write_text(clients.read_text() + 'tenants = ["north"]\n')
    verifier = TokenVerifier(load_clients(clients), lambda: NOW)
    assert verifier.verify(bearer(sign(tenant="north")), AUDIENCE).tenant == "north"
    for claims in ({"tenant": "south"}, {}, {"tenant": ""}):
        with pytest.raises(TokenRefused, match="unknown tenant"):
            verifier.verify(bearer(sign(**claims, jti="2")), AUDIENCE)


def test_client_without_tokens_is_only_for_calls_without_any(clients: Path, sign: Sign) -> None:
    clients.write_text(clients.read_text() + "tokens_required = false\n")
    verifier = TokenVerifier(load_clients(clients), lambda: NOW)
    caller = verifier.verify([], AUDIENCE)
    assert (caller.client.name, caller.token_id) == ("Example", "")
    assert verifier.verify([], AUDIENCE) == caller
    with pytest.raises(TokenRefused, match="not a token"):
        verifier.verify(["Bearer x"], AUDIENCE)
    with pytest.raises(TokenRefused, match="expired"):
        verifier.verify(bearer(sign(exp=NOW - 120, iat=NOW - 400)), AUDIENCE)


def test_client_without_keys_accepts_no_token(clients: Path, sign: Sign) -> None:
    clients.write_text(clients.read_text().replace('jwks = "ehr.json"', "tokens_required = false"))
    with pytest.raises(TokenRefused, match="no keys listed"):
        TokenVerifier(load_clients(clients), lambda: NOW).verify(bearer(sign()), AUDIENCE)


def test_where_no_registry_is_kept_everybody_is_nobody_in_particular() -> None:
    assert OpenAccess().verify(["Bearer x"], AUDIENCE).client.issuer == ""
