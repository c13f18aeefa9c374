"""The forms in which a preview takes a chart, and what each becomes: resources of one patient and draft orders."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.domain.facts import Gap, GapCode
from cds_service.hooks.entries import Resource, entries_of
from cds_service.hooks.preview.resources import PATIENT_ID
from cds_service.hooks.request import FieldProblem, InvalidRequest
from cds_service.hooks.services import Hook

ORDER_TYPES = frozenset({"ServiceRequest", "MedicationRequest", "DeviceRequest"})
_SUBJECT_ID = re.compile(r"(?:Patient/|^urn:uuid:)([A-Za-z0-9_.~-]{1,256})")


@dataclass(frozen=True, slots=True)
class PreviewInput:
    """Resources of one patient and the draft orders among them.

    ``selections`` are the orders just chosen; empty means all of them. ``only_orders`` leaves the view of the chart
    out. ``source`` tells the form it came in.
    """

    patient_id: str
    resources: tuple[Resource, ...]
    orders: tuple[Resource, ...] = ()
    gaps: tuple[Gap, ...] = ()
    selections: tuple[str, ...] = ()
    order_hook: Hook = Hook.ORDER_SELECT
    only_orders: bool = False
    source: str = "bundle"

    @property
    def selected(self) -> tuple[str, ...]:
        """``Type/id`` of the orders that were chosen."""
        every = tuple(f"{order.get('resourceType')}/{order.get('id')}" for order in self.orders)
        return self.selections or every


def _subject_id(resource: Resource) -> str:
    subject = resource.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    match = _SUBJECT_ID.search(reference) if isinstance(reference, str) else None
    return match[1] if match else ""


def from_bundle(bundle: Mapping[str, Any]) -> PreviewInput:
    """Return the chart of the one patient of a Bundle. Raises InvalidRequest."""
    entries = bundle.get("entry") or []
    if not isinstance(entries, list):
        raise InvalidRequest((FieldProblem("entry", "must be an array"),))
    found, broken = entries_of(bundle)
    kept = [entry for entry in found if entry.kind != "OperationOutcome"]
    patients = [entry.resource for entry in kept if entry.kind == "Patient"]
    if len(patients) > 1:
        raise InvalidRequest((FieldProblem("entry", "must hold one patient only"),))
    named = [str(one["id"]) for one in patients if one.get("id")] + [_subject_id(entry.resource) for entry in kept]
    patient_id = next((name for name in named if name), PATIENT_ID)
    drafts = [entry for entry in kept if entry.kind in ORDER_TYPES and entry.resource.get("status") == "draft"]
    unreadable = Gap(GapCode.RESOURCE_UNREADABLE, "Bundle", "entry", clinical=True, params=(("count", str(broken)),))
    return PreviewInput(
        patient_id,
        tuple(entry.item for entry in kept if entry not in drafts),
        tuple(entry.resource for entry in drafts),
        (unreadable,) if broken else (),
    )
