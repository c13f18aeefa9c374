"""A chart as it stood at a past moment: nothing that was recorded, issued or ended later may be seen.

A resource is known from when it was issued or recorded, a laboratory result not from when the blood was drawn; without
that, from when it took place. A day, month or year stands for its last moment, so that a result of the same day is only
known to a report that has no time of day either. What ended later has not ended yet; what ended at a time that nobody
recorded may or may not have been over, which is what ``unknown`` is for.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from cds_service.fhir.moments import read_moment

Resource = Mapping[str, Any]

_YEAR = re.compile(r"\d{4}")
_MONTH = re.compile(r"\d{4}[-/]\d{1,2}")
_CONDITION_STATUS = "http://terminology.hl7.org/CodeSystem/condition-clinical"

# Elements that tell when a resource came to be known, by type; the first that can be read counts.
_TIMES: Final[Mapping[str, tuple[str, ...]]] = {
    "AllergyIntolerance": ("recordedDate",),
    "Condition": ("recordedDate", "assertedDate", "onsetDateTime", "onsetPeriod.start"),
    "DeviceUseStatement": ("recordedOn", "timingDateTime", "timingPeriod.start"),
    "DiagnosticReport": ("issued", "effectiveDateTime", "effectivePeriod.start"),
    "DocumentReference": ("date",),
    "Encounter": ("period.start",),
    "MedicationAdministration": ("effectiveDateTime", "effectivePeriod.start"),
    "MedicationDispense": ("whenHandedOver", "whenPrepared"),
    "MedicationRequest": ("authoredOn", "dateWritten"),
    "MedicationStatement": ("dateAsserted", "effectiveDateTime", "effectivePeriod.start"),
    "Observation": ("issued", "effectiveDateTime", "effectiveInstant", "effectivePeriod.start"),
    "Procedure": ("performedDateTime", "performedPeriod.start"),
    "ServiceRequest": ("authoredOn",),
}
# A result or a document that nobody dated may be of any day; an allergy or an implant without a date is still there.
_NEEDS_DATE = frozenset({"DiagnosticReport", "DocumentReference", "MedicationAdministration", "Observation"})


class Placing(StrEnum):
    """Where a resource stands in relation to a moment."""

    KNOWN = "known"
    LATER = "later"
    UNDATED_KEPT = "undated-kept"
    UNDATED_LEFT_OUT = "undated-left-out"

    @property
    def seen(self) -> bool:
        """Whether the resource belongs to the chart of the moment."""
        return self in {Placing.KNOWN, Placing.UNDATED_KEPT}


def known_since(resource: Resource) -> datetime | None:
    """Return the moment from which ``resource`` was known, in UTC unless it says otherwise; ``None`` when undated."""
    found = (_moment(_at(resource, path)) for path in _TIMES.get(str(resource.get("resourceType")), ()))
    return next((moment for moment in found if moment is not None), None)


def placing(resource: Resource, moment: datetime) -> Placing:
    """Tell whether ``resource`` was known at ``moment``, as far as it says."""
    kind = str(resource.get("resourceType"))
    since = known_since(resource)
    if since is not None:
        return Placing.KNOWN if since <= moment else Placing.LATER
    if kind in _NEEDS_DATE:
        return Placing.UNDATED_LEFT_OUT
    return Placing.UNDATED_KEPT if kind in _TIMES else Placing.KNOWN


def as_it_stood(resource: Resource, moment: datetime) -> Resource:
    """Return ``resource`` without what came to pass after ``moment``: its end, its outcome, the patient's death."""
    rewind = _REWINDS.get(str(resource.get("resourceType")))
    return rewind(resource, moment) if rewind else resource


def _condition(resource: Resource, moment: datetime) -> Resource:
    ended = _latest(resource, ("abatementDateTime", "abatementPeriod.end", "abatementPeriod.start"))
    if ended is None:
        told = any(name.startswith("abatement") for name in resource)
        if told or _status_code(resource) in {"", "active", "recurrence", "relapse"}:
            return resource
        return _without(resource, "clinicalStatus")
    if ended <= moment:
        return resource
    active = {"coding": [{"system": _CONDITION_STATUS, "code": "active"}]}
    left = {name: value for name, value in resource.items() if not name.lstrip("_").startswith("abatement")}
    return left | {"clinicalStatus": active}


def _procedure(resource: Resource, moment: datetime) -> Resource:
    ended = _moment(_at(resource, "performedPeriod.end"))
    if ended is None or ended <= moment:
        return resource
    return {**resource, "performedPeriod": _without(resource["performedPeriod"], "end"), "status": "in-progress"}


def _medication(*periods: str) -> Callable[[Resource, datetime], Resource]:
    def rewind(resource: Resource, moment: datetime) -> Resource:
        ended = _latest(resource, [f"{period}.end" for period in periods])
        over = str(resource.get("status")).lower() in {"completed", "stopped", "ended"}
        if ended is None:
            return {**resource, "status": "unknown"} if over else resource
        if ended <= moment:
            return resource
        running = {**resource, "status": "active"} if over else resource
        for period in periods:
            running = _without_end(running, period.split("."))
        return running

    return rewind


def _patient(resource: Resource, moment: datetime) -> Resource:
    died = _moment(resource.get("deceasedDateTime"))
    if died is not None and died <= moment:
        return resource
    return _without(resource, "deceasedDateTime", "deceasedBoolean")


_REWINDS: Final[Mapping[str, Callable[[Resource, datetime], Resource]]] = {
    "Condition": _condition,
    "MedicationRequest": _medication("dispenseRequest.validityPeriod"),
    "MedicationStatement": _medication("effectivePeriod"),
    "Patient": _patient,
    "Procedure": _procedure,
}


def _moment(value: Any) -> datetime | None:
    """Read a FHIR date or dateTime; of a year, a month or a day it is the last moment, the first that is certain."""
    text = value.strip() if isinstance(value, str) else ""
    read = read_moment(text, UTC)
    if read is None or not read.whole_day:
        return read.value if read else None
    day = read.value
    if _YEAR.fullmatch(text):
        end = day.replace(year=day.year + 1)
    elif _MONTH.fullmatch(text):
        end = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    else:
        end = day + timedelta(days=1)
    return end - timedelta(microseconds=1)


def _latest(resource: Resource, paths: Sequence[str]) -> datetime | None:
    found = (_moment(_at(resource, path)) for path in paths)
    return max((moment for moment in found if moment is not None), default=None)


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _status_code(resource: Resource) -> str:
    """Code of the clinical status; as in the service, a plain string is read as well."""
    status = resource.get("clinicalStatus")
    if isinstance(status, str):
        return status.lower()
    codings = _at(status, "coding")
    first = codings[0] if isinstance(codings, list) and codings else None
    return str(_at(first, "code") or _at(status, "text") or "").lower()


def _without(resource: Resource, *names: str) -> Resource:
    return {name: value for name, value in resource.items() if name not in names}


def _without_end(resource: Resource, path: Sequence[str]) -> Resource:
    if not path:
        return _without(resource, "end")
    inner = resource.get(path[0])
    if not isinstance(inner, Mapping):
        return resource
    return {**resource, path[0]: _without_end(inner, path[1:])}
