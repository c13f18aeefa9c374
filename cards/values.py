"""Fills the placeholders of the card sentences from the params, causes, drafts and values of one planned card."""

from collections.abc import Callable, Mapping
from datetime import date

from cards.catalogue import Catalogue
from cards.phrases import (
    Escape,
    chart_escape,
    day,
    evidence_text,
    findings_text,
    history_text,
    lab_phrase,
    levels_text,
    missing_name,
    name_of,
    newest,
    number,
    summary_escape,
)
from cards.wording import Wording
from cds_service.domain.assessment import Assessment, DraftKind, ParamValue, PlannedCard
from cds_service.domain.vocabulary import Analyte, OrderKind

_LEVELS = 2
# Sorts of order that have a name of their own on the card "not suggested by this service".
_NAMED_ORDERS = (OrderKind.SHOCK_WAVE, OrderKind.HYPERBARIC_OXYGEN, OrderKind.ILOPROST, OrderKind.CALCITONIN)


def _period(start: ParamValue | None, end: ParamValue | None, wording: Wording) -> str:
    if not isinstance(start, date):
        return ""
    if not isinstance(end, date) or end == start:
        return day(start, wording)
    return wording.phrase("period", start=day(start, wording), end=day(end, wording))


def draft_period(card: PlannedCard, wording: Wording, *kinds: DraftKind) -> str:
    """When the first draft of these kinds falls due; empty when none is dated."""
    dated = (draft for draft in card.drafts if draft.kind in kinds and draft.occurrence is not None)
    return next((_period(draft.occurrence, draft.occurrence_end, wording) for draft in dated), "")


def _sins(params: Mapping[str, ParamValue], wording: Wording) -> tuple[str, str]:
    """SINS for a sentence and for the summary; both empty when it was not computed."""
    score = params.get("sins_min")
    if score is None:
        return "", ""
    missing = params.get("sins_missing")
    if not isinstance(missing, tuple) or not missing:
        return str(score), str(score)
    items = ", ".join(name_of(item, wording, "sins") for item in missing)
    long = f"{wording.phrase('at_least', count=str(score))} ({wording.phrase('items_missing', items=items)})"
    return long, f"≥{score}"


def _reason_values(params: Mapping[str, ParamValue], wording: Wording, escape: Escape) -> dict[str, str]:
    """Values inside reason texts: numbers in the notation of the language."""
    values: dict[str, str] = {}
    for key in ("age", "egfr", "glucose", "inr", "platelets", "weeks"):
        value = params.get(key)
        if isinstance(value, int | float):
            values[key] = number(value, wording)
        elif isinstance(value, str):
            values[key] = escape(value)
    return values


def _reason_words(identifier: str, values: Mapping[str, str], wording: Wording, *, short: bool) -> str:
    reason = wording.reasons.get(identifier)
    if reason is None:
        return name_of(identifier, wording, "missing")
    template = reason.short if short else reason.detail
    return template.fill(values) or name_of(identifier, wording, "missing")


def _reasons(params: Mapping[str, ParamValue], wording: Wording, escape: Escape) -> tuple[str, str]:
    """Return the reason in a few words and all reasons in sentences; both empty when none is given."""
    first, also = params.get("reason"), params.get("also")
    every = [item for item in (first, *(also if isinstance(also, tuple) else ())) if isinstance(item, str) and item]
    if not every:
        return "", ""
    values = _reason_values(params, wording, escape)
    detail = "; ".join(_reason_words(identifier, values, wording, short=False) for identifier in every)
    return _reason_words(every[0], values, wording, short=True), detail


def _draft_reasons(params: Mapping[str, ParamValue], wording: Wording, escape: Escape) -> dict[str, str]:
    """Return why drafts of the card were replaced or left out, each in a few words."""
    values = _reason_values(params, wording, escape)
    given = {key: params.get(key) for key in ("contrast_reason", "kidney_reason", "needle_reason", "scan_reason")}
    return {
        key: _reason_words(identifier, values, wording, short=True)
        for key, identifier in given.items()
        if isinstance(identifier, str) and identifier
    }


def _listed(value: ParamValue | None, translate: Callable[[str], str]) -> str:
    if isinstance(value, str) and value:
        return translate(value)
    return ", ".join(translate(item) for item in value) if isinstance(value, tuple) else ""


