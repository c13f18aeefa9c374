"""FHIR resources for what a person typed or picked, so that nothing is read in a second way."""

from datetime import datetime
from typing import Any

from cds_service.hooks.entries import Resource
from cds_service.hooks.services import LOINC, OBSERVATION_CATEGORY

PATIENT_ID = "preview"
SUBJECT: Resource = {"reference": f"Patient/{PATIENT_ID}"}
_SNOMED = "http://snomed.info/sct"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def report(identity: str, text: str, title: str, language: str, moment: str) -> Resource:
    """Return a final report; ``moment`` is a FHIR date or date-time."""
    made: Resource = {
        "resourceType": "DiagnosticReport",
        "id": identity,
        "status": "final",
        "subject": SUBJECT,
        "effectiveDateTime": moment,
        "conclusion": text,
        "category": [{"coding": [{"system": LOINC, "code": "LP29684-5"}]}],
    }
    if title:
        made["code"] = {"text": title}
    if language:
        made["language"] = language
    return made


def observation(identity: str, category: str, code: Resource, moment: str) -> Resource:
    """Return a final observation without a value."""
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "category": [{"coding": [{"system": OBSERVATION_CATEGORY, "code": category}]}],
        "code": code,
        "subject": SUBJECT,
        "effectiveDateTime": moment,
    }


def pregnancy(as_of: datetime, *, pregnant: bool) -> Resource:
    """Return the observation that tells whether the patient is pregnant."""
    code = {"coding": [{"system": LOINC, "code": "82810-3"}]}
    made = observation("pregnancy", "social-history", code, as_of.isoformat())
    made["valueCodeableConcept"] = {
        "coding": [{"system": _SNOMED, "code": "77386006" if pregnant else "60001007"}],
        "text": "Pregnant" if pregnant else "Not pregnant",
    }
    return made


def condition(identity: str, text: str, onset: str = "") -> Resource:
    """Return an active problem."""
    made: Resource = {
        "resourceType": "Condition",
        "id": identity,
        "code": {"text": text},
        "subject": SUBJECT,
        "clinicalStatus": {"coding": [{"system": _CLINICAL, "code": "active"}]},
    }
    return made | ({"onsetDateTime": onset} if onset else {})


def medication(identity: str, text: str, since: str) -> Resource:
    """Return a drug that is taken since a day."""
    return {
        "resourceType": "MedicationStatement",
        "id": identity,
        "status": "active",
        "medicationCodeableConcept": {"text": text},
        "subject": SUBJECT,
        "effectiveDateTime": since,
    }


def procedure(identity: str, text: str, on: str = "") -> Resource:
    """Return a procedure that was done."""
    made: Resource = {
        "resourceType": "Procedure",
        "id": identity,
        "status": "completed",
        "code": {"text": text},
        "subject": SUBJECT,
    }
    return made | ({"performedDateTime": on} if on else {})


def device(identity: str, text: str) -> Resource:
    """Return an implant in use."""
    return {
        "resourceType": "Device",
        "id": identity,
        "status": "active",
        "type": {"text": text},
        "patient": SUBJECT,
    }


def allergy(identity: str, text: str) -> Resource:
    """Return an active allergy."""
    return {
        "resourceType": "AllergyIntolerance",
        "id": identity,
        "code": {"text": text},
        "patient": SUBJECT,
    }


def order(identity: str, text: str) -> Resource:
    """Return a draft order in words."""
    return {
        "resourceType": "ServiceRequest",
        "id": identity,
        "status": "draft",
        "intent": "order",
        "code": {"text": text},
        "subject": SUBJECT,
    }


def drug_order(identity: str, text: str) -> Resource:
    """Return a draft prescription in words."""
    return {
        "resourceType": "MedicationRequest",
        "id": identity,
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"text": text},
        "subject": SUBJECT,
    }


def lab(identity: str, code: Resource, value: Any, unit: str, moment: str, *, vital: bool = False) -> Resource:
    """Return a result: a number with its unit, or words."""
    made = observation(identity, "vital-signs" if vital else "laboratory", code, moment)
    if isinstance(value, int | float):
        made["valueQuantity"] = {"value": value} | ({"unit": unit} if unit else {})
    else:
        made["valueString"] = f"{value} {unit}".strip()
    return made
