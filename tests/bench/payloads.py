"""Requests of a given size or number of resources, made of a synthetic patient and more of its laboratory results.

Slots (see ``sending``) make each call one of its own: always the hook instance, where told the patient, and the text of
the reports.
"""

import base64
import copy
import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import fhir_fixtures
from cds_service.hooks.services import SERVICES
from tests.bench.sending import CODED, PLAIN, Template

SCENARIO = "spondylodiscitis-l4-l5"
# other results as a long stay brings them: name, code, value, unit
_RESULTS = (
    ("Sodium", "2951-2", 139, "mmol/L"),
    ("Potassium", "2823-3", 4.1, "mmol/L"),
    ("Glucose", "2345-7", 98, "mg/dL"),
    ("Albumin", "1751-7", 4.2, "g/dL"),
    ("Bilirubin", "1975-2", 0.7, "mg/dL"),
)
_INSTANCE = f"00000000-0000-4000-8000-000{PLAIN.decode()}"
_CODED_BYTES = 3


class Calls(StrEnum):
    """How the calls of a series differ from each other."""

    SAME = "same chart"
    WARM = "known report"
    COLD = "new report"


def base_request() -> tuple[str, dict[str, Any]]:
    """Return path and body of the scenario, its dates moved to today."""
    hook = fhir_fixtures.scenario(SCENARIO).hook
    service = next(service for service in SERVICES if service.hook == hook)
    return f"/cds-services/{service.id}", fhir_fixtures.hook_request(SCENARIO, service.to_wire(), datetime.now(UTC))


def _result(template: dict[str, Any], number: int) -> dict[str, Any]:
    name, code, value, unit = _RESULTS[number % len(_RESULTS)]
    coding = {"system": "http://loinc.org", "code": code, "display": name}
    quantity = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    kept = {key: value for key, value in template.items() if not key.startswith("value") and key != "interpretation"}
    return {**kept, "id": f"more-{number}", "code": {"coding": [coding], "text": name}, "valueQuantity": quantity}


def with_results(body: dict[str, Any], count: int) -> dict[str, Any]:
    """Return the body with ``count`` more laboratory results."""
    body = copy.deepcopy(body)
    entries = body["prefetch"]["labs"]["entry"]
    entries += [{"resource": _result(entries[0]["resource"], number)} for number in range(count)]
    return body


def of_size(body: dict[str, Any], characters: int) -> dict[str, Any]:
    """Return the body filled up with results to about so many characters of JSON."""
    one = (len(json.dumps(with_results(body, 20))) - len(json.dumps(body))) / 20
    return with_results(body, max(0, round((characters - len(json.dumps(body))) / one)))


def template(body: dict[str, Any], calls: Calls) -> Template:
    """Return what makes the bodies of a series."""
    body = body | {"hookInstance": _INSTANCE}
    if calls is Calls.SAME:
        return Template(body)
    if calls is Calls.COLD:
        body = _with_new_reports(body)
    patient = str(body["context"]["patientId"])
    # Another patient in every reference, and so other resources throughout.
    return Template(json.loads(json.dumps(body).replace(patient, f"pt-{PLAIN.decode()}")))


def _with_new_reports(body: dict[str, Any]) -> dict[str, Any]:
    prefetch = {**body["prefetch"]}
    reports = copy.deepcopy(prefetch["reports"])
    for entry in reports["entry"]:
        report = entry["resource"]
        if "conclusion" in report:
            report["conclusion"] += f"\nAccession {PLAIN.decode()}."
        for form in report.get("presentedForm", ()):
            if form.get("contentType", "").startswith("text/plain"):
                text = base64.b64decode(form["data"]) + b"\nAccession "
                # The number begins where a group of base64 does.
                text += b" " * (-len(text) % _CODED_BYTES)
                form["data"] = (base64.b64encode(text) + CODED).decode()
    return {**body, "prefetch": {**prefetch, "reports": reports}}
