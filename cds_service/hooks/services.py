"""The services this project offers: an explicit registry with what each asks for; the request path chooses by id."""

from dataclasses import dataclass
from enum import StrEnum

LOINC = "http://loinc.org"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
DIAGNOSTIC_SECTION = "http://terminology.hl7.org/CodeSystem/v2-0074"


class Hook(StrEnum):
    """CDS Hooks that are answered."""

    PATIENT_VIEW = "patient-view"
    ORDER_SELECT = "order-select"
    ORDER_SIGN = "order-sign"


@dataclass(frozen=True, slots=True)
class PrefetchKey:
    """One query for one clinical question.

    ``required`` keys must be had or the call fails with 412; losing another one is said on the card as a gap.
    ``covered_by`` names a wider key: when that one arrived, this one adds nothing and its absence is no loss.
    """

    name: str
    template: str
    required: bool = False
    covered_by: str = ""

    @property
    def resource_type(self) -> str:
        """FHIR type that the template asks for."""
        return self.template.partition("?")[0].partition("/")[0]

    @property
    def is_read(self) -> bool:
        """Whether the template reads one resource; otherwise it is a search that answers with a Bundle."""
        return "?" not in self.template


@dataclass(frozen=True, slots=True)
class Service:
    """One entry of the discovery answer."""

    id: str
    hook: Hook
    title: str
    description: str
    usage_requirements: str
    prefetch: tuple[PrefetchKey, ...]

    def key(self, name: str) -> PrefetchKey | None:
        """Return the published prefetch key called ``name``, if there is one."""
        return next((key for key in self.prefetch if key.name == name), None)

    def to_wire(self) -> dict[str, object]:
        """Return the discovery entry in the order of the specification."""
        return {
            "hook": self.hook.value,
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "usageRequirements": self.usage_requirements,
            "prefetch": {key.name: key.template for key in self.prefetch},
        }


def _search(resource_type: str, *parameters: str) -> str:
    return "&".join((f"{resource_type}?patient={{{{context.patientId}}}}", *parameters))


def _lab(*codes: str) -> str:
    tokens = ",".join(f"{LOINC}|{code}" for code in codes)
    return _search("Observation", f"code={tokens}", "_sort=-date", "_count=5")


def _observations(category: str, count: int) -> str:
    return _search("Observation", f"category={OBSERVATION_CATEGORY}|{category}", "_sort=-date", f"_count={count}")


_PATIENT = PrefetchKey("patient", "Patient/{{context.patientId}}", required=True)
# Radiology reports carry the LOINC part in US Core style or the section code of older feeds; region and modality are
# decided from the report itself, so that a report filed in an unexpected place is still read.
_REPORTS = PrefetchKey(
    "reports",
    _search(
        "DiagnosticReport",
        f"category={LOINC}|LP29684-5,{DIAGNOSTIC_SECTION}|RAD,{DIAGNOSTIC_SECTION}|NMR",
        "_sort=-date",
        "_count=50",
    ),
    required=True,
)
# By category, so that results without a LOINC code arrive as well.
_LABS = PrefetchKey("labs", _observations("laboratory", 100))
_CRP = PrefetchKey("crp", _lab("1988-5", "76485-2", "30522-7", "76486-0"), covered_by="labs")
_ESR = PrefetchKey("esr", _lab("30341-2", "4537-7"), covered_by="labs")
_VITALS = PrefetchKey("vitals", _observations("vital-signs", 50))
_SOCIAL_HISTORY = PrefetchKey("socialHistory", _observations("social-history", 20))
_CONDITIONS = PrefetchKey("conditions", _search("Condition", "_count=200"))
_MEDICATION_REQUESTS = PrefetchKey("medicationRequests", _search("MedicationRequest", "_count=100"))
_MEDICATION_STATEMENTS = PrefetchKey("medicationStatements", _search("MedicationStatement", "_count=100"))
_PROCEDURES = PrefetchKey("procedures", _search("Procedure", "_sort=-date", "_count=100"))
_DEVICES = PrefetchKey("devices", _search("Device", "_count=50"))
_ALLERGIES = PrefetchKey("allergies", _search("AllergyIntolerance", "_count=50"))

_CHART = (
    _PATIENT,
    _REPORTS,
    _LABS,
    _CRP,
    _ESR,
    _VITALS,
    _SOCIAL_HISTORY,
    _CONDITIONS,
    _MEDICATION_REQUESTS,
    _MEDICATION_STATEMENTS,
    _PROCEDURES,
    _DEVICES,
)

_USAGE = (
    "Works from prefetch alone. Patient and imaging reports are required (412 when neither supplied nor reachable); "
    "other missing keys are fetched with the granted FHIR access, or the card names what it could not see. Reads "
    "English, German and Romanian reports."
)

PATIENT_VIEW = Service(
    id="marrow-edema-patient-view",
    hook=Hook.PATIENT_VIEW,
    title="Marrow edema in spine MRI reports",
    description=(
        "Reads spine MRI reports beside laboratory results, history and medication, and suggests the next step for "
        "vertebral bone marrow edema: what has to be excluded, which result is missing, when to look again."
    ),
    usage_requirements=_USAGE,
    prefetch=_CHART,
)
ORDER_SELECT = Service(
    id="marrow-edema-order-select",
    hook=Hook.ORDER_SELECT,
    title="Orders that meet a spine MRI with marrow edema",
    description=(
        "While orders are being chosen: points out what the spine MRI report, laboratory results and history say "
        "about the selected order, for example vertebroplasty before infection is excluded."
    ),
    usage_requirements=_USAGE,
    prefetch=(*_CHART, _ALLERGIES),
)
ORDER_SIGN = Service(
    id="marrow-edema-order-sign",
    hook=Hook.ORDER_SIGN,
    title="Last check of orders against a spine MRI with marrow edema",
    description=(
        "Before orders are signed: repeats only warnings and critical points about orders that conflict with the "
        "spine MRI report, laboratory results or history."
    ),
    usage_requirements=_USAGE,
    prefetch=(*_CHART, _ALLERGIES),
)

SERVICES: tuple[Service, ...] = (PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN)


def service_by_id(service_id: str) -> Service | None:
    """Return the service called ``service_id``, if it is offered."""
    return next((service for service in SERVICES if service.id == service_id), None)


def discovery() -> dict[str, object]:
    """Return the discovery document; it depends on nothing but this module."""
    return {"services": [service.to_wire() for service in SERVICES]}
