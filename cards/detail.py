"""Writes the Markdown detail of a card: reasons first, then the sentences, values, gaps, rule and evidence behind them.

Report and chart text is untrusted; it enters only through :mod:`cards.escape`.
"""

import re
from datetime import date

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
    newest,
    number,
    source_name,
    status_word,
)
from cards.trend import trend_block
from cards.values import placeholder_values
from cards.wording import MINIMUM_LINES, Wording
from cards.writing import QUOTE, Writing, bullets, heading, quote
from cds_service.domain.assessment import (
    ChartCause,
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


def _own_lines(writing: Writing, values: dict[str, str]) -> list[str]:
    taken = _marks_taken_out(writing)
    lines = []
    for position, parts in enumerate(writing.wording.cards[writing.text_id].lines, start=1):
        kept = [
            part.fill(values)
            for letter, part in zip("abcdefgh", parts, strict=False)
            if not {str(position), f"{position}{letter}"} & taken
        ]
        lines.append(" ".join(filter(None, kept)))
    return [line for line in lines if line]


def _extra_line(identifier: str, wording: Wording, values: dict[str, str]) -> str:
    """Return an add-on line, or a line borrowed from another card (``C61.2``). Raises KeyError for an unknown id."""
    if identifier in wording.extra:
        return wording.extra[identifier].fill(values) or ""
    text_id, _, place = identifier.rpartition(".")
    parts = wording.cards[text_id].lines[int(place) - 1]
    return " ".join(filter(None, (part.fill(values) for part in parts)))


def card_lines(writing: Writing) -> list[str]:
    """Return the sentences of the card: what was seen, why it matters, what to consider. Never fewer than three."""
    wording, catalogue = writing.wording, writing.catalogue
    values = placeholder_values(writing.card, writing.assessment, wording, catalogue, plain=False)
    lines = _own_lines(writing, values)
    said = catalogue.says_already.get(writing.text_id, frozenset())
    extra = {key: _extra_line(key, wording, values) for key in writing.card.add_lines if key not in said}
    lead = [text for key, text in extra.items() if key in catalogue.lead]
    second = [text for key, text in extra.items() if key in catalogue.second]
    last = [text for key, text in extra.items() if key not in (*catalogue.lead, *catalogue.second)]
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


def _report_quotes(writing: Writing) -> str:
    """Each sentence once, with date, source and what was read in it."""
    wording = writing.wording
    early = {gap.resource for gap in writing.assessment.gaps if gap.code is GapCode.REPORT_PRELIMINARY}

    def source(report: Provenance) -> str:
        mark = f" ({wording.phrase('preliminary')})" if report.reference in early else ""
        return f"{source_name(report)}{mark}"

    read: dict[tuple[str, str, str], list[str]] = {}
    for cause in writing.card.causes:
        match cause:
            case FindingCause(finding=finding, report=report, reported_on=reported_on):
                sentence = _window(finding.sentence, finding.span, finding.sentence_span)
                key = sentence, day(reported_on, wording), source(report)
                status = status_word(finding, wording)
                phrase = finding_phrase(finding.finding, finding.levels, status, wording)
                trend = f", {wording.name('trends', finding.trend.value)}" if finding.trend else ""
                read.setdefault(key, []).append(f"{phrase}{trend}")
            case StatedCause(fact=fact, report=report):
                key = fact.sentence, wording.phrase("history"), source(report)
                status = wording.names["statuses"][fact.status.value]
                name = wording.name("conditions", fact.group.value)
                read.setdefault(key, []).append(f"{name} ({status})" if status else name)
            case _:
                continue
    quotes = [
        f"> {quote(sentence, wording)} – {when}, {where}: {'; '.join(dict.fromkeys(names))}"
        for (sentence, when, where), names in read.items()
    ]
    if not quotes:
        return ""
    shown = quotes[:_QUOTES]
    if len(quotes) > _QUOTES:
        shown.append(wording.phrase("more", count=str(len(quotes) - _QUOTES)))
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
        wording.name("analytes", lab.analyte.value),
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
    own = [cause for cause in writing.card.causes if isinstance(cause, LabCause)]
    always = [newest((*writing.assessment.labs, *own), analyte) for analyte in wanted]
    rows = list(dict.fromkeys(_lab_row(cause, wording) for cause in (*always, *own) if cause is not None))
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
    parts = [wording.phrase("lane", lane=wording.name("lanes", card.lane.value), row=markdown_text(card.row))]
    if ids:
        parts.append(wording.phrase("rules", ids=", ".join(markdown_text(rule) for rule in ids[:_RULES])))
    if writing.assessment.knowledge_version:
        parts.append(wording.phrase("knowledge", version=markdown_text(writing.assessment.knowledge_version)))
    line = f"{heading('rule', wording)}: {'; '.join(parts)}"
    if wording.language is not Language.EN:
        sentence = wording.rows.get(card.row)
        return f"{line}\n\n{bullets([f'{markdown_text(card.row)}: {sentence}'])}" if sentence else line
    said = {result.rule_id: result.why for result in writing.assessment.rules if result.fired and result.why}
    why = [
        f"{markdown_text(rule)}: {markdown_text(said[rule], _TEXT)}"
        for rule in dict.fromkeys((card.row, *ids))
        if rule in said
    ]
    return f"{line}\n\n{bullets(why[:_WHY])}" if why else line


def _evidence(writing: Writing) -> str:
    wording = writing.wording
    lines = []
    for identifier in dict.fromkeys(writing.card.evidence):
        citation = writing.assessment.citations.get(identifier)
        if citation is None:
            continue
        title = markdown_text(citation.title, _TEXT)
        safe = citation.url is not None and _SAFE_URL.match(citation.url)
        linked = f"[{title}]({citation.url})" if safe else title
        origin = ", ".join(filter(None, (markdown_text(citation.source, _TEXT), markdown_text(citation.year))))
        recheck = f" – {wording.phrase('recheck')}" if citation.verify or citation.provenance == "K" else ""
        lines.append(f"{linked}{' – ' + origin if origin else ''}{recheck}")
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
