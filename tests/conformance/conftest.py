"""The whole service as a registered client meets it, in each version of the specification that it can be pinned to."""

import copy
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask.testing import FlaskClient
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

import fhir_fixtures
from cds_service.app import build_backend
from cds_service.config import Settings
from cds_service.hooks.services import ORDER_SELECT, ORDER_SIGN, PATIENT_VIEW, SERVICES, Service
from cds_service.security.clients import Client, load_clients
from cds_service.security.tokens import Caller, TokenVerifier
from cds_service.web.backend import Backend
from cds_service.web.site import build_site
from fhir_fixtures.prefetch import filled
from tests.servers.in_thread import in_thread

VERSIONS = ("1.0", "2.0", "3.0")
BASE = "https://spine.example.net"
ISSUER = "https://ehr.example.org"
JKU = "https://ehr.example.org/cds/keys.json"
PATIENT = "pat-31"
LOINC = "http://loinc.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
CPT = "http://www.ama-assn.org/go/cpt"
# What is asserted here is what a call that had its time answers, however busy the machine is.
BUDGET_SECONDS = 60.0
Json = dict[str, Any]


def day(ago: int) -> str:
    """Date-time of ``ago`` days before now."""
    return (datetime.now(UTC) - timedelta(days=ago, minutes=5)).isoformat(timespec="seconds")


def searchset(*resources: Json, **members: Any) -> Json:
    entries = [{"resource": one, "search": {"mode": "match"}} for one in resources]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(resources), "entry": entries} | members


def observation(code: str, value: float, unit: str = "mg/L", ago: int = 1, **members: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": f"obs-{code}-{ago}-{value:g}",
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": "laboratory"}]}],
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": f"Patient/{PATIENT}"},
        "effectiveDateTime": day(ago),
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    } | members


def report(text: str, ago: int = 2, **members: Any) -> Json:
    return {
        "resourceType": "DiagnosticReport",
        "id": f"mri-{ago}",
        "status": "final",
        "category": [{"coding": [{"system": LOINC, "code": "LP29684-5"}]}],
        "code": {"text": "MRI lumbar spine"},
        "subject": {"reference": f"Patient/{PATIENT}"},
        "effectiveDateTime": day(ago),
        "conclusion": text,
    } | members


SUSPECT = (
    "MRI of the lumbar spine. Marrow edema of the endplates of L2 and L3 with fluid signal in the L2-L3 disc and "
    "endplate erosion. No fracture."
)
NORMAL = "MRI of the lumbar spine. Normal marrow signal. No marrow edema. No fracture."


def patient(**members: Any) -> Json:
    return {"resourceType": "Patient", "id": PATIENT, "gender": "male", "birthDate": "1958-02-11"} | members


def draft(code: Json, kind: str = "ServiceRequest", identity: str = "draft-1", **members: Any) -> Json:
    return {
        "resourceType": kind,
        "id": identity,
        "status": "draft",
        "intent": "order",
        "code": code,
        "subject": {"reference": f"Patient/{PATIENT}"},
    } | members


AUGMENTATION = {"coding": [{"system": CPT, "code": "22514"}], "text": "Kyphoplasty L2"}
LUMBAR_MRI = {"coding": [{"system": CPT, "code": "72148"}], "text": "MRI lumbar spine without contrast"}


def ordered(body: Json, *orders: Json, selections: list[str] | None = None) -> Json:
    """Return the call with other drafts, the first of them selected."""
    changed = copy.deepcopy(body)
    chosen = [f"{orders[0]['resourceType']}/{orders[0]['id']}"] if orders else []
    changed["context"]["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": one} for one in orders]}
    if body["hook"] == "order-select":
        changed["context"]["selections"] = chosen if selections is None else selections
    return changed


def walk(value: Any) -> Iterator[Any]:
    """Yield every member of a JSON value."""
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(item)


def without_uuids(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_uuids(item) for name, item in value.items() if name != "uuid"}
    return [without_uuids(item) for item in value] if isinstance(value, list) else value


def actions(answer: Json) -> list[Json]:
    return [a for card in answer["cards"] for step in card.get("suggestions", ()) for a in step.get("actions", ())]


