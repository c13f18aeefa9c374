"""Rules, lanes, cards and sources of a preview in words: what fired, what did not and why, what gave way to what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from cards.catalogue import catalogue as card_catalogue
from cards.phrases import evidence_text, missing_name
from cds_service.domain.assessment import (
    Assessment,
    Cause,
    Citation,
    FindingCause,
    LaneOutcome,
    OrderCause,
    PlannedCard,
    RuleResult,
)
from cds_service.domain.facts import Conflict, Gap
from cds_service.domain.vocabulary import Language
from cds_service.hooks.preview.desk import Preview, Shown
from cds_service.hooks.preview.highlight import Used, level_name
from cds_service.hooks.preview.words import Words
from cds_service.hooks.services import SERVICES
from cds_service.rules.arbitration import unsettled
from cds_service.rules.catalogue import CatalogueEntry, EntryKind, catalogue
from cds_service.rules.lanes.row import NO_CARD
from cds_service.rules.suppression import LaneOutcomes, suppress

_MOST_CAUSES = 8


def _same(text: str) -> str:
    return text


@cache
def entries() -> Mapping[str, CatalogueEntry]:
    """Return rules, rows, order rules and the frame by id."""
    return {entry.id: entry for entry in catalogue()}


def missing_view(missing: Iterable[str], words: Words) -> list[dict[str, str]]:
    """Return facts that are unknown, with their names."""
    return [{"id": one, "label": missing_name(one, words.cards)} for one in dict.fromkeys(missing)]


# ---- rules ----


def _cause_text(cause: Cause, words: Words) -> str:
    if isinstance(cause, OrderCause):
        return cause.order.text
    return evidence_text((cause,), words.cards, card_catalogue(), _same)


def _field(entry: CatalogueEntry | None, words: Words) -> tuple[str, str]:
    if entry is None:
        return "", ""
    if entry.kind is EntryKind.ROW:
        return entry.field, words.cards.name("lanes", entry.field)
    return entry.field, words.name("fields", entry.field)


def _rule(result: RuleResult, cards: Sequence[PlannedCard], words: Words, used: Used) -> dict[str, Any]:
    entry = entries().get(result.rule_id)
    sentence, language = words.sentence(result.rule_id)
    why, why_language = words.reason(result.rule_id, result.why)
    field, field_label = _field(entry, words)
    told = [_cause_text(cause, words) for cause in result.causes if not isinstance(cause, FindingCause)]
    return {
        "id": result.rule_id,
        "kind": entry.kind.value if entry else EntryKind.RULE.value,
        "field": field,
        "fieldLabel": field_label,
        "label": sentence,
        "labelLanguage": language.value,
        "fired": result.fired,
        "why": why,
        "whyLanguage": why_language.value,
        "missing": missing_view(result.missing, words),
        "findings": used.names(result.causes),
        "causes": [text for text in dict.fromkeys(told) if text][:_MOST_CAUSES],
        "cards": [card.text_id for card in cards if result.rule_id in (*card.rule_ids, card.row)],
        "evidence": list(entry.evidence) if entry else [],
    }


def rules_view(shown: Sequence[Shown], words: Words, used: Used) -> list[dict[str, Any]]:
    """Return every rule once, those of the chart first, then those that only the orders brought."""
    cards = [card for one in shown for card in one.evaluation.assessment.cards]
    results: dict[str, RuleResult] = {}
    for one in shown:
        for result in one.evaluation.assessment.rules:
            known = results.get(result.rule_id)
            if known is None or (result.fired and not known.fired):
                results[result.rule_id] = result
    return [_rule(result, cards, words, used) for result in results.values()]


# ---- lanes ----


def _without(outcomes: LaneOutcomes, lane: LaneOutcome) -> LaneOutcomes:
    emptied = [replace(one, card=NO_CARD, indicator=None) if one.lane is lane.lane else one for one in outcomes]
    return LaneOutcomes(*emptied)


def suppressing(assessment: Assessment, lane: LaneOutcome) -> list[str]:
    """Return the lanes without whose card this one would stand, found by taking each away; all before it if none."""
    if not lane.suppressed_by or assessment.state is None or len(assessment.lanes) != len(LaneOutcomes._fields):
        return []
    outcomes = LaneOutcomes(*(replace(one, suppressed_by="") for one in assessment.lanes))
    others = [one for one in outcomes if one.lane is not lane.lane and one.card]
    place = [one.lane for one in outcomes].index(lane.lane)
    open_end = unsettled(assessment.state)
    alone = [
        one.lane.value
        for one in others
        if not suppress(_without(outcomes, one), unsettled=open_end).lanes[place].suppressed_by
    ]
    return alone or [one.lane.value for one in others if one.lane < lane.lane]


def lanes_view(assessment: Assessment, words: Words) -> list[dict[str, Any]]:
    """Return the outcome of each lane in order of precedence, with what it gave way to."""
    shown = {card.row for card in assessment.cards}
    found = []
    for lane in assessment.lanes:
        row_label, _ = words.sentence(lane.row)
        gave_way, _ = words.sentence(lane.suppressed_by) if lane.suppressed_by else ("", Language.EN)
        text = words.cards.cards.get(lane.card)
        found.append(
            {
                "lane": lane.lane.value,
                "label": words.cards.name("lanes", lane.lane.value),
                "row": lane.row,
                "rowLabel": row_label,
                "card": lane.card,
                "cardTitle": text.title if text else "",
                "indicator": lane.indicator.value if lane.indicator else None,
                "indicatorLabel": words.name("indicators", lane.indicator.value) if lane.indicator else "",
                "shown": bool(lane.card) and not lane.suppressed_by and lane.row in shown,
                "suppressedBy": lane.suppressed_by,
                "suppressedByLabel": gave_way,
                "suppressedByLanes": suppressing(assessment, lane),
            }
        )
    return found


# ---- cards ----


def card_view(one: Shown, words: Words) -> list[dict[str, Any]]:
    """Return what stands behind each card of one hook, in their order."""
    service = next(service.id for service in SERVICES if service.hook is one.hook)
    found = []
    for written in one.written:
        plan = written.plan
        sentence, _ = words.sentence(plan.row)
        found.append(
            {
                "uuid": written.card.uuid,
                "card": plan.card_id,
                "text": plan.text_id,
                "hook": one.hook.value,
                "service": service,
                "indicator": plan.indicator.value,
                "indicatorLabel": words.name("indicators", plan.indicator.value),
                "lane": plan.lane.value,
                "laneLabel": words.cards.name("lanes", plan.lane.value),
                "row": plan.row,
                "rowLabel": sentence,
                "levels": list(plan.levels),
                "levelLabels": [level_name(level, words) for level in plan.levels],
                "missing": missing_view(plan.missing, words),
                "rules": list(plan.rule_ids),
                "evidence": list(plan.evidence),
            }
        )
    return found


# ---- sources, gaps, contradictions ----


def evidence_view(preview: Preview) -> list[dict[str, str | None]]:
    """Return the references of the cards and of the rules that fired, in order of their ids."""
    wanted: set[str] = set()
    for one in preview.shown:
        assessment = one.evaluation.assessment
        wanted |= {reference for card in assessment.cards for reference in card.evidence}
        fired = [entries().get(result.rule_id) for result in assessment.rules if result.fired]
        wanted |= {reference for entry in fired if entry for reference in entry.evidence}
    known = preview.knowledge.evidence
    return [_citation(known[reference]) for reference in sorted(wanted) if reference in known]


def _citation(citation: Citation) -> dict[str, str | None]:
    return {
        "id": citation.id,
        "authors": citation.authors,
        "title": citation.title,
        "source": citation.source,
        "year": citation.year,
        "url": citation.url if (citation.url or "").startswith("https://") else None,
        "note": citation.provenance,
    }


def gaps_view(gaps: Iterable[Gap], words: Words) -> list[dict[str, Any]]:
    """Return what could not be used, in words."""
    return [
        {
            "code": gap.code.value,
            "resource": gap.resource,
            "element": gap.element,
            "clinical": gap.clinical,
            "label": words.cards.gaps[gap.code.value].fill({"where": f"{gap.resource} {gap.element}".strip()}) or "",
        }
        for gap in dict.fromkeys(gaps)
    ]


def conflicts_view(conflicts: Iterable[Conflict], words: Words) -> list[dict[str, Any]]:
    """Return contradictions with both sentences."""
    found = []
    for conflict in conflicts:
        label = words.cards.name("findings", conflict.finding.value) if conflict.finding else ""
        if conflict.analyte is not None:
            label = words.cards.name("analytes", conflict.analyte.value)
        found.append(
            {
                "kind": conflict.kind.value,
                "label": label,
                "sentences": list(conflict.sentences),
                "levelLabels": [level_name(level, words) for level in conflict.levels],
            }
        )
    return found
