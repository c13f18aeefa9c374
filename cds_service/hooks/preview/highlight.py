"""Reports with what was read in them marked in place: findings, the words that decided their status, stated history."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from cards.phrases import levels_text
from cds_service.domain.assessment import Assessment, FindingCause, StatedCause
from cds_service.domain.facts import PatientFacts, Report, StatedFact, TextFinding
from cds_service.domain.vocabulary import Status
from cds_service.hooks.preview.words import Words
from cds_service.knowledge.thresholds import Thresholds
from cds_service.rules.reports import current_reports, same_episode

# Beyond this many marks a text is shown without any: it is no report, and the page must stay readable.
_MOST_MARKS = 2_000
_KINDS: Mapping[Status, str] = {
    Status.PRESENT: "present",
    Status.POSSIBLE: "possible",
    Status.ABSENT: "absent",
    Status.HISTORICAL: "historical",
}
Range = tuple[int, int]
_Read = tuple[str, TextFinding | StatedFact]


def kind_of(status: Status) -> str:
    """Class of a statement for the eye: present, possible, absent, historical or other."""
    return _KINDS.get(status, "other")


def level_name(level: str, words: Words) -> str:
    """Level in the notation of the language."""
    return levels_text((level,), words.cards, 1)


@dataclass(frozen=True, slots=True)
class ReadReport:
    """A report with its findings under short names that are unique in one preview."""

    report: Report
    leading: bool
    used: bool
    findings: tuple[tuple[str, TextFinding, bool], ...]
    stated: tuple[tuple[str, StatedFact], ...]


def read_reports(facts: PatientFacts, assessment: Assessment, limits: Thresholds) -> tuple[ReadReport, ...]:
    """Name every finding; ``used`` reports are the leading one and those of the same examination."""
    lead = assessment.leading_report
    used: set[str] = set()
    if lead is not None:
        current = current_reports(facts.reports, facts.as_of, limits.report_window_days.span)
        joined = same_episode(lead, current.candidates, limits.report_same_episode_days.span)
        used = {report.provenance.reference for report in (lead, *joined)}
    found: list[ReadReport] = []
    count = stated_count = 0
    for report in facts.reports:
        every = [(each, False) for each in report.reading.findings] + [(each, True) for each in report.coded]
        reference = report.provenance.reference
        found.append(
            ReadReport(
                report,
                leading=lead is not None and reference == lead.provenance.reference,
                used=reference in used,
                findings=tuple((f"f{count + n}", each, coded) for n, (each, coded) in enumerate(every, 1)),
                stated=tuple((f"s{stated_count + n}", each) for n, each in enumerate(report.reading.stated, 1)),
            )
        )
        count += len(every)
        stated_count += len(report.reading.stated)
    return tuple(found)


class Used:
    """Which fired rules used which statements, and the names of the statements a rule used."""

    def __init__(self, assessments: Iterable[Assessment], reports: Iterable[ReadReport]) -> None:
        self._names: dict[_Read, str] = {}
        for one in reports:
            reference = one.report.provenance.reference
            self._names.update({(reference, finding): name for name, finding, _ in reversed(one.findings)})
            self._names.update({(reference, fact): name for name, fact in reversed(one.stated)})
        self.rules: dict[str, list[str]] = {}
        for assessment in assessments:
            for result in assessment.rules:
                for name in self.names(result.causes) if result.fired else ():
                    rules = self.rules.setdefault(name, [])
                    if result.rule_id not in rules:
                        rules.append(result.rule_id)

    def names(self, causes: Iterable[object]) -> list[str]:
        """Names of the statements among ``causes``."""
        found = []
        for cause in causes:
            match cause:
                case FindingCause(finding=finding, report=report):
                    found.append(self._names.get((report.reference, finding), ""))
                case StatedCause(fact=fact, report=report):
                    found.append(self._names.get((report.reference, fact), ""))
                case _:
                    continue
        return [name for name in dict.fromkeys(found) if name]


def cue_span(text: str, finding: TextFinding) -> Range | None:
    """Place of the word that decided the status: the last before the finding in its sentence, else the first after."""
    if not finding.cue:
        return None
    pattern = r"\s+".join(map(re.escape, finding.cue.split()))
    start = finding.sentence_span.start
    sentence = text[start : finding.sentence_span.end]
    places = [(start + m.start(), start + m.end()) for m in re.finditer(pattern, sentence, re.IGNORECASE)]
    before = [place for place in places if place[1] <= finding.span.start]
    after = [place for place in places if place[0] >= finding.span.end]
    return next(iter((*reversed(before), *after, *places)), None)


@dataclass(frozen=True, slots=True)
class _Mark:
    name: str
    start: int
    end: int
    cue: bool


def segments(text: str, marks: Iterable[tuple[str, Range, bool]]) -> list[dict[str, Any]]:
    """Cut a text where marks begin and end: pieces in order that cover all of it, each with the names over it."""
    kept = [_Mark(name, a, b, cue) for name, (a, b), cue in marks if 0 <= a < b <= len(text)]
    if len(kept) > _MOST_MARKS:
        kept = []
    cuts = sorted({0, len(text), *(mark.start for mark in kept), *(mark.end for mark in kept)})
    starts: dict[int, list[_Mark]] = {}
    for mark in kept:
        starts.setdefault(mark.start, []).append(mark)
    active: list[_Mark] = []
    pieces: list[dict[str, Any]] = []
    for start, end in pairwise(cuts):
        active = [mark for mark in active if mark.end > start] + starts.get(start, [])
        pieces.append(
            {
                "text": text[start:end],
                "start": start,
                "end": end,
                "findings": [mark.name for mark in active if not mark.cue],
                "cues": [mark.name for mark in active if mark.cue],
            }
        )
    return pieces


def _finding(name: str, finding: TextFinding, text: str, words: Words, used: Used, *, coded: bool) -> dict[str, Any]:
    place = None if coded else cue_span(text, finding)
    return {
        "id": name,
        "text": finding.text_index,
        "finding": finding.finding.value,
        "label": words.cards.name("findings", finding.finding.value),
        "status": finding.status.value,
        "statusLabel": words.name("statuses", finding.status.value),
        "kind": kind_of(finding.status),
        "certainty": finding.certainty.value,
        "levels": list(finding.levels),
        "levelLabels": [level_name(level, words) for level in finding.levels],
        "span": [finding.span.start, finding.span.end],
        "cue": finding.cue,
        "cueSpan": list(place) if place else None,
        "sentence": finding.sentence,
        "sentenceSpan": [finding.sentence_span.start, finding.sentence_span.end],
        "section": finding.section.value,
        "sectionLabel": words.name("sections", finding.section.value),
        "trend": finding.trend.value if finding.trend else None,
        "trendLabel": words.cards.name("trends", finding.trend.value) if finding.trend else "",
        "qualifiers": sorted(qualifier.value for qualifier in finding.qualifiers),
        "coded": coded,
        "rules": used.rules.get(name, []),
    }


def _stated(name: str, fact: StatedFact, words: Words, used: Used) -> dict[str, Any]:
    return {
        "id": name,
        "text": fact.text_index,
        "group": fact.group.value,
        "label": words.group(fact.group),
        "status": fact.status.value,
        "statusLabel": words.name("statuses", fact.status.value),
        "kind": kind_of(fact.status),
        "span": [fact.span.start, fact.span.end],
        "sentence": fact.sentence,
        "rules": used.rules.get(name, []),
    }


def _marks(
    index: int, findings: Sequence[Mapping[str, Any]], stated: Sequence[Mapping[str, Any]]
) -> list[tuple[str, Range, bool]]:
    marks: list[tuple[str, Range, bool]] = []
    for one in (*findings, *stated):
        if one["text"] != index or one.get("coded"):
            continue
        marks.append((one["id"], (one["span"][0], one["span"][1]), False))
        if one.get("cueSpan"):
            marks.append((one["id"], (one["cueSpan"][0], one["cueSpan"][1]), True))
    return marks


def report_view(one: ReadReport, words: Words, used: Used) -> dict[str, Any]:
    """Return one report with its texts in pieces and everything read in it."""
    report = one.report
    texts = [text.text for text in report.texts]
    findings = [
        _finding(
            name,
            finding,
            texts[finding.text_index] if finding.text_index < len(texts) else "",
            words,
            used,
            coded=coded,
        )
        for name, finding, coded in one.findings
    ]
    stated = [_stated(name, fact, words, used) for name, fact in one.stated]
    return {
        "id": report.provenance.reference,
        "title": report.title,
        "date": report.date.date().isoformat() if report.date else None,
        "status": report.status,
        "modality": report.modality.value,
        "region": report.region.value,
        "language": report.reading.language.value if report.reading.language else None,
        "leading": one.leading,
        "used": one.used,
        "texts": [
            {
                "element": text.element,
                "text": text.text,
                "segments": segments(text.text, _marks(index, findings, stated)),
            }
            for index, text in enumerate(report.texts)
        ],
        "findings": findings,
        "stated": stated,
    }
