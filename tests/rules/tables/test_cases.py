"""Each safety case and example gives its cards in order, with the drafts and lines it names."""

from collections.abc import Callable, Iterator
from typing import Any

from cds_service.rules.arbitration import Decision, LaneCard, decide


def _drafts(cards: tuple[LaneCard, ...]) -> Iterator[set[str]]:
    for card in cards:
        for draft in card.drafts:
            yield {card.text_id, draft.kind, draft.priority, f"x{draft.quantity}"}


def test_case_gives_its_cards_in_order(table_case: Any, shown: Callable[[Decision], tuple[str, ...]]) -> None:
    assert shown(decide(table_case.state)) == table_case.cards


def test_case_offers_the_drafts_it_names(table_case: Any) -> None:
    cards = decide(table_case.state).cards
    missing = [wanted for wanted in table_case.drafts if not any(set(wanted.split()) <= got for got in _drafts(cards))]
    unwanted = [word for word in table_case.no_drafts if any(set(word.split()) <= got for got in _drafts(cards))]
    assert (missing, unwanted) == ([], [])


def test_case_begins_a_card_with_the_draft_it_names(table_case: Any) -> None:
    firsts = {f"{card.text_id} {card.drafts[0].kind}" for card in decide(table_case.state).cards if card.drafts}
    assert set(table_case.first_draft) <= firsts


def test_case_carries_the_lines_it_names(table_case: Any) -> None:
    lines = {f"{card.text_id} {line}" for card in decide(table_case.state).cards for line in card.add_lines}
    assert set(table_case.lines) <= lines


def test_case_takes_out_exactly_the_lines_it_names(table_case: Any) -> None:
    cards = decide(table_case.state).cards
    assert tuple(f"{card.text_id} {line}" for card in cards for line in card.drop_lines) == table_case.dropped
