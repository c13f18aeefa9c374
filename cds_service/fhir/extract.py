"""From received FHIR resources to the facts of one patient: every resource is read once, nothing is guessed."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Protocol

from cds_service.domain.facts import (
    AllergyFact,
    Demographics,
    DeviceFact,
    Gap,
    GapCode,
    KnownCondition,
    LabValue,
    Medication,
    PatientFacts,
    ProcedureFact,
    Report,
)
from cds_service.fhir.conditions import ConditionReader, EntryFacts, EntryFinders
from cds_service.fhir.documents import read_document
from cds_service.fhir.gaps import GapLog
from cds_service.fhir.history import AllergyReader, DeviceReader, ProcedureReader, demographics
from cds_service.fhir.identity import PatientCheck, ReferenceIndex
from cds_service.fhir.imaging import ImagingIndex
from cds_service.fhir.labs import LabReader, without_repeats
from cds_service.fhir.matching import CueIndex, GroupFinder
from cds_service.fhir.medications import DrugNames, MedicationReader
from cds_service.fhir.node import Intake, Node
from cds_service.fhir.orders import OrderReader
from cds_service.fhir.pregnancy import is_about_pregnancy, pregnancy
from cds_service.fhir.received import ReceivedResource, Survey, receive
from cds_service.fhir.reports import ReportReader, TextReader, without_superseded
from cds_service.fhir.sieve import Sieve
from cds_service.fhir.symptoms import SymptomReader
from cds_service.fhir.usual import UsualResults
from cds_service.knowledge.codes import Codes

_NO_LETTERS = re.compile(r"[\W_]+")
_DRUGS = ("MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense")
# Types that are looked up by reference or say nothing that rules read.
_SILENT = frozenset(
    {
        "Medication",
        "Binary",
        "Encounter",
        "Practitioner",
        "PractitionerRole",
        "Organization",
        "Location",
        "ImagingStudy",
    }
    | {"Specimen", "Provenance", "Media", "CareTeam", "RelatedPerson", "ServiceRequest", "Coverage", "Composition"}
)


class _Knowledge(Protocol):
    """The part of the knowledge that is needed here."""

    @property
    def codes(self) -> Codes:
        """Code groups."""


@dataclass(slots=True)
class _Found:
    """Facts as they come in."""

    reports: list[Report] = field(default_factory=list)
    documents: list[Report] = field(default_factory=list)
    labs: list[LabValue] = field(default_factory=list)
    conditions: list[KnownCondition] = field(default_factory=list)
    medications: list[Medication] = field(default_factory=list)
    told_medications: list[Medication] = field(default_factory=list)
    procedures: list[ProcedureFact] = field(default_factory=list)
    allergies: list[AllergyFact] = field(default_factory=list)
    devices: list[DeviceFact] = field(default_factory=list)
    pregnancy_notes: list[Node] = field(default_factory=list)

    def add(self, entry: EntryFacts) -> None:
        """Take over what a problem-list entry gave."""
        self.conditions.extend(entry.conditions)
        self.told_medications.extend(entry.medications)
        self.procedures.extend(entry.procedures)
        self.allergies.extend(entry.allergies)
        self.devices.extend(entry.devices)


class FactExtractor:
    """Reads the resources of one patient. Matchers are compiled at construction; one extractor serves all requests."""

    def __init__(self, knowledge: _Knowledge, reader: TextReader) -> None:
        codes = knowledge.codes
        cues = CueIndex(codes.cues)
        drugs = GroupFinder.of(codes.drugs, cues)
        procedures = GroupFinder.of(codes.procedures, cues)
        devices = GroupFinder.of(codes.devices, cues)
        finders = EntryFinders(GroupFinder.of(codes.conditions, cues), drugs, procedures, devices, codes.conditions)
        names = DrugNames(codes, drugs)
        self._conditions = ConditionReader(finders)
        self._symptoms = SymptomReader(self._conditions)
        self._labs = LabReader(codes.labs)
        self._medications = MedicationReader(names)
        self._procedures = ProcedureReader(procedures)
        self._allergies = AllergyReader(drugs)
        self._devices = DeviceReader(devices)
        self._reports = ReportReader(codes, reader)
        orders = GroupFinder.of(codes.orders, cues)
        self._usual = UsualResults(self._labs)
        self._sieve = Sieve(self._labs, self._reports)
        self._orders = OrderReader(orders, names, codes.drug_orders, ImagingIndex(codes.imaging))

    def extract(
        self,
        resources: Iterable[Any],
        *,
        patient_id: str,
        as_of: datetime,
        draft_orders: Iterable[Any] = (),
        selections: Sequence[str] = (),
        gaps: Iterable[Gap] = (),
        in_time: Callable[[], bool] = lambda: True,
        survey: Survey = Survey.WHOLE,
    ) -> PatientFacts:
        """Return what the resources say of the patient; foreign, withdrawn and unreadable ones become gaps.

        ``resources`` are FHIR resources or Bundles as plain JSON, ``as_of`` is the moment of evaluation; without a
        time zone it is taken as UTC. ``selections`` are references to the drafts that were just chosen. What is left
        when ``in_time`` says no is not read and becomes a gap, so that a chart too large says so instead of nothing.
        ``survey`` tells how much is looked through for flaws that touch no fact; the facts are the same.
        """
        moment = as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)
        intake = Intake(GapLog(gaps), moment)
        received = receive(resources, intake, survey)
        check = PatientCheck(patient_id, received)
        own = check.own_among(_newest_versions(received), intake)
        index = ReferenceIndex(own, intake)
        person, born = _person(own, intake)
        found = self._read(own, index, intake, born, in_time)
        drafts = check.own_among(receive(draft_orders, intake, survey), intake)
        links = ReferenceIndex([*own, *drafts], intake) if drafts else index
        orders = self._orders.read_all(
            (
                (item, item.node(intake), links.around(item, intake))
                for item in drafts
                if item.kind not in _SILENT_DRAFTS
            ),
            selections,
        )
        labs = without_repeats(found.labs)
        return PatientFacts(
            as_of=moment,
            demographics=person,
            reports=without_superseded((*found.reports, *_only_there(found))),
            labs=labs,
            conditions=tuple(dict.fromkeys(found.conditions)),
            medications=_drugs(found),
            procedures=tuple(dict.fromkeys(found.procedures)),
            allergies=tuple(dict.fromkeys(found.allergies)),
            devices=tuple(dict.fromkeys(found.devices)),
            pregnancy=pregnancy(found.pregnancy_notes, found.conditions, labs, moment.date()),
            orders=orders,
            gaps=intake.log.all(),
        )

    def _read(
        self,
        own: Iterable[ReceivedResource],
        index: ReferenceIndex,
        intake: Intake,
        born: date | None,
        in_time: Callable[[], bool],
    ) -> _Found:
        """Read what matters, and of that only in full what no look has told already."""
        found = _Found()
        times: dict[str, datetime | None] = {}
        for item in self._sieve.left_of(own):
            usual = self._usual.read(item, intake, times) if item.kind == "Observation" else None
            if usual:
                found.labs += usual
            elif in_time():
                self._take(item, index, intake, born, found, in_time)
            else:
                intake.log.add(GapCode.RESOURCE_UNREADABLE, item.reference, clinical=True, reason="time")
        return found

    def _take(
        self,
        item: ReceivedResource,
        index: ReferenceIndex,
        intake: Intake,
        born: date | None,
        found: _Found,
        in_time: Callable[[], bool],
    ) -> None:
        if item.kind == "Patient" or item.kind in _SILENT:
            return
        node = item.node(intake)
        links = index.around(item, intake)
        if item.kind == "Observation":
            self._observe(node, links, found)
        elif item.kind == "DiagnosticReport":
            self._report(item, links, intake, found, in_time)
        elif item.kind == "Condition":
            found.add(self._conditions.read(node, born))
        elif item.kind in _DRUGS:
            found.medications.extend(_some(self._medications.read(node, item.kind, links)))
        elif item.kind == "Procedure":
            found.procedures.extend(_some(self._procedures.read(node, born)))
        elif item.kind == "AllergyIntolerance":
            found.allergies.extend(_some(self._allergies.read(node)))
        elif item.kind in {"Device", "DeviceUseStatement"}:
            found.devices.extend(_some(self._devices.read(node, links)))
        elif item.kind == "DocumentReference":
            self._document(item, links, intake, found, in_time)
        else:
            node.note(GapCode.UNEXPECTED_RESOURCE)

    def _report(
        self,
        item: ReceivedResource,
        links: Mapping[str, Node],
        intake: Intake,
        found: _Found,
        in_time: Callable[[], bool],
    ) -> None:
        node = item.node(intake)
        if self._reports.is_laboratory(node):
            found.labs.extend(self._labs.read_report(node))
        else:
            found.reports.extend(_some(self._reports.read(node, links, links, in_time)))
        for inner in item.contained(intake):
            if inner.text("resourceType") == "Observation":
                self._observe(inner, links, found)

    def _document(
        self,
        item: ReceivedResource,
        links: Mapping[str, Node],
        intake: Intake,
        found: _Found,
        in_time: Callable[[], bool],
    ) -> None:
        """Read the report of an outside spine MRI; any other document may be such a report and is named."""
        report = read_document(self._reports, item, links, intake, in_time)
        if report is None:
            item.node(intake).note(GapCode.UNEXPECTED_RESOURCE, clinical=True)
        else:
            found.documents.append(report)

    def _observe(self, node: Node, links: Mapping[str, Node], found: _Found) -> None:
        concept = node.concept("code")
        if is_about_pregnancy(concept):
            found.pregnancy_notes.append(node)
            return
        values = self._labs.read(node, links, concept)
        found.labs.extend(values)
        if not values:
            found.add(self._symptoms.read(node))


def _only_there(found: _Found) -> Iterator[Report]:
    """Documents whose text no report has: many records keep each report a second time as a document."""
    known = {_letters(report) for report in found.reports} if found.documents else set()
    for document in found.documents:
        letters = _letters(document)
        if letters not in known:
            known.add(letters)
            yield document


def _letters(report: Report) -> str:
    return "".join([_NO_LETTERS.sub("", text.text.casefold()) for text in report.texts])


_SILENT_DRAFTS = _SILENT - {"ServiceRequest"}


def _some(value: Any) -> tuple[Any, ...]:
    return () if value is None else (value,)


def _person(own: Iterable[ReceivedResource], intake: Intake) -> tuple[Demographics, date | None]:
    patient = next((item for item in own if item.kind == "Patient"), None)
    if patient is None:
        intake.log.add(GapCode.AGE_UNKNOWN, "Patient", "birthDate", clinical=True)
        intake.log.add(GapCode.SEX_UNKNOWN, "Patient", "gender", clinical=True)
        return Demographics(None, None), None
    return demographics(patient.node(intake))


def _newest_versions(received: Sequence[ReceivedResource]) -> Iterable[ReceivedResource]:
    """Keep one version of each resource: the one updated last, else the first; those without id all stay."""
    if len({item.id for item in received}) == len(received):
        return received
    kept: dict[object, ReceivedResource] = {}
    for position, item in enumerate(received):
        key: object = (item.kind, item.id) if item.id else position
        if key not in kept or _updated(item) > _updated(kept[key]):
            kept[key] = item
    return kept.values()


def _updated(item: ReceivedResource) -> str:
    meta = item.body.get("meta")
    value = meta.get("lastUpdated") if isinstance(meta, Mapping) else None
    return value if isinstance(value, str) else ""


def _drugs(found: _Found) -> tuple[Medication, ...]:
    """Join listed drugs and those that only a problem list tells; a listed drug of the same group says it better.

    A prescription and a statement of the same drug are one drug, taken since the earlier day.
    """
    listed = {group for drug in found.medications for group in drug.groups}
    told = [drug for drug in found.told_medications if not drug.groups <= listed]
    kept: dict[tuple[str, bool | None], Medication] = {}
    for drug in (*found.medications, *told):
        key = (drug.text.casefold(), drug.running)
        kept[key] = _joined(kept[key], drug) if key in kept else drug
    return tuple(kept.values())


def _joined(first: Medication, second: Medication) -> Medication:
    chosen = second if first.daily_dose_mg is None and second.daily_dose_mg is not None else first
    starts = [day for day in (first.start, second.start) if day is not None]
    ends = [day for day in (first.end, second.end) if day is not None]
    return replace(
        chosen,
        start=min(starts, default=None),
        end=max(ends) if len(ends) == 2 else None,  # noqa: PLR2004 - an open end wins
        reason=first.reason or second.reason,
    )
