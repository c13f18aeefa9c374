"""Each card offers its draft orders in the order of the table, and only what the state calls for."""

from typing import Any

import pytest

from cds_service.domain.assessment import DraftKind, Priority
from cds_service.domain.state import (
    ClinicalInfection,
    Emergency,
    Fracture,
    ImagingInfection,
    ImagingMalignancy,
    Labs,
    LaneState,
    MarkerMask,
    Metabolic,
    TimeCourse,
)
from cds_service.domain.vocabulary import Indicator
from cds_service.rules.drafts import PLANNERS, Due, LaneDraft, drafts

KNOWN: dict[str, Any] = {"labs": Labs.N}
PREGNANT: dict[str, Any] = {"metabolic": Metabolic.PREGNANCY, "pregnant": True}
DONE: dict[str, Any] = {"whole_spine_contrast_done": True}
STRONG: dict[str, Any] = {"imaging_infection": ImagingInfection.S}

# card, state, orders in turn
ORDERS: list[tuple[str, dict[str, Any], str]] = [
    ("C01", KNOWN, "spine_surgery_referral mri_whole_spine_contrast"),
    ("C01", STRONG, "spine_surgery_referral mri_whole_spine_contrast blood_culture crp esr"),
    ("C01", KNOWN | STRONG | DONE, "spine_surgery_referral blood_culture"),
    ("C01", KNOWN | DONE | {"culture": True}, "spine_surgery_referral blood_culture"),
    (
        "C02",
        {},
        "blood_culture crp esr infectious_disease_referral spine_surgery_referral mri_whole_spine_contrast",
    ),
    ("C02", KNOWN | DONE, "blood_culture infectious_disease_referral spine_surgery_referral"),
    ("C03", {}, "spine_surgery_referral ct_region"),
    ("C03-A", PREGNANT, "spine_surgery_referral ct_region"),
    ("C10", {}, "crp esr cbc"),
    ("C10", {"esr_only": True}, "crp esr cbc"),
    ("C10", {"lab_strong": True}, "crp esr cbc blood_culture"),
    ("C10-W", {"labs": Labs.R, "esr_only": True}, "crp cbc"),
    ("C10-W", {"labs": Labs.R, "esr_only": True, "esr_70": True}, "crp cbc blood_culture"),
    ("C10-W", {"clinical_infection": ClinicalInfection.RISK, "native_study": True}, "crp esr cbc blood_culture"),
    (
        "C10-W",
        {"clinical_infection": ClinicalInfection.SIGN, "native_study": True},
        "crp esr cbc blood_culture mri_whole_spine_contrast",
    ),
    ("C11", STRONG, "crp esr blood_culture mri_whole_spine_contrast spine_biopsy fdg_pet_ct"),
    ("C11", STRONG | KNOWN | DONE, "blood_culture spine_biopsy fdg_pet_ct"),
    ("C11", STRONG | KNOWN | PREGNANT, "blood_culture mri_whole_spine_contrast spine_biopsy"),
    (
        "C11",
        STRONG | KNOWN | {"culture_sets_resulted_7d": True},
        "spine_biopsy mri_whole_spine_contrast fdg_pet_ct",
    ),
    (
        "C11-E",
        STRONG,
        "crp esr blood_culture mri_whole_spine_contrast infectious_disease_referral fdg_pet_ct spine_biopsy",
    ),
    (
        "C11-E",
        STRONG | KNOWN | DONE | {"culture_sets_resulted_7d": True},
        "infectious_disease_referral fdg_pet_ct spine_biopsy",
    ),
    (
        "C11-EDEMA",
        {"labs": Labs.R},
        "blood_culture crp_esr_recheck mri_whole_spine_contrast fdg_pet_ct",
    ),
    ("C11-EDEMA", {"labs": Labs.R, "esr_only": True}, "blood_culture crp mri_whole_spine_contrast fdg_pet_ct"),
    (
        "C11-EDEMA",
        {"labs": Labs.R, "culture_sets_resulted_7d": True} | DONE,
        "crp_esr_recheck fdg_pet_ct",
    ),
    (
        "C12",
        {},
        "crp esr blood_culture mri_whole_spine_contrast echocardiography infectious_disease_referral",
    ),
    ("C12", KNOWN | DONE, "blood_culture echocardiography infectious_disease_referral"),
    ("C14", KNOWN, "mri_follow_up crp_esr_recheck fdg_pet_ct"),
    ("C14", KNOWN | STRONG, "mri_follow_up crp_esr_recheck fdg_pet_ct spine_biopsy"),
    ("C14", KNOWN | PREGNANT, "mri_follow_up_native crp_esr_recheck"),
    (
        "C14",
        KNOWN | STRONG | {"native_study": True},
        "mri_follow_up crp_esr_recheck fdg_pet_ct spine_biopsy mri_whole_spine_contrast",
    ),
    ("C15", KNOWN, "crp_esr_recheck"),
    ("C16", {"labs": Labs.R}, "crp_esr_recheck"),
    ("C17", {}, ""),
    ("C20", {}, "mri_whole_spine_contrast staging_ct fdg_pet_ct oncology_referral spine_biopsy"),
    ("C20", PREGNANT | DONE, "oncology_referral spine_biopsy"),
    ("C21", {}, "cbc calcium creatinine alp ldh spep free_light_chains spine_biopsy"),
    (
        "C21",
        {"male": True, "epidural_tumour": True},
        "cbc calcium creatinine alp ldh spep free_light_chains psa spine_biopsy oncology_referral",
    ),
    (
        "C21",
        {"cytopenias_2": True},
        "cbc calcium creatinine alp ldh spep free_light_chains oncology_referral",
    ),
    ("C21-L", {"male": True}, "cbc calcium creatinine alp ldh spep free_light_chains psa"),
    ("C21-L", {"calcium_3": True}, "cbc calcium creatinine alp ldh spep free_light_chains oncology_referral"),
    ("C21-S", {}, "cbc spep free_light_chains mri_dwi_opposed_phase"),
    ("C23", {}, "mri_follow_up"),
    ("C23", PREGNANT, "mri_follow_up_native"),
    ("C24", {}, ""),
    ("C30", {}, "ct_region vitamin_d calcium alp dxa"),
    ("C30", PREGNANT, "vitamin_d calcium alp"),
    ("C30-P", {}, "ct_region vitamin_d calcium alp dxa"),
    ("C30-P", {"imaging_malignancy": ImagingMalignancy.S}, "ct_region vitamin_d calcium alp"),
    ("C30-P", {"malignancy_at_fracture_stated": True}, "ct_region vitamin_d calcium alp"),
    ("C31", {}, "ct_region vitamin_d calcium alp dxa"),
    ("C31-T", {}, "ct_region vitamin_d calcium alp"),
    ("C31-S", {}, "ct_region vitamin_d calcium alp"),
    ("C32", {}, "ct_region vitamin_d calcium alp dxa spine_surgery_referral"),
    ("C40", {}, "rheumatology_referral mri_sacroiliac hla_b27"),
    ("C41", {}, "rheumatology_referral"),
    ("C50", {}, ""),
    ("C60", {}, "vitamin_d calcium pth"),
    ("C61", PREGNANT, "vitamin_d calcium pth"),
    ("C70", {}, ""),
    ("C31", {"fracture": Fracture.OCCULT}, "crp esr ct_region vitamin_d calcium alp dxa"),
    ("C40", {"fracture": Fracture.OCCULT}, "crp esr rheumatology_referral mri_sacroiliac hla_b27"),
    ("C41", {"fracture": Fracture.OCCULT}, "crp esr rheumatology_referral"),
    ("C50", {"degenerative_certain": True}, "crp esr"),
    ("C50", {"degenerative_certain": True} | KNOWN, ""),
    ("C50-F", {"degenerative_certain": True}, "crp esr"),
    ("C62", {"degenerative_certain": True}, "crp esr"),
    ("C63", {"degenerative_certain": True}, "crp esr"),
    ("C80", {}, "follow_up_visit mri_follow_up conservative_care_plan"),
    ("C80", PREGNANT, "follow_up_visit mri_follow_up_native conservative_care_plan"),
    ("C81", {}, "crp esr mri_follow_up"),
    ("C81", {"mri_just_done": True}, "crp esr follow_up_visit"),
    ("C82", {}, ""),
    ("C83", {}, ""),
    ("C90", {}, "radiology_clarification_task"),
]


