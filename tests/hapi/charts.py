"""The fixture patients as patients of a real server: ids of this run, dates of now, prefetch as a client would send it.

Every run names its resources anew, so that runs and processes that share a server do not see each other.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import requests

import fhir_fixtures
from cds_service.hooks.services import PATIENT_VIEW, SERVICES, Hook, Service
from fhir_fixtures.prefetch import filled

JSON = {"Content-Type": "application/fhir+json"}
SECONDS = 120
MOMENT = datetime.now(UTC)
RUN = uuid4().hex[:6]
ORDERED = tuple(n for n in fhir_fixtures.scenarios() if fhir_fixtures.scenario(n).hook != Hook.PATIENT_VIEW)
SERVICE_OF = {service.hook: service for service in SERVICES}

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chart:
    """One patient on a server, and the scenario that it was made from."""

    name: str
    patient_id: str
    resources: tuple[Resource, ...]

    def request(self, service: Service, orders_of: str = "") -> Resource:
        """Return a call with full prefetch; on order hooks with the draft orders of the scenario ``orders_of``."""
        context: Resource = {"userId": "Practitioner/example", "patientId": self.patient_id}
        if service is not PATIENT_VIEW:
            context |= self._drafts(orders_of, with_selections=service.hook == Hook.ORDER_SELECT)
        return {
            "hook": service.hook.value,
            "hookInstance": str(uuid4()),
            "context": context,
            "prefetch": filled(service.to_wire()["prefetch"], self.resources, context),  # type: ignore[arg-type]
        }

    def _drafts(self, scenario: str, *, with_selections: bool) -> Resource:
        wire = {"hook": fhir_fixtures.scenario(scenario).hook}
        sent = fhir_fixtures.hook_request(scenario, wire, MOMENT)["context"]["draftOrders"]
        orders = [entry["resource"] for entry in sent["entry"]]
        new = {f"Patient/{scenario}": f"Patient/{self.patient_id}"} | {
            reference: f"{reference}-{self.patient_id}" for reference in _references(orders)
        }
        drafts = [renamed(order, new) for order in orders]
        context: Resource = {"draftOrders": {**sent, "entry": [{"resource": draft} for draft in drafts]}}
        return context | ({"selections": list(_references(drafts))} if with_selections else {})


def chart(name: str, mark: str = "") -> Chart:
    """Return the patient of a scenario with the ids of this run; ``mark`` makes another patient of the same one."""
    received = [entry["resource"] for entry in fhir_fixtures.bundle(name, MOMENT)["entry"]]
    new = {reference: f"{reference}-{RUN}{mark}" for reference in _references(received)}
    return Chart(name, f"{name}-{RUN}{mark}", tuple(renamed(resource, new) for resource in received))


def load(hapi: str, patient: Chart) -> None:
    """Write the patient to the server in one transaction."""
    entries = [
        {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}
        for resource in patient.resources
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = requests.post(hapi, json=bundle, headers=JSON, timeout=SECONDS)
    assert answer.ok, answer.text


def renamed(resource: Resource, new: Mapping[str, str]) -> Resource:
    """Give a resource and the references in it other ids; ``new`` says which, by ``Type/id``."""

    def walked(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: new.get(item, item) if key == "reference" and isinstance(item, str) else walked(item)
                for key, item in value.items()
            }
        return [walked(item) for item in value] if isinstance(value, list) else value

    changed: Resource = walked(resource)
    reference = f"{resource['resourceType']}/{resource['id']}"
    return changed | {"id": new.get(reference, reference).partition("/")[2]}


def _references(resources: Iterable[Resource]) -> Iterator[str]:
    return (f"{resource['resourceType']}/{resource['id']}" for resource in resources)
