"""Patients of a FHIR server who have a report of a spine MRI."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.domain.facts import Coding
from cds_service.domain.vocabulary import BodyRegion, Modality
from cds_service.ehr.calls import CallFailed
from cds_service.ehr.references import subject_of
from cds_service.ehr.server import FhirServer, Resource
from cds_service.fhir.imaging import ImagingIndex
from cds_service.knowledge.code_groups import ImagingCode
from cds_service.reading.examination import examination

_LOINC = "http://loinc.org"
_CATEGORIES = f"{_LOINC}|LP29684-5,http://terminology.hl7.org/CodeSystem/v2-0074|RAD"
_NOT_SPINE = frozenset({BodyRegion.OTHER, BodyRegion.UNKNOWN, BodyRegion.PELVIS})
_PAGES = 5
_OPENING = 500


@dataclass(frozen=True, slots=True)
class Candidate:
    """A patient with the newest report: ``day`` is its date as stated, "" when it has none."""

    patient_id: str
    name: str
    born: str
    day: str
    title: str
    reports: int


def _words(concept: Any) -> str:
    if not isinstance(concept, dict):
        return ""
    codings = [one for one in concept.get("coding") or () if isinstance(one, dict)]
    words = (concept.get("text"), *(one.get("display") for one in codings))
    return next((one for one in words if isinstance(one, str) and one), "")


def _codings(concept: Any) -> Iterator[Coding]:
    for one in (concept.get("coding") or ()) if isinstance(concept, dict) else ():
        if isinstance(one, dict) and isinstance(one.get("code"), str):
            yield Coding(str(one.get("system", "")), one["code"], str(one.get("display", "")))


class SpineReports:
    """Tells reports of spine MRI by their code, else by title and opening words."""

    def __init__(self, codes: Iterable[ImagingCode]) -> None:
        listed = tuple(codes)
        self._index = ImagingIndex(listed)
        spine = [code for code in listed if code.modality is Modality.MR and code.region not in _NOT_SPINE]
        self.loinc = tuple(dict.fromkeys(number for code in spine for number in code.loinc))

    def holds(self, report: Resource) -> bool:
        """Whether a DiagnosticReport is one of a spine MRI."""
        known = self._index.find(_codings(report.get("code")))
        modality, region = examination(_words(report.get("code")), str(report.get("conclusion", ""))[:_OPENING])
        if known is not None:
            modality = known.modality
            region = known.region if region in _NOT_SPINE else region
        return modality is Modality.MR and region not in _NOT_SPINE

    def find(self, server: FhirServer) -> tuple[list[Candidate], list[str]]:
        """Return patients, the newest report first, and what could not be asked. Raises CallFailed without any answer.

        A server may hold far more reports than are looked through here; the newest come first.
        """
        queries = (
            f"DiagnosticReport?code={','.join(f'{_LOINC}|{code}' for code in self.loinc)}",
            f"DiagnosticReport?category={_CATEGORIES}",
        )
        resources: dict[str, Resource] = {}
        failures: list[CallFailed] = []
        for query in queries:
            asked = f"{query}&_sort=-date&_count=50&_include=DiagnosticReport:subject"
            try:
                entries = server.search(asked, _PAGES)["entry"]
            except CallFailed as failure:
                failures.append(failure)
                continue
            held = [one.get("resource") for one in entries if isinstance(one, dict)]
            resources |= {f"{one['resourceType']}/{one['id']}": one for one in held if isinstance(one, dict)}
        if len(failures) == len(queries):
            raise failures[0]
        return self._candidates(resources), [str(failure) for failure in failures]

    def _candidates(self, resources: Mapping[str, Resource]) -> list[Candidate]:
        by_patient: dict[str, list[Resource]] = {}
        for one in resources.values():
            subject = subject_of(one)
            if one["resourceType"] == "DiagnosticReport" and subject.startswith("Patient/") and self.holds(one):
                by_patient.setdefault(subject, []).append(one)
        found = [_candidate(subject, resources.get(subject, {}), own) for subject, own in by_patient.items()]
        return sorted(found, key=lambda one: (one.day, one.patient_id), reverse=True)


def _day(report: Resource) -> str:
    period = report.get("effectivePeriod")
    start = period.get("start") if isinstance(period, dict) else None
    return str(report.get("effectiveDateTime") or start or report.get("issued") or "")[:10]


def _candidate(subject: str, patient: Resource, reports: list[Resource]) -> Candidate:
    newest = max(reports, key=_day)
    names = [one for one in patient.get("name") or () if isinstance(one, dict)]
    first: Mapping[str, Any] = names[0] if names else {}
    spoken = " ".join([*map(str, first.get("given") or ()), str(first.get("family", ""))]).strip()
    return Candidate(
        patient_id=subject.removeprefix("Patient/"),
        name=str(first.get("text") or spoken),
        born=str(patient.get("birthDate", "")),
        day=_day(newest),
        title=_words(newest.get("code")),
        reports=len(reports),
    )
