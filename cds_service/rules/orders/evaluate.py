"""Runs the order rules over the drafts: one answer for each row and order, one card for several alike drafts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from cds_service.domain.assessment import (
    Cause,
    Draft,
    DraftKind,
    OrderCause,
    ParamValue,
    PlannedCard,
    RuleResult,
    StateVariable,
)
from cds_service.domain.facts import PatientFacts, Report
from cds_service.domain.state import LaneState
from cds_service.domain.vocabulary import Lane
from cds_service.knowledge.thresholds import Thresholds
from cds_service.rules.orders.catalogue import ROWS
from cds_service.rules.orders.chart import without_old_reports
from cds_service.rules.orders.order_rule import (
    Advice,
    LaneDecision,
    OrderContext,
    OrderOutcome,
    OrderRow,
    OrderRule,
    Window,
)
from cds_service.rules.reports import in_window, is_readable, passes_gate


@dataclass(frozen=True, slots=True)
class _Fired:
    rule: OrderRule
    advice: Advice


def evaluate_orders(
    facts: PatientFacts,
    state: LaneState,
    decision: LaneDecision,
    thresholds: Thresholds,
    *,
    lead: Report | None = None,
    variables: Iterable[StateVariable] = (),
    rows: tuple[OrderRow, ...] = ROWS,
) -> tuple[OrderOutcome, ...]:
    """What each row says about each chosen draft order.

    ``lead`` is the report that opened the spine episode (else any spine MRI report is taken), ``variables`` give the
    facts behind the state. Inside a row the most urgent rule that fires decides, of equals the first: a condition that
    only informs must not hide one that warns.
    """
    cards = lane_cards(decision)
    grounds = _grounds(variables)
    open_windows = _open_windows(facts, state, thresholds, lead)
    current = without_old_reports(facts, thresholds.report_window_days.span)
    outcomes = [
        _ask(row, OrderContext(order, current, state, cards, thresholds, grounds))
        for order in facts.orders
        if order.selected
        for row in rows
        if row.window in open_windows and row.concerns(order)
    ]
    return _once(outcomes)


def lane_cards(decision: LaneDecision) -> frozenset[str]:
    """Cards that the lanes gave, shown or not, and the variants that are shown."""
    outcomes = (outcome.card for outcome in decision.lanes if outcome.card)
    return frozenset((*outcomes, *(card.text_id for card in decision.cards)))


def concerned(facts: PatientFacts, rows: tuple[OrderRow, ...] = ROWS) -> bool:
    """Tell whether any chosen draft order is of a kind that some row judges by name."""
    return any(row.kinds & order.kinds for order in facts.orders if order.selected for row in rows)


def _grounds(variables: Iterable[StateVariable]) -> Mapping[str, tuple[Cause, ...]]:
    return MappingProxyType(
        {
            variable.name: tuple(dict.fromkeys(cause for signal in variable.signals for cause in signal.causes))
            for variable in variables
        }
    )


def _open_windows(
    facts: PatientFacts, state: LaneState, thresholds: Thresholds, lead: Report | None
) -> frozenset[Window]:
    """Windows that the spine episode lies in; without a date a report might be recent and counts."""
    opened = {Window.ALWAYS}
    if not state.trigger:
        return frozenset(opened)
    reports = [lead] if lead else [report for report in facts.reports if is_readable(report) and passes_gate(report)]
    for window, span in (
        (Window.EPISODE, thresholds.order_episode_days.span),
        (Window.AUGMENTATION, thresholds.order_episode_augmentation_days.span),
    ):
        if any(in_window(report, facts.as_of, span) for report in reports):
            opened.add(window)
    return frozenset(opened)


def _ask(row: OrderRow, context: OrderContext) -> OrderOutcome:
    fired: list[_Fired] = []
    results: list[RuleResult] = []
    for rule in row.rules:
        answer = rule.check(context)
        is_advice = isinstance(answer, Advice)
        results.append(RuleResult(rule.id, is_advice, answer.why, answer.missing, _causes(answer, context)))
        if isinstance(answer, Advice):
            fired.append(_Fired(rule, answer))
    if not fired:
        return OrderOutcome(context.order, row.id, None, tuple(results))
    chosen = max(fired, key=lambda each: each.advice.indicator.rank)
    others = [each for each in fired if each is not chosen]
    return OrderOutcome(context.order, row.id, _card(chosen, others, context), tuple(results))


def _causes(answer: object, context: OrderContext) -> tuple[Cause, ...]:
    return (*answer.causes, OrderCause(context.order)) if isinstance(answer, Advice) else ()


def _card(chosen: _Fired, others: list[_Fired], context: OrderContext) -> PlannedCard:
    rule, advice = chosen.rule, chosen.advice
    text = advice.text_id or rule.text_id
    params = _params(advice, [each.advice for each in others if each.advice.reason not in {"", advice.reason}])
    return PlannedCard(
        card_id=text,
        text_id=text,
        lane=Lane.ORDER,
        row=rule.id,
        indicator=advice.indicator,
        causes=advice.causes,
        params=params,
        add_lines=advice.add_lines,
        drafts=advice.drafts,
        evidence=rule.evidence,
        missing=advice.missing,
        rule_ids=(rule.id,),
        order=context.order,
    )


def _params(chosen: Advice, others: list[Advice]) -> dict[str, ParamValue]:
    """Values of the chosen advice, then those that the further reasons speak of."""
    params: dict[str, ParamValue] = {}
    for advice in (*reversed(others), chosen):
        params.update(advice.params)
    if chosen.reason:
        params["reason"] = chosen.reason
    if others:
        params["also"] = tuple(dict.fromkeys(advice.reason for advice in others))
    return params


def _once(outcomes: list[OrderOutcome]) -> tuple[OrderOutcome, ...]:
    """Leave one card of those that say the same for several drafts; it offers what any of them offered."""
    first: dict[tuple[str, ParamValue], int] = {}
    kept: list[OrderOutcome] = []
    for outcome in outcomes:
        card = outcome.card
        place = first.setdefault((card.text_id, card.params.get("reason", "")), len(kept)) if card else len(kept)
        earlier = kept[place].card if place < len(kept) else None
        if card is not None and earlier is not None:
            kept[place] = replace(kept[place], card=_merged(earlier, card))
            kept.append(replace(outcome, card=None))
        else:
            kept.append(outcome)
    return tuple(kept)


def _taken_back(draft: Draft, offered: set[DraftKind]) -> Draft:
    """Of two orders that paracetamol would replace, the second is only taken back: one paracetamol is enough."""
    again = draft.kind is DraftKind.ANALGESIC_PARACETAMOL and draft.kind in offered and draft.target is not None
    return Draft(DraftKind.DELETE_ORDER, target=draft.target) if again else draft


def _merged(shown: PlannedCard, other: PlannedCard) -> PlannedCard:
    offered = {draft.kind for draft in shown.drafts}
    drafts = tuple(dict.fromkeys((*shown.drafts, *(_taken_back(draft, offered) for draft in other.drafts))))
    indicator = max(shown.indicator, other.indicator, key=lambda each: each.rank)
    return replace(shown, drafts=drafts, indicator=indicator)
