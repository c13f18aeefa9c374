"""A preview as something to keep elsewhere: the CDS Hooks calls that give the same cards, a Bundle, a test case."""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import fhir_fixtures
from cds_service.domain.facts import GapCode
from cds_service.domain.vocabulary import Language
from cds_service.hooks.entries import Resource
from cds_service.hooks.preview.desk import Preview
from cds_service.hooks.preview.inputs import PreviewInput
from cds_service.hooks.services import SERVICES, Hook, PrefetchKey, Service

Evaluate = Callable[[Any, Language], Preview]
_OBSERVATION_KEYS = {"vital-signs": "vitals", "social-history": "socialHistory"}
_COMPANIONS = {
    "medicationRequests": ("Medication",),
    "medicationStatements": ("Medication",),
    "reports": ("DocumentReference", "Binary"),
}
# The service asks for these only as parts of a wider key.
_NARROWER = frozenset({"crp", "esr"})
_SECRETS = frozenset({"fhirAuthorization", "fhirServer", "overlay"})


def exported(body: Any, evaluate: Evaluate, language: Language, now: datetime) -> dict[str, Any]:
    """Return the calls, the Bundle and the test case of an input. Raises RequestError naming what cannot be read."""
    preview = evaluate(body, language)
    given = preview.given
    # What was evaluated as of another day is moved, so that it is as old today as it was then; never beyond now.
    days = (now.date() - preview.as_of.date()).days
    if days and preview.as_of + timedelta(days=days) > now:
        days -= 1
    if isinstance(body, dict) and "hook" in body:
        calls = [_received(body)]
    else:
        calls = [_call(shown.hook, given) for shown in preview.shown]
    return {
        "hookRequests": fhir_fixtures.shifted(calls, days) if days else calls,
        "bundle": _bundle(given),
        "testCase": _test_case(body, preview),
    }


