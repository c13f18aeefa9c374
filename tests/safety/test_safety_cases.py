"""Each safety case gives exactly its cards, from the words of the report to the planned card."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cards.build import CardWriter
from cds_service.domain.assessment import Assessment
from cds_service.domain.vocabulary import Language

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


@pytest.mark.parametrize(
    ("language", "cell"),
    [
        (Language.EN, "not usable: raised or not cannot be told"),
        (Language.DE, "nicht verwertbar: ob erhöht, bleibt offen"),
        (Language.RO, "inutilizabil: nu se poate spune dacă este crescut"),
    ],
)
@pytest.mark.parametrize("told", ["ESR: raised @1d", "ESR: flag H @1d", "ESR: flag HH @1d"])
def test_a_marker_called_raised_without_a_number_is_shown_as_not_usable(
    told: str, language: Language, cell: str, assess_case: Assess
) -> None:
    case = {"report": "Bone marrow edema of L3.", "labs": ["CRP 3 mg/L @1d", told]}
    cards = CardWriter().write(assess_case(case), language, patient_id="p", new_uuid=lambda: "uuid")
    rows = [row for row in (cards[0].detail or "").splitlines() if row.startswith("|") and cell in row]
    assert len(rows) == 1
    assert not [row for row in rows if "CRP" in row]
