"""Charts for the preview from a FHIR server that may be asked: patients with reports of spine imaging."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cds_service.domain.facts import Coding
from cds_service.domain.vocabulary import BodyRegion, Modality
from cds_service.errors import RequestError
from cds_service.fhir.imaging import ImagingIndex
from cds_service.hooks.entries import Resource, entries_of
from cds_service.hooks.prefetch import ChartAccess, FetchFailed, PrefetchCompleter
from cds_service.hooks.preview.inputs import PreviewInput
from cds_service.hooks.preview.time import CallTime, TimedAccess
from cds_service.hooks.request import FieldProblem, HookRequest, InvalidRequest
from cds_service.hooks.services import PATIENT_VIEW
from cds_service.knowledge.code_groups import ImagingCode
from cds_service.reading.examination import examination

_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")
# What may stand in a name; everything else could change the query.
_NOT_IN_NAMES = re.compile(r"[^\w .'\-]")
_NOT_SPINE = frozenset({BodyRegion.OTHER, BodyRegion.UNKNOWN, BodyRegion.PELVIS})
_NOT_REPORTED = frozenset({Modality.RADIOGRAPH, Modality.NUCLEAR, Modality.PET, Modality.OTHER})
_OPENING = 500
_LONGEST_QUERY = 100
_MOST_PATIENTS = 20
_MOST_REPORTS = 100
_FAILED = 412
MEMBERS = frozenset({"server", "patient", "report", "overlay"})
_SEARCH_MEMBERS = frozenset({"server", "query"})

Open = Callable[[HookRequest], ChartAccess | None]


def _text(body: Mapping[str, Any], name: str, longest: int) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise InvalidRequest((FieldProblem(name, f"must be a string of at most {longest} characters"),))
    return value.strip()


def _id(body: Mapping[str, Any], name: str, *, required: bool) -> str:
    value = _text(body, name, 80)
    if (value or required) and not _ID.fullmatch(value):
        raise InvalidRequest((FieldProblem(name, "must be a FHIR id", "invalid" if value else "required"),))
    return value


def _refuse_unknown(body: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := [name for name in body if name not in known]:
        shown = unknown[0] if re.fullmatch(r"[A-Za-z]{1,40}", unknown[0]) else "?"
        raise InvalidRequest((FieldProblem(shown, "is not a member of this form"),))


def _words(concept: Any) -> str:
    if not isinstance(concept, dict):
        return ""
    codings = [one for one in concept.get("coding") or () if isinstance(one, dict)]
    words = (concept.get("text"), *(one.get("display") for one in codings))
    return next((str(word) for word in words if word), "")


def _codings(concept: Any) -> list[Coding]:
    codings = concept.get("coding") if isinstance(concept, dict) else None
    listed = [one for one in codings or () if isinstance(one, dict)]
    return [Coding(str(one.get("system", "")), str(one.get("code", ""))) for one in listed]


def _day(report: Resource) -> str:
    period = report.get("effectivePeriod")
    start = period.get("start") if isinstance(period, dict) else None
    return str(report.get("effectiveDateTime") or start or report.get("issued") or "")[:10]


def _subject(report: Resource) -> str:
    subject = report.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    return str(reference).rpartition("Patient/")[2] if isinstance(reference, str) else ""


def _name(patient: Resource) -> str:
    names = [one for one in patient.get("name") or () if isinstance(one, dict)]
    first: Mapping[str, Any] = names[0] if names else {}
    given = first.get("given")
    spoken = " ".join([*map(str, given if isinstance(given, list) else ()), str(first.get("family", ""))]).strip()
    return str(first.get("text") or spoken)


class ChartServers:
    """The FHIR servers that previews may ask. ``listed`` are their origins; ``local`` lets this machine be asked.

    ``open_access`` gives a server, or nothing where it may not be asked; ``seconds`` bound one question.
    """

    def __init__(
        self,
        open_access: Open,
        imaging: Iterable[ImagingCode],
        seconds: float,
        *,
        listed: tuple[str, ...] = (),
        local: bool = False,
    ) -> None:
        self._open = open_access
        self._index = ImagingIndex(imaging)
        self._seconds = seconds
        self.listed = listed
        self.local = local

    def _access(self, server: str, patient_id: str, in_time: CallTime) -> tuple[HookRequest, ChartAccess]:
        call = HookRequest(
            service=PATIENT_VIEW,
            hook_instance="preview",
            patient_id=patient_id,
            user_id="Practitioner/preview",
            fhir_server=server.rstrip("/"),
        )
        access = self._open(call)
        if access is None:
            raise InvalidRequest(
                (FieldProblem("server", "is not the address of a FHIR server that may be asked here"),)
            )
        return call, TimedAccess(access, in_time)

    def _holds_spine(self, report: Resource) -> bool:
        """Tell whether a report is of spine imaging that this service reads, by its code, else by its words."""
        known = self._index.find(_codings(report.get("code")))
        modality, region = examination(_words(report.get("code")), str(report.get("conclusion") or "")[:_OPENING])
        if known is not None:
            modality = known.modality
            region = known.region if region in _NOT_SPINE else region
        return modality not in _NOT_REPORTED and region not in _NOT_SPINE

    # ---- one chart ----

    def chart(self, body: Mapping[str, Any], completer: PrefetchCompleter, in_time: CallTime) -> PreviewInput:
        """Fetch the chart of one patient while there is time; with ``report`` only that one of the spine reports stays.

        Raises InvalidRequest, and PrefetchError where the server does not give what is needed.
        """
        _refuse_unknown(body, MEMBERS)
        patient_id, wanted = _id(body, "patient", required=True), _id(body, "report", required=False)
        call, access = self._access(_text(body, "server", 500), patient_id, in_time)
        chart = completer.complete(call, access)
        held = [one for one in chart.resources if self._stays(one, wanted)]
        if wanted and not any(_is_report(one) and one.get("id") == wanted for one in held):
            raise InvalidRequest((FieldProblem("report", "is no report of this patient", "not-found"),))
        return PreviewInput(patient_id, tuple(held), gaps=chart.gaps, source="server")

    def _stays(self, resource: Resource, wanted: str) -> bool:
        other = _is_report(resource) and resource.get("id") != wanted
        return not (wanted and other and self._holds_spine(resource))

    # ---- which patients ----

    def patients(self, body: Any, in_time: CallTime) -> dict[str, Any]:
        """Return patients by name or id who have reports of spine imaging, the newest report first.

        Raises RequestError naming what is wrong or why the server is no help.
        """
        if not isinstance(body, dict):
            raise InvalidRequest((FieldProblem("body", "must be a JSON object"),))
        _refuse_unknown(body, _SEARCH_MEMBERS)
        query = _NOT_IN_NAMES.sub(" ", _text(body, "query", _LONGEST_QUERY)).strip()
        looked_for = query if _ID.fullmatch(query) else "any"
        _, access = self._access(_text(body, "server", 500), looked_for, in_time)
        try:
            found, more = self._named(access, query) if query else ({}, False)
            if query and not found:
                return {"patients": [], "more": False}
            reports, unread = self._reports(access, found)
        except FetchFailed as failure:
            raise RequestError(
                f"the server gave no usable answer ({failure.reason})", field="server", status=_FAILED, code="transient"
            ) from None
        return {"patients": _listed(found, reports), "more": more or unread}

    def _named(self, access: ChartAccess, query: str) -> tuple[dict[str, Resource], bool]:
        held: dict[str, Resource] = {}
        if _ID.fullmatch(query):
            try:
                one = access.get(f"Patient/{query}", self._seconds)
            except FetchFailed:
                one = None
            if isinstance(one, dict) and one.get("resourceType") == "Patient":
                held[query] = one
        bundle = access.get(f"Patient?name={query}&_count={_MOST_PATIENTS}", self._seconds)
        entries, _ = entries_of(bundle if isinstance(bundle, dict) else {})
        held |= {str(entry.resource.get("id")): entry.resource for entry in entries if entry.kind == "Patient"}
        return held, len(held) >= _MOST_PATIENTS

    def _reports(self, access: ChartAccess, found: dict[str, Resource]) -> tuple[list[Resource], bool]:
        ids = [one for one in found if _ID.fullmatch(one)]
        whose = f"patient={','.join(ids)}&" if ids else ""
        query = f"DiagnosticReport?{whose}_sort=-date&_count={_MOST_REPORTS}&_include=DiagnosticReport:subject"
        bundle = access.get(query, self._seconds)
        entries, _ = entries_of(bundle if isinstance(bundle, dict) else {})
        for entry in entries:
            if entry.kind == "Patient":
                found.setdefault(str(entry.resource.get("id")), entry.resource)
        reports = [entry.resource for entry in entries if _is_report(entry.resource)]
        return [one for one in reports if self._holds_spine(one)], len(reports) >= _MOST_REPORTS


def _is_report(resource: Resource) -> bool:
    return resource.get("resourceType") == "DiagnosticReport"


def _listed(found: Mapping[str, Resource], reports: Iterable[Resource]) -> list[dict[str, Any]]:
    by_patient: dict[str, list[Resource]] = {}
    for report in reports:
        by_patient.setdefault(_subject(report), []).append(report)
    listed = [
        {
            "id": patient_id,
            "name": _name(found.get(patient_id, {})),
            "birthDate": str(found.get(patient_id, {}).get("birthDate") or ""),
            "reports": [
                {"id": str(one.get("id") or ""), "date": _day(one), "title": _words(one.get("code"))}
                for one in sorted(own, key=_day, reverse=True)
            ],
        }
        for patient_id, own in by_patient.items()
        if _ID.fullmatch(patient_id)
    ]
    return sorted(listed, key=lambda one: str(one["reports"][0]["date"]), reverse=True)