def _received(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call as it came, without its access."""
    service = next((one for one in SERVICES if one.hook.value == body["hook"]), SERVICES[0])
    return {"service": service.id, "body": {name: value for name, value in body.items() if name not in _SECRETS}}


# ---- calls ----


def _entries(given: PreviewInput) -> list[dict[str, Any]]:
    """Return the resources as entries of a Bundle, each with the address that others call it by."""
    found: list[dict[str, Any]] = []
    for item in given.resources:
        if item.get("resourceType") == "Bundle":
            found += [entry for entry in item.get("entry") or () if isinstance(entry, dict)]
        else:
            found.append({"resource": item})
    return found


def _kind(entry: Mapping[str, Any]) -> str:
    resource = entry.get("resource")
    return str(resource.get("resourceType") or "") if isinstance(resource, dict) else ""


def _categories(resource: Mapping[str, Any]) -> set[str]:
    concepts = resource.get("category")
    listed = [one for one in (concepts if isinstance(concepts, list) else [concepts]) if isinstance(one, dict)]
    codings = [coding for one in listed for coding in one.get("coding") or () if isinstance(coding, dict)]
    return {str(coding.get("code")) for coding in codings}


def _belongs(entry: Mapping[str, Any], key: PrefetchKey) -> bool:
    kind = _kind(entry)
    if kind in _COMPANIONS.get(key.name, ()):
        return True
    if kind != key.resource_type:
        return False
    if kind != "Observation":
        return True
    found = [_OBSERVATION_KEYS[code] for code in _categories(entry["resource"]) if code in _OBSERVATION_KEYS]
    return key.name == (found[0] if found else "labs")


def _searchset(entries: Iterable[dict[str, Any]]) -> Resource:
    listed = list(entries)
    return {"resourceType": "Bundle", "type": "searchset", "entry": listed}


def _prefetch(service: Service, given: PreviewInput) -> dict[str, Any]:
    entries = _entries(given)
    missing = {dict(gap.params).get("key") for gap in given.gaps if gap.code is GapCode.PREFETCH_MISSING}
    patient = next((entry["resource"] for entry in entries if _kind(entry) == "Patient"), None)
    filled: dict[str, Any] = {"patient": patient or {"resourceType": "Patient", "id": given.patient_id}}
    for key in service.prefetch:
        if key.name not in (*_NARROWER, "patient", *missing):
            filled[key.name] = _searchset(entry for entry in entries if _belongs(entry, key))
    return filled


def _call(hook: Hook, given: PreviewInput) -> dict[str, Any]:
    service = next(one for one in SERVICES if one.hook is hook)
    context: dict[str, Any] = {"userId": "Practitioner/preview", "patientId": given.patient_id}
    if hook is not Hook.PATIENT_VIEW:
        context["draftOrders"] = {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": order} for order in given.orders],
        }
    if hook is Hook.ORDER_SELECT:
        context["selections"] = list(given.selected)
    body = {
        "hook": hook.value,
        "hookInstance": str(uuid.uuid4()),
        "context": context,
        "prefetch": _prefetch(service, given),
    }
    return {"service": service.id, "body": body}


def _bundle(given: PreviewInput) -> Resource:
    orders = [{"resource": order} for order in given.orders]
    return {"resourceType": "Bundle", "type": "collection", "entry": [*_entries(given), *orders]}


# ---- test case ----

_TOLD = frozenset({"text", "language", "title", "patient", "labs", "conditions", "medications", "orders"})
_NAMED_LABS = {
    "CRP": "CRP",
    "ESR": "ESR",
    "BLOOD_CULTURE": "blood culture",
    "TEMPERATURE": "temperature",
    "EGFR": "eGFR",
}


def _test_case(body: Any, preview: Preview) -> dict[str, str] | None:
    """Return the case as the safety cases are written; ``None`` for what they have no words for."""
    told = body if isinstance(body, dict) and preview.given.source == "typed" else {}
    used = {name for name, value in told.items() if value not in (None, "", [], {})}
    patient = told.get("patient") or {}
    whole = {"age", "sex"} <= {name for name, value in patient.items() if value not in (None, "")}
    more = any(patient.get(name) not in (None, "") for name in ("pregnant", "onset"))
    orders = told.get("orders") or []
    plain_orders = len(orders) <= 1 and all(isinstance(order, str) for order in orders)
    if not used or used - _TOLD or not whole or more or not plain_orders:
        return None
    labs = [_lab_words(lab, preview) for lab in told.get("labs") or ()]
    if None in labs:
        return None
    lines: dict[str, Any] = {
        "id": "preview",
        "situation": "Taken over from the preview",
        "title": told.get("title") or "MRI spine",
        "age": patient["age"],
        "sex": patient["sex"],
        "report": told["text"],
        "labs": labs,
        "problems": told.get("conditions") or [],
        "drugs": told.get("medications") or [],
        "order": orders[0] if orders else "",
        "cards": [f"{one.plan.text_id} {one.plan.indicator.value}" for one in preview.shown[-1].written],
    }
    kept = [f"{key} = {_toml(value)}" for key, value in lines.items() if value != [] or key == "cards"]
    return {
        "name": "case.toml",
        "text": "\n".join(["[[case]]", *(line for line in kept if not line.endswith('= ""'))]) + "\n",
    }


def _lab_words(lab: Mapping[str, Any], preview: Preview) -> str | None:
    """Return a result as ``name value unit @3d``; ``None`` for one that the cases cannot write."""
    name = _NAMED_LABS.get(str(lab.get("analyte") or lab.get("name") or ""), "")
    if not name and lab.get("code"):
        name = f"LOINC {lab['code']}"
    value, unit = lab.get("value"), lab.get("unit")
    if not name or (isinstance(value, int | float) and not unit):
        return None
    on = str(lab.get("date") or "")[:10]
    age = (preview.as_of.date() - datetime.fromisoformat(on).date()).days if on else 0
    ago = f" @{age}d" if age > 0 else ""
    return f"{name} {value} {unit}{ago}" if isinstance(value, int | float) else f"{name}: {value}{ago}"


def _toml(value: Any) -> str:
    """Return a TOML value; strings of JSON are strings of TOML, but for the delete character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
