"""Resources as they stand in a Bundle, each with the address by which its neighbours refer to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from cds_service.fhir.received import ReceivedResource

Resource: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class Entry:
    """One resource with its ``fullUrl``, empty when it has none. Nobody changes it once it is made."""

    resource: Resource
    full_url: str = ""

    @property
    def body(self) -> Resource:
        """Return the elements, under the name that resources not parsed yet have for them."""
        return self.resource

    @property
    def kind(self) -> str:
        """FHIR type, empty when the resource does not name one."""
        kind = self.resource.get("resourceType")
        return kind if isinstance(kind, str) else ""

    @property
    def id(self) -> str:
        """Id of the resource, empty when it has none."""
        found = self.resource.get("id")
        return found if isinstance(found, str) else ""

    @property
    def identity(self) -> tuple[str, str] | None:
        """Type and id, or ``None`` for a resource that cannot be recognised again."""
        found = self.id
        return (self.kind, found) if found else None

    @property
    def item(self) -> Resource:
        """Return what the extractor takes: the resource, or a Bundle of one where the address says more than the id."""
        if not self.full_url or (self.identity and self.full_url.endswith("/".join(self.identity))):
            return self.resource
        return {"resourceType": "Bundle", "entry": [{"fullUrl": self.full_url, "resource": self.resource}]}


def entries_of(bundle: Mapping[str, Any]) -> tuple[list[Entry], int]:
    """Return the entries of a Bundle and how many of them hold no resource at all."""
    listed = bundle.get("entry")
    found: list[Entry] = []
    broken = 0
    for entry in listed if isinstance(listed, list) else []:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            full_url = entry.get("fullUrl")
            found.append(Entry(resource, full_url if isinstance(full_url, str) else ""))
        else:
            broken += 1
    return found, broken


def without_repeats(entries: Iterable[Entry | ReceivedResource]) -> list[Entry | ReceivedResource]:
    """Keep one of the resources that several keys brought; those without an id all stay."""
    seen: set[tuple[str, str]] = set()
    kept: list[Entry | ReceivedResource] = []
    for entry in entries:
        if entry.id:
            identity = (entry.kind, entry.id)
            if identity in seen:
                continue
            seen.add(identity)
        kept.append(entry)
    return kept