@pytest.mark.parametrize(("text", "values", "expected"), ORDERS)
def test_card_offers_exactly_these_orders_in_turn(text: str, values: dict[str, Any], expected: str) -> None:
    offered = drafts(text, LaneState(**values), Indicator.WARNING)
    assert [draft.kind.value for draft in offered] == expected.split()


def test_every_card_with_drafts_is_checked_here() -> None:
    assert set(PLANNERS) - {text for text, _, expected in ORDERS if expected} == {"C01-W"}


def priority(text: str, kind: DraftKind, indicator: Indicator = Indicator.WARNING, **values: Any) -> Priority:
    found = {draft.kind: draft.priority for draft in drafts(text, LaneState(**values), indicator)}
    return found[kind]


@pytest.mark.parametrize(
    ("indicator", "expected"), [(Indicator.CRITICAL, Priority.STAT), (Indicator.WARNING, Priority.URGENT)]
)
def test_neurology_card_refers_as_fast_as_it_warns(indicator: Indicator, expected: Priority) -> None:
    text = "C01" if indicator is Indicator.CRITICAL else "C01-W"
    assert {draft.priority for draft in drafts(text, LaneState(**STRONG), indicator)} == {expected}


def test_sepsis_card_orders_everything_at_once() -> None:
    assert {draft.priority for draft in drafts("C02", LaneState(), Indicator.CRITICAL)} == {Priority.STAT}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Priority.ROUTINE),
        ({"imaging_malignancy": ImagingMalignancy.M}, Priority.ROUTINE),
        ({"imaging_malignancy": ImagingMalignancy.S}, Priority.URGENT),
        ({"epidural_tumour": True}, Priority.URGENT),
        ({"sins_7": True}, Priority.URGENT),
        ({"emergency": Emergency.NEURO}, Priority.URGENT),
    ],
)
def test_oncology_contact_is_urgent_when_images_or_stability_press(values: dict[str, Any], expected: Priority) -> None:
    assert priority("C20", DraftKind.ONCOLOGY_REFERRAL, **values) is expected


