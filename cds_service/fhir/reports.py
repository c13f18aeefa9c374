"""DiagnosticReports to imaging reports with their texts and what was read in them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from cds_service.domain.facts import GapCode, Reading, Report, ReportText
from cds_service.domain.vocabulary import BodyRegion, Certainty, FindingId, Language, Modality, Qualifier, Status
from cds_service.fhir.answers import answer_of
from cds_service.fhir.imaging import CodedFindings, ImagingIndex
from cds_service.fhir.node import Concept, Node
from cds_service.fhir.text import report_texts
from cds_service.knowledge.codes import Codes
from cds_service.reading.examination import examination

_STATUSES = frozenset(
    {"registered", "partial", "preliminary", "final", "amended", "corrected", "appended", "unknown", "modified"}
)
_WITHDRAWN = frozenset({"cancelled", "entered-in-error"})
_EARLY = frozenset({"registered", "partial", "preliminary"})
_FINISHED = frozenset({"final", "amended", "corrected", "appended"})
# No report names one finding at more places; what comes after is a list without end.
_MOST_OF_A_KIND = 60
_MOST_CONFLICTS = 100
_SPINE = frozenset(BodyRegion) - {BodyRegion.OTHER, BodyRegion.UNKNOWN}
_READ_BY_RULES = frozenset({Modality.MR, Modality.UNKNOWN})


class TextReader(Protocol):
    """Reads report texts."""

    def read(
        self,
        texts: Sequence[ReportText],
        *,
        title: str = "",
        declared: Language | None = None,
        in_time: Callable[[], bool] = lambda: True,
    ) -> Reading:
        """Return what the texts of one report say; what is not read while ``in_time`` says yes is left out."""


class ReportReader:
    """Reads DiagnosticReports. Codes are compiled once."""

    def __init__(self, codes: Codes, reader: TextReader) -> None:
        self._imaging = ImagingIndex(codes.imaging)
        self._findings = CodedFindings(codes.findings)
        self._image_categories = codes.imaging_categories
        self._laboratory_categories = codes.laboratory_categories
        self._reader = reader

    def read(
        self,
        node: Node,
        results: Mapping[str, Node],
        binaries: Mapping[str, Node],
        in_time: Callable[[], bool] = lambda: True,
    ) -> Report | None:
        """Return the report; ``None`` for withdrawn reports and for those of a laboratory.

        What is not read while ``in_time`` says yes counts as the unread end of the report.
        """
        if self.is_laboratory(node):
            return None
        status = self._status(node)
        if status is None:
            return None
        texts = report_texts(node, results, binaries, in_time)
        concept = node.concept("code")
        title = " · ".join(dict.fromkeys(concept.words))
        modality, region = self._examined(node, title, texts)
        relevant = modality in _READ_BY_RULES and region is not BodyRegion.OTHER
        effective, issued = _times(node, relevant=relevant)
        declared = _language(node, texts)
        reading = Reading(declared)
        if texts:
            reading = self._reader.read(texts, title=title, declared=declared, in_time=in_time)
            reading = _bounded(node, reading)
        if reading.unfinished:
            node.note(GapCode.REPORT_TRUNCATED, "", clinical=relevant, reason="time")
        elif texts and reading.language is None:
            node.note(GapCode.REPORT_LANGUAGE_UNKNOWN, "", clinical=relevant)
        if status in _EARLY:
            node.note(GapCode.REPORT_PRELIMINARY, "status", clinical=relevant)
        spoken = reading.language or declared or Language.EN
        return Report(
            provenance=node.provenance(),
            status=status,
            effective=effective,
            issued=issued,
            title=title or concept.label,
            codes=concept.codings,
            modality=modality,
            region=region,
            texts=texts,
            reading=reading,
            coded=self._findings.find((*node.concepts("conclusionCode"), *_stated_results(node, results)), spoken),
        )

    def is_laboratory(self, node: Node) -> bool:
        """Tell whether a report is one of a laboratory, by its category and not by what it is called."""
        categories = {coding.code for concept in node.concepts("category") for coding in concept.codings}
        if categories & self._image_categories or self._imaging.find(node.concept("code").codings):
            return False
        return bool(categories & self._laboratory_categories)

    def _status(self, node: Node) -> str | None:
        status = node.code("status").lower()
        if status in _WITHDRAWN:
            node.note(GapCode.WITHDRAWN, "status", clinical=True)
            return None
        if not status:
            node.note(GapCode.MISSING_STATUS, "status")
            return "unknown"
        if status not in _STATUSES:
            node.note(GapCode.UNKNOWN_STATUS, "status")
            # "prelim" means what it says
            return "preliminary" if status.startswith("prelim") else "unknown"
        return status

    def _examined(self, node: Node, title: str, texts: Sequence[ReportText]) -> tuple[Modality, BodyRegion]:
        """Code first, then title and text; a spine region in the title is more exact than "spine" of the code."""
        beginning = next((text.text for text in texts), "")
        modality, region = examination(title, beginning)
        coded = self._imaging.find(node.concept("code").codings)
        if coded is None:
            return modality, region
        exact = coded.region not in {BodyRegion.UNKNOWN, BodyRegion.SPINE}
        named, _ = examination(title, "")
        # a CT code beside a title that says MR is a slip of the order entry: the words of the title win
        kept = named if named is not Modality.UNKNOWN and named is not coded.modality else coded.modality
        widened = region in {BodyRegion.THORACOLUMBAR, BodyRegion.WHOLE_SPINE} and coded.region in _SPINE
        return kept, (region if widened or (not exact and region is not BodyRegion.UNKNOWN) else coded.region)


def _bounded(node: Node, reading: Reading) -> Reading:
    """Keep the first statements of each kind: rules compare findings with each other, and a report can be all findings.

    What is left out only repeats what is kept at other places, and counts as the unread end of the report.
    """
    met: Counter[tuple[FindingId, Status, Certainty, frozenset[Qualifier]]] = Counter()
    kept = []
    for finding in reading.findings:
        kind = (finding.finding, finding.status, finding.certainty, finding.qualifiers)
        met[kind] += 1
        if met[kind] <= _MOST_OF_A_KIND:
            kept.append(finding)
    if len(kept) == len(reading.findings) and len(reading.conflicts) <= _MOST_CONFLICTS:
        return reading
    node.note(GapCode.REPORT_TRUNCATED, "", clinical=True, reason="findings")
    return replace(reading, findings=tuple(kept), conflicts=reading.conflicts[:_MOST_CONFLICTS])


def _stated_results(node: Node, results: Mapping[str, Node]) -> Iterator[Concept]:
    """Concepts that the results of a structured report state: what was found to be so, or the finding as a value."""
    for link in node.children("result"):
        observation = results.get(link.text("reference"))
        if observation is None or observation.code("status").lower() in _WITHDRAWN:
            continue
        answer = answer_of(observation)
        if answer is not False:
            yield observation.concept("code" if answer else "valueCodeableConcept")


def _times(node: Node, *, relevant: bool) -> tuple[datetime | None, datetime | None]:
    effective = node.moment("effectiveDateTime", clinical=relevant)
    period = node.child("effectivePeriod")
    if effective is None and period is not None:
        effective = period.moment("start") or period.moment("end")
    issued = node.moment("issued", clinical=relevant)
    if issued is not None and issued.whole_day:
        node.note(GapCode.INVALID_DATE, "issued", flaw="no-time")
    if effective is None and issued is None and not node.has("effectiveDateTime"):
        node.note(GapCode.MISSING_DATE, "effectiveDateTime", clinical=relevant)
    return (effective.value if effective else None), (issued.value if issued else None)


def _language(node: Node, texts: Sequence[ReportText]) -> Language | None:
    declared = [node.code("language"), *(text.language or "" for text in texts)]
    known = (language for language in Language for tag in declared if tag[:2].lower() == language.value)
    return next(known, None)


def without_superseded(reports: Iterable[Report]) -> tuple[Report, ...]:
    """Leave out a preliminary report when the finished one of the same examination is there."""
    listed = tuple(reports)
    finished = {_examination_key(report) for report in listed if report.status in _FINISHED and report.effective}
    return tuple(r for r in listed if r.status not in _EARLY or not r.effective or _examination_key(r) not in finished)


def _examination_key(report: Report) -> tuple[object, ...]:
    return (report.effective, report.modality, report.region)
