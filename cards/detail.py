"""Writes the Markdown detail of a card: reasons first, then the sentences, values, gaps, rule and evidence behind them.

Report and chart text is untrusted; it enters only through :mod:`cards.escape`.
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from itertools import islice

from cards.doubts import conflicts_block, gaps_block, missing_block, rests_on_markers
from cards.escape import markdown_text
from cards.phrases import (
    NO_VALUE,
    canonical_value,
    chart_escape,
    chart_text,
    day,
    finding_phrase,
    group_name,
    number,
    source_name,
    status_word,
)
from cards.template import Template
from cards.text_file import MINIMUM_LINES
from cards.trend import trend_block
from cards.values import placeholder_values
from cards.wording import Wording
from cards.writing import QUOTE, Writing, bullets, heading, quote
from cds_service.domain.assessment import (
    ChartCause,
    Citation,
    ConditionCause,
    FindingCause,
    LabCause,
    MedicationCause,
    OrderCause,
    StatedCause,
)
from cds_service.domain.facts import GapCode, LabValue, Provenance, Span
from cds_service.domain.vocabulary import Analyte, Lane, Language

_QUOTES = 6
_CHART_ITEMS = 8
_RULES = 8
_WHY = 3
_TEXT = 160
_CITATIONS = 1024
_SAFE_URL = re.compile(r"^https://[A-Za-z0-9._~:/?#@!$&'*+,;=%-]+$")
# Extra lines that say better what a marked line of the card says.
_REPLACES = {
    "nsaid-not-advised": "nsaid",
    "opioid-falls": "opioid",
    "mri-just-done": "repeat",
    "mri-implant": "contrast",
    "contrast-not-advised": "contrast",
}
_ALWAYS_SHOWN_LABS = (Analyte.CRP, Analyte.ESR)
_TUMOR_LABS = (
    Analyte.HEMOGLOBIN,
    Analyte.PLATELETS,
    Analyte.CALCIUM,
    Analyte.CALCIUM_IONISED,
    Analyte.CREATININE,
    Analyte.TOTAL_PROTEIN,
    Analyte.ALP,
    Analyte.LDH,
    Analyte.M_PROTEIN,
    Analyte.PSA,
)


# --- the card's own sentences -----------------------------------------------------------------------------------------


def _marks_taken_out(writing: Writing) -> frozenset[str]:
    """Lines and parts that do not stand on this card: asked for, or contradicted by another line of the card."""
    card, marked = writing.card, writing.catalogue.marked
    taken: set[str] = set()
    for dropped in card.drop_lines:
        prefix, _, place = dropped.rpartition(".")
        if prefix in (writing.text_id, card.text_id):
            taken.add(place)
        taken |= marked(writing.text_id, dropped)
    for line, replaced in _REPLACES.items():
        if line in card.add_lines:
            taken |= marked(writing.text_id, replaced)
    return frozenset(taken)


def _own_lines(writing: Writing, values: Mapping[str, str]) -> list[str]:
    taken = _marks_taken_out(writing)
    lines = []
    for position, parts in enumerate(writing.wording.cards[writing.text_id].lines, start=1):
        if taken and str(position) in taken:
            continue
        kept = [
            part.fill(values)
            for letter, part in zip("abcdefgh", parts, strict=False)
            if not taken or f"{position}{letter}" not in taken
        ]
        lines.append(" ".join(filter(None, kept)))
    return [line for line in lines if line]


def _extra_parts(identifier: str, wording: Wording) -> tuple[Template, ...]:
    """Return an add-on line, or a line borrowed from another card (``C61.2``). Raises KeyError for an unknown id."""
    if identifier in wording.extra:
        return (wording.extra[identifier],)
    text_id, _, place = identifier.rpartition(".")
    return wording.cards[text_id].lines[int(place) - 1]


def card_lines(writing: Writing) -> list[str]:
    """Return the sentences of the card: what was seen, why it matters, what to consider. Never fewer than three."""
    wording, catalogue = writing.wording, writing.catalogue
    said = catalogue.says_already.get(writing.text_id, frozenset())
    added = {key: _extra_parts(key, wording) for key in writing.card.add_lines if key not in said}
    names = wording.cards[writing.text_id].line_names.union(*(part.names for parts in added.values() for part in parts))
    values = placeholder_values(writing, names, plain=False)
    lines = _own_lines(writing, values)
    extra = {key: " ".join(filter(None, (part.fill(values) for part in parts))) for key, parts in added.items()}
    lead = [text for key, text in extra.items() if key in catalogue.lead]
    second = [text for key, text in extra.items() if key in catalogue.second]
    last = [text for key, text in extra.items() if key not in catalogue.lead and key not in catalogue.second]
    every = list(dict.fromkeys(filter(None, [*lead, *lines[:1], *second, *lines[1:], *last])))
    missing = max(0, MINIMUM_LINES - len(every))
    return [*every, *wording.fallback[:missing]]


# --- the sentences and values behind them -----------------------------------------------------------------------------


def _window(sentence: str, span: Span, sentence_span: Span) -> str:
    """Show a sentence that is too long from a little before the words that counted."""
    start = span.start - sentence_span.start
    if len(sentence) <= QUOTE or not 0 <= start < len(sentence):
        return sentence
    begin = max(0, start - QUOTE // 4)
    return sentence[begin:]


def _read_sentences(writing: Writing) -> dict[tuple[str, str, str], list[str]]:
    """Return what was read in each sentence, by sentence, date and source."""
    wording = writing.wording
    early = {gap.resource for gap in writing.assessment.gaps if gap.code is GapCode.REPORT_PRELIMINARY}
    sources: dict[str, str] = {}

    def source(report: Provenance) -> str:
        known = sources.get(report.reference)
        if known is None:
            mark = f" ({wording.phrase('preliminary')})" if report.reference in early else ""
            known = sources[report.reference] = f"{source_name(report)}{mark}"
        return known

    read: dict[tuple[str, str, str], list[str]] = {}
    for cause in writing.card.causes:
        if isinstance(cause, FindingCause):
            finding = cause.finding
            sentence = _window(finding.sentence, finding.span, finding.sentence_span)
            phrase = finding_phrase(finding.finding, finding.levels, status_word(finding, wording), wording)
            trend = f", {wording.name('trends', finding.trend)}" if finding.trend else ""
            key = sentence, day(cause.reported_on, wording), source(cause.report)
            read.setdefault(key, []).append(f"{phrase}{trend}")
        elif isinstance(cause, StatedCause):
            fact = cause.fact
            status = wording.names["statuses"][fact.status]
            name = wording.name("conditions", fact.group)
            key = fact.sentence, wording.phrase("history"), source(cause.report)
            read.setdefault(key, []).append(f"{name} ({status})" if status else name)
    return read


def _report_quotes(writing: Writing) -> str:
    """Each sentence once, with date, source and what was read in it."""
    wording = writing.wording
    read = _read_sentences(writing)
    if not read:
        return ""
    shown = [
        f"> {quote(sentence, wording)} – {when}, {where}: {'; '.join(dict.fromkeys(names))}"
        for (sentence, when, where), names in islice(read.items(), _QUOTES)
    ]
    if len(read) > _QUOTES:
        shown.append(wording.phrase("more", count=str(len(read) - _QUOTES)))
    return "\n\n".join([heading("report", wording), *shown])


def _since(start: date | None, recorded: date | None, wording: Wording) -> str:
    """Return when something began, else when it was put on record, else that no date is stated."""
    if start is not None:
        return wording.phrase("since", date=start.isoformat())
    return wording.phrase("recorded", date=recorded.isoformat()) if recorded else wording.phrase("undated")


def _chart_items(writing: Writing) -> str:
    wording = writing.wording
    items: list[str] = []
    for cause in writing.card.causes:
        match cause:
            case ConditionCause(condition=condition):
                name = chart_escape(condition.text) or group_name(condition.groups, wording) or NO_VALUE
                when = _since(condition.onset, condition.recorded, wording)
                items.append(f"{name} ({when}, {source_name(condition.provenance)})")
            case MedicationCause(medication=drug):
                when = _since(drug.start, None, wording)
                items.append(f"{chart_escape(drug.text) or NO_VALUE} ({when}, {source_name(drug.provenance)})")
            case ChartCause(kind=kind, on=on, provenance=provenance):
                label = wording.name("chart_kinds", kind)
                text = chart_text(cause, wording, chart_escape) or NO_VALUE
                items.append(f"{label}: {text} ({day(on, wording)}, {source_name(provenance)})")
            case OrderCause(order=order):
                items.append(f"{chart_escape(order.text) or NO_VALUE} ({source_name(order.provenance)})")
            case _:
                continue
    unique = list(dict.fromkeys(items))
    if len(unique) > _CHART_ITEMS:
        unique = [*unique[:_CHART_ITEMS], wording.phrase("more", count=str(len(unique) - _CHART_ITEMS))]
    return f"{heading('chart', wording)}\n\n{bullets(unique)}" if unique else ""


def _reference(lab: LabValue, wording: Wording) -> str:
    low, high = (None if bound is None else number(bound, wording) for bound in (lab.lower_normal, lab.upper_normal))
    if low is not None and high is not None:
        return wording.phrase("between", low=low, high=high)
    if high is not None:
        return wording.phrase("up_to", value=high)
    return wording.phrase("from", value=low) if low is not None else NO_VALUE


def _lab_value(lab: LabValue, wording: Wording) -> str:
    """As reported, with the canonical value where the unit was converted."""
    canonical = canonical_value(lab, wording, chart_escape)
    reported = chart_escape(lab.reported)
    if not reported or not lab.converted:
        return canonical
    return f"{reported} {wording.phrase('equals', value=canonical)}"


def _lab_note(cause: LabCause, wording: Wording) -> str:
    notes = [wording.phrase("stale" if not cause.fresh else "fresh" if cause.comparable else "not_usable")]
    if cause.lab.converted:
        notes.append(wording.phrase("converted"))
    if cause.lab.status == "preliminary":
        notes.append(wording.phrase("preliminary"))
    return "; ".join(notes)


def _lab_row(cause: LabCause, wording: Wording) -> str:
    lab = cause.lab
    cells = (
        wording.name("analytes", lab.analyte),
        _lab_value(lab, wording),
        _reference(lab, wording),
        day(lab.collected, wording),
        _lab_note(cause, wording),
    )
    return f"| {' | '.join(cells)} |"


def _labs(writing: Writing) -> str:
    """CRP and ESR always, on cards about tumours what was asked for there, other values when the card rests on them."""
    wording = writing.wording
    wanted = (*_ALWAYS_SHOWN_LABS, *(_TUMOR_LABS if writing.card.lane is Lane.MALIGNANCY else ()))
    shown = [cause for analyte in wanted if (cause := writing.newest(analyte)) is not None]
    shown += [cause for cause in writing.labs if cause not in shown]
    rows = list(dict.fromkeys(_lab_row(cause, wording) for cause in shown))
    if not rows:
        return ""
    names = [wording.name("columns", key) for key in ("test", "value", "reference", "date", "note")]
    table = [f"| {' | '.join(names)} |", "| --- | --- | --- | --- | --- |", *rows]
    return f"{heading('labs', wording)}\n\n" + "\n".join(table)


def _trend(writing: Writing) -> str:
    """Return the course of the markers where it bears on the advice: safety, infection, plan, or a card on markers."""
    return trend_block(writing.assessment.series, writing.wording) if rests_on_markers(writing) else ""


# --- the rule and the literature --------------------------------------------------------------------------------------


def _rule(writing: Writing) -> str:
    """Return lane, row, rule ids and knowledge version with the sentence of the row, in English also of the rules."""
    card, wording = writing.card, writing.wording
    ids = list(dict.fromkeys(card.rule_ids))
    row = markdown_text(card.row)
    parts = [wording.phrase("lane", lane=wording.name("lanes", card.lane), row=row)]
    if ids:
        parts.append(wording.phrase("rules", ids=", ".join(markdown_text(rule) for rule in ids[:_RULES])))
    if writing.assessment.knowledge_version:
        parts.append(wording.phrase("knowledge", version=markdown_text(writing.assessment.knowledge_version)))
    line = f"{heading('rule', wording)}: {'; '.join(parts)}"
    if wording.language is not Language.EN:
        sentence = wording.rows.get(card.row)
        return f"{line}\n\n{bullets([f'{row}: {sentence}'])}" if sentence else line
    wanted = dict.fromkeys((card.row, *ids))
    said = {
        result.rule_id: result.why
        for result in writing.assessment.rules
        if result.rule_id in wanted and result.fired and result.why
    }
    why = [f"{markdown_text(rule)}: {markdown_text(said[rule], _TEXT)}" for rule in wanted if rule in said]
    return f"{line}\n\n{bullets(why[:_WHY])}" if why else line


@lru_cache(maxsize=_CITATIONS)
def _citation_line(citation: Citation, wording: Wording) -> str:
    """Return one source with its address; the same for every card that rests on it."""
    title = markdown_text(citation.title, _TEXT)
    safe = citation.url is not None and _SAFE_URL.match(citation.url)
    linked = f"[{title}]({citation.url})" if safe else title
    origin = ", ".join(filter(None, (markdown_text(citation.source, _TEXT), markdown_text(citation.year))))
    recheck = f" – {wording.phrase('recheck')}" if citation.verify or citation.provenance == "K" else ""
    return f"{linked}{' – ' + origin if origin else ''}{recheck}"


def _evidence(writing: Writing) -> str:
    wording, citations = writing.wording, writing.assessment.citations
    named = (citations.get(identifier) for identifier in dict.fromkeys(writing.card.evidence))
    lines = [_citation_line(citation, wording) for citation in named if citation is not None]
    return f"{heading('evidence', wording)}\n\n{bullets(lines)}" if lines else ""


def write_detail(writing: Writing) -> str:
    """Return the whole detail as GitHub-flavoured Markdown without headings, HTML, images or bare addresses."""
    blocks = (
        bullets(card_lines(writing)),
        _report_quotes(writing),
        _chart_items(writing),
        _labs(writing),
        _trend(writing),
        missing_block(writing),
        conflicts_block(writing),
        gaps_block(writing),
        _rule(writing),
        _evidence(writing),
        *writing.wording.footer,
    )
    return "\n\n".join(block for block in blocks if block)
