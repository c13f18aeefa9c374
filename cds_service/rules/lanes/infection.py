"""Lane B: how strongly images, clinical signs and markers together argue for spinal infection, and what to do next.

Source: algorithm section on lane B. A marker that is unknown is neither raised nor reassuring here.
"""

from cds_service.domain.state import (
    ClinicalInfection,
    Course,
    CrpBand,
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
from cds_service.domain.vocabulary import Lane
from cds_service.rules.lanes.row import Row, always_info, always_warning, warning_if

RISK_OR_NONE = (ClinicalInfection.NONE, ClinicalInfection.RISK)
NOT_RAISED = (Labs.N, Labs.B)


def _open_images(state: LaneState) -> bool:
    return state.imaging_infection <= ImagingInfection.W


def _moderate_without_sign(state: LaneState) -> bool:
    return state.imaging_infection is ImagingInfection.M and state.clinical_infection in RISK_OR_NONE


def _open_with_sign(state: LaneState) -> bool:
    return _open_images(state) and state.clinical_infection is ClinicalInfection.SIGN


def _open_with_risk(state: LaneState) -> bool:
    return _open_images(state) and state.clinical_infection is ClinicalInfection.RISK


def _open_without_risk(state: LaneState) -> bool:
    return _open_images(state) and state.clinical_infection is ClinicalInfection.NONE


def treated_infection(state: LaneState) -> bool:
    """Known spinal infection under treatment, not worse, no new abscess, and neither sepsis nor a new deficit."""
    # The treated-infection card itself says "new neurology or fever: re-evaluate now", so a septic or paretic
    # patient is not answered with "follow symptoms"; the table's own condition names only course and abscess.
    quiet = state.known_infection and state.course is not Course.WORSE and not state.new_abscess
    return quiet and state.emergency not in (Emergency.NEURO, Emergency.SEPSIS)


def positive_culture(state: LaneState) -> bool:
    """A plausible pathogen grew in blood within 90 days, whatever images and markers say."""
    return state.culture


def strong_images(state: LaneState) -> bool:
    """The images argue strongly for infection, whatever the markers say."""
    return state.imaging_infection is ImagingInfection.S


def moderate_with_sign(state: LaneState) -> bool:
    """Moderate imaging evidence together with a clinical sign of infection."""
    return state.imaging_infection is ImagingInfection.M and state.clinical_infection is ClinicalInfection.SIGN


def moderate_raised(state: LaneState) -> bool:
    """Moderate imaging evidence and raised markers."""
    return _moderate_without_sign(state) and state.labs is Labs.R


def moderate_unknown(state: LaneState) -> bool:
    """Moderate imaging evidence and no usable CRP."""
    return _moderate_without_sign(state) and state.labs is Labs.U


def moderate_not_raised(state: LaneState) -> bool:
    """Moderate imaging evidence although the markers are normal or borderline."""
    return _moderate_without_sign(state) and state.labs in NOT_RAISED


def risk_or_mask(state: LaneState) -> bool:
    """A risk factor for infection, or a drug or disease that lowers the markers."""
    return state.clinical_infection is not ClinicalInfection.NONE or state.mask is not MarkerMask.NONE


def sign_raised(state: LaneState) -> bool:
    """Clinical sign of infection and raised markers beside weak or no imaging evidence."""
    return _open_with_sign(state) and state.labs is Labs.R


def sign_unknown(state: LaneState) -> bool:
    """Clinical sign of infection and no usable CRP beside weak or no imaging evidence."""
    return _open_with_sign(state) and state.labs is Labs.U


def sign_not_raised(state: LaneState) -> bool:
    """Clinical sign of infection although markers are normal or borderline and images weak."""
    return _open_with_sign(state) and state.labs in NOT_RAISED


def risk_raised(state: LaneState) -> bool:
    """Risk factor for infection and raised markers beside weak or no imaging evidence."""
    return _open_with_risk(state) and state.labs is Labs.R


def risk_unknown(state: LaneState) -> bool:
    """Risk factor for infection and no usable CRP beside weak or no imaging evidence."""
    return _open_with_risk(state) and state.labs is Labs.U


def risk_steroid_fracture(state: LaneState) -> bool:
    """Risk factor, markers not raised, glucocorticoid the only mask, a stated fracture explains every level."""
    return (
        _open_with_risk(state)
        and state.labs in NOT_RAISED
        and state.imaging_infection is ImagingInfection.N
        and state.mask is MarkerMask.STEROID_ONLY
        and state.fracture is Fracture.FRACTURE
        and state.fracture_explains_all_levels
    )


def risk_masked(state: LaneState) -> bool:
    """Risk factor for infection and markers not raised, but a drug or disease makes them untrustworthy."""
    return _open_with_risk(state) and state.labs in NOT_RAISED and state.mask is not MarkerMask.NONE


def risk_weak_images(state: LaneState) -> bool:
    """Risk factor for infection, markers not raised, and paravertebral change that nothing explains."""
    return _open_with_risk(state) and state.labs in NOT_RAISED and state.imaging_infection is ImagingInfection.W


def risk_reassuring(state: LaneState) -> bool:
    """Risk factor for infection, trustworthy markers that are not raised, and no imaging evidence."""
    return _open_with_risk(state) and state.labs in NOT_RAISED


def _raised_without_risk(state: LaneState) -> bool:
    return _open_without_risk(state) and state.labs is Labs.R


def _other_cause_of_esr(state: LaneState) -> bool:
    return (
        state.imaging_malignancy in (ImagingMalignancy.S, ImagingMalignancy.M)
        or state.fracture is not Fracture.NONE
        or state.inflammatory is not Inflammatory.NONE
        or state.known_metastases
        or state.malignancy_lab_beyond_esr
    )


def esr_alone_with_other_cause(state: LaneState) -> bool:
    """ESR raised, CRP missing, and tumour, fracture or spondyloarthritis could explain the ESR."""
    return _raised_without_risk(state) and state.esr_only and _other_cause_of_esr(state)


def _fracture_explains_crp(state: LaneState) -> bool:
    early = state.time in (TimeCourse.NEW, TimeCourse.UNKNOWN)
    return state.crp_band is CrpBand.UP_TO_30 and early and state.fracture is not Fracture.NONE


def _inflammation_or_tumour_explains_crp(state: LaneState) -> bool:
    if state.crp_band not in (CrpBand.UP_TO_30, CrpBand.BELOW_50):
        return False
    tumour = state.known_metastases or state.imaging_malignancy is ImagingMalignancy.S
    by_tumour = tumour and state.imaging_infection is ImagingInfection.N
    return by_tumour or state.inflammatory is not Inflammatory.NONE


def raised_with_other_cause(state: LaneState) -> bool:
    """Markers raised no higher than a fresh fracture, spondyloarthritis, metastases or tumour on MRI would explain."""
    return _raised_without_risk(state) and (
        _fracture_explains_crp(state) or _inflammation_or_tumour_explains_crp(state)
    )


def raised_unexplained(state: LaneState) -> bool:
    """Markers raised without sign, risk factor or another cause that would explain them."""
    return _raised_without_risk(state)


def weak_images_unknown(state: LaneState) -> bool:
    """Paravertebral change that nothing explains, no usable CRP, no risk factor."""
    return _open_without_risk(state) and state.labs is Labs.U and state.imaging_infection is ImagingInfection.W


def explained_unknown(state: LaneState) -> bool:
    """No usable CRP and no risk factor, but a fracture or certain degeneration explains the edema."""
    unknown = _open_without_risk(state) and state.labs is Labs.U
    plain = unknown and state.imaging_infection is ImagingInfection.N
    # A marker that is called raised, by whatever amount, is not explained away before it is measured.
    caused = state.degenerative_certain or state.fracture is not Fracture.NONE
    return plain and caused and not state.marker_raised_unsized


def pressure_without_bone(state: LaneState) -> bool:
    """No usable CRP and no risk factor, and the only finding is a disc or hematoma that presses on the canal."""
    unknown = _open_without_risk(state) and state.labs is Labs.U and not state.marker_raised_unsized
    return unknown and state.pressure_without_bone and state.imaging_infection is ImagingInfection.N


def raised_unsized(state: LaneState) -> bool:
    """A marker is called raised without a value that could be compared."""
    return state.marker_raised_unsized


def unknown_markers(state: LaneState) -> bool:
    """No usable CRP, no risk factor, nothing that explains the edema."""
    return _open_without_risk(state) and state.labs is Labs.U


def masked_without_risk(state: LaneState) -> bool:
    """Markers not raised and no risk factor, but a drug or disease makes the markers untrustworthy."""
    return state.mask is not MarkerMask.NONE


def no_infection_question(_state: LaneState) -> bool:
    """Markers not raised, no risk factor, at most weak imaging evidence."""
    return True


_WARN = "warning"
_INFO = "info"

ROWS: tuple[Row[LaneState], ...] = (
    Row("B00", Lane.INFECTION, treated_infection, "C17", always_info, _INFO, ("R-IDSA2015",)),
    Row("B0", Lane.INFECTION, positive_culture, "C12", always_warning, _WARN, ("R-IDSA2015", "R-SPILFSLIDES2023")),
    Row("B1", Lane.INFECTION, strong_images, "C11", always_warning, _WARN, ("R-IDSA2015", "R-LEDERMANN2003")),
    Row("B2", Lane.INFECTION, moderate_with_sign, "C11", always_warning, _WARN, ("R-IDSA2015", "R-EARLYSD")),
    Row("B3", Lane.INFECTION, moderate_raised, "C11", always_warning, _WARN, ("R-IDSA2015", "R-DAVIS2020")),
    Row("B4", Lane.INFECTION, moderate_unknown, "C10", always_warning, _WARN, ("R-IDSA2015", "R-DAVIS2020")),
    Row(
        "B5",
        Lane.INFECTION,
        moderate_not_raised,
        "C14",
        warning_if(risk_or_mask),
        "warning with a risk factor or masked markers, else info",
        ("R-ORGANISM2021", "R-ERENGOK2014", "R-EARLYSD"),
    ),
    Row("B6", Lane.INFECTION, sign_raised, "C11", always_warning, _WARN, ("R-IDSA2015", "R-EARLYSD")),
    Row("B7", Lane.INFECTION, sign_unknown, "C10", always_warning, _WARN, ("R-IDSA2015", "R-DAVIS2020")),
    Row("B8", Lane.INFECTION, sign_not_raised, "C14", always_warning, _WARN, ("R-EARLYSD", "R-ORGANISM2021")),
    Row("B9", Lane.INFECTION, risk_raised, "C11", always_warning, _WARN, ("R-IDSA2015", "R-ACRSSI2021")),
    Row("B10", Lane.INFECTION, risk_unknown, "C10", always_warning, _WARN, ("R-IDSA2015", "R-ACRSSI2021")),
    Row("B11.1", Lane.INFECTION, risk_steroid_fracture, "C15", always_info, _INFO, ("R-AISP", "R-DVO2023")),
    Row("B11.2", Lane.INFECTION, risk_masked, "C14", always_warning, _WARN, ("R-ORGANISM2021", "R-HDSPONDY2020")),
    Row("B11.3", Lane.INFECTION, risk_weak_images, "C14", always_info, _INFO, ("R-LEDERMANN2003", "R-EARLYSD")),
    Row("B11.4", Lane.INFECTION, risk_reassuring, "C15", always_info, _INFO, ("R-AISP", "R-HDSPONDY2020")),
    Row(
        "B11a", Lane.INFECTION, esr_alone_with_other_cause, "C10", always_warning, _WARN, ("R-IDSA2015", "R-SPILF2023")
    ),
    Row("B12", Lane.INFECTION, raised_with_other_cause, "C16", always_info, _INFO, ("R-DAVIS2020", "R-DVO2023")),
    Row("B13", Lane.INFECTION, raised_unexplained, "C11", always_warning, _WARN, ("R-IDSA2015", "R-DAVIS2020")),
    Row(
        "B14",
        Lane.INFECTION,
        weak_images_unknown,
        "C10",
        warning_if(raised_unsized),
        "warning with a marker called raised without a usable value, else info",
        ("R-IDSA2015", "R-LEDERMANN2003"),
    ),
    Row("B15", Lane.INFECTION, explained_unknown, evidence=("R-PATEL2014", "R-DVO2023")),
    Row("B15.1", Lane.INFECTION, pressure_without_bone, evidence=("R-GIRFT2023",)),
    Row(
        "B16",
        Lane.INFECTION,
        unknown_markers,
        "C10",
        warning_if(raised_unsized),
        "warning with a marker called raised without a usable value, else info",
        ("R-IDSA2015", "R-AISP"),
    ),
    Row("B17.1", Lane.INFECTION, masked_without_risk, "C15", always_info, _INFO, ("R-ORGANISM2021",)),
    Row("B17", Lane.INFECTION, no_infection_question, evidence=("R-AISP", "R-DAVIS2020")),
)
