"""The state variables of the algorithm: a finite description of one patient that the decision tables read.

Every variable has few values, so the tables over them can be enumerated in tests. Source: the algorithm's state
variables and the derived finding classes of the clinical design.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Emergency(StrEnum):
    """Lane A input, in the order in which it is tested."""

    NEURO = "NEURO"
    SEPSIS = "SEPSIS"
    UNSTABLE_CANAL = "UNST-CANAL"
    NEURO_WARNING = "NEURO-W"
    UNSTABLE = "UNST"
    NONE = "NONE"


class ImagingInfection(IntEnum):
    """How strongly the images argue for infection."""

    N = 0
    W = 1
    M = 2
    S = 3


class ClinicalInfection(IntEnum):
    """0 no known risk, 1 risk factor, 2 clinical sign of infection."""

    NONE = 0
    RISK = 1
    SIGN = 2


class Labs(StrEnum):
    """CRP and ESR: unknown, normal, borderline, raised."""

    U = "U"
    N = "N"
    B = "B"
    R = "R"


class CrpBand(StrEnum):
    """CRP value class that the exits for a plausible other cause need (mg/L)."""

    UNMEASURED = "unmeasured"
    UP_TO_30 = "<=30"
    BELOW_50 = "<50"
    FROM_50 = ">=50"


class MarkerMask(StrEnum):
    """What makes normal markers untrustworthy."""

    NONE = "none"
    STEROID_ONLY = "steroid"
    OTHER = "other"


class CancerHistory(StrEnum):
    """Known invasive cancer or myeloma, monoclonal gammopathy, or none known."""

    KNOWN = "K"
    MGUS = "G"
    NONE = "0"


class ImagingMalignancy(StrEnum):
    """How strongly the images argue for a tumour: strong, moderate, neutral, against."""

    S = "S"
    M = "M"
    N = "N"
    A = "A"


class Fracture(StrEnum):
    """Fracture class: none, oedema of a bone at risk (O1), fracture, avascular necrosis with cleft."""

    NONE = "0"
    OCCULT = "O1"
    FRACTURE = "F"
    AVN = "AVN"


class OccultKind(StrEnum):
    """Why an oedema counts as an occult bone injury."""

    RISK = "risk"
    TRAUMA = "trauma"
    STRESS = "stress"


class Inflammatory(StrEnum):
    """Axial spondyloarthritis pattern, SAPHO/CNO pattern, or neither."""

    AXSPA = "A"
    CNO = "C"
    NONE = "0"


class Metabolic(StrEnum):
    """Pregnancy or lactation, metabolic or transient hint, or neither."""

    PREGNANCY = "P"
    TRANSIENT = "T"
    NONE = "0"


class TimeCourse(StrEnum):
    """Weeks since onset: under 6, 6 to 12, over 12, unknown."""

    NEW = "new"
    SUBACUTE = "sub"
    PERSISTENT = "pers"
    UNKNOWN = "u"


class Course(StrEnum):
    """Clinical course since the first report; pain wins over images."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    UNKNOWN = "u"


@dataclass(slots=True, unsafe_hash=True)
class LaneState:
    """Input of the decision tables. The defaults are the neutral values of the safety cases (NONE/N/0/U/u).

    The rules fill it in field by field, and nobody changes it afterwards.
    """

    trigger: bool = True
    emergency: Emergency = Emergency.NONE
    ankylosed_unstable: bool = False
    known_infection: bool = False
    new_abscess: bool = False
    abscess: bool = False
    culture: bool = False
    culture_sets_resulted_7d: bool = False
    imaging_infection: ImagingInfection = ImagingInfection.N
    clinical_infection: ClinicalInfection = ClinicalInfection.NONE
    labs: Labs = Labs.U
    esr_only: bool = False
    esr_70: bool = False
    lab_strong: bool = False
    crp_band: CrpBand = CrpBand.UNMEASURED
    mask: MarkerMask = MarkerMask.NONE
    exposure_or_subacute: bool = False
    known_metastases: bool = False
    metastases_progress: bool = False
    cancer_history: CancerHistory = CancerHistory.NONE
    imaging_malignancy: ImagingMalignancy = ImagingMalignancy.N
    t1_only: bool = False
    several_dark_or_fractured: bool = False
    malignancy_lab: bool = False
    malignancy_lab_beyond_esr: bool = False
    malignancy_clinical: bool = False
    malignancy_denied_at_fracture: bool = False
    malignancy_at_fracture_stated: bool = False
    epidural_tumour: bool = False
    sins_7: bool = False
    calcium_3: bool = False
    cytopenias_2: bool = False
    fracture: Fracture = Fracture.NONE
    occult_kind: OccultKind = OccultKind.RISK
    fracture_explains_all_levels: bool = False
    fracture_pathologic: bool = False
    fracture_severe: bool = False
    collapse_progressing: bool = False
    inflammatory: Inflammatory = Inflammatory.NONE
    degenerative: bool = False
    degenerative_certain: bool = False
    degenerative_facet_only: bool = False
    benign_lesion: bool = False
    modic1: bool = False
    paget_certain: bool = False
    post_treatment: bool = False
    metabolic: Metabolic = Metabolic.NONE
    time: TimeCourse = TimeCourse.UNKNOWN
    course: Course = Course.UNKNOWN
    severe_persisting: bool = False
    native_study: bool = False
    edema_present: bool = True
    edema_on_plain_t2_only: bool = False
    root_symptoms: bool = False
    neuropathic_or_crystal: bool = False
    whole_spine_contrast_done: bool = False
    mri_just_done: bool = False
    male: bool = False
    age_50_or_more: bool = False
    age_under_50: bool = False
    pregnant: bool = False
    augmentation_offered: bool = True
    conflict: bool = False
    serious_conflict: bool = False
    extraspinal_suspicion: bool = False
    canal_unseen: bool = False
    marker_raised_unsized: bool = False
    pressure_without_bone: bool = False
