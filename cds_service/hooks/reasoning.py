"""Everything behind a list of cards as plain JSON: what was read where, what is known, which rules fired and why."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from typing import Any

from cds_service.domain.assessment import Assessment
from cds_service.domain.facts import PatientFacts, Report, Span
from cds_service.hooks.evaluate import Evaluation


def plain(value: Any) -> Any:
    """Return ``value`` as JSON types: records as objects without empty members, sets as sorted lists."""
    if is_dataclass(value):
        return _record(value)
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, frozenset | set):
        return sorted(plain(item) for item in value)
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def _record(value: Any) -> Any:
    if isinstance(value, Span):
        return [value.start, value.end]
    members = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return {name: item for name, item in members.items() if item not in (None, "", [], {})}


def _reports(reports: Sequence[Report]) -> list[dict[str, Any]]:
    return [
        {
            "report": report.provenance.reference,
            "date": plain(report.date),
            "title": report.title,
            "modality": report.modality.value,
            "region": report.region.value,
            "language": plain(report.reading.language),
            "texts": [plain(text) for text in report.texts],
            "findings": [plain(finding) for finding in (*report.reading.findings, *report.coded)],
            "stated": [plain(fact) for fact in report.reading.stated],
            "technique": plain(report.reading.technique),
        }
        for report in reports
    ]


def _facts(facts: PatientFacts) -> dict[str, Any]:
    left_out = {"reports", "gaps", "as_of"}
    members = {f.name: plain(getattr(facts, f.name)) for f in fields(facts) if f.name not in left_out}
    return {name: value for name, value in members.items() if value not in ([], {})}


def _rules(assessment: Assessment) -> list[dict[str, Any]]:
    return [
        {
            "id": result.rule_id,
            "fired": result.fired,
            "why": result.why,
            "missing": list(result.missing),
            "causes": [plain(cause) for cause in result.causes],
        }
        for result in assessment.rules
    ]


def reasoning(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """Explain one or several evaluations of the same patient; a later one adds the rules that the first did not run."""
    if not evaluations:
        return {"note": "Nothing was evaluated: no order to look at, or the reader is not a clinician."}
    first = evaluations[0]
    known = {result.rule_id for result in first.assessment.rules}
    rules = _rules(first.assessment)
    for later in evaluations[1:]:
        rules += [rule for rule in _rules(later.assessment) if rule["id"] not in known]
    last = evaluations[-1]
    return {
        "asOf": plain(first.facts.as_of),
        "knowledgeVersion": first.assessment.knowledge_version,
        "findings": _reports(first.facts.reports),
        "facts": _facts(last.facts),
        "rules": rules,
        "variables": [plain(variable) for variable in first.assessment.variables],
        "state": plain(first.assessment.state) if first.assessment.state else {},
        "lanes": [plain(lane) for lane in first.assessment.lanes],
        "cards": [
            {"card": card.card_id, "text": card.text_id, "rules": list(card.rule_ids), "evidence": list(card.evidence)}
            for evaluation in evaluations
            for card in evaluation.assessment.cards
        ],
        "gaps": [plain(gap) for gap in last.assessment.gaps],
        "conflicts": [plain(conflict) for conflict in first.assessment.conflicts],
    }
