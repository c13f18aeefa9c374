"""The closed vocabularies of the service: what a finding, a laboratory result, a condition or an order can be called.

Identifiers follow the clinical design: findings are written ``F-…``, cards ``C…``, order cards ``O-…``. Names for
display are not here but in the texts of each language.
"""

from enum import StrEnum


class Word(StrEnum):
    """A member of a closed vocabulary, hashed as the string that it is.

    ``enum`` hashes members by name in Python code, a call for every look-up in a set or mapping; the reading of one
    report makes hundreds.
    """

    __hash__ = str.__hash__


class Language(Word):
    """Languages that reports are read in and cards are written in (BCP 47 primary subtags)."""

    EN = "en"
    DE = "de"
    RO = "ro"


class FindingId(Word):
    """Findings that a spine report can state. One knowledge file describes each of them in all languages."""

    # marrow and endplate
    EDEMA = "F-EDEMA"
    EDEMA_ENDPLATE = "F-EDEMA-ENDPLATE"
    EDEMA_DIFFUSE = "F-EDEMA-DIFFUSE"
    CONTUSION = "F-CONTUSION"
    MARROW_SIGNAL = "F-MARROW-SIGNAL"
    FOCAL_LESION = "F-FOCAL-LESION"
    ATYPICAL_LESION = "F-ATYPICAL-LESION"
    EXPANSILE = "F-EXPANSILE"
    ENDPLATE_EROSION = "F-ENDPLATE-ERO"
    ENDPLATE_INTACT = "F-ENDPLATE-INTACT"
    ENDPLATE_DEGENERATION = "F-ENDPLATE-DEGEN"
    T1_LOW = "F-T1-LOW"
    T1_REPLACED = "F-T1-REPL"
    T1_FAT_KEPT = "F-T1-FATKEPT"
    DIFFUSION_RESTRICTED = "F-DWI-DIFFUSE"
    CLAW = "F-CLAW"
    SCLEROSIS = "F-SCLEROSIS"
    LYSIS = "F-LYSIS"
    ENHANCEMENT = "F-ENH"
    HEMANGIOMA = "F-HEMANGIOMA"
    PAGET = "F-PAGET"
    HEMATOPOIETIC = "F-HAEMATOPOIETIC"
    # disc
    DISC_FLUID = "F-DISC-FLUID"
    DISC_DESTROYED = "F-DISC-DESTR"
    DISC_ENHANCEMENT = "F-DISC-ENH"
    DISC_NORMAL = "F-DISC-NORMAL"
    DISC_DEGENERATION = "F-DISC-DEGEN"
    DISC_BULGE = "F-DISC-BULGE"
    DISC_HERNIATION = "F-DISC-HERNIATION"
    DISC_VACUUM = "F-DISC-VACUUM"
    ANNULAR_FISSURE = "F-ANNULAR-FISSURE"
    MODIC1 = "F-MODIC1"
    MODIC2 = "F-MODIC2"
    MODIC3 = "F-MODIC3"
    SCHMORL = "F-SCHMORL"
    # soft tissue and canal
    ABSCESS_EPIDURAL = "F-ABSCESS-EPIDURAL"
    ABSCESS_PARASPINAL = "F-ABSCESS-PARASPINAL"
    PARAVERTEBRAL_EDEMA = "F-PARAEDEMA"
    PSOAS = "F-PSOAS"
    SUBLIGAMENTOUS = "F-SUBLIG"
    SOFT_MASS = "F-SOFTMASS"
    CORD = "F-CORD"
    CORD_SIGNAL = "F-CORD-SIGNAL"
    CAUDA = "F-CAUDA"
    CAUDA_MILD = "F-CAUDA-MILD"
    ROOT = "F-ROOT"
    CANAL_STENOSIS = "F-STENOSIS"
    FORAMINAL_STENOSIS = "F-FORAMINAL"
    SPINAL_HEMATOMA = "F-HEMATOMA"
    # fracture and morphology
    FRACTURE_LINE = "F-FXLINE"
    FRACTURE = "F-FX"
    STRESS_REACTION = "F-STRESS"
    HEIGHT_LOSS = "F-HEIGHTLOSS"
    KYPHOSIS = "F-KYPHOSIS"
    DEFORMITY = "F-DEFORMITY"
    RETROPULSION = "F-RETROPULSION"
    POSTERIOR_CONVEX = "F-POSTCONVEX"
    PEDICLE = "F-PEDICLE"
    CLEFT = "F-CLEFT"
    LIGAMENT_INJURY = "F-PLC"
    MALALIGNMENT = "F-ALIGN"
    SPONDYLOLISTHESIS = "F-LISTHESIS"
    UNSTABLE = "F-UNSTABLE"
    ANKYLOSIS = "F-ANKYLOSIS"
    PSEUDARTHROSIS = "F-PSEUDARTHROSIS"
    MULTIFOCAL = "F-MULTI"
    SKIP = "F-SKIP"
    CONTIGUOUS = "F-CONTIG"
    SEMICIRCULAR = "F-SEMICIRC"
    # inflammatory
    CORNER = "F-CORNER"
    SACROILIAC = "F-SIJ"
    FACET = "F-FACET"
    FACET_DEGENERATION = "F-FACET-DEGEN"
    ANTERIOR_CHEST_WALL = "F-ACW"
    ANDERSSON = "F-ANDERSSON"
    NEUROPATHIC = "F-NEUROPATHIC"
    CRYSTAL = "F-CRYSTAL"
    DIALYSIS_SPONDYLOARTHROPATHY = "F-DSA"
    # degenerative and general
    SPONDYLOSIS = "F-SPONDYLOSIS"
    DEGENERATIVE_CHANGE = "F-DEGEN"
    OSTEOPOROSIS = "F-OSTEOPOROSIS"
    TRANSIENT_EDEMA = "F-TRANSIENT"
    # what the radiologist concludes
    INFECTION_STATED = "F-IMPR-INFECTION"
    METASTASIS = "F-METASTASIS"
    TUMOR = "F-TUMOR"
    MALIGNANCY_STATED = "F-IMPR-MALIGNANCY"
    DEGENERATION_STATED = "F-IMPR-DEGEN"
    SPONDYLOARTHRITIS_STATED = "F-IMPR-SPA"
    SAPHO_STATED = "F-IMPR-SAPHO"
    # context
    POSTOPERATIVE = "F-POSTOP"
    IMPLANT = "F-IMPLANT"
    RADIATION = "F-RADIATION"
    CEMENT = "F-CEMENT"
    # beside the spine
    EXTRASPINAL_SUSPICION = "F-EXTRASPINAL"