class Known:
    """Knows every caller as one registered client."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def verify(self, authorization: list[str], audience: str) -> Caller:
        assert audience.startswith(BASE)
        return Caller(self.client, "north", "token-1" if authorization else "")

    def examine(self, authorization: list[str], audience: str) -> Caller:
        return self.verify(authorization, audience)


@dataclass
class Ehr:
    """A registered client of one version; every call carries a token."""

    version: str
    http: FlaskClient
    backend: Backend

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.http.post(path, json=body, headers={"Authorization": "Bearer any"} | headers)

    def raw(self, path: str, body: bytes, **headers: str) -> Any:
        sent = {"Authorization": "Bearer any", "Content-Type": "application/json"} | headers
        return self.http.post(path, data=body, headers=sent)

    def call(self, body: Json, **headers: str) -> Any:
        service = next((one for one in SERVICES if one.hook.value == body.get("hook")), PATIENT_VIEW)
        return self.post(address(service), body, **headers)

    def cards(self, body: Json, **headers: str) -> Json:
        """Return the answer of a call that must succeed."""
        answer = self.call(body, **headers)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json
        return found

    def discovery(self) -> list[Json]:
        answer = self.http.get("/cds-services", headers={"Authorization": "Bearer any"})
        assert answer.status_code == 200
        document: Any = answer.json
        found: list[Json] = document["services"]
        return found

    def with_client(self, **changes: Any) -> "Ehr":
        """Return the same client registered otherwise."""
        client = replace(Client(ISSUER, "Example", version=self.version), **changes)  # type: ignore[arg-type]
        site = build_site(replace(self.backend, verifier=Known(client)))
        return Ehr(self.version, site.test_client(), self.backend)

    def with_backend(self, **changes: Any) -> "Ehr":
        """Return the same client of a service with other parts."""
        backend = replace(self.backend, **changes)
        known = replace(backend, verifier=Known(Client(ISSUER, "Example", version=self.version)))  # type: ignore[arg-type]
        return Ehr(self.version, build_site(known).test_client(), backend)


def address(service: Service) -> str:
    return f"/cds-services/{service.id}"


VIEW, SELECT, SIGN = (address(one) for one in (PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN))


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Backend:
    settings = Settings(
        state_dir=tmp_path_factory.mktemp("state"),
        public_url=BASE,
        # What is held back after feedback has tests of its own.
        repeat_lock=False,
        max_body_bytes=1_500_000,
        budget_seconds=BUDGET_SECONDS,
    )
    return build_backend(settings)


@pytest.fixture(params=VERSIONS)
def ehr(request: pytest.FixtureRequest, backend: Backend) -> Ehr:
    """Each registered client in turn."""
    client = Client(ISSUER, "Example", version=request.param)
    return Ehr(request.param, build_site(replace(backend, verifier=Known(client))).test_client(), backend)


@pytest.fixture
def ehr2(backend: Backend) -> Ehr:
    """A client of 2.0, for what does not depend on the version."""
    client = Client(ISSUER, "Example", version="2.0")
    return Ehr("2.0", build_site(replace(backend, verifier=Known(client))).test_client(), backend)


def complete(service: Service, **prefetch: Any) -> Json:
    """Prefetch that holds every key of ``service``; what is not given was looked for and not found."""
    return {key.name: None for key in service.prefetch} | {"patient": patient()} | prefetch


@pytest.fixture
def pv_ok() -> Json:
    """A complete patient-view call that yields cards."""
    crp = observation("1988-5", 96)
    return {
        "hook": "patient-view",
        "hookInstance": str(uuid.uuid4()),
        "context": {"userId": "PractitionerRole/role-8", "patientId": PATIENT, "encounterId": "enc-2"},
        "prefetch": complete(PATIENT_VIEW, reports=searchset(report(SUSPECT)), labs=searchset(crp)),
    }


@pytest.fixture
def os_ok(pv_ok: Json) -> Json:
    """A complete order-select call that yields cards: augmentation while infection is not excluded."""
    body = pv_ok | {"hook": "order-select", "context": pv_ok["context"] | {"userId": "Practitioner/prac-4"}}
    body["prefetch"] = complete(ORDER_SELECT) | pv_ok["prefetch"]
    return ordered(body, draft(AUGMENTATION))


@pytest.fixture
def feedback() -> Callable[..., Json]:
    def item(**changes: Any) -> Json:
        made = {
            "card": str(uuid.uuid4()),
            "outcome": "overridden",
            "outcomeTimestamp": "2026-03-03T10:02:11Z",
        } | changes
        return {"feedback": [{name: value for name, value in made.items() if value is not None}]}

    return item


def scenario_calls() -> Iterator[tuple[str, Json]]:
    """Yield every synthetic case as a call, with the language it is written in."""
    of_hook = {service.hook.value: service for service in SERVICES}
    now = datetime.now(UTC) - timedelta(minutes=1)
    for name in fhir_fixtures.scenarios():
        case = fhir_fixtures.scenario(name)
        yield case.language, fhir_fixtures.hook_request(name, of_hook[case.hook].to_wire(), now)


@pytest.fixture(scope="session")
def shown(backend: Backend) -> list[Json]:
    """Every answer to every synthetic case, in each language, for a client of 3.0."""
    known = Known(Client(ISSUER, "Example", version="3.0"))
    ehr = Ehr("3.0", build_site(replace(backend, verifier=known)).test_client(), backend)
    return [
        ehr.cards(body, **{"Accept-Language": language})
        for _, body in scenario_calls()
        for language in ("en", "de", "ro")
    ]


class FhirStub(BaseHTTPRequestHandler):
    """A FHIR server for one patient that records each call; ``moods`` answer otherwise for a type."""

    resources: ClassVar[list[Json]] = []
    calls: ClassVar[list[Json]] = []
    moods: ClassVar[dict[str, Callable[["FhirStub"], None]]] = {}

    def do_GET(self) -> None:
        path = unquote(self.path)
        kind = path.partition("?")[0].rpartition("/fhir/")[2].partition("/")[0]
        self.calls.append({"method": self.command, "path": path, "kind": kind, "headers": dict(self.headers.items())})
        if kind in self.moods:
            self.moods[kind](self)
            return
        query = path.rpartition("/fhir/")[2]
        self.answer(filled({"x": query}, self.resources, {})["x"])

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - named by the base class

    def answer(self, body: Any, status: int = 200, label: str = "application/fhir+json", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": label, "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
        """Stay quiet."""


@dataclass
class Fhir:
    """The stub as a test sees it."""

    url: str
    port: int
    stub: type[FhirStub] = FhirStub

    @property
    def calls(self) -> list[Json]:
        return self.stub.calls


def grant(**changes: Any) -> Json:
    made = {
        "access_token": "opaque-grant-7",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/Observation.rs",
        "subject": "spine-service",
    } | changes
    return {name: value for name, value in made.items() if value is not None}


@pytest.fixture
def fhir(pv_ok: Json) -> Iterator[Fhir]:
    """A FHIR server that holds what the complete call was prefetched from."""
    sent = pv_ok["prefetch"]
    held = [e["resource"] for value in sent.values() for e in (value or {}).get("entry", ())]
    FhirStub.resources = [sent["patient"], *held]
    FhirStub.calls.clear()
    FhirStub.moods.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), FhirStub)
    with in_thread(server) as origin:
        yield Fhir(f"{origin}/fhir", server.server_port)


@dataclass
class Signer:
    """A caller with keys: ``http`` is the service with its registry, ``token`` signs for a path."""

    http: FlaskClient
    registry: Path
    p384: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP384R1()))
    p256: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    rsa: Any = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    foreign: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP384R1()))

    def claims(self, path: str = VIEW, **changes: Any) -> Json:
        now = int(datetime.now(UTC).timestamp())
        made = {
            "iss": ISSUER,
            "aud": f"{BASE}{path}",
            "iat": now,
            "exp": now + 300,
            "jti": str(uuid.uuid4()),
            "tenant": "north",
        }
        return {name: value for name, value in (made | changes).items() if value is not None}

    def token(
        self, path: str = VIEW, key: Any = None, alg: str = "ES384", header: Json | None = None, **claims: Any
    ) -> str:
        named = {"kid": "rsa+/=" if alg.startswith("RS") else "ec+/="} | (header or {})
        return jwt.encode(self.claims(path, **claims), key or self.p384, algorithm=alg, headers=named)

    def post(self, body: Any, token: str | None = "", path: str = VIEW, **headers: str) -> Any:
        bearer = {} if token is None else {"Authorization": f"Bearer {token or self.token(path)}"}
        return self.http.post(path, json=body, headers=bearer | headers)


def public(key: Any, kid: str, **members: Any) -> Json:
    algorithm: Any = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    found: Json = json.loads(algorithm.to_jwk(key.public_key()))
    return {name: value for name, value in found.items() if name != "key_ops"} | {"kid": kid} | members


@pytest.fixture
def signer(tmp_path: Path, backend: Backend) -> Signer:
    """A registered caller with pinned keys, at a service that requires tokens."""
    made = Signer(FlaskClient(build_site(backend)), tmp_path / "clients.toml")
    keys = [
        public(made.p384, "ec+/=", use="sig"),
        public(made.rsa, "rsa+/="),
        public(made.p256, "p256"),
        public(made.p384, "enc", use="enc"),
    ]
    (tmp_path / "keys.json").write_text(json.dumps({"keys": keys}))
    made.registry.write_text(
        f'[[client]]\nissuer = "{ISSUER}"\nname = "Example"\njwks = "keys.json"\njku = ["{JKU}"]\ntenants = ["north"]\n'
        '[[client]]\nissuer = "https://other.example.org"\nname = "Other"\njwks = "keys.json"\n'
        'jku = ["https://other.example.org/keys.json"]\n'
    )
    clients = load_clients(made.registry)
    verifier = TokenVerifier(clients, lambda: datetime.now(UTC).timestamp())
    registered = replace(backend.settings, clients=made.registry, cors_origins=("http://localhost:8181",))
    made.http = build_site(replace(backend, settings=registered, verifier=verifier)).test_client()
    return made
