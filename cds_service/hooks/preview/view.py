"""The whole answer of a preview: cards as on the wire, the reasoning for programs, and the same in words for people."""

from typing import Any

from cds_service.hooks.preview.desk import Preview
from cds_service.hooks.preview.highlight import Used, read_reports, report_view
from cds_service.hooks.preview.judged import (
    card_view,
    conflicts_view,
    evidence_view,
    gaps_view,
    lanes_view,
    rules_view,
)
from cds_service.hooks.preview.spine import spine_view
from cds_service.hooks.preview.timeline import timeline_view
from cds_service.hooks.preview.words import Words, preview_words
from cds_service.hooks.reasoning import reasoning


def answer(preview: Preview) -> dict[str, Any]:
    """Return the JSON answer of a preview."""
    return {
        "cards": [written.card.to_wire() for written in preview.written],
        "reasoning": reasoning(preview.evaluations),
        "view": view(preview, preview_words()[preview.language]),
    }


def _frame(preview: Preview, words: Words) -> dict[str, Any]:
    return {
        "language": preview.language.value,
        "asOf": preview.as_of.isoformat(),
        "knowledgeVersion": preview.knowledge.version,
        "overlaid": list(preview.knowledge.thresholds.overridden),
        "source": preview.given.source,
        "note": "" if preview.shown else words.name("phrases", "nothing_evaluated"),
    }


def view(preview: Preview, words: Words) -> dict[str, Any]:
    """Return everything behind the cards in words of one language."""
    frame = _frame(preview, words)
    if not preview.shown:
        return frame | _NOTHING
    first, last = preview.shown[0].evaluation, preview.shown[-1].evaluation
    limits = preview.knowledge.thresholds
    reports = read_reports(first.facts, first.assessment, limits)
    used = Used((one.evaluation.assessment for one in preview.shown), reports)
    person, pregnancy = first.facts.demographics, first.facts.pregnancy
    return frame | {
        "patient": {
            "age": person.age,
            "sex": person.sex.value if person.sex else None,
            "sexLabel": words.name("sexes", person.sex.value) if person.sex else "",
            "pregnant": pregnancy.pregnant,
        },
        "cards": [card for one in preview.shown for card in card_view(one, words)],
        "reports": [report_view(one, words, used) for one in reports],
        "spine": spine_view(reports, words),
        "timeline": timeline_view(first.facts, reports, limits, words),
        "rules": rules_view(preview.shown, words, used),
        "lanes": lanes_view(first.assessment, words),
        "evidence": evidence_view(preview),
        "gaps": gaps_view((*first.assessment.gaps, *last.assessment.gaps, *last.facts.gaps), words),
        "conflicts": conflicts_view(first.assessment.conflicts, words),
    }


_NOTHING: dict[str, Any] = {
    "patient": {"age": None, "sex": None, "sexLabel": "", "pregnant": None},
    "cards": [],
    "reports": [],
    "spine": {"levels": [], "discs": [], "elsewhere": [], "rows": []},
    "timeline": {"asOf": "", "onset": None, "reports": [], "series": [], "rows": []},
    "rules": [],
    "lanes": [],
    "evidence": [],
    "gaps": [],
    "conflicts": [],
}