class Status(Word):
    """What a text says of a finding. ``UNKNOWN`` is "cannot be assessed": neither present nor absent."""

    PRESENT = "present"
    ABSENT = "absent"
    POSSIBLE = "possible"
    HISTORICAL = "historical"
    OTHER_PERSON = "other_person"
    QUESTION = "question"
    UNKNOWN = "unknown"


class Certainty(Word):
    """Cue class behind a status: probable counts as present, unlikely never switches off an emergency finding."""

    CERTAIN = "certain"
    PROBABLE = "probable"
    POSSIBLE = "possible"
    UNLIKELY = "unlikely"


class Trend(Word):
    """Change since an earlier examination, as the report states it."""

    NEW = "new"
    WORSE = "worse"
    SAME = "same"
    BETTER = "better"


class Section(Word):
    """Part of a report that a sentence stands in; only findings, impression, addendum and body state findings."""

    INDICATION = "indication"
    TECHNIQUE = "technique"
    COMPARISON = "comparison"
    FINDINGS = "findings"
    IMPRESSION = "impression"
    ADDENDUM = "addendum"
    BODY = "body"


class Qualifier(Word):
    """What a report adds to a finding and a rule depends on."""

    ACUTE = "acute"
    OLD = "old"
    KNOWN = "known"
    DEFINITE = "definite"
    TYPICAL = "typical"
    ATYPICAL = "atypical"
    MILD = "mild"
    SEVERE = "severe"
    DIFFUSE = "diffuse"
    FOCAL = "focal"
    MULTIPLE = "multiple"
    BACKGROUND_MARROW = "background_marrow"
    ENDPLATE_BAND = "endplate_band"
    BILATERAL = "bilateral"
    LEFT = "left"
    RIGHT = "right"
    ANTERIOR = "anterior"
    POSTERIOR = "posterior"
    PATHOLOGIC = "pathologic"
    OSTEOPOROTIC = "osteoporotic"
    TRAUMATIC = "traumatic"
    BURST = "burst"
    INSUFFICIENCY = "insufficiency"
    CANAL_COMPROMISE = "canal_compromise"
    WITHOUT_COMPRESSION = "without_compression"
    CONTACT_ONLY = "contact_only"
    DEGENERATIVE_CAUSE = "degenerative_cause"
    BY_LESION = "by_lesion"
    EPIDURAL = "epidural"
    PARAVERTEBRAL = "paravertebral"
    PREVERTEBRAL = "prevertebral"
    PSOAS = "psoas"
    RIM_ENHANCING = "rim_enhancing"
    PLAIN_T2_ONLY = "plain_t2_only"
    EXPLAINED_BENIGN = "explained_benign"
    MALIGNANT = "malignant"
    INFECTIOUS = "infectious"
    RED_MARROW = "red_marrow"
    BY_SIGNAL = "by_signal"


