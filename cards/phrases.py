"""Puts facts into words: findings with levels and status, laboratory values, history, dates."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

from cards.catalogue import Catalogue
from cards.escape import ELLIPSIS, markdown_text, plain_text
from cards.wording import VALUE_LENGTH, Wording
from cds_service.domain.assessment import (
    Cause,
    ChartCause,
    ConditionCause,
    FindingCause,
    LabCause,
    MedicationCause,
    StatedCause,
)
from cds_service.domain.facts import LabValue, Provenance, TextFinding
from cds_service.domain.vocabulary import Analyte, Certainty, ConditionGroup, FindingId, Status

_THORACIC = re.compile(r"\bT(?=\d)")
_VERTEBRAE = tuple(
    f"{region}{n}" for region, last in (("C", 7), ("T", 12), ("L", 5), ("S", 5)) for n in range(1, last + 1)
)
_NEXT_BELOW = dict(pairwise(_VERTEBRAE))
_SACRUM = frozenset({"S", "SACRUM"})
_LEVEL_LENGTH = 20
_LEVELS_IN_EVIDENCE = 3
_EVIDENCE_ITEMS = 5
_CHART_PLACES = 2
_CHART_TEXT = 70
_SEVERAL = 2
# findings and levels in words that are kept: names of the vocabulary, nothing of a patient
_REMEMBERED = 4096
_STATED = frozenset({Status.PRESENT, Status.POSSIBLE})
# UCUM units whose usual print form differs; every other unit is shown as it is.
_UNITS = {
    "Cel": "°C",
    "10*9/L": "×10⁹/L",
    "10*3/uL": "×10³/µL",
    "{ratio}": "",
    "1": "",
    "mL/min/{1.73_m2}": "mL/min/1.73 m²",
}
_GROUP_ORDER = {group: index for index, group in enumerate(ConditionGroup)}
# Chart facts whose text is a word of the rules, not of the record.
_NAMED_STATES = {
    ("pregnancy", "pregnant"): ConditionGroup.PREGNANCY,
    ("pregnancy", "postpartum"): ConditionGroup.POSTPARTUM,
}

NO_VALUE = "–"

Escape = Callable[[str], str]
# A finding with the word for its status; the word is empty for a plain statement.
_Stated: TypeAlias = tuple[FindingId, str]


def chart_escape(text: str) -> str:
    """Untrusted text for the detail."""
    return markdown_text(text, _CHART_TEXT)


def summary_escape(text: str) -> str:
    """Untrusted text for the summary."""
    return plain_text(text, VALUE_LENGTH)


def day(moment: date | datetime | None, wording: Wording) -> str:
    """ISO 8601 day, or the words for "not stated"."""
    if moment is None:
        return wording.phrase("undated")
    return (moment.date() if isinstance(moment, datetime) else moment).isoformat()


def _without_repeats(levels: Sequence[str]) -> list[str]:
    """Levels once each; a segment says nothing new where both its vertebrae are named."""
    named = set(levels)
    return [level for level in dict.fromkeys(levels) if "-" not in level or not named.issuperset(level.split("-"))]


def _runs(levels: Sequence[str]) -> list[tuple[str, str]]:
    """Return neighbouring vertebrae as first and last of a run; everything else is a run of its own."""
    runs: list[tuple[str, str]] = []
    for level in levels:
        follows = runs and _NEXT_BELOW.get(runs[-1][1]) == level
        if follows:
            runs[-1] = runs[-1][0], level
        else:
            runs.append((level, level))
    return runs


def _shown_levels(levels: Sequence[str], wording: Wording) -> list[str]:
    """Return levels in the notation of the language; three and more neighbours are written ``T9-T12``."""
    shown: list[str] = []
    for first, last in _runs(levels):
        if first == last:
            shown.append(_level_name(first, wording))
        elif _NEXT_BELOW.get(first) == last:
            shown += [_level_name(first, wording), _level_name(last, wording)]
        else:
            shown.append(f"{_level_name(first, wording)}-{_level_name(last, wording)}")
    return shown


def _level_name(level: str, wording: Wording) -> str:
    """Return a level in the notation of the language; the sacrum as a whole has a word."""
    if level.upper() in _SACRUM:
        return wording.name("regions", "S")
    return _THORACIC.sub(wording.thoracic, plain_text(level, _LEVEL_LENGTH))


@lru_cache(maxsize=_REMEMBERED)
def levels_text(levels: tuple[str, ...], wording: Wording, limit: int) -> str:
    """Return the first ``limit`` levels, the rest as an ellipsis; empty when there is none."""
    shown = _shown_levels(_without_repeats(levels), wording)
    return ", ".join(shown[:limit]) + (ELLIPSIS if len(shown) > limit else "")


def number(value: float, wording: Wording) -> str:
    """At most three decimals, in the notation of the language."""
    return f"{value:.3f}".rstrip("0").rstrip(".").replace(".", wording.decimal)


def unit_text(unit: str) -> str:
    """Return a UCUM unit as it is usually printed."""
    return _UNITS.get(unit, unit)


def canonical_value(lab: LabValue, wording: Wording, escape: Escape) -> str:
    """Value with comparator and unit in the canonical unit, or the text or polarity of a qualitative result."""
    if lab.value is not None:
        comparator = lab.comparator.value if lab.comparator else ""
        return f"{comparator}{number(lab.value, wording)} {escape(unit_text(lab.unit))}".strip()
    if lab.text:
        return escape(lab.text)
    if lab.positive is None:
        return escape(lab.reported) or NO_VALUE
    return wording.phrase("positive" if lab.positive else "negative")


def as_reported(lab: LabValue, wording: Wording) -> str:
    """Value and unit as received, with the canonical value beside it where the unit is another one."""
    canonical = canonical_value(lab, wording, chart_escape)
    reported = chart_escape(lab.reported)
    if not reported or reported == canonical or lab.reported.endswith(f" {lab.unit}"):
        return canonical
    return f"{reported} ({wording.phrase('equals', value=canonical)})"


def lab_phrase(cause: LabCause, wording: Wording, escape: Escape, *, dated: bool) -> str:
    """Return a value for a sentence: ``48 mg/L (2026-01-30)``, with a word when it is too old to count."""
    value = canonical_value(cause.lab, wording, escape)
    if not dated:
        return value
    notes = [day(cause.lab.collected, wording), *([] if cause.fresh else [wording.phrase("outdated")])]
    return f"{value} ({', '.join(notes)})"


def newest(causes: Iterable[LabCause], analyte: Analyte) -> LabCause | None:
    """Return the value of an analyte that counts: current ones first, then the latest; undated ones last."""
    found = [cause for cause in causes if cause.lab.analyte is analyte]
    if len(found) < _SEVERAL:
        return found[0] if found else None

    def rank(cause: LabCause) -> tuple[bool, str]:
        return cause.fresh, cause.lab.collected.isoformat() if cause.lab.collected else ""

    return max(found, key=rank, default=None)


def status_word(finding: TextFinding, wording: Wording) -> str:
    """Possible, probable, denied and so on; empty for a plain statement."""
    if finding.status is Status.PRESENT and finding.certainty is Certainty.PROBABLE:
        return wording.name("statuses", "probable")
    if finding.certainty is Certainty.UNLIKELY:
        return wording.name("statuses", "unlikely")
    return wording.names["statuses"][finding.status]


@lru_cache(maxsize=_REMEMBERED)
def finding_phrase(finding: FindingId, levels: tuple[str, ...], status: str, wording: Wording) -> str:
    """``disc fluid L4-L5 (possible)``."""
    where = levels_text(levels, wording, _LEVELS_IN_EVIDENCE)
    name = wording.name("findings", finding)
    return f"{name}{' ' + where if where else ''}{f' ({status})' if status else ''}"


def _says_nothing_new(key: _Stated, stated: set[_Stated], catalogue: Catalogue) -> bool:
    """Tell whether the same finding is plainly stated, or one that includes it is stated as firmly."""
    finding, status = key
    if status and (finding, "") in stated:
        return True
    return any((other, "") in stated or (other, status) in stated for other in catalogue.included_in(finding))


def finding_phrases(causes: Iterable[Cause], wording: Wording, catalogue: Catalogue) -> list[str]:
    """Return findings that a report states, most important first, each once with all its levels.

    Left out for a level: what is stated there and elsewhere only possible, and what a named finding includes.
    """
    merged: dict[_Stated, list[str]] = {}
    stated: dict[str, set[_Stated]] = {}
    for cause in causes:
        if isinstance(cause, FindingCause) and cause.finding.status in _STATED:
            key = cause.finding.finding, status_word(cause.finding, wording)
            places = cause.finding.levels or ("",)
            merged.setdefault(key, []).extend(places)
            for level in places:
                stated.setdefault(level, set()).add(key)
    last = len(catalogue.importance)
    phrases = []
    for key in sorted(merged, key=lambda key: (catalogue.importance.get(key[0], last), bool(key[1]))):
        levels = [level for level in merged[key] if not _says_nothing_new(key, stated[level], catalogue)]
        if levels:
            phrases.append(finding_phrase(key[0], tuple(filter(None, dict.fromkeys(levels))), key[1], wording))
    return phrases


def group_name(groups: Iterable[ConditionGroup], wording: Wording) -> str:
    """Name of the first known group of a problem; empty when it has none."""
    known = sorted(groups, key=_GROUP_ORDER.__getitem__)
    return wording.name("conditions", known[0]) if known else ""


def chart_text(cause: ChartCause, wording: Wording, escape: Escape) -> str:
    """Return what the chart says; a state that the rules themselves name is put into the language of the card."""
    group = _NAMED_STATES.get((cause.kind, cause.text))
    return wording.name("conditions", group) if group else escape(cause.text)


def _chart_phrase(cause: Cause, wording: Wording, escape: Escape) -> str:
    """Return a chart fact in a few words of the card's language; empty for what has no place in a sentence."""
    match cause:
        case ConditionCause(condition=condition):
            return group_name(condition.groups, wording) or escape(condition.text)
        case StatedCause(fact=fact) if fact.status in _STATED:
            possible = wording.name("statuses", "possible")
            name = wording.name("conditions", fact.group)
            return f"{name} ({possible})" if fact.status is Status.POSSIBLE else name
        case LabCause(lab=lab) if lab.analyte not in (Analyte.CRP, Analyte.ESR):
            return f"{wording.name('analytes', lab.analyte)} {lab_phrase(cause, wording, escape, dated=True)}"
        case MedicationCause(medication=medication):
            return escape(medication.text)
        case ChartCause(kind=kind, text=text):
            # a bare number says nothing; a procedure or an implant speaks for itself
            words = chart_text(cause, wording, escape)
            return f"{wording.name('chart_kinds', kind)} {words}" if text.isdigit() else words
        case _:
            return ""


