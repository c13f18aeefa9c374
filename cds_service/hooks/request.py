"""Validation of a CDS Hooks call: every wrong or missing member is named at once, unknown members are ignored."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.errors import RequestError
from cds_service.hooks.services import Hook, Service

Json = Mapping[str, Any]

# Wider than FHIR's own id rule, because ids over 64 characters and underscores occur; still nothing that could leave
# a URL path segment.
_ID = re.compile(r"[A-Za-z0-9_.~-]{1,256}")
_REFERENCE = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9_.~-]{1,256}")
MAX_INSTANCE = 200
_MAX_TOKEN = 20_000
_LAY_READERS = ("Patient/", "RelatedPerson/")
# All published versions of the answered hooks are 1.x; some clients name the version of the specification (2.x) here.
_HOOK_VERSION = re.compile(r"[12](\.\d{1,4}){0,2}")
_WITHDRAWN = ("entered-in-error", "cancelled")


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One member that cannot be used: its JSON path, what is wrong, and the FHIR issue code."""

    field: str
    text: str
    code: str = "invalid"


class InvalidRequest(RequestError):  # noqa: N818 - named for what it is; the family name is in the base
    """A call with one or more unusable members (HTTP 400)."""

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.text}" for problem in problems), field=problems[0].field)
        self.problems = problems


@dataclass(frozen=True, slots=True, repr=False)
class FhirGrant:
    """Access to the client's FHIR server for this one call. Never stored, never shown (it has no repr)."""

    token: str
    seconds: float | None = None
    subject: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class HookRequest:
    """A checked call. ``orders`` are the draft resources, ``selections`` their ``Type/id`` chosen just now."""

    service: Service
    hook_instance: str
    patient_id: str
    user_id: str
    encounter_id: str = ""
    orders: tuple[dict[str, Any], ...] = ()
    selections: tuple[str, ...] = ()
    fhir_server: str = ""
    grant: FhirGrant | None = None
    prefetch: Json | None = None

    @property
    def lay_reader(self) -> bool:
        """Whether a patient or proxy looks at the chart: texts for clinicians are then not shown."""
        return self.user_id.startswith(_LAY_READERS)

    @property
    def nothing_to_check(self) -> bool:
        """Whether an order hook came without any order to look at, as clients send on opening or leaving a form."""
        match self.service.hook:
            case Hook.PATIENT_VIEW:
                return False
            case Hook.ORDER_SELECT:
                return not self.selections
            case Hook.ORDER_SIGN:
                return not self.orders


class _Checker:
    """Collects the problems of one body, so that a developer sees all of them in one answer."""

    def __init__(self) -> None:
        self.problems: list[FieldProblem] = []

    def wrong(self, field: str, text: str) -> None:
        self.problems.append(FieldProblem(field, text))

    def missing(self, field: str) -> None:
        self.problems.append(FieldProblem(field, "is required", "required"))

    def text(self, holder: Json, name: str, path: str, *, required: bool = True) -> str:
        value = holder.get(name)
        if value is None or value == "":
            if required:
                self.missing(path)
            return ""
        if not isinstance(value, str):
            self.wrong(path, "must be a string")
            return ""
        return value

    def object(self, holder: Json, name: str, path: str, *, required: bool = False) -> Json:
        value = holder.get(name)
        if value is None:
            if required:
                self.missing(path)
            return {}
        if not isinstance(value, dict):
            self.wrong(path, "must be an object")
            return {}
        return value


def _checked_id(check: _Checker, context: Json, name: str, kind: str, *, required: bool) -> str:
    path = f"context.{name}"
    value = check.text(context, name, path, required=required).removeprefix(f"{kind}/")
    if value and not _ID.fullmatch(value):
        check.wrong(path, "must be a FHIR id")
        return ""
    return value


def _user(check: _Checker, context: Json) -> str:
    value = check.text(context, "userId", "context.userId")
    if value and not _REFERENCE.fullmatch(value):
        check.wrong("context.userId", "must be Type/id, for example Practitioner/123")
    return value


