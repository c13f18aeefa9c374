"""Writes what is missing, what could not be used and what contradicts itself; nothing missing is taken as normal."""

from collections.abc import Iterable, Sequence

from cards.escape import markdown_text
from cards.phrases import chart_escape, day, levels_text, missing_name
from cards.wording import Wording
from cards.writing import QUOTE, Writing, bullets, heading, quote
from cds_service.domain.assessment import FindingCause, LabCause
from cds_service.domain.facts import Conflict, ConflictKind, Gap, GapCode
from cds_service.domain.vocabulary import Analyte, Lane

_SHORT_QUOTE = 120
_GAPS = 4
_CONFLICTS = 4
_LEVELS = 4
_DRUGS = 3
_TEXT = 160
_NAME = 80
_REFERENCES = 3
# What was used all the same stands apart from what could not be used.
_USED = frozenset({GapCode.REPORT_PRELIMINARY})
# What makes a report unreadable; on the card that says so these stand even when other gaps crowd the list.
_UNREAD_GAPS = frozenset(
    {
        GapCode.ATTACHMENT_UNREADABLE,
        GapCode.ATTACHMENT_TYPE,
        GapCode.REPORT_WITHOUT_TEXT,
        GapCode.REPORT_LANGUAGE_UNKNOWN,
        GapCode.REPORT_TRUNCATED,
        GapCode.RESOURCE_UNREADABLE,
        GapCode.FOREIGN_PATIENT,
    }
)
# Lanes whose advice depends on the markers and on drugs that blunt them.
MARKER_LANES = frozenset({Lane.SAFETY, Lane.INFECTION, Lane.PLAN})
_DRUG_LANES = frozenset({Lane.INFECTION, Lane.PLAN, Lane.ORDER})
_MARKERS = (Analyte.CRP, Analyte.ESR)


def rests_on_markers(writing: Writing) -> bool:
    """Tell whether CRP and ESR bear on the advice of the card."""
    card = writing.card
    named = any(isinstance(cause, LabCause) and cause.lab.analyte in _MARKERS for cause in card.causes)
    return named or card.lane in MARKER_LANES


def missing_block(writing: Writing) -> str:
    """Return the facts that are unknown and would change or sharpen the advice."""
    wording = writing.wording
    names = list(dict.fromkeys(missing_name(item, wording) for item in writing.card.missing))
    return f"{heading('missing', wording)}: {', '.join(names)}" if names else ""


def _subject(conflict: Conflict, wording: Wording) -> str:
    """Name what two statements disagree on: finding and levels, or test and day."""
    if conflict.analyte is not None:
        return f"{wording.name('analytes', conflict.analyte)} {day(conflict.on, wording)}"
    finding = wording.name("findings", conflict.finding) if conflict.finding else ""
    return " ".join(filter(None, (finding, levels_text(conflict.levels, wording, _LEVELS))))


def conflicts_block(writing: Writing) -> str:
    """Return all contradictions of reports on the conflict card; elsewhere those on what the card rests on."""
    card, wording = writing.card, writing.wording
    if not writing.assessment.conflicts:
        return ""
    own = {cause.finding.finding for cause in card.causes if isinstance(cause, FindingCause)}
    all_of_them = card.lane is Lane.CONFLICT
    grouped: dict[str, list[str]] = {}
    for conflict in writing.assessment.conflicts:
        markers = conflict.kind is ConflictKind.LAB and rests_on_markers(writing)
        if all_of_them or markers or conflict.finding in own:
            grouped.setdefault(_subject(conflict, wording), []).extend(conflict.sentences)
    between = f" {wording.phrase('conflict_pair')} "
    length = QUOTE if all_of_them else _SHORT_QUOTE
    lines = [
        f"{f'{subject}: ' if subject else ''}"
        f"{between.join(quote(sentence, wording, length) for sentence in dict.fromkeys(sentences))}"
        for subject, sentences in grouped.items()
        if sentences
    ]
    return f"{heading('conflicts', wording)}\n\n{bullets(lines[:_CONFLICTS])}" if lines else ""