def evidence_text(causes: Sequence[Cause], wording: Wording, catalogue: Catalogue, escape: Escape) -> str:
    """Return what was seen, in one phrase: findings first, then chart facts; empty when there is nothing to name."""
    return seen_text(finding_phrases(causes, wording, catalogue), causes, wording, escape)


def seen_text(findings: Sequence[str], causes: Sequence[Cause], wording: Wording, escape: Escape) -> str:
    """Return the same where the ``findings`` of the causes are in words already."""
    chart = [_chart_phrase(cause, wording, escape) for cause in causes]
    others = [item for item in dict.fromkeys(filter(None, chart)) if item not in findings]
    # chart facts keep a place beside a long list of findings: they may be what the card rests on
    shown = list(findings[: _EVIDENCE_ITEMS - min(len(others), _CHART_PLACES)])
    shown += others[: _EVIDENCE_ITEMS - len(shown)]
    hidden = len(findings) + len(others) - len(shown)
    return "; ".join([*shown, wording.phrase("more", count=str(hidden))] if hidden else shown)


def findings_text(findings: Sequence[str], wording: Wording) -> str:
    """Return the findings of the report alone, in one phrase; empty when there is none."""
    hidden = len(findings) - _EVIDENCE_ITEMS
    more = [wording.phrase("more", count=str(hidden))] if hidden > 0 else []
    return "; ".join([*findings[:_EVIDENCE_ITEMS], *more])


