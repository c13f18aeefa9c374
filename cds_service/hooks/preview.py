"""Preview of a Bundle, a hook call or a plain report text: the same path as a hook call, with the reasoning shown.

Texts and lists typed by a person are turned into FHIR resources, so that nothing is read in a second way.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from cds_service.domain.facts import Gap, GapCode
from cds_service.domain.vocabulary import Language
from cds_service.errors import RequestError
from cds_service.hooks.answer import CardDesk, WrittenCard, by_reference
from cds_service.hooks.entries import Resource, entries_of
from cds_service.hooks.evaluate import Evaluation, Evaluator, always
from cds_service.hooks.prefetch import PrefetchCompleter
from cds_service.hooks.request import FieldProblem, InvalidRequest, read_request
from cds_service.hooks.services import LOINC, OBSERVATION_CATEGORY, SERVICES

_PATIENT_ID = "preview"
_SUBJECT = {"reference": f"Patient/{_PATIENT_ID}"}
_ORDER_TYPES = frozenset({"ServiceRequest", "MedicationRequest", "DeviceRequest"})
_SNOMED = "http://snomed.info/sct"
_MAX_AGE = 130
_SUBJECT_ID = re.compile(r"(?:Patient/|^urn:uuid:)([A-Za-z0-9_.~-]{1,256})")


@dataclass(frozen=True, slots=True)
class PreviewInput:
    """Resources of one patient and the draft orders among them."""

    patient_id: str
    resources: tuple[Resource, ...]
    orders: tuple[Resource, ...] = ()
    gaps: tuple[Gap, ...] = ()


_MEMBERS = frozenset({"text", "language", "reportDate", "patient", "labs", "conditions", "medications", "orders"})
_PATIENT_MEMBERS = frozenset({"age", "sex", "pregnant"})
_LAB_MEMBERS = frozenset({"name", "code", "value", "unit", "date"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Preview:
    """Cards with the evaluations they came from: the chart view first, the draft orders after it."""

    written: tuple[WrittenCard, ...]
    evaluations: tuple[Evaluation, ...]


class _Form:
    """Reads the members of a typed preview and collects what is wrong with them."""

    def __init__(self, body: Mapping[str, Any], as_of: datetime) -> None:
        self._body = body
        self._as_of = as_of
        self.problems: list[FieldProblem] = []

    def refuse_unknown(self, given: Mapping[str, Any], known: frozenset[str], path: str = "") -> None:
        """Name members that nobody reads: a misspelt one would silently change the answer."""
        for name in sorted(map(str, given.keys() - known)):
            # what is no plain name may be part of a record, and the answer goes into the log of the client
            shown = name if _NAME.fullmatch(name) else "?"
            self.problems.append(FieldProblem(f"{path}{shown}", "is not a member of this form"))

    def texts(self, name: str) -> list[str]:
        value = self._body.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.problems.append(FieldProblem(name, "must be an array of strings"))
            return []
        return [item.strip() for item in value if item.strip()]

    def language(self) -> Language | None:
        value = self._body.get("language")
        if value in (None, ""):
            return None
        if value not in tuple(Language):
            self.problems.append(FieldProblem("language", f"must be one of {', '.join(Language)}"))
            return None
        return Language(str(value))

    def report(self) -> Resource:
        text = self._body.get("text")
        if not isinstance(text, str) or not text.strip():
            self.problems.append(FieldProblem("text", "must be the text of a report", "required"))
            text = ""
        language = self.language()
        return {
            "resourceType": "DiagnosticReport",
            "id": "report",
            "status": "final",
            "subject": _SUBJECT,
            "effectiveDateTime": self._day("reportDate"),
            "conclusion": text,
        } | ({"language": language.value} if language else {})

    def _day(self, name: str) -> str:
        value = self._body.get(name)
        if value in (None, ""):
            return self._as_of.isoformat()
        return self._checked_day(value, name)

    def _checked_day(self, value: Any, path: str) -> str:
        try:
            date.fromisoformat(str(value)[:10])
        except ValueError:
            self.problems.append(FieldProblem(path, "must be a date such as 2026-03-31"))
        return str(value)

    def patient(self) -> tuple[Resource, list[Resource]]:
        """Return the Patient and, when pregnancy was answered, the Observation that says so."""
        given = self._body.get("patient") or {}
        if not isinstance(given, dict):
            self.problems.append(FieldProblem("patient", "must be an object"))
            given = {}
        self.refuse_unknown(given, _PATIENT_MEMBERS, "patient.")
        patient: Resource = {"resourceType": "Patient", "id": _PATIENT_ID}
        age = given.get("age")
        if isinstance(age, int) and not isinstance(age, bool) and 0 <= age <= _MAX_AGE:
            patient["birthDate"] = f"{self._as_of.year - age:04}-01-01"
        elif age is not None:
            self.problems.append(FieldProblem("patient.age", f"must be a whole number of years from 0 to {_MAX_AGE}"))
        sex = given.get("sex")
        if sex in ("female", "male"):
            patient["gender"] = sex
        elif sex not in (None, ""):
            self.problems.append(FieldProblem("patient.sex", "must be female or male"))
        pregnant = given.get("pregnant")
        if pregnant is None:
            return patient, []
        if not isinstance(pregnant, bool):
            self.problems.append(FieldProblem("patient.pregnant", "must be true or false"))
            return patient, []
        return patient, [_pregnancy(pregnant, self._as_of)]

    def labs(self) -> list[Resource]:
        listed = self._body.get("labs") or []
        if not isinstance(listed, list):
            self.problems.append(FieldProblem("labs", "must be an array"))
            return []
        return [self._lab(lab, index) for index, lab in enumerate(listed)]

    def _lab(self, lab: Any, index: int) -> Resource:
        path = f"labs[{index}]"
        if not isinstance(lab, dict) or not (lab.get("name") or lab.get("code")):
            self.problems.append(FieldProblem(path, "must be an object with name or code", "required"))
            return {}
        self.refuse_unknown(lab, _LAB_MEMBERS, f"{path}.")
        code: Resource = {"text": str(lab.get("name") or "")} if lab.get("name") else {}
        if lab.get("code"):
            code["coding"] = [{"system": LOINC, "code": str(lab["code"])}]
        observation = _observation(f"lab-{index}", "laboratory", code)
        observation["effectiveDateTime"] = (
            self._checked_day(lab["date"], f"{path}.date") if lab.get("date") else self._as_of.isoformat()
        )
        value, unit = lab.get("value"), lab.get("unit")
        if isinstance(value, int | float) and not isinstance(value, bool):
            observation["valueQuantity"] = {"value": value} | ({"unit": str(unit)} if unit else {})
        elif isinstance(value, str) and value.strip():
            observation["valueString"] = f"{value} {unit or ''}".strip()
        else:
            self.problems.append(FieldProblem(f"{path}.value", "must be a number or a text", "required"))
        return observation


def _observation(identity: str, category: str, code: Resource) -> Resource:
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "category": [{"coding": [{"system": OBSERVATION_CATEGORY, "code": category}]}],
        "code": code,
        "subject": _SUBJECT,
    }


def _pregnancy(pregnant: bool, as_of: datetime) -> Resource:  # noqa: FBT001 - the value of the observation
    coding = {"system": _SNOMED, "code": "77386006" if pregnant else "60001007"}
    observation = _observation("pregnancy", "social-history", {"coding": [{"system": LOINC, "code": "82810-3"}]})
    observation["effectiveDateTime"] = as_of.isoformat()
    observation["valueCodeableConcept"] = {
        "coding": [coding],
        "text": "Pregnant" if pregnant else "Not pregnant",
    }
    return observation


def _condition(text: str, index: int) -> Resource:
    return {"resourceType": "Condition", "id": f"condition-{index}", "code": {"text": text}, "subject": _SUBJECT} | {
        "clinicalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
        }
    }


def _medication(text: str, index: int, as_of: datetime) -> Resource:
    return {
        "resourceType": "MedicationStatement",
        "id": f"medication-{index}",
        "status": "active",
        "medicationCodeableConcept": {"text": text},
        "subject": _SUBJECT,
        "effectiveDateTime": as_of.date().isoformat(),
    }


def _order(text: str, index: int) -> Resource:
    return {
        "resourceType": "ServiceRequest",
        "id": f"order-{index}",
        "status": "draft",
        "intent": "order",
        "code": {"text": text},
        "subject": _SUBJECT,
    }


def _from_form(body: Mapping[str, Any], as_of: datetime) -> PreviewInput:
    form = _Form(body, as_of)
    form.refuse_unknown(body, _MEMBERS)
    report = form.report()
    patient, pregnancy = form.patient()
    labs = form.labs()
    conditions = [_condition(text, index) for index, text in enumerate(form.texts("conditions"))]
    medications = [_medication(text, index, as_of) for index, text in enumerate(form.texts("medications"))]
    orders = tuple(_order(text, index) for index, text in enumerate(form.texts("orders")))
    if form.problems:
        raise InvalidRequest(tuple(form.problems))
    return PreviewInput(_PATIENT_ID, (patient, report, *pregnancy, *labs, *conditions, *medications), orders)


def _subject_id(resource: Resource) -> str:
    subject = resource.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    match = _SUBJECT_ID.search(reference) if isinstance(reference, str) else None
    return match[1] if match else ""


def _from_bundle(bundle: Mapping[str, Any]) -> PreviewInput:
    entries = bundle.get("entry") or []
    if not isinstance(entries, list):
        raise InvalidRequest((FieldProblem("entry", "must be an array"),))
    found, broken = entries_of(bundle)
    kept = [entry for entry in found if entry.kind != "OperationOutcome"]
    patients = [entry.resource for entry in kept if entry.kind == "Patient"]
    if len(patients) > 1:
        raise InvalidRequest((FieldProblem("entry", "must hold one patient only"),))
    named = [str(one["id"]) for one in patients if one.get("id")] + [_subject_id(entry.resource) for entry in kept]
    patient_id = next((name for name in named if name), _PATIENT_ID)
    drafts = [entry for entry in kept if entry.kind in _ORDER_TYPES and entry.resource.get("status") == "draft"]
    unreadable = Gap(GapCode.RESOURCE_UNREADABLE, "Bundle", "entry", clinical=True, params=(("count", str(broken)),))
    return PreviewInput(
        patient_id,
        tuple(entry.item for entry in kept if entry not in drafts),
        tuple(entry.resource for entry in drafts),
        (unreadable,) if broken else (),
    )


class PreviewDesk:
    """Evaluates previews; nothing is fetched and nothing is kept.

    ``start`` begins the time of one evaluation and returns the question whether there is still some of it.
    """

    def __init__(
        self,
        completer: PrefetchCompleter,
        evaluator: Evaluator,
        cards: CardDesk,
        start: Callable[[], Callable[[], bool]] = lambda: always,
    ) -> None:
        self._completer = completer
        self._evaluator = evaluator
        self._cards = cards
        self._start = start

    def preview(self, body: Any, language: Language, as_of: datetime) -> Preview:
        """Evaluate a Bundle, a hook call or a typed report. Raises RequestError naming what cannot be read."""
        if not isinstance(body, dict):
            raise InvalidRequest((FieldProblem("body", "must be a JSON object"),))
        if body.get("resourceType") == "Bundle":
            return self._evaluate(_from_bundle(body), language, as_of)
        if "hook" in body:
            return self._evaluate_call(body, language, as_of)
        if "text" in body:
            return self._evaluate(_from_form(body, as_of), language, as_of)
        raise RequestError("must be a FHIR Bundle, a CDS Hooks request or an object with text", field="body")

    def _evaluate(self, given: PreviewInput, language: Language, as_of: datetime) -> Preview:
        evaluations = [
            self._evaluator.patient_view(
                given.resources, patient_id=given.patient_id, as_of=as_of, gaps=given.gaps, in_time=self._start()
            )
        ]
        if given.orders:
            evaluations.append(
                self._evaluator.order_select(
                    given.resources,
                    patient_id=given.patient_id,
                    as_of=as_of,
                    orders=given.orders,
                    selections=[f"{order.get('resourceType')}/{order.get('id')}" for order in given.orders],
                    gaps=given.gaps,
                    in_time=self._start(),
                )
            )
        return self._written(evaluations, language, given.patient_id, given.orders)

    def _evaluate_call(self, body: Mapping[str, Any], language: Language, as_of: datetime) -> Preview:
        service = next((one for one in SERVICES if one.hook == body.get("hook")), SERVICES[0])
        request = read_request(service, body)
        if request.lay_reader or request.nothing_to_check:
            return Preview((), ())
        chart = self._completer.complete(request, None)
        evaluation = self._evaluator.for_hook(
            service.hook,
            chart.resources,
            patient_id=request.patient_id,
            as_of=as_of,
            orders=request.orders,
            selections=request.selections,
            gaps=chart.gaps,
            in_time=self._start(),
        )
        return self._written([evaluation], language, request.patient_id, request.orders)

    def _written(
        self, evaluations: list[Evaluation], language: Language, patient_id: str, orders: Sequence[Resource]
    ) -> Preview:
        drafts = by_reference(orders)
        written = [
            one
            for evaluation in evaluations
            for one in self._cards.write(evaluation.assessment, language, patient_id, drafts)
        ]
        return Preview(tuple(written), tuple(evaluations))
