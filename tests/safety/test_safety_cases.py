"""Each safety case gives exactly its cards, from the words of the report to the planned card."""

from collections.abc import Callable, Mapping
from typing import Any

from cds_service.domain.assessment import Assessment

Case = Mapping[str, Any]
Assess = Callable[[Case], Assessment]


def test_case_gives_exactly_its_cards(safety_case: Case, assess_case: Assess) -> None:
    shown = [f"{card.text_id} {card.indicator}" for card in assess_case(safety_case).cards]
    assert shown == safety_case["cards"]


def test_named_rules_and_rows_fire_and_the_named_silent_ones_do_not(safety_case: Case, assess_case: Assess) -> None:
    assessment = assess_case(safety_case)
    fired = {result.rule_id for result in assessment.rules if result.fired}
    fired |= {card.row for card in assessment.cards}
    assert set(safety_case.get("fires", ())) - fired == set()
    assert set(safety_case.get("silent", ())) & fired == set()


def test_card_offers_the_drafts_that_the_case_names(safety_case: Case, assess_case: Assess) -> None:
    offered = {f"{card.text_id} {draft.kind}" for card in assess_case(safety_case).cards for draft in card.drafts}
    assert set(safety_case.get("drafts", ())) - offered == set()
    assert set(safety_case.get("not_offered", ())) & offered == set()


def test_card_carries_the_lines_that_the_case_names(safety_case: Case, assess_case: Assess) -> None:
    said = {f"{card.text_id} {line}" for card in assess_case(safety_case).cards for line in card.add_lines}
    assert set(safety_case.get("lines", ())) - said == set()
