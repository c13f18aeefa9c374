"""FHIR R4 resources of one synthetic patient, as plain dictionaries."""

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from cds_service.synth.case import chart_words

Resource = dict[str, Any]

TAG: Final = {
    "system": "https://marrow-cds.example/CodeSystem/synthetic",
    "code": "synthetic",
    "display": "Made by a generator; no data of any person",
}
META: Final = {
    "security": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
            "code": "HTEST",
            "display": "test health data",
        }
    ],
    "tag": [TAG],
}
_ICD10: Final = "http://hl7.org/fhir/sid/icd-10"
_LOINC: Final = "http://loinc.org"
_UCUM: Final = "http://unitsofmeasure.org"
_HL7: Final = "http://terminology.hl7.org/CodeSystem"
_RADIOLOGY: Final = [{"coding": [{"system": f"{_HL7}/v2-0074", "code": "RAD", "display": "Radiology"}]}]
_LABORATORY: Final = [{"coding": [{"system": f"{_HL7}/v2-0074", "code": "LAB", "display": "Laboratory"}]}]
_TESTED: Final = [{"coding": [{"system": f"{_HL7}/observation-category", "code": "laboratory"}]}]
_MEASURED: Final = [{"coding": [{"system": f"{_HL7}/observation-category", "code": "vital-signs"}]}]
_CONFIRMED: Final = {"coding": [{"system": f"{_HL7}/condition-ver-status", "code": "confirmed"}]}


