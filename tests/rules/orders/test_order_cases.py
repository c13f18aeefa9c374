"""Every case of ``cases/orders.toml`` gives exactly its cards; every rule is needed by some case."""

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cds_service.domain.assessment import PlannedCard
from cds_service.domain.vocabulary import Lane, Language
from cds_service.knowledge.evidence import load_evidence
from cds_service.knowledge.thresholds import Thresholds
from cds_service.rules.orders import ROWS, OrderOutcome, OrderRow, order_rules

TEXTS = Path(__file__).parents[3] / "cards" / "texts"
Words = Callable[[Iterable[OrderOutcome]], tuple[str, ...]]


def test_case_gives_exactly_its_cards(
    order_case: Any, numbers: Thresholds, described: Words, offered: Words, param_words: Callable[[PlannedCard], Any]
) -> None:
    outcomes = order_case.run(numbers)
    assert described(outcomes) == order_case.cards
    assert offered(outcomes) == order_case.drafts
    cards = [outcome.card for outcome in outcomes if outcome.card]
    if order_case.params is not None:
        assert param_words(cards[0]) == order_case.params
    if order_case.missing is not None:
        assert cards[0].missing == order_case.missing


def test_cases_have_their_own_names(order_cases: tuple[Any, ...]) -> None:
    names = [case.id for case in order_cases]
    assert len(names) == len(set(names))


def test_every_rule_fires_in_one_case_and_stays_silent_in_another(
    order_cases: tuple[Any, ...], numbers: Thresholds
) -> None:
    results = [result for case in order_cases for outcome in case.run(numbers) for result in outcome.results]
    always = {"O-CALC", "O-HBO", "O-ILO", "O-VP-h"}
    listed = {rule.id for rule in order_rules()}
    assert {result.rule_id for result in results if result.fired} == listed
    assert {result.rule_id for result in results if not result.fired} == listed - always


def test_every_rule_is_needed(order_cases: tuple[Any, ...], numbers: Thresholds) -> None:
    def without(rule_id: str) -> tuple[OrderRow, ...]:
        return tuple(replace(row, rules=tuple(rule for rule in row.rules if rule.id != rule_id)) for row in ROWS)

    def cards(case: Any, rows: tuple[OrderRow, ...]) -> list[PlannedCard | None]:
        return [outcome.card for outcome in case.run(numbers, rows)]

    full = {case.id: cards(case, ROWS) for case in order_cases}
    unneeded = [
        rule.id for rule in order_rules() if all(cards(case, without(rule.id)) == full[case.id] for case in order_cases)
    ]
    assert unneeded == []


def test_rules_have_their_own_ids_a_sentence_and_known_references() -> None:
    rules = order_rules()
    assert len({rule.id for rule in rules}) == len(rules)
    known = set(load_evidence())
    for row in ROWS:
        for rule in row.rules:
            assert rule.id.startswith(row.id)
            assert rule.sentence.endswith(".")
            assert set(rule.evidence) <= known


def test_a_card_names_its_rule_its_order_and_its_references(order_cases: tuple[Any, ...], numbers: Thresholds) -> None:
    evidence = {rule.id: rule.evidence for rule in order_rules()}
    for case in order_cases:
        for outcome in case.run(numbers):
            if outcome.card is None:
                continue
            card = outcome.card
            assert (card.lane, card.card_id, card.order) == (Lane.ORDER, card.text_id, outcome.order)
            assert card.rule_ids == (card.row,)
            assert card.evidence == evidence[card.row]
            assert {draft.target for draft in card.drafts} <= {None, *(each.provenance for each in case.facts.orders)}


@pytest.mark.parametrize("language", list(Language))
def test_every_order_card_and_reason_has_words(
    order_cases: tuple[Any, ...], numbers: Thresholds, language: Language
) -> None:
    texts = tomllib.loads((TEXTS / f"{language}.toml").read_text(encoding="utf-8"))
    cards = [outcome.card for case in order_cases for outcome in case.run(numbers) if outcome.card]
    reasons = {str(card.params["reason"]) for card in cards if "reason" in card.params}
    further = {reason for card in cards if isinstance(also := card.params.get("also"), tuple) for reason in also}
    assert {card.text_id for card in cards} <= set(texts["cards"])
    assert reasons | further <= set(texts["reasons"])
    assert {name for card in cards for name in card.missing} <= set(texts["missing"])


def test_the_result_of_a_rule_says_why(order_cases: tuple[Any, ...], numbers: Thresholds) -> None:
    for case in order_cases:
        for outcome in case.run(numbers):
            assert all(result.why for result in outcome.results)
