"""Changes a draft order that the client sent: the complete resource as received, with one intended change."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from cards.wording import Wording
from cds_service.domain.assessment import Draft, DraftKind

CHANGES = frozenset({DraftKind.RAISE_PRIORITY, DraftKind.ADD_REQUEST_NOTE})
# R4 requests that have both members; drafts of older FHIR versions are left alone.
_CHANGEABLE = frozenset({"ServiceRequest", "MedicationRequest", "DeviceRequest"})


def changed(draft: Draft, drafts: Mapping[str, Mapping[str, Any]], wording: Wording) -> dict[str, Any] | None:
    """Return the changed copy of the draft that ``draft`` names, everything else untouched, unknown members included.

    ``drafts`` are the resources of the session by ``Type/id``. ``None`` when the client sent no such draft.
    """
    received = drafts.get(draft.target.reference) if draft.target else None
    if received is None or received.get("resourceType") not in _CHANGEABLE or not received.get("id"):
        return None
    resource = deepcopy(dict(received))
    if draft.kind is DraftKind.RAISE_PRIORITY:
        resource["priority"] = draft.priority.value
        return resource
    notes = resource.get("note")
    resource["note"] = [*(notes if isinstance(notes, list) else []), {"text": wording.names["notes"][draft.note]}]
    return resource