class Modality(Word):
    """Imaging modality of a report, from its code, title or text."""

    MR = "MR"
    CT = "CT"
    RADIOGRAPH = "XR"
    NUCLEAR = "NM"
    PET = "PET"
    OTHER = "other"
    UNKNOWN = "unknown"


class BodyRegion(Word):
    """Body region that a report or order is about. ``PELVIS`` may include the sacrum; ``UNKNOWN`` is not ``OTHER``."""

    CERVICAL = "cervical"
    THORACIC = "thoracic"
    LUMBAR = "lumbar"
    THORACOLUMBAR = "thoracolumbar"
    WHOLE_SPINE = "whole_spine"
    SACRUM = "sacrum"
    SACROILIAC = "sacroiliac"
    SPINE = "spine"
    PELVIS = "pelvis"
    OTHER = "other"
    UNKNOWN = "unknown"


class Analyte(Word):
    """Laboratory results and vital signs that rules read. Canonical units stand in ``knowledge/labs.toml``."""

    CRP = "CRP"
    ESR = "ESR"
    WBC = "WBC"
    NEUTROPHILS = "NEUTROPHILS"
    HEMOGLOBIN = "HEMOGLOBIN"
    PLATELETS = "PLATELETS"
    PROCALCITONIN = "PROCALCITONIN"
    LACTATE = "LACTATE"
    BLOOD_CULTURE = "BLOOD_CULTURE"
    OTHER_CULTURE = "OTHER_CULTURE"
    CREATININE = "CREATININE"
    EGFR = "EGFR"
    CALCIUM = "CALCIUM"
    CALCIUM_IONISED = "CALCIUM_IONISED"
    ALBUMIN = "ALBUMIN"
    TOTAL_PROTEIN = "TOTAL_PROTEIN"
    ALP = "ALP"
    LDH = "LDH"
    PSA = "PSA"
    M_PROTEIN = "M_PROTEIN"
    FLC_KAPPA = "FLC_KAPPA"
    FLC_LAMBDA = "FLC_LAMBDA"
    FLC_RATIO = "FLC_RATIO"
    BLASTS = "BLASTS"
    PTH = "PTH"
    VITAMIN_D = "VITAMIN_D"
    INR = "INR"
    APTT = "APTT"
    GLUCOSE = "GLUCOSE"
    HLA_B27 = "HLA_B27"
    IGRA = "IGRA"
    BRUCELLA = "BRUCELLA"
    PREGNANCY_TEST = "PREGNANCY_TEST"
    TEMPERATURE = "TEMPERATURE"
    HEART_RATE = "HEART_RATE"
    RESPIRATORY_RATE = "RESPIRATORY_RATE"
    SYSTOLIC_PRESSURE = "SYSTOLIC_PRESSURE"
    PAIN_SCORE = "PAIN_SCORE"


