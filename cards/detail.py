"""Writes the Markdown detail of a card: reasons first, then the sentences, values, gaps, rule and evidence behind them.

Report and chart text is untrusted; it enters only through :mod:`cards.escape`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from cards.catalogue import Catalogue
from cards.escape import markdown_text
from cards.phrases import (
    NO_VALUE,
    canonical_value,
    chart_escape,
    chart_text,
    day,
    finding_phrase,
    group_name,
    levels_text,
    missing_name,
    newest,
    number,
    source_name,
    status_word,
)
from cards.values import placeholder_values
from cards.wording import MINIMUM_LINES, Wording
from cds_service.domain.assessment import (
    Assessment,
    ChartCause,
    ConditionCause,
    FindingCause,
    LabCause,
    MedicationCause,
    OrderCause,
    PlannedCard,
    StatedCause,
)
from cds_service.domain.facts import Gap, GapCode, LabValue, Span
from cds_service.domain.vocabulary import Analyte, Lane, Language

_QUOTE = 280
_SHORT_QUOTE = 120
_QUOTES = 6
_CHART_ITEMS = 8
_GAPS = 4
_CONFLICTS = 4
_LEVELS = 4
_RULES = 8
_WHY = 3
_TEXT = 160
_SAFE_URL = re.compile(r"^https://[A-Za-z0-9._~:/?#@!$&'*+,;=%-]+$")
# What makes a report unreadable; on the card that says so these stand even when other gaps crowd the list.
_UNREAD_GAPS = frozenset(
    {
        GapCode.ATTACHMENT_UNREADABLE,
        GapCode.ATTACHMENT_TYPE,
        GapCode.REPORT_WITHOUT_TEXT,
        GapCode.REPORT_LANGUAGE_UNKNOWN,
        GapCode.REPORT_TRUNCATED,
        GapCode.RESOURCE_UNREADABLE,
    }
)
# Extra lines that say better what a marked line of the card says.
_REPLACES = {"nsaid-not-advised": "nsaid", "opioid-falls": "opioid"}
_ALWAYS_SHOWN_LABS = (Analyte.CRP, Analyte.ESR)


@dataclass(frozen=True, slots=True)
class Writing:
    """Everything the detail of one card is written from. ``text_id`` names the words chosen for the card."""

    card: PlannedCard
    text_id: str
    assessment: Assessment
    wording: Wording
    catalogue: Catalogue


def _heading(key: str, wording: Wording) -> str:
    return f"**{wording.name('headings', key)}**"


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


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
    if len(sentence) <= _QUOTE or not 0 <= start < len(sentence):
        return sentence
    begin = max(0, start - _QUOTE // 4)
    return sentence[begin:]


def quote(sentence: str, wording: Wording, limit: int = _QUOTE) -> str:
    """Quote a sentence of the record, harmless as Markdown."""
    return wording.phrase("quote", value=markdown_text(sentence, limit))


def _report_quotes(writing: Writing) -> str:
    """Each sentence once, with date, source and what was read in it."""
    wording = writing.wording
    read: dict[tuple[str, str, str], list[str]] = {}
    for cause in writing.card.causes:
        match cause:
            case FindingCause(finding=finding, report=report, reported_on=reported_on):
                sentence = _window(finding.sentence, finding.span, finding.sentence_span)
                key = sentence, day(reported_on, wording), source_name(report)
                status = status_word(finding, wording)
                phrase = finding_phrase(finding.finding, finding.levels, status, wording)
                trend = f", {wording.name('trends', finding.trend.value)}" if finding.trend else ""
                read.setdefault(key, []).append(f"{phrase}{trend}")
            case StatedCause(fact=fact, report=report):
                key = fact.sentence, wording.phrase("history"), source_name(report)
                status = wording.names["statuses"][fact.status.value]
                name = wording.name("conditions", fact.group.value)
                read.setdefault(key, []).append(f"{name} ({status})" if status else name)
            case _:
                continue
    quotes = [
        f"> {quote(sentence, wording)} – {when}, {source}: {'; '.join(dict.fromkeys(names))}"
        for (sentence, when, source), names in read.items()
    ]
    if not quotes:
        return ""
    shown = quotes[:_QUOTES]
    if len(quotes) > _QUOTES:
        shown.append(wording.phrase("more", count=str(len(quotes) - _QUOTES)))
    return "\n\n".join([_heading("report", wording), *shown])


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
    return f"{_heading('chart', wording)}\n\n{_bullets(unique)}" if unique else ""


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
    notes = [wording.phrase("fresh" if cause.fresh else "stale")]
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
    """CRP and ESR always, other values when the card rests on them."""
    wording = writing.wording
    own = [cause for cause in writing.card.causes if isinstance(cause, LabCause)]
    always = [newest((*writing.assessment.labs, *own), analyte) for analyte in _ALWAYS_SHOWN_LABS]
    rows = list(dict.fromkeys(_lab_row(cause, wording) for cause in (*always, *own) if cause is not None))
    if not rows:
        return ""
    names = [wording.name("columns", key) for key in ("test", "value", "reference", "date", "note")]
    table = [f"| {' | '.join(names)} |", "| --- | --- | --- | --- | --- |", *rows]
    return f"{_heading('labs', wording)}\n\n" + "\n".join(table)


# --- what is missing or does not agree --------------------------------------------------------------------------------


def _missing(writing: Writing) -> str:
    wording = writing.wording
    names = list(dict.fromkeys(missing_name(item, wording) for item in writing.card.missing))
    return f"{_heading('missing', wording)}: {', '.join(names)}" if names else ""


def _conflicts(writing: Writing) -> str:
    """Return all contradictions on the conflict card; elsewhere those on a finding that the card rests on."""
    card, wording = writing.card, writing.wording
    own = {cause.finding.finding for cause in card.causes if isinstance(cause, FindingCause)}
    all_of_them = card.lane is Lane.CONFLICT
    grouped: dict[str, list[str]] = {}
    for conflict in writing.assessment.conflicts:
        if all_of_them or conflict.finding in own:
            levels = levels_text(conflict.levels, wording, _LEVELS)
            finding = wording.name("findings", conflict.finding.value) if conflict.finding else ""
            grouped.setdefault(" ".join(filter(None, (finding, levels))), []).extend(conflict.sentences)
    between = f" {wording.phrase('conflict_pair')} "
    length = _QUOTE if all_of_them else _SHORT_QUOTE
    lines = [
        f"{f'{subject}: ' if subject else ''}"
        f"{between.join(quote(sentence, wording, length) for sentence in dict.fromkeys(sentences))}"
        for subject, sentences in grouped.items()
        if sentences
    ]
    return f"{_heading('conflicts', wording)}\n\n{_bullets(lines[:_CONFLICTS])}" if lines else ""


def _gap_place(gap: Gap) -> str:
    """Type and element, without the id of the resource."""
    kind = gap.resource.split("/", 1)[0]
    return markdown_text(".".join(filter(None, (kind, gap.element))), _TEXT)


def _gaps(writing: Writing) -> str:
    """Return what could not be used and may matter, each sort once; on the unread card the reports alone."""
    wording, card = writing.wording, writing.card
    gaps: Sequence[Gap] = [gap for gap in writing.assessment.gaps if gap.clinical]
    if card.lane is Lane.UNREAD:
        gaps = [gap for gap in writing.assessment.gaps if gap.code in _UNREAD_GAPS] or gaps
    counted = Counter(wording.gaps[gap.code.value].fill({"where": _gap_place(gap)}) or "" for gap in gaps)
    lines = [f"{text} (×{count})" if count > 1 else text for text, count in counted.items()]
    if not lines:
        return ""
    if len(lines) > _GAPS:
        lines = [*lines[:_GAPS], wording.phrase("more", count=str(len(lines) - _GAPS))]
    return f"{_heading('gaps', wording)}\n\n{_bullets(lines)}"


# --- the rule and the literature --------------------------------------------------------------------------------------


def _rule(writing: Writing) -> str:
    """Return lane, row, rule ids and knowledge version; in English also the rules' sentences, which are English."""
    card, wording = writing.card, writing.wording
    ids = list(dict.fromkeys(card.rule_ids))
    parts = [wording.phrase("lane", lane=wording.name("lanes", card.lane.value), row=markdown_text(card.row))]
    if ids:
        parts.append(wording.phrase("rules", ids=", ".join(markdown_text(rule) for rule in ids[:_RULES])))
    if writing.assessment.knowledge_version:
        parts.append(wording.phrase("knowledge", version=markdown_text(writing.assessment.knowledge_version)))
    line = f"{_heading('rule', wording)}: {'; '.join(parts)}"
    if wording.language is not Language.EN:
        return line
    said = {result.rule_id: result.why for result in writing.assessment.rules if result.fired and result.why}
    why = [
        f"{markdown_text(rule)}: {markdown_text(said[rule], _TEXT)}"
        for rule in dict.fromkeys((card.row, *ids))
        if rule in said
    ]
    return f"{line}\n\n{_bullets(why[:_WHY])}" if why else line


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
    return f"{_heading('evidence', wording)}\n\n{_bullets(lines)}" if lines else ""


def write_detail(writing: Writing) -> str:
    """Return the whole detail as GitHub-flavoured Markdown without headings, HTML, images or bare addresses."""
    blocks = (
        _bullets(card_lines(writing)),
        _report_quotes(writing),
        _chart_items(writing),
        _labs(writing),
        _missing(writing),
        _conflicts(writing),
        _gaps(writing),
        _rule(writing),
        _evidence(writing),
        *writing.wording.footer,
    )
    return "\n\n".join(block for block in blocks if block)
