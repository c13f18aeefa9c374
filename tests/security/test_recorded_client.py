"""The official web client, as recorded, is accepted where tokens are required, and none of its tokens when changed.

The recordings are not part of this repository; the same calls signed here stand for them where they are absent.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from cds_service.security.clients import SANDBOX_ISSUER, load_clients
from cds_service.security.tokens import TokenRefused, TokenVerifier
from tests.security.conftest import Keys, Sign, jwk

RECORDINGS = Path(__file__).parents[3] / "shared" / "clients" / "cds-hooks-sandbox"
RECORDED = sorted(RECORDINGS.glob("[0-9]*.json"))
BASE = "http://127.0.0.1:8090"
JKU = "https://sandbox.cds-hooks.org/.well-known/jwks.json"


def registry(folder: Path, key_set: str) -> Path:
    (folder / "jwks.json").write_text(key_set)
    path = folder / "clients.toml"
    path.write_text(
        f'[[client]]\nissuer = "{SANDBOX_ISSUER}"\nname = "Sandbox"\njwks = "jwks.json"\njku = ["{JKU}"]\n'
        "synthetic_data_only = true\n"
    )
    return path


def part(token: str, number: int) -> dict[str, Any]:
    text = token.split(".")[number]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def changed(token: str, number: int, **members: Any) -> str:
    parts = token.split(".")
    made = {name: value for name, value in (part(token, number) | members).items() if value is not None}
    parts[number] = base64.urlsafe_b64encode(json.dumps(made).encode()).decode().rstrip("=")
    return ".".join(parts)


def changes(token: str, now: int) -> dict[str, tuple[str, str]]:
    """Every tampered variant with the reason for which it must be refused."""
    signature = token.split(".")[2]
    other = "B" if signature[5] == "A" else "A"
    return {
        "alg none": ("algorithm not accepted", changed(token, 0, alg="none").rpartition(".")[0] + "."),
        "alg HS384": ("algorithm not accepted", changed(token, 0, alg="HS384")),
        "alg ES256": ("algorithm not accepted", changed(token, 0, alg="ES256")),
        "alg RS384": ("algorithm does not fit the key", changed(token, 0, alg="RS384")),
        "alg missing": ("algorithm not accepted|not a token", changed(token, 0, alg=None)),
        "kid other": ("unknown key", changed(token, 0, kid="other")),
        "kid missing": ("no key id", changed(token, 0, kid=None)),
        "kid a number": ("no key id|not a token", changed(token, 0, kid=1)),
        "typ other": ("not typed as JWT", changed(token, 0, typ="JOSE")),
        "typ missing": ("not typed as JWT", changed(token, 0, typ=None)),
        "crit": ("critical header|not a token", changed(token, 0, crit=["exp"])),
        "jku other host": ("key address not listed", changed(token, 0, jku="https://evil.example/jwks.json")),
        "jku look-alike": ("key address not listed", changed(token, 0, jku=JKU.replace("sandbox.", "sandbox-"))),
        "jku http": ("key address not listed", changed(token, 0, jku=JKU.replace("https", "http"))),
        "jku local file": ("key address not listed", changed(token, 0, jku="file:///jwks.json")),
        "jku removed": ("signature does not hold", changed(token, 0, jku=None)),
        "own key": ("signature does not hold", changed(token, 0, jwk={"kty": "EC"})),
        "iss other": ("unknown issuer", changed(token, 1, iss="https://evil.example")),
        "iss missing": ("unknown issuer", changed(token, 1, iss=None)),
        "aud other service": ("signature does not hold", changed(token, 1, aud=f"{BASE}/cds-services/other")),
        "exp later": ("signature does not hold", changed(token, 1, exp=now + 3600)),
        "jti new": ("signature does not hold", changed(token, 1, jti="new")),
        "claim added": ("signature does not hold", changed(token, 1, tenant="north")),
        "signature changed": (
            "signature does not hold",
            token.replace(signature, signature[:5] + other + signature[6:]),
        ),
        "signature empty": ("signature does not hold", token.rpartition(".")[0] + "."),
        "signature missing": ("not a token", token.rpartition(".")[0]),
        "header no JSON": ("not a token", "e30x." + token.partition(".")[2]),
        "claims no JSON": ("not a token", ".".join([token.split(".", maxsplit=1)[0], "e30x", signature])),
        "part added": ("not a token", f"{token}.x"),
        "blank inside": ("not a bearer token", token.replace(".", ". ", 1)),
    }


def check(token: str, address: str, clients: Path) -> None:
    """Accept the call once at its own time; refuse it changed, late, early, elsewhere and again."""
    now = int(part(token, 1)["iat"]) + 1

    def verify(seconds: int = 0, sent: str = token, audience: str = address) -> None:
        TokenVerifier(load_clients(clients), lambda: now + seconds).verify([f"Bearer {sent}"], audience)

    verify()
    for reason, sent in changes(token, now).values():
        with pytest.raises(TokenRefused, match=f"^({reason})"):
            verify(sent=sent)
    for reason, seconds in (("expired", 3600), ("issued in the future", -3600)):
        with pytest.raises(TokenRefused, match=reason):
            verify(seconds)
    for elsewhere in (f"{address}/feedback", f"{BASE}/cds-services", address.replace("8090", "8091")):
        with pytest.raises(TokenRefused, match="other audience"):
            verify(audience=elsewhere)
    verifier = TokenVerifier(load_clients(clients), lambda: now)
    verifier.verify([f"Bearer {token}"], address)
    with pytest.raises(TokenRefused, match="token used before"):
        verifier.verify([f"Bearer {token}"], address)


@pytest.mark.skipif(not RECORDED, reason="the recordings of the web client are not beside this checkout")
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_token_is_accepted_and_every_change_of_it_refused(path: Path, tmp_path: Path) -> None:
    clients = registry(tmp_path, (RECORDINGS / "jwks.json").read_text(encoding="utf-8"))
    recorded = json.loads(path.read_text(encoding="utf-8"))
    check(recorded["headers"]["authorization"].removeprefix("Bearer "), f"{BASE}{recorded['path']}", clients)


@pytest.mark.parametrize("path", ["/cds-services/a-service", "/cds-services/a-service/feedback"])
def test_token_made_like_the_recorded_ones(path: str, tmp_path: Path, sign: Sign, keys: Keys) -> None:
    clients = registry(tmp_path, json.dumps({"keys": [jwk(keys.p384, "44823f3d", use="sig", alg="ES384")]}))
    token = sign(headers={"kid": "44823f3d", "jku": JKU}, iss=SANDBOX_ISSUER, aud=f"{BASE}{path}")
    assert len(changes(token, 0)) >= 25
    check(token, f"{BASE}{path}", clients)
