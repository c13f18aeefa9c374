"""Findings of a reading as JSON: what is stated, and on demand where and why."""

from typing import Any

from cds_service.domain.facts import Reading, Span, TextFinding


def statements(reading: Reading, *, places: bool) -> list[dict[str, Any]]:
    """Return all findings of a reading in reading order; ``places`` adds section, cue and character ranges."""
    return [{**_stated(finding), **(_placed(finding) if places else {})} for finding in reading.findings]


def _stated(finding: TextFinding) -> dict[str, Any]:
    return {
        "finding": finding.finding.value,
        "status": finding.status.value,
        "certainty": finding.certainty.value,
        "levels": list(finding.levels),
        "qualifiers": sorted(qualifier.value for qualifier in finding.qualifiers),
        "trend": finding.trend.value if finding.trend else None,
        "percent": finding.percent,
        "millimetres": finding.millimetres,
    }


def _placed(finding: TextFinding) -> dict[str, Any]:
    return {
        "section": finding.section.value,
        "cue": finding.cue,
        "span": _range(finding.span),
        "sentence": _range(finding.sentence_span),
    }


def _range(span: Span) -> list[int]:
    return [span.start, span.end]
