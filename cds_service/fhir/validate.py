"""Strict validation of whole resources against FHIR R4B: for what we emit, for fixtures, and for strict sites.

The only module that knows the full models. It is slow by design and never on the path of a request.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

# Value sets of the codes that facts depend on; the models accept any text there.
_STATUS: Mapping[str, frozenset[str]] = {
    "DiagnosticReport": frozenset(
        [
            "registered",
            "partial",
            "preliminary",
            "final",
            "amended",
            "corrected",
            "appended",
            "cancelled",
            "entered-in-error",
            "unknown",
        ]
    ),
    "Observation": frozenset(
        ["registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"]
    ),
    "MedicationRequest": frozenset(
        ["active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"]
    ),
    "MedicationStatement": frozenset(
        ["active", "completed", "entered-in-error", "intended", "stopped", "on-hold", "unknown", "not-taken"]
    ),
    "ServiceRequest": frozenset(["draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"]),
    "DeviceRequest": frozenset(["draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"]),
    "Procedure": frozenset(
        ["preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error", "unknown"]
    ),
    "Task": frozenset(
        [
            "draft",
            "requested",
            "received",
            "accepted",
            "rejected",
            "ready",
            "cancelled",
            "in-progress",
            "on-hold",
            "failed",
            "completed",
            "entered-in-error",
        ]
    ),
    "Appointment": frozenset(
        [
            "proposed",
            "pending",
            "booked",
            "arrived",
            "fulfilled",
            "cancelled",
            "noshow",
            "entered-in-error",
            "checked-in",
            "waitlist",
        ]
    ),
}
_INTENT = frozenset(
    [
        "proposal",
        "plan",
        "directive",
        "order",
        "original-order",
        "reflex-order",
        "filler-order",
        "instance-order",
        "option",
        "unknown",
    ]
)
_PRIORITY = frozenset({"routine", "urgent", "asap", "stat"})
_CLINICAL = frozenset({"active", "recurrence", "relapse", "inactive", "remission", "resolved"})
_VERIFICATION = frozenset({"unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"})
_COMPARATORS = frozenset({"<", "<=", ">=", ">"})


@dataclass(frozen=True, slots=True)
class Issue:
    """One flaw: ``Type/id``, element path, and what is wrong, without any value of the record."""

    resource: str
    element: str
    problem: str


def validate(resources: Iterable[Any]) -> list[Issue]:
    """Return every flaw of the resources; Bundles are opened, so that each flaw names the entry it is in."""
    return [issue for resource in resources for issue in _one(resource)]


def _one(resource: Any) -> Iterator[Issue]:
    kind = resource.get("resourceType") if isinstance(resource, Mapping) else None
    if not isinstance(kind, str):
        yield Issue("resource", "resourceType", "is missing")
        return
    identity = resource.get("id")
    name = f"{kind}/{identity}" if isinstance(identity, str) else kind
    if kind == "Bundle":
        yield from _bundle(resource, name)
        return
    yield from _structure(resource, kind, name)
    yield from _codes(resource, kind, name)


def _bundle(bundle: Mapping[str, Any], name: str) -> Iterator[Issue]:
    entries = bundle.get("entry") or []
    shell = {key: value for key, value in bundle.items() if key != "entry"}
    yield from _structure(shell, "Bundle", name)
    if not isinstance(entries, list):
        yield Issue(name, "entry", "is no array")
        return
    for index, entry in enumerate(entries):
        inner = entry.get("resource") if isinstance(entry, Mapping) else None
        if inner is None:
            yield Issue(name, f"entry[{index}].resource", "is missing")
        else:
            yield from _one(inner)


def _structure(resource: Mapping[str, Any], kind: str, name: str) -> Iterator[Issue]:
    try:
        model = get_fhir_model_class(kind)
    except (KeyError, ValueError):
        yield Issue(name, "resourceType", "is no resource type of this FHIR version")
        return
    try:
        model.model_validate(dict(resource))
    except ValidationError as error:
        for flaw in error.errors(include_input=False, include_url=False, include_context=False):
            yield Issue(name, ".".join(str(part) for part in flaw["loc"]), flaw["type"])


def _codes(resource: Mapping[str, Any], kind: str, name: str) -> Iterator[Issue]:
    checks: list[tuple[str, Any, frozenset[str]]] = []
    if kind in _STATUS:
        checks.append(("status", resource.get("status"), _STATUS[kind]))
    if kind in {"ServiceRequest", "MedicationRequest", "DeviceRequest", "Task"}:
        checks += [("intent", resource.get("intent"), _INTENT), ("priority", resource.get("priority"), _PRIORITY)]
    if kind == "Condition":
        checks += [
            ("clinicalStatus", _code(resource.get("clinicalStatus")), _CLINICAL),
            ("verificationStatus", _code(resource.get("verificationStatus")), _VERIFICATION),
        ]
    quantity = resource.get("valueQuantity")
    if isinstance(quantity, Mapping):
        checks.append(("valueQuantity.comparator", quantity.get("comparator"), _COMPARATORS))
    for element, value, allowed in checks:
        if value is not None and value not in allowed:
            yield Issue(name, element, "code is in no value set")


def _code(concept: Any) -> Any:
    codings = concept.get("coding") if isinstance(concept, Mapping) else None
    first = codings[0] if isinstance(codings, list) and codings else None
    return first.get("code") if isinstance(first, Mapping) else None