def stamp(moment: datetime) -> str:
    """Return a FHIR dateTime."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def day(moment: datetime) -> str:
    """Return a FHIR date."""
    return moment.strftime("%Y-%m-%d")


class Builder:
    """Makes the resources of one patient, numbered within him."""

    def __init__(self, patient_id: str, language: str) -> None:
        self.patient_id = patient_id
        self.language = language
        self.made: list[Resource] = []

    def patient(self, *, name: str, given: str, female: bool, born: int) -> None:
        """Add the patient himself; nobody is called like that."""
        self.made.append(
            {
                "resourceType": "Patient",
                "id": self.patient_id,
                "meta": META,
                "name": [{"use": "official", "family": name, "given": [given]}],
                "gender": "female" if female else "male",
                "birthDate": f"{born:04d}-06-15",
            }
        )

    def visit(self, department: int, clinician: int, imaging: Mapping[str, str], moment: datetime) -> tuple[str, str]:
        """Add an encounter and the order that was written in it; return their references."""
        unit = chart_words()["departments"][department]
        provider = {"reference": f"Organization/{organisation_id(department)}", "display": unit}
        encounter = self._add(
            "Encounter",
            status="finished",
            **{"class": {"system": f"{_HL7}/v3-ActCode", "code": "AMB", "display": "ambulatory"}},
            period={"start": stamp(moment - timedelta(days=2)), "end": stamp(moment + timedelta(days=9))},
            serviceProvider=provider,
        )
        order = self._add(
            "ServiceRequest",
            status="completed",
            intent="order",
            code=_imaging_code(imaging, self.language),
            encounter={"reference": encounter},
            requester={"reference": f"Practitioner/{practitioner_id(department, clinician)}"},
            authoredOn=stamp(moment - timedelta(days=1)),
        )
        return encounter, order

    def report(
        self, imaging: Mapping[str, str], text: str, *, attached: bool = False, status: str = "final"
    ) -> Resource:
        """Add a report without a date or a visit; the caller sets them."""
        resource = self._resource("DiagnosticReport", status=status, category=_RADIOLOGY)
        resource["code"] = _imaging_code(imaging, self.language)
        if text and attached:
            data = base64.b64encode(text.encode()).decode("ascii")
            resource["presentedForm"] = [{"contentType": "text/plain; charset=utf-8", "data": data}]
        elif text:
            resource["conclusion"] = text
        return resource

    def laboratory_report(self, moment: datetime) -> None:
        """Add a report of the laboratory, without results."""
        code = {"text": {"en": "Blood count", "de": "Blutbild", "ro": "Hemogramă"}[self.language]}
        self._add("DiagnosticReport", status="final", category=_LABORATORY, code=code, issued=stamp(moment))

    def result(self, kind: str, moment: datetime, **value: Any) -> Resource:
        """Add a result; ``value`` is the value element."""
        named = chart_words()["results"][kind]
        resource = self._resource("Observation", status="final")
        resource["category"] = _MEASURED if kind == "TEMPERATURE" else _TESTED
        resource["code"] = {
            "coding": [{"system": _LOINC, "code": named["code"]}],
            "text": named[self.language],
        }
        resource["effectiveDateTime"] = stamp(moment)
        resource["issued"] = stamp(moment + timedelta(hours=2))
        resource.update(value)
        return resource

    def condition(
        self, code: str, text: str, *, onset: datetime | None, recorded: datetime | None, active: bool = True
    ) -> None:
        """Add a diagnosis."""
        status = {"coding": [{"system": f"{_HL7}/condition-clinical", "code": "active" if active else "resolved"}]}
        resource = self._resource("Condition", clinicalStatus=status, verificationStatus=_CONFIRMED)
        resource["code"] = {"coding": [{"system": _ICD10, "code": code}], "text": text}
        if onset:
            resource["onsetDateTime"] = day(onset)
        if recorded:
            resource["recordedDate"] = stamp(recorded)

    def procedure(self, kind: str, moment: datetime) -> None:
        """Add what was done on a day."""
        text = chart_words()["procedures"][kind][self.language]
        self._add("Procedure", status="completed", code={"text": text}, performedDateTime=day(moment))

    def drug(self, drug: Mapping[str, str], authored: datetime | None) -> None:
        """Add a prescription."""
        coded = {"coding": [{"system": "http://www.whocc.no/atc", "code": drug["code"]}], "text": drug["name"]}
        told = {"authoredOn": stamp(authored)} if authored else {}
        self._add("MedicationRequest", status="active", intent="order", medicationCodeableConcept=coded, **told)

    def allergy(self, substance: str, recorded: datetime) -> None:
        """Add an allergy."""
        status = {"coding": [{"system": f"{_HL7}/allergyintolerance-clinical", "code": "active"}]}
        resource = self._resource("AllergyIntolerance", clinicalStatus=status)
        del resource["subject"]
        resource["patient"] = {"reference": f"Patient/{self.patient_id}"}
        resource["code"] = {"text": substance}
        resource["recordedDate"] = stamp(recorded)

    def _resource(self, kind: str, **told: Any) -> Resource:
        resource: Resource = {
            "resourceType": kind,
            "id": f"{self.patient_id}-{len(self.made)}",
            "meta": META,
            "subject": {"reference": f"Patient/{self.patient_id}"},
            **told,
        }
        self.made.append(resource)
        return resource

    def _add(self, kind: str, **told: Any) -> str:
        return f"{kind}/{self._resource(kind, **told)['id']}"


def quantity(value: float, unit: str) -> Resource:
    """Return a value with its UCUM unit."""
    return {"valueQuantity": {"value": value, "unit": unit, "system": _UCUM, "code": unit}}


def organisation_id(department: int) -> str:
    """Return the id of a department."""
    return f"synthetic-department-{department}"


def practitioner_id(department: int, clinician: int) -> str:
    """Return the id of a clinician of a department."""
    return f"synthetic-clinician-{department}-{clinician}"


def house(clinicians: int) -> list[Resource]:
    """Return departments and clinicians, who are the same for all patients."""
    made: list[Resource] = []
    for number, name in enumerate(chart_words()["departments"]):
        made.append({"resourceType": "Organization", "id": organisation_id(number), "meta": META, "name": name})
        made += [
            {
                "resourceType": "Practitioner",
                "id": practitioner_id(number, clinician),
                "meta": META,
                "name": [{"family": f"Synthetic-{number}-{clinician}"}],
            }
            for clinician in range(1, clinicians + 1)
        ]
    return made


def _imaging_code(imaging: Mapping[str, str], language: str) -> Resource:
    code: Resource = {"text": imaging[language]}
    if "code" in imaging:
        code["coding"] = [{"system": _LOINC, "code": imaging["code"]}]
    return code
