"""What holds for order advice in every state: urgency, exclusiveness, and that nothing is said twice."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from cds_service.domain.assessment import PlannedCard
from cds_service.domain.facts import PatientFacts
from cds_service.domain.state import (
    CancerHistory,
    ClinicalInfection,
    Emergency,
    Fracture,
    ImagingInfection,
    ImagingMalignancy,
    Inflammatory,
    Labs,
    LaneState,
    MarkerMask,
    TimeCourse,
)
from cds_service.domain.vocabulary import DrugGroup, Indicator, OrderKind
from cds_service.knowledge.thresholds import Thresholds
from cds_service.rules.arbitration import decide
from cds_service.rules.orders import OrderOutcome, evaluate_orders

Chart = Callable[[Mapping[str, Any]], PatientFacts]
SAMPLE = 300
PATIENT = {
    "age": 78,
    "labs": ["CRP 4 2d", "EGFR 41 2d", "INR 1.7 2d"],
    "drugs": ["ANTIBIOTIC cefazolin stopped 4d", "GLUCOCORTICOID prednisolone started 3d"],
    "problems": ["DIABETES", "FALL 20d"],
}


def sample(size: int) -> list[LaneState]:
    """The same reproducible sample in every run, spread over all combinations."""
    chooser = random.Random(20260615)  # noqa: S311  a sample, not a secret
    return [
        LaneState(
            emergency=chooser.choice(list(Emergency)),
            imaging_infection=chooser.choice(list(ImagingInfection)),
            clinical_infection=chooser.choice(list(ClinicalInfection)),
            labs=chooser.choice(list(Labs)),
            mask=chooser.choice(list(MarkerMask)),
            cancer_history=chooser.choice(list(CancerHistory)),
            imaging_malignancy=chooser.choice(list(ImagingMalignancy)),
            fracture=chooser.choice(list(Fracture)),
            inflammatory=chooser.choice(list(Inflammatory)),
            time=chooser.choice(list(TimeCourse)),
            degenerative_certain=chooser.random() < 0.5,
            culture=chooser.random() < 0.3,
            known_infection=chooser.random() < 0.2,
            known_metastases=chooser.random() < 0.2,
        )
        for _ in range(size)
    ]


@pytest.fixture(scope="session")
def every_order(chart: Chart) -> PatientFacts:
    """One order of every kind, with the drug group of the same name."""
    groups = {group.value for group in DrugGroup}
    orders = [
        {"kinds": [kind], "text": kind.lower(), "drugs": [kind.value] if kind.value in groups else [], "coded": True}
        for kind in OrderKind
    ]
    return chart({**PATIENT, "orders": orders})


@pytest.fixture(scope="session")
def answers(every_order: PatientFacts, numbers: Thresholds) -> list[tuple[LaneState, tuple[OrderOutcome, ...]]]:
    return [(state, evaluate_orders(every_order, state, decide(state), numbers)) for state in sample(SAMPLE)]


def shown(outcomes: tuple[OrderOutcome, ...], row: str) -> PlannedCard | None:
    return next((outcome.card for outcome in outcomes if outcome.row == row and outcome.card), None)


def test_nothing_is_said_twice(answers: list[tuple[LaneState, tuple[OrderOutcome, ...]]]) -> None:
    for _, outcomes in answers:
        cards = [outcome.card for outcome in outcomes if outcome.card]
        said = [(card.text_id, card.params.get("reason")) for card in cards]
        assert len(said) == len(set(said))
        assert all(len(card.drafts) == len(set(card.drafts)) for card in cards)


def test_a_row_answers_each_order_once(answers: list[tuple[LaneState, tuple[OrderOutcome, ...]]]) -> None:
    for _, outcomes in answers:
        asked = [(outcome.row, outcome.order.provenance) for outcome in outcomes]
        assert len(asked) == len(set(asked))


def test_a_cord_emergency_is_never_silent(answers: list[tuple[LaneState, tuple[OrderOutcome, ...]]]) -> None:
    for state, outcomes in answers:
        card = shown(outcomes, "O-CES")
        assert (card is not None) == (state.emergency is Emergency.NEURO)
        assert card is None or card.indicator is Indicator.CRITICAL


def test_cement_never_passes_an_open_infection(answers: list[tuple[LaneState, tuple[OrderOutcome, ...]]]) -> None:
    for state, outcomes in answers:
        card = shown(outcomes, "O-VP")
        # The card on neurology replaces the one on cement when it says the same as the general alarm.
        if card is None:
            assert state.emergency is Emergency.NEURO
            continue
        suspected = state.imaging_infection >= ImagingInfection.M or state.labs is Labs.R or state.culture
        assert card.indicator is Indicator.CRITICAL or not (
            suspected or state.clinical_infection is ClinicalInfection.SIGN
        )
        assert card.indicator.rank >= Indicator.WARNING.rank or state.labs in {Labs.N, Labs.B}


def test_an_antibiotic_waits_or_does_not_wait_but_never_both(
    answers: list[tuple[LaneState, tuple[OrderOutcome, ...]]],
) -> None:
    for state, outcomes in answers:
        fired = {r.rule_id for o in outcomes if o.row == "O-ABX" for r in o.results if r.fired}
        assert not {"O-ABX-a", "O-ABX-b"} <= fired
        unstable = state.emergency in {Emergency.SEPSIS, Emergency.NEURO}
        if state.imaging_infection >= ImagingInfection.M:
            assert ("O-ABX-a" in fired) == unstable
            assert ("O-ABX-b" in fired) == (not unstable and not state.culture and not state.known_infection)


def test_a_steroid_is_never_silent_in_possible_infection(
    answers: list[tuple[LaneState, tuple[OrderOutcome, ...]]],
) -> None:
    for state, outcomes in answers:
        if state.imaging_infection >= ImagingInfection.M:
            warnings = {o.card.text_id for o in outcomes if o.card and o.card.indicator is not Indicator.INFO}
            # The card of the biopsy rule says the same as the first one of the steroid rules.
            assert warnings & {"O-STEROID-a", "O-STEROID-b"}


def test_without_a_trigger_only_the_cord_emergency_speaks(every_order: PatientFacts, numbers: Thresholds) -> None:
    for state in sample(60):
        quiet = replace(state, trigger=False)
        rows = {o.row for o in evaluate_orders(every_order, quiet, decide(quiet), numbers) if o.card}
        assert rows == ({"O-CES"} if state.emergency is Emergency.NEURO else set())


def test_the_same_question_gets_the_same_answer(every_order: PatientFacts, numbers: Thresholds) -> None:
    for state in sample(20):
        decision = decide(state)
        first = evaluate_orders(every_order, state, decision, numbers)
        assert first == evaluate_orders(every_order, state, decision, numbers)
