"""Loads the synthetic patients of ``fhir_fixtures`` into a FHIR server under a tag, and takes exactly those away."""

import copy
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import fhir_fixtures
from cds_service.ehr.calls import CallFailed
from cds_service.ehr.references import referring
from cds_service.ehr.server import FhirServer, Resource
from cds_service.errors import RequestError

TAG_SYSTEM = "https://marrow-cds.example/CodeSystem/seed"
IDENTIFIER_SYSTEM = "https://marrow-cds.example/seed"
DEFAULT_TAG = "marrow-cds-fixtures"
# What refers to others comes before what is referred to. Orders and plans come from accepted suggestions.
_DEPENDENTS_FIRST = (
    *("Task", "Flag", "CarePlan", "ServiceRequest", "MedicationRequest", "MedicationStatement", "DiagnosticReport"),
    *("Observation", "Procedure", "Condition", "AllergyIntolerance", "Device", "Encounter", "Patient"),
)
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,19}")
_AT_ONCE = 100
_IDS_ASKED = 50
_CONFLICTS = (409, 412, 422)


@dataclass(frozen=True, slots=True)
class Seeded:
    """One patient on the server: id there, and how many resources were loaded."""

    scenario: str
    patient_id: str
    resources: int


class Seed:
    """The synthetic patients under one tag. Raises RequestError for a tag that could not be part of an id."""

    def __init__(self, server: FhirServer, tag: str = DEFAULT_TAG) -> None:
        if tag != DEFAULT_TAG and not _TAG.fullmatch(tag):
            raise RequestError(f"--tag {tag}: takes 1 to 20 letters, digits, dots and hyphens")
        self._server = server
        self._tag = tag

    def load(self, names: Iterable[str], as_of: datetime) -> Iterator[Seeded]:
        """Load scenarios one after the other, dates moved to ``as_of``; yields each when it is there.

        Each resource is updated where it is known by its identifier and created elsewhere, so that doing it twice
        leaves one of each. Raises RequestError when the server holds other resources under the same ids.
        """
        bundles = {name: self._entries(fhir_fixtures.bundle(name, as_of)) for name in names}
        self._refuse_taken([entry["resource"] for entries in bundles.values() for entry in entries])
        for name, entries in bundles.items():
            done = self._put(entries)
            patient = next(one for one, entry in zip(done, entries, strict=True) if _kind(entry) == "Patient")
            yield Seeded(name, patient.removeprefix("Patient/"), len(entries))

    def remove(self) -> tuple[dict[str, int], dict[str, str]]:
        """Delete what carries the tag, dependents first. Returns counts by type, and what stayed with the reason."""
        gone: dict[str, int] = {}
        kept: dict[str, str] = {}
        for kind in _DEPENDENTS_FIRST:
            found = self._server.matches(f"{kind}?_tag={TAG_SYSTEM}|{self._tag}&_count=200")
            references = [f"{kind}/{one['id']}" for one in found]
            for some in _parts(references, _AT_ONCE):
                kept |= self._delete(some)
            deleted = len(references) - sum(reference in kept for reference in references)
            if deleted:
                gone[kind] = deleted
        return gone, kept

    def _put(self, entries: list[Resource]) -> list[str]:
        """Write the entries by identifier; by id where a server keeps the ids of what it deleted for no other use."""
        try:
            return self._server.transaction(entries)
        except CallFailed as failure:
            if failure.status not in _CONFLICTS:
                raise
        places = [f"{_kind(entry)}/{entry['resource']['id']}" for entry in entries]
        requests = [{"method": "PUT", "url": place} for place in places]
        return self._server.transaction(
            [entry | {"request": request} for entry, request in zip(entries, requests, strict=True)]
        )

    def _delete(self, references: list[str]) -> dict[str, str]:
        try:
            self._server.transaction([{"request": {"method": "DELETE", "url": one}} for one in references])
        except CallFailed as failure:
            if failure.status not in _CONFLICTS:
                raise
            reasons = {one: self._server.delete(one) for one in references}
            return {one: reason for one, reason in reasons.items() if reason}
        return {}

    def _entries(self, bundle: Resource) -> list[Resource]:
        held = [copy.deepcopy(entry["resource"]) for entry in bundle["entry"]]
        names = {f"{one['resourceType']}/{one['id']}": self._identifier(one) for one in held}
        urns = {reference: uuid.uuid5(uuid.NAMESPACE_URL, value).urn for reference, value in names.items()}
        return [self._entry(one, names, urns) for one in held]

    def _entry(self, resource: Resource, names: dict[str, str], urns: dict[str, str]) -> Resource:
        reference = f"{resource['resourceType']}/{resource['id']}"
        identifier = {"system": IDENTIFIER_SYSTEM, "value": names[reference]}
        meta = resource.get("meta", {})
        new = referring(resource, urns) | {
            "id": self._id(resource["id"]),
            "meta": meta | {"tag": [*meta.get("tag", ()), {"system": TAG_SYSTEM, "code": self._tag}]},
            "identifier": [*resource.get("identifier", ()), identifier],
        }
        url = f"{resource['resourceType']}?identifier={IDENTIFIER_SYSTEM}|{names[reference]}"
        return {"fullUrl": urns[reference], "resource": new, "request": {"method": "PUT", "url": url}}

    def _identifier(self, resource: Resource) -> str:
        return f"{self._tag}.{resource['resourceType']}.{resource['id']}"

    def _id(self, own: str) -> str:
        """Return the wanted id: the plain one under the usual tag, else one that another tag cannot have."""
        return own if self._tag == DEFAULT_TAG else f"{self._tag}-{own}"

    def _refuse_taken(self, resources: list[Resource]) -> None:
        """Look for the ids: a server that takes them would overwrite what somebody else keeps there."""
        for kind in {one["resourceType"] for one in resources}:
            ids = [one["id"] for one in resources if one["resourceType"] == kind]
            for some in _parts(ids, _IDS_ASKED):
                for there in self._server.matches(f"{kind}?_id={','.join(some)}&_count={_IDS_ASKED}"):
                    if not any(one.get("system") == IDENTIFIER_SYSTEM for one in there.get("identifier", ())):
                        place = f"{self._server.base} holds another {kind}/{there['id']}"
                        raise RequestError(f"{place}; nothing was loaded, choose a --tag")


def _parts(listed: list[str], size: int) -> Iterator[list[str]]:
    return (listed[start : start + size] for start in range(0, len(listed), size))


def _kind(entry: Resource) -> str:
    return str(entry["resource"]["resourceType"])
