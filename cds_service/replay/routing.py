"""Tells for each line of an export whose resource it is, and keeps only types that the decision or its counts read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

# What the fact extraction reads, and what tells who ordered.
_OF_PATIENTS: Final = frozenset(
    {
        "Patient",
        "DiagnosticReport",
        "Observation",
        "Condition",
        "Procedure",
        "AllergyIntolerance",
        "Device",
        "DeviceUseStatement",
        "DocumentReference",
        "MedicationRequest",
        "MedicationStatement",
        "MedicationAdministration",
        "MedicationDispense",
        "Encounter",
        "ServiceRequest",
    }
)
# Resources without a patient that others point to.
_SHARED: Final = frozenset({"Medication", "Binary"})
_SUBJECTS: Final = ("subject", "patient")


@dataclass(frozen=True, slots=True)
class Routed:
    """A resource for one patient, or a ``shared`` one by its reference; ``skipped`` names a type that nothing reads."""

    patient_id: str = ""
    shared: str = ""
    skipped: str = ""


class BadLineError(ValueError):
    """A line that is no resource of a patient; the message says why without its content."""


def route(line: bytes) -> Routed:
    """Return where a line belongs. Raises BadLineError."""
    try:
        resource = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise BadLineError("is not JSON") from None
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(kind, str):
        raise BadLineError("is no FHIR resource")
    if kind not in _OF_PATIENTS | _SHARED:
        return Routed(skipped=kind)
    if kind == "Patient" or kind in _SHARED:
        identity = resource.get("id")
        if not isinstance(identity, str) or not identity:
            raise BadLineError(f"{kind} without an id")
        return Routed(patient_id=identity) if kind == "Patient" else Routed(shared=f"{kind}/{identity}")
    patient_id = _patient_of(resource)
    if patient_id:
        return Routed(patient_id=patient_id)
    if kind == "Device":
        return Routed(skipped="Device without a patient")
    raise BadLineError(f"{kind} without a patient")


def wanted(resource: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the shared resources that ``resource`` points to: the drug of a prescription, the file of a report."""
    kind = resource.get("resourceType")
    if kind in {"DiagnosticReport", "DocumentReference"}:
        parts = resource.get("presentedForm") or resource.get("content")
        found = [_attachment(part) for part in parts] if isinstance(parts, list) else []
    else:
        drug = resource.get("medicationReference")
        found = [drug.get("reference") if isinstance(drug, dict) else None]
    short = (_short(address) for address in found if isinstance(address, str))
    return tuple(name for name in short if name.partition("/")[0] in _SHARED)


def _patient_of(resource: Mapping[str, Any]) -> str:
    for name in _SUBJECTS:
        reference = resource.get(name)
        if isinstance(reference, dict):
            short = _short(str(reference.get("reference") or ""))
            kind, _, identity = short.rpartition("/")
            if identity and kind in {"", "Patient"}:
                return identity.removeprefix("urn:uuid:")
    return ""


def _attachment(part: Any) -> Any:
    inner = part.get("attachment", part) if isinstance(part, dict) else None
    return inner.get("url") if isinstance(inner, dict) else None


def _short(address: str) -> str:
    """Return ``Type/id`` of a relative, absolute or versioned reference."""
    return "/".join(address.partition("/_history/")[0].split("/")[-2:])
