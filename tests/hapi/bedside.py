"""A ward for one course: patients on a real FHIR server, the service over HTTP, and ``invoke`` between the two."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import requests
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cds_service.app import build_backend
from cds_service.cli.main import cli
from cds_service.config import Settings
from cds_service.ehr.signing import load_key
from cds_service.store.database import SqlStore
from cds_service.web.site import build_site
from tests.ehr.stub_fhir import listening
from tests.hapi.charts import JSON, SECONDS, Resource

ISSUER = "https://ehr.example.org"
PUBLIC = "https://cds.example.org"
LOINC = "http://loinc.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


@dataclass(frozen=True)
class Call:
    """What ``invoke --json`` printed."""

    told: Resource

    @property
    def topics(self) -> list[str]:
        """Codes of the cards, in order."""
        return [card["source"]["topic"]["code"] for card in self.told["cards"]]

    @property
    def indicators(self) -> dict[str, str]:
        """Indicator of each card."""
        return {card["source"]["topic"]["code"]: card["indicator"] for card in self.told["cards"]}

    @property
    def labels(self) -> list[str]:
        """Suggestions in the order of their numbers."""
        return [one["label"] for card in self.told["cards"] for one in card.get("suggestions", ())]

    def number(self, words: str) -> str:
        """Number of the one suggestion whose label begins so."""
        (place,) = [place for place, label in enumerate(self.labels, 1) if label.startswith(words)]
        return str(place)

    @property
    def done(self) -> list[str]:
        """What was created, as ``Type/id``."""
        return [one["reference"] for one in self.told["done"]]


@dataclass
class Ward:
    """``moved`` is how far the clock of the service is ahead of ours: a test can let weeks pass."""

    fhir: str
    service: str
    key: Path
    store: SqlStore
    moved: timedelta = field(default_factory=timedelta)

    @property
    def now(self) -> datetime:
        """The time it is for the service."""
        return datetime.now(UTC) + self.moved

    def run(self, *arguments: str) -> Result:
        """Run ``invoke`` as an EHR of the registry."""
        signed = ("--client-key", str(self.key), "--issuer", ISSUER, "--public-url", PUBLIC)
        where = ("--fhir", self.fhir, "--service", self.service)
        return CliRunner().invoke(cli, ["invoke", *where, *signed, *arguments], catch_exceptions=False)

    def invoke(self, patient: str, *arguments: str) -> Call:
        """Look at a patient; nothing may have been left out of the prefetch."""
        call = Call(json.loads(self.run("--json", "--patient", patient, *arguments).stdout))
        assert call.told["leftOut"] == {}
        return call

    def put(self, resource: Resource) -> str:
        """Write a resource; an id of its own where it has none."""
        named = {"id": uuid4().hex, **resource}
        address = f"{self.fhir}/{named['resourceType']}/{named['id']}"
        requests.put(address, json=named, headers=JSON, timeout=SECONDS).raise_for_status()
        return str(named["id"])

    def get(self, reference: str) -> Resource:
        """Read a resource."""
        answer = requests.get(f"{self.fhir}/{reference}", timeout=SECONDS)
        answer.raise_for_status()
        found: Resource = answer.json()
        return found

    def errors(self, resource: Resource) -> list[str]:
        """What the server's validator finds wrong."""
        address = f"{self.fhir}/{resource['resourceType']}/$validate"
        outcome = requests.post(address, json=resource, headers=JSON, timeout=SECONDS).json()
        return [one["diagnostics"] for one in outcome["issue"] if one["severity"] in {"error", "fatal"}]

    def feedback(self, patient_cards: list[Resource]) -> list[tuple[str, str, int, str]]:
        """Stored feedback on these cards: card id, outcome, accepted suggestions, reason."""
        uuids = {card["uuid"] for card in patient_cards}
        return [
            (
                one.card.card_id,
                one.feedback.outcome.value,
                len(one.feedback.accepted_suggestions),
                one.feedback.reason_code,
            )
            for one in self.store.feedback()
            if one.card is not None and one.feedback.card in uuids
        ]


@contextmanager
def ward(fhir: str, folder: Path) -> Iterator[Ward]:
    """Open a ward: a service with a registry of one EHR, whose clock the ward moves."""
    key = folder / "key.pem"
    private = ec.generate_private_key(ec.SECP384R1())
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "keys.json").write_text(json.dumps({"keys": [load_key(key).public()]}))
    clients = folder / "clients.toml"
    clients.write_text(f'[[client]]\nissuer = "{ISSUER}"\nname = "EHR"\njwks = "keys.json"\n')
    settings = Settings(
        state_dir=folder, clients=clients, public_url=PUBLIC, fhir_origins=(fhir.removesuffix("/fhir"),)
    )
    store = SqlStore(settings.database)
    opened: list[Ward] = []
    backend = replace(build_backend(settings), clock=lambda: opened[0].now)
    with listening(build_site(backend)) as service:
        opened.append(Ward(fhir, service, key, store))
        yield opened[0]
    store.close()


def patient(name: str) -> Resource:
    """A made-up woman of 66 years."""
    born = datetime.now(UTC).year - 66
    return {
        "resourceType": "Patient",
        "id": name,
        "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]},
        "name": [{"family": "Testcase", "given": ["Course"]}],
        "gender": "female",
        "birthDate": f"{born}-01-15",
    }


def mri_report(name: str, code: str, title: str, text: str, moment: datetime) -> Resource:
    """A final report of an MRI with its text as conclusion."""
    radiology = {"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD"}
    return {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "category": [{"coding": [radiology]}],
        "code": {"coding": [{"system": LOINC, "code": code}], "text": title},
        "subject": {"reference": f"Patient/{name}"},
        "effectiveDateTime": moment.isoformat(timespec="seconds"),
        "issued": moment.isoformat(timespec="seconds"),
        "conclusion": text,
    }


def result(name: str, code: str, value: float, unit: str, moment: datetime, *orders: str) -> Resource:
    """A final laboratory result, based on orders ``ServiceRequest/id``."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": "laboratory"}]}],
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": f"Patient/{name}"},
        "basedOn": [{"reference": order} for order in orders],
        "effectiveDateTime": moment.isoformat(timespec="seconds"),
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }


def draft(name: str, identifier: str, words: str, code: Resource | None = None) -> Resource:
    """A draft order, as it stands while it is being chosen."""
    return {
        "resourceType": "ServiceRequest",
        "id": identifier,
        "status": "draft",
        "intent": "order",
        "code": {"text": words} | ({"coding": [code]} if code else {}),
        "subject": {"reference": f"Patient/{name}"},
    }
