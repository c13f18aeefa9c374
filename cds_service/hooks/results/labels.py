"""Tags and security labels of a notice: what is derived from resources is as confidential and synthetic as they are."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cds_service.domain.assessment import (
    Assessment,
    Cause,
    ChartCause,
    ConditionCause,
    FindingCause,
    LabCause,
    MedicationCause,
    OrderCause,
    PlannedCard,
    StatedCause,
)
from cds_service.domain.facts import Provenance
from cds_service.hooks.entries import Resource, entries_of

_LABELS = ("security", "tag")


def labels_of(
    report: Mapping[str, Any], resources: Iterable[Resource], assessment: Assessment, cards: Sequence[PlannedCard]
) -> dict[str, list[Any]]:
    """Return the labels of ``report``, of the leading report and of all that ``cards`` quote, each once.

    What is quoted is looked for among ``resources``. A label is taken over as it is, readable or not: a server that
    refuses it must not get the notice without it.
    """
    lead = assessment.leading_report
    quoted = {_source(cause).reference for card in cards for cause in card.causes}
    quoted |= {lead.provenance.reference} if lead else set()
    named = [one for one in _flat(resources) if f"{one.get('resourceType')}/{one.get('id')}" in quoted]
    found: dict[str, list[Any]] = {}
    for resource in (report, *named):
        meta = resource.get("meta")
        for name in _LABELS:
            given = (meta.get(name) or []) if isinstance(meta, dict) else []
            for label in given if isinstance(given, list) else [given]:
                if label not in found.setdefault(name, []):
                    found[name].append(label)
    return found


def _flat(resources: Iterable[Resource]) -> Iterator[Resource]:
    """Return the resources without the Bundles of one that hold those whose address says more than their id."""
    for one in resources:
        if one.get("resourceType") == "Bundle":
            yield from (entry.resource for entry in entries_of(one)[0])
        else:
            yield one


def _source(cause: Cause) -> Provenance:
    match cause:
        case FindingCause() | StatedCause():
            return cause.report
        case LabCause():
            return cause.lab.provenance
        case ConditionCause():
            return cause.condition.provenance
        case MedicationCause():
            return cause.medication.provenance
        case OrderCause():
            return cause.order.provenance
        case ChartCause():
            return cause.provenance
