"""What the order rules may name has words; what the lane tables may name is checked with the rules."""

import re

import pytest

import cds_service.rules.orders
from cards.wording import wordings
from cds_service.domain.vocabulary import Language
from cds_service.rules.lanes import row_catalogue
from cds_service.rules.orders.catalogue import order_rules

ENGLISH = wordings()[Language.EN]


def test_every_text_of_an_order_rule_has_words() -> None:
    assert {rule.text_id for rule in order_rules()} - set(ENGLISH.cards) == set()


def test_reasons_are_exactly_those_of_the_contract() -> None:
    contract = cds_service.rules.orders.__doc__ or ""
    table = contract.split("=====\n")[2]
    named = re.findall(r"^([a-z0-9-]+)  +\S", table, re.MULTILINE)
    assert sorted(named) == sorted(ENGLISH.reasons)


@pytest.mark.parametrize("spoken", [Language.DE, Language.RO])
def test_every_row_that_gives_a_card_says_why_in_the_language_of_the_card(spoken: Language) -> None:
    with_card = {entry.id for entry in row_catalogue() if entry.outcome != "no card"}
    assert set(wordings()[spoken].rows) == with_card
