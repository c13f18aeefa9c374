"""Every text, line and note that the tables can name has words on the cards, in each language."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from cds_service.domain.assessment import LaneOutcome
from cds_service.domain.state import Emergency, Fracture, LaneState, OccultKind
from cds_service.domain.vocabulary import Indicator, Lane
from cds_service.rules.arbitration import decide
from cds_service.rules.drafts import PLANNERS
from cds_service.rules.lanes import TABLES, Tables, row_catalogue
from cds_service.rules.lanes.row import Row
from cds_service.rules.lines import SHARED_LINES, own_lines, shared_lines, text_id

TEXTS = sorted((Path(__file__).parents[3] / "cards" / "texts").glob("*.toml"))
LINES = {
    "c01-cultures",
    "c01-infection",
    "c13",
    "canal-unseen",
    "crp-esr-missing",
    "esr-only",
    "labs-pending",
    "long-history",
    "marker-unsized",
    "native-study",
    "neuropathic-crystal",
    "radiculopathy",
    "sequence",
    "under-50",
}
LANGUAGES = [pytest.param(tomllib.loads(path.read_text(encoding="utf-8")), id=path.stem) for path in TEXTS]


def named_texts() -> set[str]:
    variants = {"C01-W", "C03-A", "C10-W", "C11-E", "C11-EDEMA", "C30-P", "C31-T", "C31-S", "C50-F", "C90"}
    return {entry.outcome.split(" ")[0] for entry in row_catalogue() if entry.outcome != "no card"} | variants


@pytest.mark.parametrize("words", LANGUAGES)
def test_texts_have_words(words: dict[str, Any]) -> None:
    assert named_texts() - set(words["cards"]) == set()
    assert set(PLANNERS) <= named_texts()


@pytest.mark.parametrize("words", LANGUAGES)
def test_lines_and_notes_have_words(words: dict[str, Any], table_cases: Any) -> None:
    cards = [card for case in table_cases for card in decide(case.state).cards]
    lines = {line for card in cards for line in card.add_lines if not line.startswith("C61.")}
    notes = {draft.note for card in cards for draft in card.drafts if draft.note}
    kinds = {draft.kind for card in cards for draft in card.drafts}
    assert lines - set(words["extra"]) == set()
    assert notes - set(words["notes"]) == set()
    assert kinds - set(words["drafts"]) == set()
    assert lines == LINES


def test_cases_show_every_variant(table_cases: Any) -> None:
    shown = {card.text_id for case in table_cases for card in decide(case.state).cards}
    assert named_texts() - shown == set()


def outcome(card: str, row: str = "", indicator: Indicator = Indicator.INFO) -> LaneOutcome:
    return LaneOutcome(Lane.BENIGN, row, card, indicator)


@pytest.mark.parametrize(
    ("given", "state", "question_open", "expected"),
    [
        (outcome("C30"), LaneState(fracture=Fracture.FRACTURE), False, "C30"),
        (outcome("C30"), LaneState(fracture=Fracture.FRACTURE), True, "C30-P"),
        (outcome("C30"), LaneState(malignancy_at_fracture_stated=True), False, "C30-P"),
        (outcome("C11", "B9"), LaneState(emergency=Emergency.UNSTABLE), False, "C11-EDEMA"),
        (outcome("C11", "B9"), LaneState(emergency=Emergency.NEURO), False, "C11-E"),
        (outcome("C11", "B1"), LaneState(emergency=Emergency.NEURO_WARNING), False, "C11"),
        (outcome("C31"), LaneState(occult_kind=OccultKind.RISK), False, "C31"),
        (outcome("C62"), LaneState(), True, "C62"),
    ],
)
def test_variant_follows_row_and_state(
    given: LaneOutcome, state: LaneState, *, question_open: bool, expected: str
) -> None:
    assert text_id(given, state, question_open=question_open) == expected


def test_shared_line_stands_on_the_first_card_that_may_carry_it() -> None:
    state = LaneState(neuropathic_or_crystal=True, edema_on_plain_t2_only=True, root_symptoms=True)
    assert shared_lines(("C10", "C70", "C80"), state) == {
        "C10": ("neuropathic-crystal", "sequence"),
        "C70": ("radiculopathy",),
    }
    assert shared_lines(("C20", "C30-P"), state) == {}
    assert shared_lines(("C10", "C70", "C80"), LaneState()) == {}
    assert {line for line, _, _ in SHARED_LINES} == {"neuropathic-crystal", "sequence", "radiculopathy"}


def test_a_card_without_lines_of_the_state_has_none() -> None:
    assert own_lines("C24", LaneState(native_study=True, exposure_or_subacute=True)) == ()


def test_a_row_that_gives_a_card_without_an_indicator_is_refused() -> None:
    row: Row[LaneState] = Row("Z1", Lane.BENIGN, lambda _state: True, "C70")
    tables = Tables(TABLES.safety, TABLES.infection, TABLES.malignancy, (row,), TABLES.plan)
    with pytest.raises(LookupError, match="Z1"):
        decide(LaneState(), tables)


def test_a_table_with_a_hole_is_refused() -> None:
    tables = Tables(TABLES.safety[:-1], TABLES.infection, TABLES.malignancy, TABLES.benign, TABLES.plan)
    with pytest.raises(LookupError, match="no row"):
        decide(LaneState(), tables)


def test_without_a_trigger_nothing_is_decided_even_beside_a_contradiction() -> None:
    decision = decide(LaneState(trigger=False, conflict=True, emergency=Emergency.NEURO))
    assert (decision.lanes, decision.cards) == ((), ())