def _order_name(card: PlannedCard, wording: Wording, escape: Escape) -> str:
    """Name of the looked-at order: its sort where that has a name, else the words of the order."""
    kinds = card.order.kinds if card.order else frozenset[OrderKind]()
    for kind in _NAMED_ORDERS:
        if kind in kinds:
            return wording.name("orders", kind.value)
    written = _listed(card.params.get("order"), escape)
    return written or wording.name("orders", OrderKind.OTHER.value)


def _lab_values(card: PlannedCard, assessment: Assessment, wording: Wording, escape: Escape) -> dict[str, str]:
    values: dict[str, str] = {}
    for key, analyte in (("crp", Analyte.CRP), ("esr", Analyte.ESR)):
        cause = newest((*assessment.labs, *card.causes), analyte)
        if cause is not None:
            values[key] = lab_phrase(cause, wording, escape, dated=True)
            values[f"{key}_short"] = lab_phrase(cause, wording, escape, dated=False)
    return values


def _unsized(assessment: Assessment, wording: Wording, escape: Escape) -> str:
    """Return current results that cannot be held against a limit, with the name of the test."""
    open_ended = (cause for cause in assessment.labs if not cause.comparable)
    return ", ".join(
        f"{wording.name('analytes', c.lab.analyte.value)} {lab_phrase(c, wording, escape, dated=True)}"
        for c in open_ended
    )


def placeholder_values(
    card: PlannedCard, assessment: Assessment, wording: Wording, catalogue: Catalogue, *, plain: bool
) -> dict[str, str]:
    """Every placeholder that has a value, escaped for the summary (``plain``) or for the Markdown detail."""
    escape = summary_escape if plain else chart_escape
    params = card.params
    sins, sins_short = _sins(params, wording)
    reason, reason_detail = _reasons(params, wording, escape)
    onset = params.get("onset_weeks")
    when = params.get("date")
    finding_word = params.get("finding_word")
    follow_up_mri = (DraftKind.MRI_FOLLOW_UP, DraftKind.MRI_FOLLOW_UP_NATIVE)
    values = {
        "finding": wording.name("finding_words", finding_word if isinstance(finding_word, str) else "vertebral_lesion"),
        "level": levels_text(card.levels, wording, _LEVELS),
        "evidence": evidence_text(card.causes, wording, catalogue, escape),
        "findings": findings_text(card.causes, wording, catalogue),
        "history": history_text(card.causes, wording, escape),
        "sins": sins,
        "sins_short": sins_short,
        "of": _listed(params.get("of"), escape),
        "ddx": _listed(params.get("ddx"), lambda item: name_of(item, wording, "ddx", "findings", "conditions")),
        "missing": _listed(params.get("missing"), lambda item: missing_name(item, wording)),
        "mask": _listed(params.get("mask"), escape),
        "outside": _listed(params.get("outside"), lambda item: wording.phrase("quote", value=escape(item))),
        "thinner": _listed(params.get("thinner"), escape),
        "unsized": _unsized(assessment, wording, escape),
        "organism": _listed(params.get("organism"), escape),
        "device": _listed(params.get("device"), escape),
        "source": _listed(params.get("source"), lambda item: name_of(item, wording, "analytes")),
        "order": _order_name(card, wording, escape),
        "date": day(when, wording) if isinstance(when, date) else "",
        "visit": _period(params.get("visit"), params.get("visit_end"), wording)
        or draft_period(card, wording, DraftKind.FOLLOW_UP_VISIT),
        "mri": _period(params.get("mri"), params.get("mri_end"), wording)
        or draft_period(card, wording, *follow_up_mri),
        "recheck": draft_period(card, wording, DraftKind.CRP_ESR_RECHECK),
        "onset": wording.phrase("weeks", count=str(onset)) if isinstance(onset, int) else "",
        "course": _listed(params.get("course"), lambda item: name_of(item, wording, "courses")),
        "reason": reason,
        "reason_detail": reason_detail,
        **_draft_reasons(params, wording, escape),
        **_reason_values(params, wording, escape),
        **_lab_values(card, assessment, wording, escape),
    }
    return {key: value for key, value in values.items() if value}