class ConditionGroup(Word):
    """Groups of problems, symptoms and history that rules read, from codes or from text in three languages."""

    # infection: active, source, exposure, host
    SPINE_INFECTION = "SPINE_INFECTION"
    EPIDURAL_ABSCESS = "EPIDURAL_ABSCESS"
    OSTEOMYELITIS_ELSEWHERE = "OSTEOMYELITIS_ELSEWHERE"
    BACTEREMIA = "BACTEREMIA"
    SEPSIS = "SEPSIS"
    ENDOCARDITIS = "ENDOCARDITIS"
    RECENT_BACTERIAL_INFECTION = "RECENT_BACTERIAL_INFECTION"
    TUBERCULOSIS = "TUBERCULOSIS"
    TUBERCULOSIS_EXPOSURE = "TUBERCULOSIS_EXPOSURE"
    BRUCELLOSIS = "BRUCELLOSIS"
    BRUCELLA_EXPOSURE = "BRUCELLA_EXPOSURE"
    MRSA_CARRIAGE = "MRSA_CARRIAGE"
    FEVER = "FEVER"
    CHILLS = "CHILLS"
    NIGHT_SWEATS = "NIGHT_SWEATS"
    SUBFEBRILE = "SUBFEBRILE"
    INTRAVENOUS_DRUG_USE = "INTRAVENOUS_DRUG_USE"
    DIALYSIS = "DIALYSIS"
    DIABETES = "DIABETES"
    HIV = "HIV"
    IMMUNOSUPPRESSION = "IMMUNOSUPPRESSION"
    NEUTROPENIA = "NEUTROPENIA"
    SICKLE_CELL = "SICKLE_CELL"
    CIRRHOSIS = "CIRRHOSIS"
    ALCOHOL_DEPENDENCE = "ALCOHOL_DEPENDENCE"
    PRESSURE_ULCER = "PRESSURE_ULCER"
    CENTRAL_LINE = "CENTRAL_LINE"
    PROSTHETIC_VALVE = "PROSTHETIC_VALVE"
    FRAILTY_DECLINE = "FRAILTY_DECLINE"
    SPINE_PROCEDURE_RECENT = "SPINE_PROCEDURE_RECENT"
    SPINAL_INJECTION_RECENT = "SPINAL_INJECTION_RECENT"
    INSTRUMENTATION_RECENT = "INSTRUMENTATION_RECENT"
    # malignancy
    CANCER = "CANCER"
    CANCER_HISTORY = "CANCER_HISTORY"
    SKIN_OR_IN_SITU_CANCER = "SKIN_OR_IN_SITU_CANCER"
    MYELOMA = "MYELOMA"
    LYMPHOMA_LEUKEMIA = "LYMPHOMA_LEUKEMIA"
    BONE_METASTASES = "BONE_METASTASES"
    MGUS = "MGUS"
    WEIGHT_LOSS = "WEIGHT_LOSS"
    NIGHT_PAIN = "NIGHT_PAIN"
    RADIOTHERAPY = "RADIOTHERAPY"
    # neurology
    CAUDA_EQUINA_SYNDROME = "CAUDA_EQUINA_SYNDROME"
    SADDLE_ANESTHESIA = "SADDLE_ANESTHESIA"
    BLADDER_BOWEL_DYSFUNCTION = "BLADDER_BOWEL_DYSFUNCTION"
    URINARY_RETENTION_INCONTINENCE = "URINARY_RETENTION_INCONTINENCE"
    URINARY_RETENTION = "URINARY_RETENTION"
    FECAL_INCONTINENCE = "FECAL_INCONTINENCE"
    LIMB_WEAKNESS = "LIMB_WEAKNESS"
    SINGLE_ROOT_PARESIS = "SINGLE_ROOT_PARESIS"
    PARAPLEGIA = "PARAPLEGIA"
    UNABLE_TO_WALK = "UNABLE_TO_WALK"
    SENSORY_LEVEL = "SENSORY_LEVEL"
    MYELOPATHY = "MYELOPATHY"
    CORD_COMPRESSION = "CORD_COMPRESSION"
    RADICULOPATHY = "RADICULOPATHY"
    # bone, trauma, metabolic
    OSTEOPOROSIS = "OSTEOPOROSIS"
    FRAGILITY_FRACTURE = "FRAGILITY_FRACTURE"
    VERTEBRAL_FRACTURE = "VERTEBRAL_FRACTURE"
    TRAUMA = "TRAUMA"
    HIGH_ENERGY_TRAUMA = "HIGH_ENERGY_TRAUMA"
    FALL = "FALL"
    FALL_RISK = "FALL_RISK"
    ATHLETE = "ATHLETE"
    PAGET = "PAGET"
    VITAMIN_D_DEFICIENCY = "VITAMIN_D_DEFICIENCY"
    HYPERPARATHYROIDISM = "HYPERPARATHYROIDISM"
    OSTEOMALACIA = "OSTEOMALACIA"
    CUSHING = "CUSHING"
    PREGNANCY = "PREGNANCY"
    POSTPARTUM = "POSTPARTUM"
    GOUT = "GOUT"
    CRYSTAL_DISEASE = "CRYSTAL_DISEASE"
    # inflammatory
    AXIAL_SPONDYLOARTHRITIS = "AXIAL_SPONDYLOARTHRITIS"
    ANKYLOSED_SPINE = "ANKYLOSED_SPINE"
    PSORIATIC_ARTHRITIS = "PSORIATIC_ARTHRITIS"
    RHEUMATOID_ARTHRITIS = "RHEUMATOID_ARTHRITIS"
    SAPHO = "SAPHO"
    PALMOPLANTAR_PUSTULOSIS = "PALMOPLANTAR_PUSTULOSIS"
    # pain and course
    BACK_PAIN = "BACK_PAIN"
    SEVERE_PAIN = "SEVERE_PAIN"
    PAIN_BETTER = "PAIN_BETTER"
    PAIN_SAME = "PAIN_SAME"
    PAIN_WORSE = "PAIN_WORSE"
    NO_SYMPTOMS = "NO_SYMPTOMS"
    # general medicine that order cards read
    CHRONIC_KIDNEY_DISEASE = "CHRONIC_KIDNEY_DISEASE"
    ACUTE_KIDNEY_INJURY = "ACUTE_KIDNEY_INJURY"
    LIVER_FAILURE = "LIVER_FAILURE"
    PEPTIC_ULCER_GI_BLEED = "PEPTIC_ULCER_GI_BLEED"
    HEART_FAILURE = "HEART_FAILURE"
    ANTICOAGULATED = "ANTICOAGULATED"
    CORONARY_STENT = "CORONARY_STENT"
    SEIZURE = "SEIZURE"
    SLEEP_APNEA = "SLEEP_APNEA"
    OTHER_INFECTION_INDICATION = "OTHER_INFECTION_INDICATION"
    NEUROPATHIC_DISEASE = "NEUROPATHIC_DISEASE"


