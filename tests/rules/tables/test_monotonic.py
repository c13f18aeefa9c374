"""More alarm never lowers the most urgent card and never brings a conservative plan.

Compared are neighbouring states that differ in one alarming variable. Left out on purpose are variables that explain
something: a fracture, spondyloarthritis or known metastases may explain a raised CRP and so lower the urgency.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from cds_service.domain.state import (
    CancerHistory,
    ClinicalInfection,
    Course,
    CrpBand,
    Emergency,
    ImagingInfection,
    ImagingMalignancy,
    Labs,
    LaneState,
    MarkerMask,
)
from cds_service.rules.arbitration import decide

CONSERVATIVE = frozenset({"C50", "C50-F", "C60", "C63", "C80", "C82", "C83"})
SAMPLE = 500
FULL = 12_000

Changes = dict[str, Any]
Possible = Callable[[LaneState], bool]

# Each ladder climbs from less to more alarm; a step changes the variables named and leaves the others as they are.
LADDERS: dict[str, tuple[Changes, ...]] = {
    "imaging evidence of infection": tuple(
        {"imaging_infection": value, "degenerative_certain": False} for value in ImagingInfection
    ),
    "clinical evidence of infection": tuple({"clinical_infection": value} for value in ClinicalInfection),
    "markers": (
        {"labs": Labs.N, "crp_band": CrpBand.UP_TO_30, "esr_only": False},
        {"labs": Labs.B, "crp_band": CrpBand.UP_TO_30, "esr_only": False},
        {"labs": Labs.R, "crp_band": CrpBand.UP_TO_30, "esr_only": False},
        {"labs": Labs.R, "crp_band": CrpBand.BELOW_50, "esr_only": False},
        {"labs": Labs.R, "crp_band": CrpBand.FROM_50, "esr_only": False, "lab_strong": True},
    ),
    "masked markers": tuple({"mask": value} for value in (MarkerMask.NONE, MarkerMask.STEROID_ONLY, MarkerMask.OTHER)),
    "blood culture": tuple({"culture": value, "clinical_infection": ClinicalInfection.SIGN} for value in (False, True)),
    "new abscess": tuple(
        {"new_abscess": value, "abscess": True, "imaging_infection": ImagingInfection.S} for value in (False, True)
    ),
    "imaging evidence of tumour": tuple(
        {"imaging_malignancy": value, "t1_only": False, "several_dark_or_fractured": False, "paget_certain": False}
        for value in (ImagingMalignancy.A, ImagingMalignancy.N, ImagingMalignancy.M, ImagingMalignancy.S)
    ),
    "more than one dark body": (
        {"imaging_malignancy": ImagingMalignancy.M, "t1_only": True, "several_dark_or_fractured": False},
        {"imaging_malignancy": ImagingMalignancy.M, "t1_only": False, "several_dark_or_fractured": False},
        {"imaging_malignancy": ImagingMalignancy.M, "t1_only": False, "several_dark_or_fractured": True},
    ),
    "known cancer": tuple({"cancer_history": value} for value in (CancerHistory.NONE, CancerHistory.KNOWN)),
    "monoclonal gammopathy": tuple({"cancer_history": value} for value in (CancerHistory.NONE, CancerHistory.MGUS)),
    "laboratory sign of tumour": tuple(
        {"malignancy_lab": value, "malignancy_lab_beyond_esr": value} for value in (False, True)
    ),
    "clinical sign of tumour": tuple({"malignancy_clinical": value} for value in (False, True)),
    "new metastasis": tuple({"known_metastases": True, "metastases_progress": value} for value in (False, True)),
    "stability score": tuple({"sins_7": value} for value in (False, True)),
    "pathological fracture": tuple({"fracture_pathologic": value} for value in (False, True)),
    "tumour at the fracture": tuple(
        {"malignancy_at_fracture_stated": value, "malignancy_denied_at_fracture": False} for value in (False, True)
    ),
    "tumour no longer denied": tuple({"malignancy_denied_at_fracture": value} for value in (True, False)),
    "severe fracture": tuple({"fracture_severe": value} for value in (False, True)),
    "collapse progressing": tuple({"collapse_progressing": value} for value in (False, True)),
    "course": tuple({"course": value} for value in (Course.BETTER, Course.SAME, Course.WORSE)),
    "severe pain": tuple({"severe_persisting": value} for value in (False, True)),
    "instability": tuple(
        {"emergency": value} for value in (Emergency.NONE, Emergency.UNSTABLE, Emergency.UNSTABLE_CANAL)
    ),
    "neurology": tuple({"emergency": value} for value in (Emergency.NONE, Emergency.NEURO_WARNING, Emergency.NEURO)),
    "sepsis": tuple({"emergency": value} for value in (Emergency.NONE, Emergency.SEPSIS)),
}


def urgency(state: LaneState) -> int:
    return max(card.indicator.rank for card in decide(state).cards)


def conservative(state: LaneState) -> set[str]:
    return {card.text_id for card in decide(state).cards} & CONSERVATIVE


def answered_with_less(ladder: tuple[Changes, ...], states: Iterator[LaneState], possible: Possible) -> Iterator[bool]:
    """For each pair of neighbours that patients could have: whether the more alarming one gets the lesser answer."""
    for state in states:
        for less, more in pairwise(replace(state, **changes) for changes in ladder):
            if possible(less) and possible(more):
                lowered = urgency(more) < urgency(less)
                yield lowered or bool(conservative(more) and not conservative(less))


@pytest.mark.parametrize("ladder", LADDERS.values(), ids=LADDERS)
def test_more_alarm_is_never_answered_with_less(
    ladder: tuple[Changes, ...],
    consistent_states: Callable[[int, int], Iterator[LaneState]],
    is_consistent: Possible,
    pytestconfig: pytest.Config,
) -> None:
    count = FULL if pytestconfig.getoption("--full") else SAMPLE
    answers = list(answered_with_less(ladder, consistent_states(count, 7), is_consistent))
    assert len(answers) > count / 20
    assert not any(answers)
