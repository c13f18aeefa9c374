"""The episode window, the facts behind a card, the cautions for plan lines, and the words of orders."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from cds_service.domain.assessment import LabCause, MedicationCause, Signal, StateVariable
from cds_service.domain.facts import PatientFacts
from cds_service.domain.state import Emergency, Fracture, ImagingInfection, Labs, LaneState, MarkerMask
from cds_service.domain.vocabulary import BodyRegion, Indicator, OrderKind
from cds_service.knowledge.thresholds import Thresholds
from cds_service.rules.arbitration import decide
from cds_service.rules.orders import ROWS, OrderOutcome, cautions, evaluate_orders, order_rules
from cds_service.rules.orders.chart import days_since, pregnant, within
from cds_service.rules.orders.words import BACK_PAIN, another_region, mentions, same_drug
from cds_service.rules.variables import CRP_MASK

Chart = Callable[[Mapping[str, Any]], PatientFacts]
CEMENT = [{"kinds": ["VERTEBRAL_AUGMENTATION"], "text": "kyphoplasty"}]
OXYGEN = [{"kinds": ["HYPERBARIC_OXYGEN"], "text": "oxygen"}]


def cards(outcomes: tuple[OrderOutcome, ...]) -> list[str]:
    return [outcome.card.text_id for outcome in outcomes if outcome.card]


def test_the_leading_report_decides_the_window_when_it_is_known(chart: Chart, numbers: Thresholds) -> None:
    state = LaneState()
    facts = chart({"orders": OXYGEN, "reports": [{"ago": "2d"}, {"ago": "100d"}]})
    lead = facts.reports[1]
    assert cards(evaluate_orders(facts, state, decide(state), numbers)) == ["O-NOTREC"]
    assert cards(evaluate_orders(facts, state, decide(state), numbers, lead=lead)) == []
    assert cards(evaluate_orders(facts, state, decide(state), numbers, lead=facts.reports[0])) == ["O-NOTREC"]


def test_a_card_carries_the_facts_behind_the_state_once(chart: Chart, numbers: Thresholds) -> None:
    facts = chart({"orders": CEMENT, "labs": ["CRP 48 1d"]})
    cause = LabCause(facts.labs[0])
    signals = (Signal("L1", "LAB", "R", (cause,)), Signal("L2", "LAB", "R", (cause,)))
    state = LaneState(labs=Labs.R)
    outcomes = evaluate_orders(
        facts, state, decide(state), numbers, variables=(StateVariable("LAB", "R", signals), StateVariable("FX", "0"))
    )
    card = next(outcome.card for outcome in outcomes if outcome.card)
    assert card.causes == (cause,)


def test_only_the_drugs_behind_the_mask_are_named(chart: Chart, numbers: Thresholds) -> None:
    drugs = ["GLUCOCORTICOID prednisolone", "IL6_BLOCKER tocilizumab"]
    facts = chart({"orders": [{"kinds": ["CRP"], "text": "CRP"}], "drugs": drugs})
    state = LaneState(mask=MarkerMask.OTHER)
    signal = Signal("M", CRP_MASK, "other", (MedicationCause(facts.medications[1]),))
    outcomes = evaluate_orders(
        facts, state, decide(state), numbers, variables=[StateVariable(CRP_MASK, "other", (signal,))]
    )
    card = next(outcome.card for outcome in outcomes if outcome.card)
    assert card.params == {"mask": ("tocilizumab",)}
    assert card.causes == (MedicationCause(facts.medications[1]),)


def test_a_silent_rule_names_the_facts_that_could_change_it(chart: Chart, numbers: Thresholds) -> None:
    state = LaneState()
    facts = chart({"orders": [{"kinds": ["NSAID"], "text": "ibuprofen"}]})
    results = {r.rule_id: r for o in evaluate_orders(facts, state, decide(state), numbers) for r in o.results}
    assert results["O-NSAID-a"].missing == ("pregnancy",)
    assert results["O-NSAID-b"].missing == ("egfr",)
    assert results["O-NSAID-f"].missing == ("age",)
    assert results["O-NSAID-h"].missing == ()


def test_more_alarm_never_lowers_the_urgency_of_a_cement_order(chart: Chart, numbers: Thresholds) -> None:
    facts = chart({"orders": CEMENT, "labs": ["CRP 3 1d"]})

    def urgency(**alarm: Any) -> int:
        state = LaneState(**alarm)
        outcomes = evaluate_orders(facts, state, decide(state), numbers)
        return max(outcome.card.indicator.rank for outcome in outcomes if outcome.card)

    calm = {"labs": Labs.N, "fracture": Fracture.FRACTURE}
    assert urgency(**calm) == Indicator.INFO.rank
    assert urgency(**(calm | {"labs": Labs.U})) == Indicator.WARNING.rank
    for alarm in (
        {"imaging_infection": ImagingInfection.M},
        {"emergency": Emergency.UNSTABLE},
        {"emergency": Emergency.NEURO_WARNING, "labs": Labs.U},
        {"culture": True, "mask": MarkerMask.OTHER},
        {"abscess": True},
    ):
        assert urgency(**(calm | alarm)) == Indicator.CRITICAL.rank


@pytest.mark.parametrize(
    ("patient", "reason"),
    [
        ({"age": 40, "labs": ["EGFR 90 2d"]}, None),
        ({"labs": ["EGFR 22 2d"]}, "egfr"),
        ({"problems": ["DIALYSIS"]}, "dialysis"),
        ({"problems": ["ACUTE_KIDNEY_INJURY"]}, "kidney-injury"),
        ({"labs": ["EGFR 45 2d"]}, None),
        ({"pregnancy": {"pregnant": True, "weeks": 24}}, "pregnancy-20w"),
        ({"problems": ["PEPTIC_ULCER_GI_BLEED active"]}, "gi-bleed"),
        ({"drugs": ["ANTICOAGULANT apixaban"]}, "anticoagulant"),
        ({"problems": ["ANTICOAGULATED"]}, "anticoagulant"),
        ({"drugs": ["ANTIPLATELET aspirin", "P2Y12 ticagrelor"]}, "antiplatelet"),
        ({"problems": ["HEART_FAILURE"]}, "heart-failure"),
        ({"allergies": ["NSAID aspirin"], "labs": ["EGFR 22 2d"]}, "nsaid-allergy"),
        ({"age": 80}, None),
    ],
)
def test_the_nsaid_line_of_a_plan(chart: Chart, numbers: Thresholds, patient: dict[str, Any], reason: str) -> None:
    caution = cautions.nsaid_not_advised(chart({"orders": [], **patient}), numbers)
    assert (caution.reason if caution else None) == reason


@pytest.mark.parametrize(
    ("patient", "reason"),
    [
        ({}, None),
        ({"drugs": ["BENZODIAZEPINE_GABAPENTINOID lorazepam"]}, "sedative"),
        ({"problems": ["SLEEP_APNEA"]}, "sedative"),
        ({"problems": ["ALCOHOL_DEPENDENCE over"]}, None),
        ({"labs": ["EGFR 20 2d"]}, "egfr"),
        ({"problems": ["ACUTE_KIDNEY_INJURY"]}, None),
        ({"drugs": ["SSRI_SNRI sertraline"]}, "serotonergic"),
        ({"problems": ["SEIZURE"]}, "serotonergic"),
    ],
)
def test_the_opioid_line_of_a_plan(chart: Chart, numbers: Thresholds, patient: dict[str, Any], reason: str) -> None:
    assert cautions.opioid_caution(chart({"orders": [], **patient}), numbers) == reason


@pytest.mark.parametrize(
    ("patient", "fracture", "reason"),
    [
        ({"age": 60}, Fracture.FRACTURE, None),
        ({"age": 75}, Fracture.NONE, "age"),
        ({"problems": ["FALL_RISK"]}, Fracture.NONE, "fall-risk"),
        ({"problems": ["TRAUMA"]}, Fracture.NONE, None),
        ({"problems": ["TRAUMA"]}, Fracture.FRACTURE, "fall-risk"),
    ],
)
def test_the_fall_warning_of_a_plan(
    chart: Chart, numbers: Thresholds, patient: dict[str, Any], fracture: Fracture, reason: str | None
) -> None:
    assert cautions.opioid_fall_caution(chart({"orders": [], **patient}), numbers, fracture) == reason


@pytest.mark.parametrize(
    ("patient", "known"),
    [
        ({}, False),
        ({"pregnancy": {"pregnant": True}}, True),
        ({"problems": ["PREGNANCY active"]}, True),
        ({"pregnancy": {"pregnant": False}, "problems": ["PREGNANCY active"]}, False),
    ],
)
def test_pregnancy_is_known_from_its_own_entry_before_the_problem_list(
    chart: Chart, patient: dict[str, Any], *, known: bool
) -> None:
    assert (pregnant(chart({"orders": [], **patient})) is True) is known


def test_a_day_in_the_future_is_not_recent(chart: Chart) -> None:
    facts = chart({"orders": [], "problems": ["FALL -2d", "FALL 2d"]})
    future, past = (condition.onset for condition in facts.conditions)
    assert (days_since(facts, future), days_since(facts, past), days_since(facts, None)) == (-2, 2, None)
    assert not within(facts, future, timedelta(days=5))
    assert within(facts, past, timedelta(days=2))
    assert not within(facts, past, timedelta(days=1))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Rückenschmerzen seit 3 Wochen", True),
        ("RUECKEN", False),
        ("chronic low-back pain", True),
        ("dureri lombare, Modic I", True),
        ("durere de spate", True),
        ("pneumonia", False),
        ("", False),
    ],
)
def test_back_pain_is_found_in_three_languages(text: str, *, found: bool) -> None:
    assert mentions(text, BACK_PAIN) is found


@pytest.mark.parametrize(
    ("order", "imaged", "another"),
    [
        ("MRI lumbar spine", BodyRegion.LUMBAR, False),
        ("MRT BWS", BodyRegion.LUMBAR, True),
        ("MRT der ganzen Wirbelsäule", BodyRegion.LUMBAR, True),
        ("RMN coloană toracică", BodyRegion.THORACOLUMBAR, False),
        ("MRI cervical spine", BodyRegion.WHOLE_SPINE, False),
        ("MRI spine", BodyRegion.LUMBAR, False),
        ("MRI sacroiliac joints", BodyRegion.SACROILIAC, False),
        ("MRT der Iliosakralgelenke", BodyRegion.LUMBAR, True),
    ],
)
def test_an_order_for_another_region_is_no_repeat(order: str, imaged: BodyRegion, *, another: bool) -> None:
    assert another_region(order, imaged) is another


def test_the_same_drug_begins_with_the_same_word() -> None:
    assert same_drug("Ibuprofen 400 mg", "IBUPROFEN 600")
    assert not same_drug("ibuprofen", "diclofenac")
    assert not same_drug("", "")


def test_every_order_kind_but_background_ones_has_a_row() -> None:
    background = {OrderKind.OTHER, OrderKind.SPINE_REFERRAL, OrderKind.BLOOD_CULTURE}
    assert set().union(*(row.kinds for row in ROWS)) == set(OrderKind) - background
    assert order_rules() == tuple(rule for row in ROWS for rule in row.rules)