class DrugGroup(Word):
    """Drug classes that rules read (ATC prefixes, RxNorm ingredients and names stand in ``knowledge/drugs.toml``)."""

    NSAID = "NSAID"
    SALICYLATE = "SALICYLATE"
    OPIOID = "OPIOID"
    TRAMADOL_TAPENTADOL = "TRAMADOL_TAPENTADOL"
    MORPHINE = "MORPHINE"
    PARACETAMOL = "PARACETAMOL"
    METAMIZOLE = "METAMIZOLE"
    GLUCOCORTICOID = "GLUCOCORTICOID"
    BONE_TARGETED = "BONE_TARGETED"
    ZOLEDRONATE = "ZOLEDRONATE"
    BONE_ANABOLIC = "BONE_ANABOLIC"
    CALCITONIN = "CALCITONIN"
    ANTICOAGULANT = "ANTICOAGULANT"
    ANTIPLATELET = "ANTIPLATELET"
    P2Y12 = "P2Y12"
    ANTIBIOTIC = "ANTIBIOTIC"
    IL6_BLOCKER = "IL6_BLOCKER"
    JAK_INHIBITOR = "JAK_INHIBITOR"
    IMMUNOSUPPRESSANT = "IMMUNOSUPPRESSANT"
    TNF_BLOCKER = "TNF_BLOCKER"
    CHEMOTHERAPY = "CHEMOTHERAPY"
    ILOPROST = "ILOPROST"
    GADOLINIUM = "GADOLINIUM"
    SSRI_SNRI = "SSRI_SNRI"
    MAOI = "MAOI"
    BENZODIAZEPINE_GABAPENTINOID = "BENZODIAZEPINE_GABAPENTINOID"
    ACE_ARB = "ACE_ARB"
    DIURETIC = "DIURETIC"
    G_CSF = "G_CSF"
    WITHOUT_BEARING = "WITHOUT_BEARING"


