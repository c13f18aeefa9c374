"""Judges the finished imaging reports of one patient, each on the chart as it stood when the report was there."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from cds_service.domain.assessment import Assessment
from cds_service.domain.facts import GapCode, PatientFacts, Report
from cds_service.domain.vocabulary import BodyRegion, Modality
from cds_service.replay.rows import Assessed, CardRow, Counts, FindingRow, GapRow, Row, RuleRow, SampleRow
from cds_service.replay.snippets import names_of, snippet
from cds_service.replay.standing import Placing, Resource, as_it_stood, known_since, placing

_FINISHED = frozenset({"final", "amended", "corrected", "appended"})
_REPORT = "DiagnosticReport"
# Why a report gave nothing to judge; the first that a report has is told.
_UNREAD = (
    GapCode.REPORT_WITHOUT_TEXT,
    GapCode.ATTACHMENT_UNREADABLE,
    GapCode.ATTACHMENT_TYPE,
    GapCode.REPORT_LANGUAGE_UNKNOWN,
    GapCode.REPORT_TRUNCATED,
)


class Evaluation(Protocol):
    """Facts and what the rules concluded from them."""

    @property
    def facts(self) -> PatientFacts:
        """What the chart says."""

    @property
    def assessment(self) -> Assessment:
        """What the rules say."""


class Evaluator(Protocol):
    """The decision logic of the hooks."""

    def patient_view(self, resources: Iterable[Any], *, patient_id: str, as_of: datetime) -> Evaluation:
        """Assess the chart of a patient at a moment."""


@dataclass(frozen=True, slots=True)
class Questions:
    """When to look: at each finished report (``day`` is ``None``) or once, at a moment, on the last report before it.

    ``laboratory`` are codes of report categories that are no imaging. ``hash_key`` makes the ids that are written.
    """

    hash_key: bytes
    laboratory: frozenset[str] = frozenset()
    day: datetime | None = None


def keyed(hash_key: bytes, kind: str, identity: str) -> str:
    """Return the keyed hash, in hexadecimal, that stands for a patient, a report or a clinician."""
    return hmac.new(hash_key, f"{kind}/{identity}".encode(), hashlib.sha256).hexdigest()[:32]


def in_order(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """Return the resources of one patient in an order that does not depend on how they were exported.

    The same line twice is one resource; of several versions the one updated last comes first.
    """
    resources = [orjson.loads(line) for line in set(lines)]
    resources.sort(key=lambda one: orjson.dumps(one, option=orjson.OPT_SORT_KEYS))
    resources.sort(key=lambda one: str((one.get("meta") or {}).get("lastUpdated", "")), reverse=True)
    resources.sort(key=lambda one: (str(one.get("resourceType")), str(one.get("id"))))
    return resources


class PatientReplay:
    """Evaluates patients one by one. ``counts`` tells what was found and left out so far."""

    def __init__(self, evaluator: Evaluator, questions: Questions) -> None:
        self._evaluator = evaluator
        self._questions = questions
        self.counts = Counts()

    def judge(self, patient_id: str, resources: Sequence[Resource]) -> Iterator[Row]:
        """Yield the rows of a patient's reports, the oldest report first. ``resources`` are in a fixed order."""
        self.counts.patients += 1
        names = next((names_of(one) for one in resources if one.get("resourceType") == "Patient"), frozenset())
        for moment, index in self._moments(resources):
            chart = _Chart(resources, moment)
            yield from self._rows(patient_id, index, chart, names)

    def _moments(self, resources: Sequence[Resource]) -> list[tuple[datetime, Resource]]:
        """Return the reports to judge with the moment of each; those that cannot be placed are counted."""
        found: list[tuple[datetime, Resource]] = []
        seen: set[str] = set()
        for resource in resources:
            if resource.get("resourceType") != _REPORT or str(resource.get("id")) in seen:
                continue
            seen.add(str(resource.get("id")))
            since = known_since(resource)
            if self._is_laboratory(resource):
                self.counts.laboratory_reports += 1
            elif str(resource.get("status")).lower() not in _FINISHED:
                self.counts.unfinished_reports += 1
            elif since is None:
                self.counts.undated_reports += 1
            else:
                found.append((since.astimezone(UTC), resource))
        found.sort(key=lambda pair: (pair[0], str(pair[1].get("id"))))
        day = self._questions.day
        if day is None:
            return found
        return [(day, resource) for since, resource in found if since <= day][-1:]

    def _is_laboratory(self, resource: Resource) -> bool:
        categories = resource.get("category")
        codes = {
            str(coding.get("code"))
            for category in (categories if isinstance(categories, list) else [categories])
            for coding in ((category or {}).get("coding") or ())
            if isinstance(category, Mapping) and isinstance(coding, Mapping)
        }
        return bool(codes) and codes <= self._questions.laboratory

    def _rows(self, patient_id: str, index: Resource, chart: "_Chart", names: frozenset[str]) -> Iterator[Row]:
        """Yield what one report gives; a fault of the evaluation is a row as well, and never one without cards."""
        reference = f"{_REPORT}/{index.get('id')}"
        place = _Place(
            keyed(self._questions.hash_key, "Patient", patient_id),
            keyed(self._questions.hash_key, _REPORT, str(index.get("id"))),
        )
        try:
            evaluation = self._evaluator.patient_view(chart.resources, patient_id=patient_id, as_of=chart.moment)
        except Exception as error:  # noqa: BLE001 - whatever went wrong is written down for this report; the rest goes on
            self.counts.reports += 1
            yield self._assessed(place, index, chart, None, None, type(error).__name__)
            return
        report = next((one for one in evaluation.facts.reports if one.provenance.reference == reference), None)
        if report is not None and not _is_imaging(report):
            self.counts.other_reports += 1
            return
        self.counts.reports += 1
        yield self._assessed(place, index, chart, evaluation, report, "")
        yield from place.findings(report)
        yield from place.of(evaluation.assessment, names)

    def _assessed(
        self,
        place: "_Place",
        index: Resource,
        chart: "_Chart",
        evaluation: Evaluation | None,
        report: Report | None,
        error: str,
    ) -> Assessed:
        assessment = evaluation.assessment if evaluation else None
        cards = assessment.cards if assessment else ()
        request = chart.request_of(index)
        clinician = _reference(request.get("requester")) if request else ""
        language = report.reading.language if report else None
        return Assessed(
            patient=place.patient,
            report=place.report,
            as_of=chart.moment,
            department=chart.department_of(index, request),
            clinician=keyed(self._questions.hash_key, "clinician", clinician) if clinician else "",
            language=language.value if language else "",
            modality=report.modality.value if report else "",
            region=report.region.value if report else "",
            unread=_unread(evaluation, index),
            error=error,
            lane=cards[0].lane.value if cards else "",
            indicator=cards[0].indicator.value if cards else "",
            cards=len(cards),
            lanes=[f"{one.lane.value}:{one.row}" for one in assessment.lanes] if assessment else [],
            rules=[one.rule_id for one in assessment.rules if one.fired] if assessment else [],
            knowledge=assessment.knowledge_version if assessment else "",
            later=chart.later,
            undated=chart.undated,
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """The keys that all rows of one report carry."""

    patient: str
    report: str

    def findings(self, report: Report | None) -> Iterator[FindingRow]:
        """Yield what the report says."""
        for position, one in enumerate((*report.reading.findings, *report.coded) if report else ()):
            yield FindingRow(
                self.patient, self.report, position, one.finding.value, one.status.value, one.certainty.value,
                one.section.value, list(one.levels),
            )  # fmt: skip

    def of(self, assessment: Assessment, names: frozenset[str]) -> Iterator[Row]:
        """Yield rules, cards with their samples, and gaps."""
        for rule in assessment.rules:
            if rule.fired or rule.missing:
                yield RuleRow(self.patient, self.report, rule.rule_id, rule.fired, list(rule.missing))
        for position, card in enumerate(assessment.cards):
            lane, indicator = card.lane.value, card.indicator.value
            yield CardRow(
                self.patient, self.report, position, card.card_id, card.text_id, lane, card.row, indicator,
                list(card.rule_ids), [draft.kind.value for draft in card.drafts],
            )  # fmt: skip
            text = snippet(card, names)
            if text:
                yield SampleRow(self.patient, self.report, position, card.card_id, lane, indicator, text)
        for position, gap in enumerate(assessment.gaps):
            kind = gap.resource.partition("/")[0].partition("[")[0]
            yield GapRow(self.patient, self.report, position, gap.code.value, kind, gap.element, gap.clinical)


class _Chart:
    """The resources of a patient that were known at a moment, as they stood then."""

    def __init__(self, resources: Sequence[Resource], moment: datetime) -> None:
        self.moment = moment
        self.resources: list[Resource] = []
        self.later = self.undated = 0
        for resource in resources:
            place = placing(resource, moment)
            self.later += place is Placing.LATER
            self.undated += place in {Placing.UNDATED_KEPT, Placing.UNDATED_LEFT_OUT}
            if place.seen:
                self.resources.append(as_it_stood(resource, moment))

    def request_of(self, report: Resource) -> Resource | None:
        """Return the order that the report answers."""
        based_on = report.get("basedOn")
        wanted = {_reference(one) for one in based_on} if isinstance(based_on, list) else set()
        return self._one("ServiceRequest", wanted)

    def department_of(self, report: Resource, request: Resource | None) -> str:
        """Return the unit that ordered: the encounter's provider, else its class; empty when nothing says."""
        sources = [one.get("encounter") for one in (request, report) if one]
        encounter = self._one("Encounter", {_reference(one) for one in sources})
        if encounter is None:
            return ""
        provider = encounter.get("serviceProvider")
        kind = encounter.get("serviceType")
        named = (kind or {}).get("text") if isinstance(kind, Mapping) else None
        shown = provider.get("display") if isinstance(provider, Mapping) else None
        return str(named or shown or _reference(provider) or "")

    def _one(self, kind: str, references: set[str]) -> Resource | None:
        found = (
            one for one in self.resources if one.get("resourceType") == kind and f"{kind}/{one.get('id')}" in references
        )
        return next(found, None)


def _reference(value: Any) -> str:
    """Return ``Type/id`` of a reference, whether it was written relative or absolute."""
    text = value.get("reference") if isinstance(value, Mapping) else None
    return "/".join(text.partition("/_history/")[0].split("/")[-2:]) if isinstance(text, str) else ""


def _is_imaging(report: Report) -> bool:
    known = report.modality is not Modality.UNKNOWN or report.region not in {BodyRegion.UNKNOWN, BodyRegion.OTHER}
    return known or report.reading.describes_spine


def _unread(evaluation: Evaluation | None, index: Resource) -> str:
    """Say why the report could not be read, from its own gaps; empty when it was read."""
    if evaluation is None:
        return ""
    reference = f"{_REPORT}/{index.get('id')}"
    own = {gap.code for gap in evaluation.facts.gaps if gap.resource == reference}
    return next((code.value for code in _UNREAD if code in own), "")