@pytest.mark.parametrize(
    ("indicator", "expected"), [(Indicator.INFO, Priority.ROUTINE), (Indicator.WARNING, Priority.URGENT)]
)
def test_missing_markers_are_urgent_only_as_a_warning(indicator: Indicator, expected: Priority) -> None:
    assert priority("C10", DraftKind.CRP, indicator) is expected
    assert priority("C81", DraftKind.CRP, indicator) is expected


def due(text: str, kind: DraftKind, **values: Any) -> Due:
    return next(draft.due for draft in drafts(text, LaneState(**values), Indicator.INFO) if draft.kind is kind)


def test_marker_recheck_comes_sooner_when_a_drug_lowers_the_markers() -> None:
    assert due("C15", DraftKind.CRP_ESR_RECHECK) is Due.CRP_RECHECK_RISK
    assert due("C15", DraftKind.CRP_ESR_RECHECK, mask=MarkerMask.STEROID_ONLY) is Due.CRP_RECHECK
    assert due("C16", DraftKind.CRP_ESR_RECHECK) is Due.CRP_RECHECK
    assert due("C11-EDEMA", DraftKind.CRP_ESR_RECHECK, labs=Labs.R) is Due.CRP_RECHECK_SOON


def test_review_comes_sooner_after_a_long_history() -> None:
    assert due("C80", DraftKind.FOLLOW_UP_VISIT) is Due.VISIT
    assert due("C80", DraftKind.FOLLOW_UP_VISIT, time=TimeCourse.PERSISTENT) is Due.VISIT_EARLY


def test_follow_up_images_are_dated_by_the_question() -> None:
    assert due("C14", DraftKind.MRI_FOLLOW_UP) is Due.MRI_EARLY
    assert due("C80", DraftKind.MRI_FOLLOW_UP) is Due.MRI_FOLLOW_UP
    assert due("C81", DraftKind.MRI_FOLLOW_UP) is Due.NOW


def test_blood_cultures_are_two_sets() -> None:
    cultures = [draft for draft in drafts("C11", LaneState(**STRONG), Indicator.WARNING) if draft.quantity != 1]
    assert cultures == [LaneDraft(DraftKind.BLOOD_CULTURE, Priority.URGENT, 2, Due.NOW, "two-sets")]


def test_fracture_beside_nothing_open_is_plain_bone_health() -> None:
    state = LaneState(fracture=Fracture.FRACTURE)
    assert drafts("C30", state, Indicator.INFO) == drafts("C31", state, Indicator.INFO)