class ProcedureGroup(Word):
    """Past procedures that rules read."""

    SPINE_SURGERY = "SPINE_SURGERY"
    SPINAL_INJECTION = "SPINAL_INJECTION"
    JOINT_INJECTION = "JOINT_INJECTION"
    SPINAL_ANESTHESIA = "SPINAL_ANESTHESIA"
    VERTEBRAL_AUGMENTATION = "VERTEBRAL_AUGMENTATION"
    SPINE_BIOPSY = "SPINE_BIOPSY"
    UROGENITAL_GI_INSTRUMENTATION = "UROGENITAL_GI_INSTRUMENTATION"
    RADIOTHERAPY_SPINE = "RADIOTHERAPY_SPINE"
    DIALYSIS = "DIALYSIS"
    PROSTHETIC_VALVE = "PROSTHETIC_VALVE"
    CENTRAL_LINE = "CENTRAL_LINE"


class DeviceGroup(Word):
    """Implants and lines that rules read."""

    PACEMAKER_ICD = "PACEMAKER_ICD"
    NEUROSTIMULATOR = "NEUROSTIMULATOR"
    COCHLEAR_IMPLANT = "COCHLEAR_IMPLANT"
    ANEURYSM_CLIP = "ANEURYSM_CLIP"
    SPINAL_IMPLANT = "SPINAL_IMPLANT"
    CENTRAL_LINE = "CENTRAL_LINE"
    PROSTHETIC_VALVE = "PROSTHETIC_VALVE"


class OrderKind(Word):
    """What a draft order asks for, as order-select and order-sign rules see it."""

    VERTEBRAL_AUGMENTATION = "VERTEBRAL_AUGMENTATION"
    SPINE_BIOPSY = "SPINE_BIOPSY"
    ANTIBIOTIC = "ANTIBIOTIC"
    NSAID = "NSAID"
    OPIOID = "OPIOID"
    GLUCOCORTICOID = "GLUCOCORTICOID"
    EPIDURAL_STEROID = "EPIDURAL_STEROID"
    BONE_TARGETED = "BONE_TARGETED"
    CALCITONIN = "CALCITONIN"
    MRI_SPINE = "MRI_SPINE"
    MRI_CONTRAST = "MRI_CONTRAST"
    MRI_ANY = "MRI_ANY"
    FDG_PET_CT = "FDG_PET_CT"
    SCINTIGRAPHY = "SCINTIGRAPHY"
    CRP = "CRP"
    ESR = "ESR"
    BLOOD_CULTURE = "BLOOD_CULTURE"
    SPINE_REFERRAL = "SPINE_REFERRAL"
    SHOCK_WAVE = "SHOCK_WAVE"
    HYPERBARIC_OXYGEN = "HYPERBARIC_OXYGEN"
    ILOPROST = "ILOPROST"
    BED_REST = "BED_REST"
    OTHER = "OTHER"


class Indicator(Word):
    """Urgency of a card in CDS Hooks terms."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info, 1 for warning, 2 for critical; larger is more urgent."""
        return _INDICATOR_RANK[self]


_INDICATOR_RANK = {Indicator.INFO: 0, Indicator.WARNING: 1, Indicator.CRITICAL: 2}


class Lane(Word):
    """Lanes of the algorithm in order of precedence, and the cards that stand beside them."""

    SAFETY = "A"
    INFECTION = "B"
    MALIGNANCY = "C"
    BENIGN = "D"
    PLAN = "E"
    CONFLICT = "conflict"
    SCOPE = "scope"
    UNREAD = "unread"
    ORDER = "order"
