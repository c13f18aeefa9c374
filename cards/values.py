"""Fills the placeholders of the card sentences from the params, causes, drafts and values of one planned card."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

from cards.phrases import (
    Escape,
    chart_escape,
    day,
    findings_text,
    history_text,
    lab_phrase,
    levels_text,
    missing_name,
    name_of,
    number,
    seen_text,
    summary_escape,
)
from cards.wording import Wording
from cards.writing import Writing
from cds_service.domain.assessment import DraftKind, ParamValue, PlannedCard
from cds_service.domain.vocabulary import Analyte, OrderKind

_LEVELS: Final = 2
# Sorts of order that have a name of their own on the card "not suggested by this service".
_NAMED_ORDERS: Final = (OrderKind.SHOCK_WAVE, OrderKind.HYPERBARIC_OXYGEN, OrderKind.ILOPROST, OrderKind.CALCITONIN)


class Filling:
    """What the placeholders of one card are filled from, escaped for the summary (``plain``) or the Markdown detail."""

    __slots__ = ("card", "escape", "params", "wording", "writing")

    def __init__(self, writing: Writing, *, plain: bool) -> None:
        self.writing: Final = writing
        self.card: Final = writing.card
        self.params: Final = writing.card.params
        self.wording: Final = writing.wording
        self.escape: Final[Escape] = summary_escape if plain else chart_escape

    def charted(self, key: str) -> str:
        """Return a param, or its items, as charted."""
        return _listed(self.params.get(key), self.escape)

    def named(self, key: str, *sections: str) -> str:
        """Return a param, or its items, by the names that the language has for them."""
        return _listed(self.params.get(key), lambda item: name_of(item, self.wording, *sections))

    def period(self, start: str, end: str, *kinds: DraftKind) -> str:
        """Return the time that two params tell, else that of the first dated draft of these kinds."""
        told = _period(self.params.get(start), self.params.get(end), self.wording)
        return told or draft_period(self.card, self.wording, *kinds)


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


def _listed(value: ParamValue | None, translate: Callable[[str], str]) -> str:
    if isinstance(value, str) and value:
        return translate(value)
    return ", ".join(translate(item) for item in value) if isinstance(value, tuple) else ""


def _finding(filling: Filling) -> str:
    word = filling.params.get("finding_word")
    return filling.wording.name("finding_words", word if isinstance(word, str) else "vertebral_lesion")


def _sins(filling: Filling) -> str:
    """SINS for a sentence; empty when it was not computed."""
    score, wording = filling.params.get("sins_min"), filling.wording
    missing = filling.params.get("sins_missing")
    if score is None or not isinstance(missing, tuple) or not missing:
        return "" if score is None else str(score)
    items = ", ".join(name_of(item, wording, "sins") for item in missing)
    return f"{wording.phrase('at_least', count=str(score))} ({wording.phrase('items_missing', items=items)})"


def _sins_short(filling: Filling) -> str:
    score, missing = filling.params.get("sins_min"), filling.params.get("sins_missing")
    if score is None:
        return ""
    return f"≥{score}" if isinstance(missing, tuple) and missing else str(score)


def _outside(filling: Filling) -> str:
    return _listed(
        filling.params.get("outside"), lambda item: filling.wording.phrase("quote", value=filling.escape(item))
    )


def _missing(filling: Filling) -> str:
    return _listed(filling.params.get("missing"), lambda item: missing_name(item, filling.wording))


def _order(filling: Filling) -> str:
    """Name of the looked-at order: its sort where that has a name, else the words of the order."""
    order = filling.card.order
    for kind in _NAMED_ORDERS if order else ():
        if order and kind in order.kinds:
            return filling.wording.name("orders", kind)
    return filling.charted("order") or filling.wording.name("orders", OrderKind.OTHER)


def _date(filling: Filling) -> str:
    when = filling.params.get("date")
    return day(when, filling.wording) if isinstance(when, date) else ""


def _onset(filling: Filling) -> str:
    onset = filling.params.get("onset_weeks")
    return filling.wording.phrase("weeks", count=str(onset)) if isinstance(onset, int) else ""


def _reason_value(filling: Filling, key: str) -> str:
    """Value inside a reason text: a number in the notation of the language."""
    value = filling.params.get(key)
    if isinstance(value, int | float):
        return number(value, filling.wording)
    return filling.escape(value) if isinstance(value, str) else ""


def _reason_words(identifier: str, filling: Filling, *, short: bool) -> str:
    wording = filling.wording
    reason = wording.reasons.get(identifier)
    if reason is None:
        return name_of(identifier, wording, "missing")
    template = reason.short if short else reason.detail
    values = {name: _reason_value(filling, name) for name in template.names}
    return template.fill(values) or name_of(identifier, wording, "missing")


def _every_reason(filling: Filling) -> list[str]:
    first, also = filling.params.get("reason"), filling.params.get("also")
    return [item for item in (first, *(also if isinstance(also, tuple) else ())) if isinstance(item, str) and item]


def _reason(filling: Filling) -> str:
    """Return the first reason in a few words; empty when none is given."""
    every = _every_reason(filling)
    return _reason_words(every[0], filling, short=True) if every else ""


def _reason_detail(filling: Filling) -> str:
    return "; ".join(_reason_words(identifier, filling, short=False) for identifier in _every_reason(filling))


def _draft_reason(filling: Filling, key: str) -> str:
    """Return in a few words why a draft of the card was replaced or left out."""
    identifier = filling.params.get(key)
    return _reason_words(identifier, filling, short=True) if isinstance(identifier, str) and identifier else ""


def _lab(filling: Filling, analyte: Analyte, *, dated: bool) -> str:
    cause = filling.writing.newest(analyte)
    return "" if cause is None else lab_phrase(cause, filling.wording, filling.escape, dated=dated)


def _unsized(filling: Filling) -> str:
    """Return current results that cannot be held against a limit, with the name of the test."""
    wording, escape = filling.wording, filling.escape
    return ", ".join(
        f"{wording.name('analytes', cause.lab.analyte)} {lab_phrase(cause, wording, escape, dated=True)}"
        for cause in filling.writing.assessment.labs
        if not cause.comparable
    )


_FILLERS: Final[Mapping[str, Callable[[Filling], str]]] = MappingProxyType(
    {
        "finding": _finding,
        "level": lambda one: levels_text(one.card.levels, one.wording, _LEVELS),
        "evidence": lambda one: seen_text(one.writing.findings, one.card.causes, one.wording, one.escape),
        "findings": lambda one: findings_text(one.writing.findings, one.wording),
        "history": lambda one: history_text(one.card.causes, one.wording, one.escape),
        "sins": _sins,
        "sins_short": _sins_short,
        "of": lambda one: one.charted("of"),
        "ddx": lambda one: one.named("ddx", "ddx", "findings", "conditions"),
        "missing": _missing,
        "mask": lambda one: one.charted("mask"),
        "outside": _outside,
        "thinner": lambda one: one.charted("thinner"),
        "unsized": _unsized,
        "organism": lambda one: one.charted("organism"),
        "device": lambda one: one.charted("device"),
        "source": lambda one: one.named("source", "analytes"),
        "order": _order,
        "date": _date,
        "visit": lambda one: one.period("visit", "visit_end", DraftKind.FOLLOW_UP_VISIT),
        "mri": lambda one: one.period("mri", "mri_end", DraftKind.MRI_FOLLOW_UP, DraftKind.MRI_FOLLOW_UP_NATIVE),
        "recheck": lambda one: draft_period(one.card, one.wording, DraftKind.CRP_ESR_RECHECK),
        "onset": _onset,
        "course": lambda one: one.named("course", "courses"),
        "reason": _reason,
        "reason_detail": _reason_detail,
        "contrast_reason": lambda one: _draft_reason(one, "contrast_reason"),
        "kidney_reason": lambda one: _draft_reason(one, "kidney_reason"),
        "needle_reason": lambda one: _draft_reason(one, "needle_reason"),
        "scan_reason": lambda one: _draft_reason(one, "scan_reason"),
        "egfr": lambda one: _reason_value(one, "egfr"),
        "weeks": lambda one: _reason_value(one, "weeks"),
        "crp": lambda one: _lab(one, Analyte.CRP, dated=True),
        "crp_short": lambda one: _lab(one, Analyte.CRP, dated=False),
        "esr": lambda one: _lab(one, Analyte.ESR, dated=True),
        "esr_short": lambda one: _lab(one, Analyte.ESR, dated=False),
    }
)


def placeholder_values(writing: Writing, names: Iterable[str], *, plain: bool) -> dict[str, str]:
    """Return what the placeholders of these ``names`` stand for, without those that have no value.

    Escaped for the summary (``plain``) or for the Markdown detail. Raises KeyError for an unknown name.
    """
    filling = Filling(writing, plain=plain)
    values = {name: _FILLERS[name](filling) for name in names}
    return {name: value for name, value in values.items() if value}