def history_text(causes: Sequence[Cause], wording: Wording, escape: Escape) -> str:
    """Charted and stated history in one phrase; charted problems keep their own words and year."""
    items: list[str] = []
    for cause in causes:
        match cause:
            case ConditionCause(condition=condition):
                known = condition.onset or condition.recorded
                name = escape(condition.text) or group_name(condition.groups, wording)
                items.append(f"{name} ({known.year})" if known else name)
            case StatedCause() | ChartCause() | MedicationCause():
                items.append(_chart_phrase(cause, wording, escape))
            case _:
                continue
    return "; ".join(list(dict.fromkeys(filter(None, items)))[:_EVIDENCE_ITEMS])


def name_of(identifier: str, wording: Wording, *sections: str) -> str:
    """Display name of an id from the first section that knows it, tried as written, in lower and in upper case."""
    for section in sections:
        names = wording.names[section]
        for key in (identifier, identifier.lower().replace("-", "_"), identifier.upper()):
            if key in names:
                return names[key]
    return plain_text(identifier.replace("-", " ").replace("_", " "), 60)


def missing_name(identifier: str, wording: Wording) -> str:
    """Name of a missing fact."""
    return name_of(identifier, wording, "missing", "analytes", "findings", "conditions")


def source_name(reference: Provenance) -> str:
    """Where a fact stands; the record of the patient itself is named without its id."""
    kind = reference.reference.split("/", 1)[0]
    return markdown_text(kind if kind == "Patient" else reference.reference, 90)