def _gap_name(gap: Gap, wording: Wording) -> str:
    """Name what a gap is about: the test, the prefetch key, or nothing where the resource says it."""
    params = dict(gap.params)
    if analyte := params.get("analyte"):
        return wording.name("analytes", analyte)
    return f"prefetch.{markdown_text(params['key'], _NAME)}" if "key" in params else ""


def _reference(gap: Gap) -> str:
    """Type and id, so that the entry can be found in the record; of the patient, who is known, the type alone."""
    kind = gap.resource.partition("/")[0]
    return markdown_text(kind if kind == "Patient" else gap.resource, _NAME)


def _gap_place(gaps: Sequence[Gap], wording: Wording) -> str:
    """Name test or prefetch key, the resources by id, and the element that all these gaps have in common."""
    found = list(dict.fromkeys(filter(None, (_reference(gap) for gap in gaps))))
    references = ", ".join(found[:_REFERENCES]) + (", …" if len(found) > _REFERENCES else "")
    name, element = _gap_name(gaps[0], wording), markdown_text(gaps[0].element, _TEXT)
    named = f"{name} ({references})" if name and references else name or references
    return ", ".join(filter(None, (named, element)))


def _gap_lines(gaps: Iterable[Gap], wording: Wording) -> list[str]:
    """Return one line for gaps of the same sort at the same element of the same kind of resource."""
    sorts: dict[tuple[str, ...], list[Gap]] = {}
    for gap in gaps:
        kind = gap.resource.partition("/")[0]
        sorts.setdefault((gap.code, kind, gap.element, _gap_name(gap, wording)), []).append(gap)
    lines = [
        (wording.gaps[code].fill({"where": _gap_place(same, wording)}) or "", len(same))
        for (code, *_), same in sorts.items()
    ]
    return [f"{text} (×{count})" if count > 1 else text for text, count in dict(lines).items()]


def _rank(gap: Gap) -> int:
    """Order of gaps: reports first, then the markers, then what belongs to the patient, then the rest."""
    if gap.resource.startswith("DiagnosticReport"):
        return 0
    if dict(gap.params).get("analyte") in _MARKERS:
        return 1
    return 2 if gap.resource.startswith("Patient") else 3


def _concerns_reports(gap: Gap) -> bool:
    return gap.code in _UNREAD_GAPS or gap.resource.startswith("DiagnosticReport")


def _unknown_drugs(writing: Writing) -> list[str]:
    names = writing.assessment.unknown_drugs if writing.card.lane in _DRUG_LANES else ()
    if not names:
        return []
    shown = ", ".join(chart_escape(name) for name in names[:_DRUGS])
    more = f" ({writing.wording.phrase('more', count=str(len(names) - _DRUGS))})" if len(names) > _DRUGS else ""
    return [writing.wording.phrase("unknown_drugs", items=f"{shown}{more}")]


def gaps_block(writing: Writing) -> str:
    """Return what could not be used and may matter, each sort once; on the unread card the reports alone."""
    if not writing.assessment.gaps and not writing.assessment.unknown_drugs:
        return ""
    wording, card = writing.wording, writing.card
    unread = card.lane is Lane.UNREAD
    listed = (gap for gap in writing.assessment.gaps if gap.clinical or (unread and gap.code in _UNREAD_GAPS))
    gaps: Sequence[Gap] = sorted(listed, key=_rank)
    if unread:
        gaps = [g for g in gaps if _concerns_reports(g)] or gaps
    lines = _gap_lines((gap for gap in gaps if gap.code not in _USED), wording)
    if len(lines) > _GAPS:
        lines = [*lines[:_GAPS], wording.phrase("more", count=str(len(lines) - _GAPS))]
    lines += _unknown_drugs(writing)
    notes = [
        f"**{wording.name('columns', 'note')}**: {line}"
        for line in _gap_lines((gap for gap in gaps if gap.code in _USED), wording)
    ]
    lost = [f"{heading('gaps', wording)}\n\n{bullets(lines)}"] if lines else []
    return "\n\n".join([*lost, *notes])