def _orders(check: _Checker, context: Json) -> tuple[dict[str, Any], ...]:
    path = "context.draftOrders"
    bundle = check.object(context, "draftOrders", path)
    if bundle and bundle.get("resourceType") != "Bundle":
        check.wrong(path, "must be a Bundle")
        return ()
    entries = bundle.get("entry")
    if entries is None:
        return ()
    if not isinstance(entries, list):
        check.wrong(f"{path}.entry", "must be an array")
        return ()
    resources = (entry.get("resource") for entry in entries if isinstance(entry, dict))
    return tuple(
        resource for resource in resources if isinstance(resource, dict) and resource.get("status") not in _WITHDRAWN
    )


def _selections(check: _Checker, context: Json, orders: tuple[dict[str, Any], ...]) -> tuple[str, ...]:
    path = "context.selections"
    value = context.get("selections")
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        check.wrong(path, "must be an array of Type/id strings")
        return ()
    known = {f"{order.get('resourceType')}/{order.get('id')}": order.get("id") for order in orders}
    chosen = {reference for reference, bare in known.items() if reference in value or bare in value}
    return tuple(reference for reference in known if reference in chosen)


def _drafts(check: _Checker, service: Service, context: Json) -> tuple[tuple[dict[str, Any], ...], tuple[str, ...]]:
    """Orders and selections; neither at all is a form just opened or left, one without the other is a fault."""
    if service.hook is Hook.PATIENT_VIEW:
        return (), ()
    orders = _orders(check, context)
    if service.hook is Hook.ORDER_SIGN:
        return orders, ()
    absent = [name for name in ("draftOrders", "selections") if context.get(name) is None]
    if len(absent) == 1:
        check.missing(f"context.{absent[0]}")
    if absent:
        return (), ()
    return orders, _selections(check, context, orders)


def _grant(body: Json, patient_id: str) -> FhirGrant | None:
    """Return the access token if it can be used for this patient; anything odd means no access, never an error."""
    granted = body.get("fhirAuthorization")
    if not isinstance(granted, dict):
        return None
    token, kind = granted.get("access_token"), granted.get("token_type")
    if not isinstance(token, str) or not 0 < len(token) <= _MAX_TOKEN or not (token.isascii() and token.isprintable()):
        return None
    if not isinstance(kind, str) or kind.lower() != "bearer":
        return None
    if granted.get("patient") not in (None, patient_id, f"Patient/{patient_id}"):
        return None
    named = granted.get("subject")
    subject = named if isinstance(named, str) else ""
    seconds = granted.get("expires_in")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return FhirGrant(token, None, subject)
    return FhirGrant(token, float(seconds), subject) if seconds > 0 else None


def read_request(service: Service, body: Any) -> HookRequest:
    """Check ``body`` as a call of ``service``. Raises InvalidRequest naming every unusable member."""
    if not isinstance(body, dict):
        raise InvalidRequest((FieldProblem("body", "must be a JSON object"),))
    check = _Checker()
    hook = check.text(body, "hook", "hook")
    if hook and hook != service.hook:
        check.wrong("hook", f"must be {service.hook}, the hook of service {service.id}")
    instance = check.text(body, "hookInstance", "hookInstance")
    if len(instance) > MAX_INSTANCE:
        check.wrong("hookInstance", "must be a UUID")
    version = check.text(body, "hookVersion", "hookVersion", required=False)
    if version and not _HOOK_VERSION.fullmatch(version):
        check.wrong("hookVersion", f"is not a version of {service.hook} that is known here (1.x)")
    context = check.object(body, "context", "context", required=True)
    patient_id = user_id = encounter_id = ""
    orders: tuple[dict[str, Any], ...] = ()
    selections: tuple[str, ...] = ()
    if isinstance(body.get("context"), dict):
        user_id = _user(check, context)
        patient_id = _checked_id(check, context, "patientId", "Patient", required=True)
        encounter_id = _checked_id(check, context, "encounterId", "Encounter", required=False)
        orders, selections = _drafts(check, service, context)
    fhir_server = check.text(body, "fhirServer", "fhirServer", required=False)
    prefetch = check.object(body, "prefetch", "prefetch")
    if check.problems:
        raise InvalidRequest(tuple(check.problems))
    return HookRequest(
        service=service,
        hook_instance=instance,
        patient_id=patient_id,
        user_id=user_id,
        encounter_id=encounter_id,
        orders=orders,
        selections=selections,
        fhir_server=fhir_server.rstrip("/"),
        grant=_grant(body, patient_id) if fhir_server else None,
        prefetch=prefetch,
    )
