"""Medication statements, requests and administrations to the drugs the patient takes, with daily doses."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache

from cds_service.domain.facts import GapCode, Medication
from cds_service.domain.vocabulary import DrugGroup, Status
from cds_service.fhir.doses import daily_dose_mg
from cds_service.fhir.matching import GroupFinder
from cds_service.fhir.moments import told_day
from cds_service.fhir.node import Concept, Node
from cds_service.knowledge.codes import Codes
from cds_service.reading.phrases import PhraseMatcher

_WITHDRAWN = frozenset({"entered-in-error", "not-done", "not-taken", "cancelled", "declined", "draft"})
_OVER = frozenset({"completed", "stopped", "ended"})
_RUNNING = frozenset({"active", "in-progress", "intended", "recorded", "preparation"})
_OPEN = frozenset({"on-hold", "unknown"})
_GIVEN = frozenset({"MedicationAdministration", "MedicationDispense"})
# A drug given within this time is taken as still running.
_STILL_RUNNING = timedelta(hours=48)
# Groups that only count when the drug acts in the whole body.
_SYSTEMIC_ONLY = frozenset(
    {
        DrugGroup.NSAID,
        DrugGroup.GLUCOCORTICOID,
        DrugGroup.ANTIBIOTIC,
        DrugGroup.IMMUNOSUPPRESSANT,
        DrugGroup.ANTICOAGULANT,
        DrugGroup.CHEMOTHERAPY,
    }
)
_STARTS = (
    "effectiveDateTime",
    "occurrenceDateTime",
    "occurenceDateTime",
    "authoredOn",
    "dateWritten",
    "dateAsserted",
    "whenHandedOver",
    "recorded",
)
_PERIODS = ("effectivePeriod", "occurrencePeriod", "occurencePeriod", "validityPeriod", "effectiveDosePeriod")
_NOT_TAKEN = frozenset({Status.ABSENT, Status.OTHER_PERSON})


class DrugNames:
    """Finds drug groups in codes and words."""

    def __init__(self, codes: Codes, finder: GroupFinder) -> None:
        self.finder = finder
        self._local = PhraseMatcher({"local": codes.local_forms.all()})
        self._is_local = lru_cache(maxsize=2048)(self._local_form)
        self._equivalents = {name: dose.equals_5_mg_prednisone for name, dose in codes.glucocorticoids.items()}
        self._glucocorticoids = PhraseMatcher({name: dose.names for name, dose in codes.glucocorticoids.items()})

    def groups(self, concept: Concept, *more: str) -> frozenset[DrugGroup]:
        """Return the groups of a drug; one that acts only locally belongs to no systemic group."""
        certain = self.finder.codes.find(concept.codings).certain
        worded = {
            match.group
            for text in (*concept.words, *filter(None, more))
            for match in self.finder.read(text).matches
            if match.status not in _NOT_TAKEN
        }
        groups = frozenset(DrugGroup(name) for name in certain | worded)
        return as_local(groups) if self.local(*concept.words, *more) else groups

    def local(self, *texts: str) -> bool:
        """Tell whether words name a form that acts where it is put."""
        return any(self._is_local(text) for text in texts if text)

    def _local_form(self, text: str) -> bool:
        return bool(self._local.find(text))

    def prednisone_equivalent(self, daily_mg: float | None, *texts: str) -> float | None:
        """Milligrams of prednisone a day that a glucocorticoid equals; None without a dose or a known drug."""
        if daily_mg is None:
            return None
        found = [match for text in texts for match in self._glucocorticoids.find(text)]
        if not found:
            return None
        longest = max(found, key=lambda match: match.end - match.start)
        return round(daily_mg * 5.0 / self._equivalents[longest.id], 3)


def as_local(groups: frozenset[DrugGroup]) -> frozenset[DrugGroup]:
    """Return the groups of a drug that acts where it is put: no systemic ones; left without any it has no bearing."""
    return groups - _SYSTEMIC_ONLY or frozenset({DrugGroup.WITHOUT_BEARING})


def drug_concept(node: Node, others: Mapping[str, Node]) -> Concept:
    """Concept of the drug: coded, referenced (also contained), or in the form of a newer FHIR version."""
    direct = node.concept("medicationCodeableConcept") or node.concept("medication")
    if direct:
        return direct
    outer = node.child("medication")
    link = node.child("medicationReference") or (outer.child("reference") if outer else None) or outer
    if link is None:
        return Concept()
    target = others.get(link.text("reference"))
    if target is None:
        return Concept(link.text("display"))
    concept = target.concept("code")
    if concept:
        return concept
    parts = [part.concept("itemCodeableConcept") or part.concept("item") for part in target.children("ingredient")]
    return Concept(
        ", ".join(part.label for part in parts if part), tuple(coding for part in parts for coding in part.codings)
    )


class MedicationReader:
    """Reads MedicationStatement, MedicationRequest, MedicationAdministration and MedicationDispense."""

    def __init__(self, names: DrugNames) -> None:
        self._names = names

    def read(self, node: Node, kind: str, others: Mapping[str, Node]) -> Medication | None:
        """Return the drug; ``None`` for what was withdrawn, not taken or never left the draft."""
        status = node.code("status").lower()
        if status in _WITHDRAWN or node.flag("doNotPerform"):
            if status != "draft":
                node.note(GapCode.WITHDRAWN, "status")
            return None
        if not status:
            node.note(GapCode.MISSING_STATUS, "status")
        elif status not in _OVER | _RUNNING | _OPEN:
            node.note(GapCode.UNKNOWN_STATUS, "status")
        concept = drug_concept(node, others)
        if not concept:
            node.note(GapCode.MISSING_CODE, "medication", clinical=True)
            return None
        return self._drug(node, kind, status, concept)

    def _drug(self, node: Node, kind: str, status: str, concept: Concept) -> Medication:
        dosages = _dosages(node)
        told = tuple(filter(None, (*(dosage.text("text") for dosage in dosages), *(_route(d) for d in dosages))))
        groups = self._names.groups(concept)
        if self._names.local(*told):
            groups = as_local(groups)
        start, end = _span(node, concept, dosages)
        dose = daily_dose_mg(concept.label, dosages)
        equivalent = (
            self._names.prednisone_equivalent(dose, *concept.words) if DrugGroup.GLUCOCORTICOID in groups else None
        )
        return Medication(
            groups=groups,
            text=concept.label,
            codes=concept.codings,
            start=start,
            end=end,
            running=_running(node, kind, status, start, end),
            provenance=node.provenance("medicationCodeableConcept"),
            daily_dose_mg=dose,
            prednisone_equivalent=equivalent,
            reason=reason_text(node),
        )


def reason_text(node: Node) -> str:
    """Words of all reasons of a request or statement, from codes, references and newer forms."""
    parts = [concept.label for name in ("reasonCode", "reason") for concept in node.concepts(name)]
    parts += [link.text("display") for link in node.children("reasonReference")]
    return "; ".join(dict.fromkeys(part for part in parts if part))


def _dosages(node: Node) -> list[Node]:
    return [*node.children("dosageInstruction"), *node.children("dosage")]


def _route(dosage: Node) -> str:
    return f"{dosage.concept('route').label} {dosage.concept('site').label}".strip()


def _span(node: Node, concept: Concept, dosages: list[Node]) -> tuple[date | None, date | None]:
    """First and last day; the day of prescription where nothing else is said."""
    periods = [period for name in _PERIODS if (period := node.child(name)) is not None]
    for dosage in dosages:
        timing = dosage.child("timing")
        repeat = timing.child("repeat") if timing else None
        bounds = repeat.child("boundsPeriod") if repeat else None
        if bounds is not None:
            periods.append(bounds)
    starts = [_quiet_day(period, "start") for period in periods] + [node.day(name) for name in _STARTS]
    start = next(filter(None, starts), None)
    if start is None:
        start = told_day(concept.label, node.intake.as_of.date())
    ends = [_quiet_day(period, "end") for period in periods]
    return start, next(filter(None, ends), None)


def _quiet_day(period: Node, end: str) -> date | None:
    """Day of a period; an end that lies ahead is no flaw for a drug that is being taken."""
    value = period.body.get(end)
    if end == "end" and isinstance(value, str) and value[:10] > period.intake.as_of.date().isoformat():
        return None
    return period.day(end)


def _running(node: Node, kind: str, status: str, start: date | None, end: date | None) -> bool | None:
    as_of = node.intake.as_of
    if end is not None and end < as_of.date():
        return False
    if kind in _GIVEN and status in _OVER:
        given = _noon(start, as_of)
        return given is not None and as_of - given <= _STILL_RUNNING
    if status in _OVER:
        return False
    return True if status in _RUNNING else None


def _noon(day: date | None, as_of: datetime) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, 12, tzinfo=as_of.tzinfo)
