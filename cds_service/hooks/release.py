"""Whether a call speaks an older FHIR than R4: our draft orders are R4, and a client must not get both mixed."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cds_service.fhir.received import ReceivedResource
from cds_service.hooks.entries import entries_of

# Request types that R4 replaced by ServiceRequest, MedicationRequest and DeviceRequest.
_REPLACED = frozenset({"DeviceUseRequest", "DiagnosticOrder", "MedicationOrder", "ProcedureRequest", "ReferralRequest"})
# Members that R4 no longer has; careless R4 does not grow them by accident.
_DROPPED = {
    "AllergyIntolerance": frozenset({"substance"}),
    "DiagnosticReport": frozenset({"codedDiagnosis"}),
    "MedicationRequest": frozenset({"definition"}),
    "MedicationStatement": frozenset({"notTaken", "taken", "wasNotTaken"}),
    "Observation": frozenset({"comment", "comments"}),
    "Procedure": frozenset({"notDone", "notPerformed"}),
}
_CODED_STATUS = frozenset({"AllergyIntolerance", "Condition"})


def _unwrapped(resources: Iterable[Mapping[str, Any] | ReceivedResource]) -> Iterator[Mapping[str, Any]]:
    """Give the resource of a Bundle of one, which stands for a resource with its address."""
    for resource in resources:
        if isinstance(resource, ReceivedResource):
            outline = resource.outline
            # only a comment tells an Observation of an older release; it is seen without building any
            if resource.kind != "Observation" or outline is None or outline.comment or outline.comments:
                yield resource.body
        elif resource.get("resourceType") == "Bundle":
            found, _ = entries_of(resource)
            yield from (entry.resource for entry in found)
        else:
            yield resource


def _is_older(resource: Mapping[str, Any]) -> bool:
    kind = resource.get("resourceType")
    if not isinstance(kind, str):
        return False
    if kind in _REPLACED or _DROPPED.get(kind, frozenset()) & resource.keys():
        return True
    if kind in _CODED_STATUS:
        return isinstance(resource.get("clinicalStatus"), str)
    names = resource.get("name") if kind == "Patient" else None
    listed = names if isinstance(names, list) else []
    return any(isinstance(name, dict) and isinstance(name.get("family"), list) for name in listed)


def older_than_r4(resources: Iterable[Mapping[str, Any] | ReceivedResource]) -> bool:
    """Whether one of the resources exists only in DSTU2 or STU3, by its type or by what it holds."""
    return any(_is_older(resource) for resource in _unwrapped(resources))
