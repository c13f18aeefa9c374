"""Results that cards show whether or not they decided anything."""

from cds_service.domain.assessment import LabCause
from cds_service.domain.vocabulary import Analyte
from cds_service.rules.context import RuleContext
from cds_service.rules.laboratory import markers

_SHOWN_ALONGSIDE = (
    Analyte.WBC,
    Analyte.PROCALCITONIN,
    Analyte.TEMPERATURE,
    Analyte.BLOOD_CULTURE,
)
# What a look for myeloma or another tumour asks for, shown beside it also while it is normal.
_SHOWN_FOR_TUMOR = (
    Analyte.HEMOGLOBIN,
    Analyte.PLATELETS,
    Analyte.CALCIUM,
    Analyte.CALCIUM_IONISED,
    Analyte.CREATININE,
    Analyte.TOTAL_PROTEIN,
    Analyte.ALP,
    Analyte.LDH,
    Analyte.M_PROTEIN,
    Analyte.PSA,
)


def shown_labs(context: RuleContext) -> tuple[LabCause, ...]:
    """CRP and ESR with the word whether they still count, then values that are shown but decide nothing."""
    known = markers(context)
    pairs = ((known.shown_crp, known.crp), (known.shown_esr, known.esr))
    shown = [LabCause(lab, fresh=usable is not None) for lab, usable in pairs if lab is not None]
    window = context.thresholds.labs_before_mri_days.span
    beside = [context.newest(analyte, window) for analyte in _SHOWN_ALONGSIDE]
    beside += [context.newest(a, context.thresholds.malignancy_labs_days.span) for a in _SHOWN_FOR_TUMOR]
    return (*shown, *(LabCause(lab) for lab in beside if lab is not None))
