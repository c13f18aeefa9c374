"""Results that cards show whether or not they decided anything."""

from cds_service.domain.assessment import LabCause
from cds_service.domain.facts import LabValue
from cds_service.domain.vocabulary import Analyte
from cds_service.rules.context import RuleContext
from cds_service.rules.laboratory import is_raised, markers, unsized

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


def _is_open(context: RuleContext, lab: LabValue | None) -> bool:
    """Tell a result whose comparator leaves open whether it is raised."""
    return lab is not None and is_raised(context, lab) is None


def shown_labs(context: RuleContext) -> tuple[LabCause, ...]:
    """CRP and ESR with the word whether they still count, then values that are shown but decide nothing."""
    known = markers(context)
    pairs = ((known.shown_crp, known.crp), (known.shown_esr, known.esr))
    open_ended = (*unsized(context), *(lab for lab in (known.crp, known.esr) if _is_open(context, lab)))
    worded = [LabCause(lab, comparable=False) for lab in unsized(context) if lab.value is None]
    shown = [
        LabCause(lab, fresh=usable is not None, comparable=lab not in open_ended)
        for lab, usable in pairs
        if lab is not None
    ]
    shown += worded
    window = context.thresholds.labs_before_mri_days.span
    beside = [context.newest(analyte, window) for analyte in _SHOWN_ALONGSIDE]
    beside += [context.newest(a, context.thresholds.malignancy_labs_days.span) for a in _SHOWN_FOR_TUMOR]
    return (*shown, *(LabCause(lab) for lab in beside if lab is not None))
