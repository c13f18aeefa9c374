"""What a planned card carries beside its words: values, lines, dates and missing facts."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from cds_service.domain.assessment import Assessment, LabCause, PlannedCard
from cds_service.domain.facts import AllergyFact, PatientFacts, Provenance
from cds_service.domain.vocabulary import DrugGroup
from cds_service.knowledge.load import Knowledge
from cds_service.rules.engine import Engine

Case = Mapping[str, Any]


def card(assessment: Assessment, text_id: str) -> PlannedCard:
    return next(each for each in assessment.cards if each.text_id == text_id)


@pytest.fixture
def assess(assess_case: Callable[[Case], Assessment]) -> Callable[[Case], Assessment]:
    return assess_case


def test_blood_culture_card_names_germ_and_day(assess: Callable[[Case], Assessment]) -> None:
    case = {"findings": ["F-EDEMA L3"], "labs": ["BLOOD_CULTURE positive @20d 'Staphylococcus aureus'"]}
    params = card(assess(case), "C12").params
    assert (params["organism"], params["date"]) == ("Staphylococcus aureus", date(2026, 5, 26))


def test_charted_bacteremia_names_no_germ(assess: Callable[[Case], Assessment]) -> None:
    params = card(assess({"findings": ["F-EDEMA L3"], "conditions": ["BACTEREMIA @20d"]}), "C12").params
    assert {"organism", "date"} & set(params) == set()


def test_undated_culture_without_name(assess: Callable[[Case], Assessment]) -> None:
    params = card(assess({"findings": ["F-EDEMA L3"], "labs": ["BLOOD_CULTURE positive undated"]}), "C12").params
    assert {"organism", "date"} & set(params) == set()


def test_masking_drugs_are_named(assess: Callable[[Case], Assessment]) -> None:
    case = {"findings": ["F-EDEMA L3"], "drugs": ["IL6_BLOCKER @60d"], "labs": ["CRP 1"], "age": 40}
    assert card(assess(case), "C14").params["mask"] == ("Drug il6_blocker",)


def test_augmentation_card_gives_the_day_of_the_markers(assess: Callable[[Case], Assessment]) -> None:
    case = {
        "findings": ["F-FX L1", "F-EDEMA L1 ^same"],
        "earlier": ["100|F-FX L1|F-EDEMA L1"],
        "history": ["PAIN_SAME"],
        "labs": ["CRP 2 @3d"],
    }
    found = card(assess(case), "C82")
    assert found.params["date"] == date(2026, 6, 12)
    assert any(isinstance(cause, LabCause) for cause in found.causes)


@pytest.mark.parametrize(
    ("facts", "kept"),
    [
        ({"findings": ["F-CORD T8", "F-EDEMA T8"]}, False),
        ({"findings": ["F-CORD T8", "F-METASTASIS T8"]}, True),
        ({"findings": ["F-CORD T8", "F-LYSIS T8"]}, True),
        ({"findings": ["F-CORD T8", "F-EDEMA T8"], "conditions": ["CANCER"]}, True),
    ],
)
def test_the_emergency_card_names_oncology_only_where_a_tumour_is_known_or_seen(
    assess: Callable[[Case], Assessment], facts: Case, *, kept: bool
) -> None:
    assert ("oncology" not in card(assess(facts), "C01").drop_lines) is kept


def test_tumour_card_carries_the_least_sins(assess: Callable[[Case], Assessment]) -> None:
    params = card(assess({"findings": ["F-LYSIS T12", "-F-ALIGN"]}), "C21").params
    assert params["sins_min"] == 5
    assert params["sins_missing"] == ("pain", "collapse", "posterolateral")


def test_finding_word_follows_what_is_reported(assess: Callable[[Case], Assessment]) -> None:
    words = [
        assess({"findings": [text], "region": "sacrum"}).cards[0].params["finding_word"]
        for text in ("F-EDEMA S1", "F-EXPANSILE S2", "F-EXPANSILE L5")
    ]
    assert words == ["edema", "sacral_lesion", "vertebral_lesion"]


@pytest.mark.parametrize(
    ("findings", "of"),
    [
        (["F-FX L1", "F-HEIGHTLOSS L1", "-F-RETROPULSION L1"], "OF2"),
        (["F-FX L1 burst"], "OF3"),
        (["F-FXLINE L1", "-F-HEIGHTLOSS"], "OF1"),
        (["F-FX L1"], None),
    ],
)
def test_fracture_card_names_the_class_only_where_it_is_known(
    findings: list[str], of: str | None, assess: Callable[[Case], Assessment]
) -> None:
    assert card(assess({"findings": findings}), "C30").params.get("of") == of


def test_unclear_card_lists_the_differential_and_missing_sequences(assess: Callable[[Case], Assessment]) -> None:
    case = {
        "findings": ["F-EDEMA L3", "F-NEUROPATHIC? L3"],
        "labs": ["CRP 2"],
        "technique": {"diffusion": False, "contrast": False},
        "age": 64,
        "sex": "male",
    }
    params = card(assess(case), "C70").params
    assert (params["ddx"], params["missing"]) == (("neuropathic",), ("dwi", "contrast"))


def test_long_history_and_re_evaluation_name_the_weeks(assess: Callable[[Case], Assessment]) -> None:
    base = {"findings": ["F-EDEMA L3"], "labs": ["CRP 2"], "conditions": ["BACK_PAIN @140d"], "age": 64, "sex": "male"}
    assert card(assess(base), "C80").params["weeks"] == 20
    worse = {**base, "mri_days": 5, "conditions": ["BACK_PAIN @140d", "PAIN_WORSE @1d"]}
    params = card(assess(worse), "C81").params
    assert (params["onset_weeks"], params["course"]) == (20, "worse")


def test_re_evaluation_without_known_onset(assess: Callable[[Case], Assessment]) -> None:
    params = card(assess({"findings": ["F-STRESS L3 ^worse", "F-FX L3 ^worse"]}), "C81").params
    assert "onset_weeks" not in params


def test_sickle_cell_and_contiguous_source_lines(assess: Callable[[Case], Assessment]) -> None:
    case = {"findings": ["F-PSOAS L3", "F-DISC-FLUID L3-L4"], "conditions": ["SICKLE_CELL"], "labs": ["CRP 80"]}
    assert {"sickle-cell", "contiguous-source"} <= set(card(assess(case), "C11").add_lines)


def test_a_plan_recommends_no_drug_that_an_order_rule_would_warn_about(
    facts_of: Callable[[Case], PatientFacts], knowledge: Knowledge
) -> None:
    case = {"findings": ["F-EDEMA L3"], "labs": ["CRP 2"], "conditions": ["SLEEP_APNEA"], "age": 64, "sex": "male"}
    allergy = AllergyFact(frozenset({DrugGroup.NSAID}), "Ibuprofen", severe=True, provenance=Provenance("Allergy/1"))
    found = card(Engine(knowledge).assess(replace(facts_of(case), allergies=(allergy,))), "C80")
    assert "nsaid-not-advised" in found.add_lines
    assert found.params["reason"] == "nsaid-allergy"
    assert found.drop_lines == ("opioid",)


def test_the_reason_against_an_nsaid_comes_with_its_value(assess: Callable[[Case], Assessment]) -> None:
    case = {"findings": ["F-EDEMA L3"], "labs": ["CRP 2", "EGFR 24 @3d"], "age": 64, "sex": "male"}
    params = card(assess(case), "C80").params
    assert (params["reason"], params["egfr"]) == ("egfr", 24)


def test_weeks_of_pregnancy_are_not_taken_for_weeks_of_pain(assess: Callable[[Case], Assessment]) -> None:
    pregnant = {"pregnancy": {"pregnant": True, "weeks": 31}, "age": 31, "sex": "female"}
    case = {"findings": ["F-EDEMA L3"], "labs": ["CRP 2"], "conditions": ["BACK_PAIN @70d"], **pregnant}
    params = card(assess(case), "C80").params
    assert (params["reason"], params["weeks"]) == ("pregnancy-20w", 10)


@pytest.mark.parametrize(
    ("patient", "line"),
    [
        ({"age": 82}, True),
        ({"conditions": ["FALL_RISK"]}, True),
        ({"conditions": ["FALL_RISK", "SLEEP_APNEA"]}, False),
        ({}, False),
    ],
)
def test_the_fall_warning_stands_out_where_an_opioid_is_still_named(
    assess: Callable[[Case], Assessment], patient: Case, *, line: bool
) -> None:
    case = {"findings": ["F-EDEMA-ENDPLATE L3", "F-MODIC1 L3-L4"], "labs": ["CRP 2"], "age": 64, **patient}
    assert ("opioid-falls" in card(assess(case), "C80").add_lines) is line


def test_missing_facts_stand_on_the_card(assess: Callable[[Case], Assessment]) -> None:
    case = {"findings": ["F-IMPR-INFECTION"], "technique": {"contrast": False}, "age": 0}
    missing = set(assess(case).cards[0].missing)
    assert {"crp_esr", "temperature", "blood_culture", "contrast", "medications", "level", "age", "sex"} <= missing
    esr = assess({"findings": ["F-IMPR-INFECTION L3"], "labs": ["ESR 80"]}).cards[0].missing
    assert "crp" in esr
    assert "crp_esr" not in esr


def test_every_card_of_every_case_names_a_finding_and_only_known_references(
    all_cases: tuple[tuple[str, Case], ...], assess: Callable[[Case], Assessment], knowledge: Knowledge
) -> None:
    for _, case in all_cases:
        assessment = assess(case)
        for planned in assessment.cards:
            assert planned.causes
            assert set(planned.evidence) <= set(knowledge.evidence)
            assert set(planned.evidence) <= set(assessment.citations)


def test_a_trigger_always_gives_a_card(
    all_cases: tuple[tuple[str, Case], ...], assess: Callable[[Case], Assessment]
) -> None:
    for name, case in all_cases:
        assessment = assess(case)
        if assessment.state is not None and assessment.state.trigger:
            assert assessment.cards, name


def test_plan_cites_what_supports_it_and_not_what_opened_the_evaluation(assess: Callable[[Case], Assessment]) -> None:
    case = {"findings": ["F-MODIC1 L4-L5"], "labs": ["CRP 2", "ESR 5"], "age": 50, "sex": "male"}
    assert card(assess(case), "C80").evidence == ("R-NG59", "R-NVL2017", "R-ACP2017")
