"""Lane D: the most likely benign cause. It never argues against lanes A to C; those take its cards away if need be.

Source: algorithm section on lane D. Mechanical risk comes first, CNO before an occult fracture, fracture before SpA.
"""

from cds_service.domain.state import ClinicalInfection, Fracture, Inflammatory, Labs, LaneState, Metabolic
from cds_service.domain.vocabulary import Lane
from cds_service.rules.lanes.row import Row, always_info, warning_if


def osteonecrosis(state: LaneState) -> bool:
    """Intravertebral cleft or fluid sign with height loss (Kümmell)."""
    return state.fracture is Fracture.AVN


def collapse_progressing(state: LaneState) -> bool:
    """The collapse is progressing."""
    return state.collapse_progressing


def fracture(state: LaneState) -> bool:
    """Recent vertebral or sacral fracture."""
    return state.fracture is Fracture.FRACTURE


def severe_fracture(state: LaneState) -> bool:
    """Fracture of class OF3 or more, height loss of 40 % or more, or a new fall."""
    return state.fracture_severe


def cno_pattern(state: LaneState) -> bool:
    """Pattern of SAPHO or chronic non-bacterial osteitis."""
    return state.inflammatory is Inflammatory.CNO


def occult_fracture(state: LaneState) -> bool:
    """Edema without deformity in a bone at risk, after trauma, or as a stress reaction."""
    return state.fracture is Fracture.OCCULT


def spondyloarthritis_pattern(state: LaneState) -> bool:
    """Pattern of axial spondyloarthritis."""
    return state.inflammatory is Inflammatory.AXSPA


def after_treatment(state: LaneState) -> bool:
    """Surgery, implant, cement or a radiotherapy field at the level."""
    return state.post_treatment


def typical_benign_lesion(state: LaneState) -> bool:
    """Acute Schmorl node or typical hemangioma named as the cause, without Modic type I change."""
    return state.benign_lesion and not state.modic1


def degeneration(state: LaneState) -> bool:
    """Certain degenerative edema, or a degenerative pattern with normal markers and no infection risk."""
    unsuspicious = state.labs is Labs.N and state.clinical_infection is ClinicalInfection.NONE
    return state.degenerative_certain or (state.degenerative and unsuspicious)


def pregnancy(state: LaneState) -> bool:
    """Pregnancy, lactation or the year after birth."""
    return state.metabolic is Metabolic.PREGNANCY


def transient_or_metabolic(state: LaneState) -> bool:
    """Metabolic hint or edema alone in mid-life; markers not raised, no degeneration, no suspicion outside the spine.

    A diagnosis of exclusion does not stand beside a suspicious finding outside the spine.
    """
    excluded = state.labs in (Labs.N, Labs.B) and not state.degenerative and not state.extraspinal_suspicion
    return state.metabolic is Metabolic.TRANSIENT and excluded


def degeneration_with_caution(state: LaneState) -> bool:
    """Degenerative pattern while markers are unknown or raised, or an infection risk exists."""
    return state.degenerative


def no_clear_cause(_state: LaneState) -> bool:
    """No benign cause stands out."""
    return True


_INFO = "info"

ROWS: tuple[Row[LaneState], ...] = (
    Row(
        "D1",
        Lane.BENIGN,
        osteonecrosis,
        "C32",
        warning_if(collapse_progressing),
        "warning if the collapse progresses, else info",
        ("R-ACRVCF2022", "R-BMEPATTERN2016"),
    ),
    Row(
        "D2",
        Lane.BENIGN,
        fracture,
        "C30",
        warning_if(severe_fracture),
        "warning with OF3 or more, height loss of 40 % or more or a new fall, else info",
        ("R-OF2018", "R-DVO2023", "R-ACRVCF2022"),
    ),
    Row("D3", Lane.BENIGN, cno_pattern, "C41", always_info, _INFO, ("R-CNO2024", "R-SAPHO2016")),
    Row("D4", Lane.BENIGN, occult_fracture, "C31", always_info, _INFO, ("R-OF2018", "R-DVO2023")),
    Row(
        "D5", Lane.BENIGN, spondyloarthritis_pattern, "C40", always_info, _INFO, ("R-ASAS-SPINE2022", "R-ASAS-SIJ2016")
    ),
    Row("D6", Lane.BENIGN, after_treatment, "C62", always_info, _INFO, ("R-JOSR2023",)),
    Row("D6b", Lane.BENIGN, typical_benign_lesion, "C63", always_info, _INFO, ("R-HEMANGIOMA2017",)),
    Row("D7", Lane.BENIGN, degeneration, "C50", always_info, _INFO, ("R-JENSEN2008", "R-AIM2019")),
    Row("D8", Lane.BENIGN, pregnancy, "C61", always_info, _INFO, ("R-FDANSAID2020",)),
    Row(
        "D9", Lane.BENIGN, transient_or_metabolic, "C60", always_info, _INFO, ("R-BPBMES2020", "R-PARASKEVOPOULOS2022")
    ),
    Row("D11", Lane.BENIGN, degeneration_with_caution, "C50", always_info, _INFO, ("R-JENSEN2008", "R-AIM2019")),
    Row("D12", Lane.BENIGN, no_clear_cause, "C70", always_info, _INFO),
)
