"""Tokens, origins, limits, logs: what a stranger, a careless client and a reader of logs can do."""

import base64
import hashlib
import hmac
import io
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from limits import parse

from cds_service.errors import ConfigError
from cds_service.security.clients import Client, ClientRegistry, load_clients
from cds_service.security.quota import Quotas
from cds_service.security.replay import SharedTokens
from cds_service.security.tokens import TokenVerifier
from cds_service.store.database import SqlStore
from cds_service.store.records import StoreError
from cds_service.web.backend import Backend
from cds_service.web.site import build_site
from tests.conformance.conftest import (
    BASE,
    ISSUER,
    JKU,
    PATIENT,
    SIGN,
    VIEW,
    Ehr,
    Fhir,
    FhirStub,
    Json,
    Known,
    Signer,
    grant,
    patient,
    report,
    searchset,
)

Make = Callable[[Signer], str]


def now() -> int:
    return int(datetime.now(UTC).timestamp())


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(signer: Signer, header: Json, signature: bytes = b"") -> str:
    return f"{part(header)}.{part(signer.claims())}.{part(signature)}"


def forged_secret(signer: Signer, alg: str, *, pem: bool) -> str:
    """Sign with the public key as if it were a shared secret."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    public_key = signer.p384.public_key()
    as_pem = public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = as_pem if pem else jwt.algorithms.ECAlgorithm.to_jwk(public_key).encode()
    body = f"{part({'alg': alg, 'typ': 'JWT', 'kid': 'ec+/='})}.{part(signer.claims())}"
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[alg]
    return f"{body}.{part(hmac.new(secret, body.encode(), digest).digest())}"


HEADER = {"alg": "ES384", "typ": "JWT", "kid": "ec+/="}
ACCEPTED: dict[str, Make] = {
    "ES384": lambda s: s.token(),
    "RS384": lambda s: s.token(key=s.rsa, alg="RS384"),
    "audience among others": lambda s: s.token(aud=["https://x.example", f"{BASE}{VIEW}"]),
    "audience with a slash": lambda s: s.token(aud=f"{BASE}{VIEW}/"),
    "expired half a minute ago": lambda s: s.token(exp=now() - 30, iat=now() - 300),
    "valid since five minutes, other claims": lambda s: s.token(nbf=now() - 300, sub="us", extra=[1]),
    "jti of 64 hex digits": lambda s: s.token(jti=hashlib.sha256(str(now()).encode() + s.token().encode()).hexdigest()),
    "listed jku": lambda s: s.token(header={"jku": JKU}),
}


@pytest.mark.requirement(
    "SEC-7", "SEC-9", "SEC-11", "SEC-13", "SEC-15", "SEC-16", "SEC-17", "SEC-18", "CLI-5", "CLI-11"
)
@pytest.mark.parametrize("form", ACCEPTED)
def test_good_tokens_are_accepted(signer: Signer, pv_ok: Json, form: str) -> None:
    assert signer.post(pv_ok, token=ACCEPTED[form](signer)).status_code == 200


REFUSED: dict[str, Make] = {
    "no alg": lambda s: unsigned(s, {"typ": "JWT", "kid": "ec+/="}),
    "no kid": lambda s: unsigned(s, {"alg": "ES384", "typ": "JWT"}),
    "no typ": lambda s: s.token(header={"typ": None}),
    "other typ": lambda s: s.token(header={"typ": "at+jwt"}),
    "none": lambda s: unsigned(s, HEADER | {"alg": "none"}),
    "None": lambda s: unsigned(s, HEADER | {"alg": "None"}),
    "NONE": lambda s: unsigned(s, HEADER | {"alg": "NONE"}),
    "empty signature": lambda s: unsigned(s, HEADER),
    **{
        f"{alg} with the public key ({kind})": lambda s, alg=alg, pem=pem: forged_secret(s, alg, pem=pem)  # type: ignore[misc]
        for alg in ("HS256", "HS384", "HS512")
        for kind, pem in (("PEM", True), ("JWK", False))
    },
    **{f"no {name}": lambda s, name=name: s.token(**{name: None}) for name in ("iss", "aud", "exp", "iat", "jti")},  # type: ignore[misc]
    "exp as text": lambda s: s.token(exp=str(now() + 300)),
    "iat is a flag": lambda s: s.token(iat=True),
    "empty jti": lambda s: s.token(jti=""),
    "audience is the base": lambda s: s.token(aud=BASE),
    "audience is another service": lambda s: s.token(aud=f"{BASE}{SIGN}"),
    "audience on another host": lambda s: s.token(aud=f"https://spine.example.com{VIEW}"),
    "expired two minutes ago": lambda s: s.token(exp=now() - 120, iat=now() - 400),
    "from the future": lambda s: s.token(iat=now() + 600, exp=now() + 900),
    "lives a day": lambda s: s.token(exp=now() + 86_400),
    "not valid yet": lambda s: s.token(nbf=now() + 600),
    "unknown issuer": lambda s: s.token(iss="https://evil.example"),
    "look-alike issuer": lambda s: s.token(iss=f"{ISSUER}.evil.example"),
    "jku of another client": lambda s: s.token(header={"jku": "https://other.example.org/keys.json"}),
    "look-alike jku": lambda s: s.token(header={"jku": JKU.replace("ehr.", "ehr-")}),
    "jku over http": lambda s: s.token(header={"jku": JKU.replace("https", "http")}),
    "unknown kid": lambda s: s.token(header={"kid": "other"}),
    "P-256 key for ES384": lambda s: unsigned(s, HEADER | {"kid": "p256"}, b"x" * 96),
    "key for encryption": lambda s: s.token(header={"kid": "enc"}),
    "foreign key": lambda s: s.token(key=s.foreign),
    "brings its key": lambda s: s.token(
        key=s.foreign, header={"jwk": json.loads(jwt.algorithms.ECAlgorithm.to_jwk(s.foreign.public_key()))}
    ),
    "brings a certificate": lambda s: s.token(key=s.foreign, header={"x5u": "https://evil.example", "x5c": ["AA"]}),
    "critical header": lambda s: unsigned(s, HEADER | {"crit": ["x"], "x": 1}, b"x" * 96),
    "unknown tenant": lambda s: s.token(tenant="south"),
    "access token of FHIR": lambda _: "opaque-grant-7",
}


@pytest.mark.requirement(
    "SEC-4", "SEC-5", "SEC-6", "SEC-8", "SEC-9", "SEC-11", "SEC-12", "SEC-13", "SEC-16", "SEC-18", "SEC-19", "SEC-21",
    "SEC-22", "SEC-23", "SEC-24", "SEC-25", "HTTP-7", "CLI-12",
)  # fmt: skip
def test_every_bad_token_gets_the_same_answer_before_the_body_is_read(signer: Signer) -> None:
    answers = {}
    for form, make in REFUSED.items():
        headers = {"Authorization": f"Bearer {make(signer)}", "Content-Type": "application/json"}
        answers[form] = signer.http.post(VIEW, data=b"{broken", headers=headers)
    assert {form: one.status_code for form, one in answers.items() if one.status_code != 401} == {}
    assert len({one.get_data() for one in answers.values()}) == 1
    same = [{k: v for k, v in one.headers.items() if k != "X-Request-Id"} for one in answers.values()]
    assert all(headers == same[0] for headers in same)
    assert same[0]["WWW-Authenticate"] == "Bearer"


@pytest.mark.requirement("SEC-3")
def test_forms_of_the_header(signer: Signer, pv_ok: Json) -> None:
    def status(*values: str) -> int:
        headers = [("Authorization", value) for value in values]
        return int(signer.http.post(VIEW, json=pv_ok, headers=headers).status_code)

    assert status(f"bearer {signer.token()}") == 200
    assert status(f"Bearer {signer.token()}") == 200
    for wrong in ((f"Bearer  {signer.token()}",), (f"Basic {signer.token()}",), (), ("Bearer",)):
        assert status(*wrong) == 401
    assert status(f"Bearer {signer.token()}", f"Bearer {signer.token()}") == 401


@pytest.mark.requirement("SEC-10")
def test_forged_host_changes_nothing(signer: Signer, pv_ok: Json) -> None:
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    assert signer.post(pv_ok, **forged).status_code == 200
    assert signer.post(pv_ok, token=signer.token(aud=f"https://evil.example{VIEW}"), **forged).status_code == 401


@pytest.mark.requirement("SEC-14")
def test_a_token_is_good_once_also_at_another_instance(signer: Signer, backend: Backend, pv_ok: Json) -> None:
    clients = load_clients(signer.registry)

    def instance() -> Any:
        store = SqlStore(backend.settings.database)
        store.open()
        guard = SharedTokens(store, StoreError)
        return build_site(replace(backend, verifier=TokenVerifier(clients, now, guard)))

    sites = [instance(), instance()]
    token = signer.token()
    found: list[int] = []

    def call(number: int) -> None:
        http = sites[number % 2].test_client()
        answer = http.post(VIEW, json=pv_ok, headers={"Authorization": f"Bearer {token}"})
        found.append(answer.status_code)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200, 401, 401, 401, 401, 401]


@pytest.mark.requirement("SEC-17")
def test_without_agreed_keys_no_token_is_good(signer: Signer, backend: Backend, pv_ok: Json) -> None:
    nobody = ClientRegistry((Client(ISSUER, "Example"),))
    http = build_site(replace(backend, verifier=TokenVerifier(nobody, now))).test_client()
    headers = {"Authorization": f"Bearer {signer.token()}"}
    assert http.post(VIEW, json=pv_ok, headers=headers).status_code == 401


@pytest.mark.requirement("SEC-28")
def test_an_empty_list_is_nobody(signer: Signer, backend: Backend, pv_ok: Json, tmp_path: Path) -> None:
    http = build_site(replace(backend, verifier=TokenVerifier(ClientRegistry(()), now))).test_client()
    for headers in ({}, {"Authorization": f"Bearer {signer.token()}"}):
        assert http.post(VIEW, json=pv_ok, headers=headers).status_code == 401
    (tmp_path / "none.toml").write_text("client = []\n")
    with pytest.raises(ConfigError):
        load_clients(tmp_path / "none.toml")
    assert signer.post(pv_ok, token=signer.token(header={"jku": JKU.replace("ehr.ex", "EHR.ex")})).status_code == 200


@pytest.mark.requirement("SEC-27")
def test_the_public_sandbox_is_no_client_for_real_data(signer: Signer) -> None:
    text = signer.registry.read_text().replace(f'issuer = "{ISSUER}"', 'issuer = "https://sandbox.cds-hooks.org"')
    signer.registry.write_text(text)
    with pytest.raises(ConfigError, match="synthetic_data_only"):
        load_clients(signer.registry)


@pytest.mark.requirement("SEC-1")
def test_what_came_over_plain_http_is_refused(ehr: Ehr, pv_ok: Json, caplog: pytest.LogCaptureFixture) -> None:
    for path in ("/cds-services", VIEW, f"{VIEW}/feedback"):
        for proto in ("http", "https, http"):
            refused = ehr.raw(path, b"{broken", **{"X-Forwarded-Proto": proto}) if path != "/cds-services" else None
            listed = ehr.http.get(path, headers={"X-Forwarded-Proto": proto})
            for answer in (refused, listed):
                assert answer is None or answer.status_code in {403, 405}
    assert ehr.call(pv_ok, **{"X-Forwarded-Proto": "https"}).status_code == 200
    assert "max-age" in ehr.http.get("/cds-services").headers["Strict-Transport-Security"]
    assert PATIENT not in caplog.text


@pytest.mark.requirement("SEC-26", "SEC-30", "FHIR-17", "CORS-8", "LOG-5", "LINK-10")
def test_the_guide_says_what_a_site_sets_up() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text(encoding="utf-8")
    for said in (
        "Mutual TLS",
        "gone through on 2026-",
        "client id (`fhir_client_id`",
        "https page",
        "`MARROW_AUDIT_DAYS`",
        "public address of the service only",
    ):
        assert said in guide


ORIGIN = "https://app.example.org"


@pytest.fixture
def browser(ehr2: Ehr) -> Ehr:
    """The service with one listed origin, reached by a registered client."""
    listed = replace(ehr2.backend.settings, cors_origins=(ORIGIN,), clients=Path("clients.toml"))
    return ehr2.with_backend(settings=listed)


@pytest.mark.requirement("CORS-1", "CORS-6", "CORS-7")
def test_origins_are_listed_one_by_one(ehr2: Ehr, browser: Ehr, signer: Signer, pv_ok: Json) -> None:
    closed = ehr2.with_backend(settings=replace(ehr2.backend.settings, clients=Path("clients.toml")))
    assert "Access-Control-Allow-Origin" not in closed.call(pv_ok, Origin=ORIGIN).headers
    for origin, allowed in ((ORIGIN, ORIGIN), ("https://evil.example", None), ("null", None)):
        answer = browser.call(pv_ok, Origin=origin)
        assert answer.status_code == 200
        assert answer.json["cards"]
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert signer.post(pv_ok, Origin="https://evil.example").status_code == 200


@pytest.mark.requirement("CORS-2", "CORS-3", "CORS-4", "FB-16")
@pytest.mark.parametrize(
    ("path", "method"), [("/cds-services", "GET"), (VIEW, "POST"), (SIGN, "POST"), (f"{VIEW}/feedback", "POST")]
)
def test_preflights_need_no_token(signer: Signer, path: str, method: str) -> None:
    headers = {
        "Origin": "http://localhost:8181",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = signer.http.options(path, headers=headers)
    assert answer.status_code in {200, 204}
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:8181"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert "authorization" in allowed
    assert "content-type" in allowed


@pytest.mark.requirement("CORS-5")
def test_errors_can_be_read_by_the_page(
    browser: Ehr, signer: Signer, pv_ok: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [
        browser.call(pv_ok | {"context": {}}, Origin=ORIGIN),
        browser.call(pv_ok | {"prefetch": {}}, Origin=ORIGIN),
    ]
    refused = signer.post(pv_ok, token=None, Origin="http://localhost:8181")
    monkeypatch.setattr("cds_service.fhir.extract.FactExtractor.extract", crash)
    answers.append(browser.call(pv_ok, Origin=ORIGIN))
    assert [answer.status_code for answer in (*answers, refused)] == [400, 412, 500, 401]
    assert all(answer.headers["Access-Control-Allow-Origin"] == ORIGIN for answer in answers)
    assert refused.headers["Access-Control-Allow-Origin"] == "http://localhost:8181"


def crash(*_args: Any, **_kwargs: Any) -> None:
    raise RuntimeError("Zephyrine")


@pytest.mark.requirement("HTTP-4", "HTTP-5", "HTTP-6", "PERF-6")
def test_each_status_has_its_meaning(ehr: Ehr, signer: Signer, pv_ok: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = ehr.with_client(rate=parse("1/hour"))
    slow.call(pv_ok)
    quotas = Quotas()
    one = Client(ISSUER, "Example", concurrent=1)
    full = Ehr(
        ehr.version, build_site(replace(ehr.backend, quotas=quotas, verifier=Known(one))).test_client(), ehr.backend
    )
    with quotas.admitted(one, ""):
        busy = full.call(pv_ok)
    answers = {
        400: ehr.raw(VIEW, b"{"),
        401: signer.post(pv_ok, token=None),
        404: ehr.post("/cds-services/nope", pv_ok),
        405: ehr.http.delete(VIEW),
        412: ehr.call(pv_ok | {"prefetch": {}}),
        413: ehr.raw(VIEW, b" " * 1_500_001),
        415: ehr.raw(VIEW, b"{}", **{"Content-Type": "text/plain"}),
        429: slow.call(pv_ok),
        503: busy,
    }
    monkeypatch.setattr("cds_service.fhir.extract.FactExtractor.extract", crash)
    answers[500] = ehr.call(pv_ok)
    assert {status: answer.status_code for status, answer in answers.items()} == {status: status for status in answers}
    known_codes = {
        "required", "invalid", "structure", "processing", "login", "timeout", "throttled", "exception", "not-found",
        "not-supported", "too-long",
    }  # fmt: skip
    for status, answer in answers.items():
        assert answer.json["resourceType"] == "OperationOutcome"
        assert {issue["code"] for issue in answer.json["issue"]} <= known_codes
        assert ("Retry-After" in answer.headers) == (status in {429, 503})
        for secret in (PATIENT, "Zephyrine", "Traceback", "RuntimeError", "opaque", "extract"):
            assert secret not in answer.text


@pytest.mark.requirement("HTTP-6")
def test_errors_name_the_member(ehr: Ehr, pv_ok: Json) -> None:
    answer = ehr.call(pv_ok | {"context": pv_ok["context"] | {"patientId": "a b"}})
    assert answer.json["issue"][0]["expression"] == ["context.patientId"]
    assert "a b" not in answer.text


@pytest.mark.requirement("HTTP-9")
def test_a_failing_rule_is_an_error_and_no_all_clear(ehr: Ehr, pv_ok: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.rules.engine.Engine.assess", crash)
    answer = ehr.call(pv_ok)
    assert answer.status_code == 500
    assert "cards" not in answer.json


@pytest.mark.requirement("FHIR-13", "REQ-9", "SEC-29")
@pytest.mark.parametrize(
    "server",
    [
        "https://169.254.169.254/",
        "https://localhost/fhir",
        "https://127.0.0.1/fhir",
        "https://10.0.0.7/fhir",
        "http://ehr.example.org/fhir",
        "https://ehr.example.org.evil.example/fhir",
        "file:///etc/passwd",
    ],
)
def test_addresses_that_nobody_listed_are_not_called(
    ehr: Ehr, pv_ok: Json, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[Any] = []
    monkeypatch.setattr("socket.create_connection", lambda *args, **_: called.append(args))
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **_: called.append(args))
    del pv_ok["prefetch"]["reports"]
    client = ehr.with_client(fhir_servers=frozenset({"https://ehr.example.org/fhir"}))
    answer = client.call(pv_ok | {"fhirServer": server, "fhirAuthorization": grant()})
    assert answer.status_code == 412
    assert called == []


@pytest.mark.requirement("LOG-1", "LOG-2", "LOG-3", "LOG-4", "LOG-6", "LOG-7")
def test_what_the_log_says_and_does_not(
    signer: Signer, pv_ok: Json, fhir: Fhir, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch, backend: Backend
) -> None:
    planted = ("Zephyrine", "MRN-771828", "1931-07-29", "xanthopsia", "opaque-grant-7", PATIENT)
    del pv_ok["prefetch"]["vitals"]
    pv_ok["prefetch"]["patient"] = patient(
        name=[{"family": "Zephyrine"}], identifier=[{"value": "MRN-771828"}], birthDate="1931-07-29"
    )
    text = "MRI lumbar spine. Marrow edema and endplate erosion of L2 and L3, xanthopsia."
    pv_ok["prefetch"]["reports"] = searchset(report(text))
    body = pv_ok | {"fhirServer": fhir.url, "fhirAuthorization": grant()}
    token = signer.token()
    answer = signer.post(body, token=token)
    assert answer.status_code == 200
    FhirStub.moods["Observation"] = lambda stub: stub.answer({}, 500)
    signer.post(body | {"prefetch": {}})
    signer.post(body | {"context": {"patientId": "MRN-771828 Zephyrine"}})
    monkeypatch.setattr("cds_service.fhir.extract.FactExtractor.extract", crash)
    signer.post(body)
    signer.post(body, token="eyJ.bad.token")
    written = logged.getvalue()
    assert [word for word in planted if word in written] == []
    assert token not in written
    assert signer.claims()["iss"] in written
    lines = [json.loads(line) for line in written.splitlines()]
    line = next(one for one in lines if one["logger"] == "cds_service.access" and one["status"] == 200)
    assert (line["issuer"], line["tenant"], line["service"]) == (ISSUER, "north", "marrow-edema-patient-view")
    assert line["token"] == jwt.decode(token, options={"verify_signature": False})["jti"]
    assert (line["hook"], line["instance"]) == ("patient-view", pv_ok["hookInstance"])
    assert line["cards"] == [card["uuid"] for card in answer.json["cards"]]
    assert line["rules"]
    assert line["ms"] >= 0
    assert line["fetched"] == ["vitals"]
    kept = b"".join(path.read_bytes() for path in backend.settings.state_path.rglob("*") if path.is_file())
    assert [word for word in planted if word.encode() in kept] == []


@pytest.mark.requirement("PERF-5")
def test_everything_is_loaded_before_the_first_call(ehr: Ehr, pv_ok: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("loaded late")

    monkeypatch.setattr("cds_service.knowledge.load.load_knowledge", refuse)
    monkeypatch.setattr("cds_service.app.load_knowledge", refuse)
    monkeypatch.setattr("cards.catalogue.load_catalogue", refuse)
    assert ehr.http.get("/readyz").status_code == 200
    assert ehr.cards(pv_ok)["cards"]


@pytest.mark.requirement("SYS-6")
def test_nothing_waits_for_feedback_on_what_was_not_sent(ehr: Ehr, pv_ok: Json, os_ok: Json) -> None:
    for body in (pv_ok, os_ok):
        assert "systemActions" not in ehr.cards(body)
        assert ehr.post(f"{VIEW}/feedback", {"feedback": []}).status_code == 200
