"""The small questions that rules ask: levels, weights, comparators, places, time."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.domain.facts import Comparator, LabValue, PatientFacts, Provenance, Report
from cds_service.domain.state import ClinicalInfection, CrpBand
from cds_service.domain.vocabulary import Analyte, BodyRegion, Certainty, Modality, Status
from cds_service.rules import levels
from cds_service.rules.derive import Derived
from cds_service.rules.measured import above, above_upper_normal, at_least, below, interval
from cds_service.rules.polarity import Weight, weight
from cds_service.rules.reports import covers_region, current_reports, passes_gate

Case = Mapping[str, Any]


def lab(value: float | None, comparator: Comparator | None = None, upper: float | None = None) -> LabValue:
    return LabValue(Analyte.CRP, value, "mg/L", None, Provenance("Observation/1"), comparator, upper)


# ---- levels ----


@pytest.mark.parametrize(
    ("first", "second", "gap", "answer"),
    [
        (["L3"], ["L3"], 0, True),
        (["L3"], ["L3-L4"], 0, True),
        (["L2"], ["L4-L5"], 0, False),
        (["L3"], ["L4-L5"], 1, True),
        (["T12"], ["L1"], 1, True),
        ([], ["L1"], 0, True),
        (["L1"], [], 0, True),
        (["S1"], ["SACRUM"], 0, True),
        (["somewhere"], ["L1"], 0, True),
    ],
)
def test_two_places_touch(first: list[str], second: list[str], gap: int, *, answer: bool) -> None:
    assert levels.touches(first, second, gap=gap) is answer


@pytest.mark.parametrize(
    ("explaining", "explained", "answer"),
    [
        (["L4-L5"], ["L4", "L5"], True),
        (["L4"], ["L4-L5"], True),
        (["L2"], ["L4"], False),
        (["L4"], ["L4", "T8"], False),
        ([], ["L4"], False),
        (["L4"], [], False),
        (["L4"], ["somewhere"], False),
    ],
)
def test_one_place_covers_another(explaining: list[str], explained: list[str], *, answer: bool) -> None:
    assert levels.covers(explaining, explained) is answer


def test_neighbours_are_one_place() -> None:
    assert levels.sites([["L3"], ["L4-L5"]]) == 1
    assert levels.sites([["L1"], ["L4-L5"], ["T6"]]) == 3
    assert levels.sites([[]]) == 0


def test_labels_in_order_and_odd_ones() -> None:
    assert levels.in_order(["L5", "T8", "L5", "somewhere", "L4-L5"]) == ("T8", "L4-L5", "L5", "somewhere")
    assert levels.bodies(["L6"]) == levels.bodies(["S1"])
    assert levels.bodies(["T14", "S9"]) == frozenset()
    assert levels.label(0) == "C1"
    assert levels.is_sacral(["S1", "S2"])
    assert not levels.is_sacral(["L5", "S1"])
    assert not levels.is_sacral([])


# ---- measured values ----


@pytest.mark.parametrize(
    ("value", "over", "under"),
    [
        (lab(11), True, False),
        (lab(10), False, False),
        (lab(9), False, True),
        (lab(10, Comparator.LT), False, True),
        (lab(10, Comparator.LE), False, None),
        (lab(10, Comparator.GT), True, False),
        (lab(10, Comparator.GE), None, False),
        (lab(20, Comparator.LT), None, None),
        (lab(5, Comparator.GT), None, None),
        (lab(None), None, None),
        (lab(math.nan), None, None),
        (None, None, None),
    ],
)
def test_a_value_against_the_limit_ten(value: LabValue | None, *, over: bool | None, under: bool | None) -> None:
    assert above(value, 10) is over
    assert below(value, 10) is under
    assert at_least(value, 10) is (None if under is None else not under)


def test_the_laboratory_limit_comes_before_the_default() -> None:
    assert above_upper_normal(lab(50, upper=40), 120) is True
    assert above_upper_normal(lab(50), 120) is False
    assert above_upper_normal(lab(300), 120, 2) is True
    assert above_upper_normal(None, 120) is None
    assert interval(lab(3, Comparator.LT)) == (0, 3)


# ---- weights ----


@pytest.mark.parametrize(
    ("name", "status", "certainty", "expected"),
    [
        ("F-EDEMA", Status.PRESENT, Certainty.CERTAIN, Weight.PRESENT),
        ("F-EDEMA", Status.PRESENT, Certainty.PROBABLE, Weight.PRESENT),
        ("F-EDEMA", Status.POSSIBLE, Certainty.PROBABLE, Weight.PRESENT),
        ("F-EDEMA", Status.POSSIBLE, Certainty.POSSIBLE, Weight.POSSIBLE),
        ("F-EDEMA", Status.PRESENT, Certainty.UNLIKELY, Weight.UNLIKELY),
        ("F-EDEMA", Status.ABSENT, Certainty.CERTAIN, Weight.ABSENT),
        ("F-EDEMA", Status.HISTORICAL, Certainty.CERTAIN, Weight.NOT_STATED),
        ("F-EDEMA", Status.QUESTION, Certainty.CERTAIN, Weight.NOT_STATED),
        ("F-EDEMA", Status.UNKNOWN, Certainty.CERTAIN, Weight.NOT_STATED),
        ("F-EDEMA", Status.OTHER_PERSON, Certainty.CERTAIN, Weight.NOT_STATED),
        ("F-CORD", Status.POSSIBLE, Certainty.POSSIBLE, Weight.PRESENT),
        ("F-CAUDA", Status.POSSIBLE, Certainty.POSSIBLE, Weight.PRESENT),
        ("F-ABSCESS-EPIDURAL", Status.POSSIBLE, Certainty.POSSIBLE, Weight.PRESENT),
        ("F-CORD", Status.POSSIBLE, Certainty.UNLIKELY, Weight.UNLIKELY),
    ],
)
def test_weight_of_a_statement(
    name: str, status: Status, certainty: Certainty, expected: Weight, make_report: Callable[..., Report]
) -> None:
    stated = make_report([name]).reading.findings[0]
    assert weight(replace(stated, status=status, certainty=certainty)) is expected


# ---- reports ----


@pytest.mark.parametrize(
    ("newer", "older", "answer"),
    [
        ("lumbar", "lumbar", True),
        ("whole_spine", "thoracic", True),
        ("unknown", "thoracic", True),
        ("thoracolumbar", "lumbar", True),
        ("lumbar", "thoracolumbar", False),
        ("lumbar", "whole_spine", False),
        ("cervical", "lumbar", False),
        ("pelvis", "sacroiliac", True),
    ],
)
def test_a_newer_examination_shows_all_of_an_older_one(newer: str, older: str, *, answer: bool) -> None:
    assert covers_region(BodyRegion(newer), BodyRegion(older)) is answer


def test_modality_unknown_is_read_as_mri_where_only_mri_shows_it(make_report: Callable[..., Report]) -> None:
    edema = make_report(["F-EDEMA L3"], modality="unknown", region="unknown")
    silent = replace(make_report(["F-SCLEROSIS L3"], modality="unknown"), reading=make_report([]).reading)
    unspecific = replace(silent, reading=replace(silent.reading, describes_spine=False))
    assert passes_gate(edema)
    assert not passes_gate(unspecific)
    assert not passes_gate(replace(unspecific, modality=Modality.MR, region=BodyRegion.UNKNOWN))


def test_undated_reports_come_last(make_report: Callable[..., Report]) -> None:
    dated = make_report(["F-EDEMA L3"], days_ago=3, name="dated")
    undated = make_report(["F-EDEMA T3"], days_ago=None, name="undated", region="thoracic")
    moment = datetime(2026, 6, 15, tzinfo=UTC)
    found = current_reports((undated, dated), moment, moment - datetime(2026, 1, 1, tzinfo=UTC))
    assert found.candidates == (dated, undated)


# ---- finite state ----


def test_diabetes_alone_beside_certain_degeneration_is_no_risk(derive_case: Callable[[Case], Derived]) -> None:
    case = {"findings": ["F-EDEMA L5", "F-MODIC1 L5", "F-CLAW L5"], "conditions": ["DIABETES"]}
    assert derive_case(case).state.clinical_infection is ClinicalInfection.NONE
    with_dialysis = {**case, "conditions": ["DIABETES", "DIALYSIS"]}
    assert derive_case(with_dialysis).state.clinical_infection is ClinicalInfection.RISK


@pytest.mark.parametrize(
    ("labs", "band"),
    [
        ([], CrpBand.UNMEASURED),
        (["CRP 30"], CrpBand.UP_TO_30),
        (["CRP 49"], CrpBand.BELOW_50),
        (["CRP 50"], CrpBand.FROM_50),
        (["CRP >40"], CrpBand.FROM_50),
        (["ESR 80"], CrpBand.UNMEASURED),
    ],
)
def test_band_of_crp(labs: list[str], band: CrpBand, derive_case: Callable[[Case], Derived]) -> None:
    state = derive_case({"findings": ["F-EDEMA L3"], "labs": labs}).state
    assert state.crp_band is band
    assert state.esr_only is (labs == ["ESR 80"])


def test_the_esr_switch_takes_esr_out(facts_of: Callable[[Case], PatientFacts], knowledge: Any) -> None:
    from cds_service.rules.engine import Engine  # noqa: PLC0415 - only this test builds its own engine

    switches = knowledge.thresholds.switches.model_copy(update={"esr_enabled": False})
    without = replace(knowledge, thresholds=knowledge.thresholds.model_copy(update={"switches": switches}))
    facts = facts_of({"findings": ["F-EDEMA L3"], "labs": ["ESR 96"]})
    on, off = Engine(knowledge).assess(facts).state, Engine(without).assess(facts).state
    assert on is not None
    assert off is not None
    assert (on.labs.value, off.labs.value) == ("R", "U")


def test_a_fracture_explains_all_edema_only_where_it_lies(derive_case: Callable[[Case], Derived]) -> None:
    one = derive_case({"findings": ["F-FX L1 acute", "F-EDEMA L1"]}).state
    two = derive_case({"findings": ["F-FX L1 acute", "F-EDEMA L1 L4"]}).state
    assert (one.fracture_explains_all_levels, two.fracture_explains_all_levels) == (True, False)


def test_an_old_collapse_with_its_own_edema_word_stays_old(derive_case: Callable[[Case], Derived]) -> None:
    state = derive_case({"findings": ["F-FX L1 old", "F-HEIGHTLOSS L1", "F-EDEMA L1"]}).state
    assert state.fracture.value == "0"


def test_study_facts(derive_case: Callable[[Case], Derived]) -> None:
    plain = derive_case({"findings": ["F-EDEMA L1 plain_t2_only"], "technique": {"contrast": False}}).state
    whole = derive_case(
        {"findings": ["F-EDEMA L1"], "region": "whole_spine", "technique": {"contrast": True}, "sex": "male"}
    ).state
    assert (plain.native_study, plain.edema_on_plain_t2_only, plain.whole_spine_contrast_done) == (True, True, False)
    assert (whole.native_study, whole.edema_on_plain_t2_only, whole.whole_spine_contrast_done) == (False, False, True)
    assert whole.male
    assert whole.age_50_or_more
    assert not whole.age_under_50
