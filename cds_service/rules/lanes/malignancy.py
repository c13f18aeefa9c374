"""Lane C: known cancer is metastasis until the pattern proves otherwise; without known cancer images and labs decide.

Source: algorithm section on lane C. Up to a third of fractures in cancer patients are benign, hence the benign exit.
"""

from cds_service.domain.state import CancerHistory, Course, Fracture, ImagingMalignancy, LaneState
from cds_service.domain.vocabulary import Lane
from cds_service.rules.lanes.row import Row, always_info, always_warning, warning_if


def benign_pattern(state: LaneState) -> bool:
    """Certain degeneration, typical benign lesion, certain Paget bone, or fracture with benign signs or no tumour."""
    fractured = state.fracture is not Fracture.NONE
    against_tumour = state.imaging_malignancy is ImagingMalignancy.A or state.malignancy_denied_at_fracture
    return state.degenerative_certain or state.benign_lesion or state.paget_certain or (fractured and against_tumour)


def _known_cancer(state: LaneState) -> bool:
    return state.cancer_history is CancerHistory.KNOWN


def _moderate(state: LaneState) -> bool:
    return state.imaging_malignancy is ImagingMalignancy.M


def _gammopathy_with_fracture(state: LaneState) -> bool:
    return state.cancer_history is CancerHistory.MGUS and state.fracture is not Fracture.NONE


def tumour_at_fracture(state: LaneState) -> bool:
    """The fracture is called pathological, or a tumour is stated at the fractured level."""
    return state.fracture_pathologic or state.malignancy_at_fracture_stated


def known_metastases(state: LaneState) -> bool:
    """Bone metastases or myeloma bone disease were known before this MRI."""
    return state.known_metastases


def metastases_worse(state: LaneState) -> bool:
    """A new level, a worse course, or a possibly unstable lesion."""
    return state.metastases_progress or state.course is Course.WORSE or state.sins_7


def cancer_strong(state: LaneState) -> bool:
    """Known cancer and images that argue strongly for tumour."""
    return _known_cancer(state) and state.imaging_malignancy is ImagingMalignancy.S


def cancer_not_benign(state: LaneState) -> bool:
    """Known cancer and images that suggest tumour or show no benign pattern."""
    neutral = state.imaging_malignancy is ImagingMalignancy.N
    return _known_cancer(state) and (_moderate(state) or (neutral and not benign_pattern(state)))


def cancer_with_laboratory_sign(state: LaneState) -> bool:
    """Known cancer with a laboratory sign of tumour, even where the pattern looks benign."""
    # The text lets the benign exit ignore laboratory signs, while the same laboratory sign without known cancer
    # starts the tumour work-up and stops the conservative plan. The safer reading: the sign closes the exit.
    return _known_cancer(state) and state.malignancy_lab


def cancer_benign(state: LaneState) -> bool:
    """Known cancer, but the pattern looks benign and no laboratory sign speaks against it."""
    return _known_cancer(state)


def images_strong(state: LaneState) -> bool:
    """No known cancer, but the images argue strongly for tumour."""
    return state.imaging_malignancy is ImagingMalignancy.S


def images_moderate_with_sign(state: LaneState) -> bool:
    """Images suggest tumour and laboratory, clinical signs or a monoclonal gammopathy agree."""
    agrees = state.malignancy_lab or state.malignancy_clinical or state.cancer_history is CancerHistory.MGUS
    return _moderate(state) and agrees


def several_dark_or_fractured(state: LaneState) -> bool:
    """Several unfractured vertebrae or the whole marrow dark on T1, or several fresh non-traumatic fractures."""
    return _moderate(state) and state.several_dark_or_fractured


def images_moderate(state: LaneState) -> bool:
    """Images suggest tumour by more than a low T1 signal of one body."""
    return _moderate(state) and not state.t1_only


def low_t1_only(state: LaneState) -> bool:
    """Low T1 signal of one whole body is the only sign of tumour."""
    return _moderate(state)


def laboratory_pattern(state: LaneState) -> bool:
    """Laboratory sign of tumour, or monoclonal gammopathy with a fracture, without suspicious images."""
    return state.malignancy_lab or _gammopathy_with_fracture(state)


def laboratory_sign_with_fracture(state: LaneState) -> bool:
    """A laboratory sign of tumour beside a fracture: by other than the ESR, or with a monoclonal gammopathy."""
    # The row warns only with a gammopathy too, while the pitfalls take a fracture with such blood values for myeloma
    # or leukaemia until that is excluded. The safer reading: the two together warn.
    broken = state.fracture in {Fracture.FRACTURE, Fracture.AVN}
    both = state.malignancy_lab and _gammopathy_with_fracture(state)
    return both or (state.malignancy_lab_beyond_esr and broken)


def no_tumour_question(_state: LaneState) -> bool:
    """No known cancer, no suspicious images, no laboratory sign."""
    return True


_WARN = "warning"
_INFO = "info"

ROWS: tuple[Row[LaneState], ...] = (
    Row(
        "M0",
        Lane.MALIGNANCY,
        known_metastases,
        "C24",
        warning_if(metastases_worse),
        "warning with a new level, worse course or SINS 7 or more, else info",
        ("R-SINS2010", "R-NG234"),
    ),
    Row("M1", Lane.MALIGNANCY, cancer_strong, "C20", always_warning, _WARN, ("R-NG234", "R-FINUCANE2020")),
    Row("M2", Lane.MALIGNANCY, cancer_not_benign, "C20", always_warning, _WARN, ("R-NG234", "R-DWIVCF")),
    Row(
        "M2b", Lane.MALIGNANCY, cancer_with_laboratory_sign, "C20", always_warning, _WARN, ("R-NG234", "R-FINUCANE2020")
    ),
    Row("M3", Lane.MALIGNANCY, cancer_benign, "C23", always_info, _INFO, ("R-DWIVCF", "R-MAUCH2018")),
    Row("M4", Lane.MALIGNANCY, images_strong, "C21", always_warning, _WARN, ("R-UETANI2004", "R-MAUCH2018")),
    Row(
        "M5", Lane.MALIGNANCY, images_moderate_with_sign, "C21", always_warning, _WARN, ("R-IMWG2014", "R-FINUCANE2020")
    ),
    Row(
        "M5b", Lane.MALIGNANCY, several_dark_or_fractured, "C21", always_warning, _WARN, ("R-IMWG2014", "R-UETANI2004")
    ),
    Row("M6a", Lane.MALIGNANCY, images_moderate, "C21", always_info, _INFO, ("R-MAUCH2018", "R-ABDELWANIS2011")),
    Row("M6b", Lane.MALIGNANCY, low_t1_only, "C21-S", always_info, _INFO, ("R-CHEMSHIFT2021",)),
    Row(
        "M7",
        Lane.MALIGNANCY,
        laboratory_pattern,
        "C21-L",
        warning_if(laboratory_sign_with_fracture),
        "warning with a laboratory sign beside a fracture, else info",
        ("R-IMWG2014", "R-IMWG2019"),
    ),
    Row("M8", Lane.MALIGNANCY, no_tumour_question),
)
