"""Which draft orders each card offers in a given state, in the order in which a clinician would place them.

Nothing here is ordered by itself: a draft is a suggestion with a priority and a window in which it falls due.
Source: table of suggestions that may carry a draft order, and the table of what each state of knowledge suggests next.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from cds_service.domain.assessment import DraftKind, Priority
from cds_service.domain.state import (
    ClinicalInfection,
    Emergency,
    ImagingInfection,
    ImagingMalignancy,
    Labs,
    LaneState,
    MarkerMask,
    Metabolic,
    TimeCourse,
)
from cds_service.domain.vocabulary import Indicator
from cds_service.rules.lanes.infection import explained_unknown
from cds_service.rules.lanes.malignancy import tumour_at_fracture
from cds_service.rules.lines import crp_missing, infection_on_images, native_is_not_enough


class Due(StrEnum):
    """When a draft falls due; the engine turns it into dates with the thresholds in force."""

    NOW = "now"
    CRP_RECHECK_SOON = "crp-recheck-soon"
    CRP_RECHECK = "crp-recheck"
    CRP_RECHECK_RISK = "crp-recheck-risk"
    CULTURE_REPEAT = "culture-repeat"
    MRI_EARLY = "mri-early"
    MRI_FOLLOW_UP = "mri-follow-up"
    VISIT = "visit"
    VISIT_EARLY = "visit-early"


@dataclass(frozen=True, slots=True)
class LaneDraft:
    """One draft order that the tables offer. ``quantity`` 2 is two sets; ``note`` is a text id or empty."""

    kind: DraftKind
    priority: Priority = Priority.ROUTINE
    quantity: int = 1
    due: Due = Due.NOW
    note: str = ""


Drafts = tuple[LaneDraft, ...]
Planner = Callable[[LaneState, Indicator], Drafts]


def _when(condition: bool, *drafts: LaneDraft) -> Drafts:  # noqa: FBT001 - reads as "when this, then these drafts"
    return drafts if condition else ()


def _markers(state: LaneState, priority: Priority) -> Drafts:
    """CRP and, where no usable one is known, ESR: an ESR that is already known to be raised is not drawn again."""
    return (
        *_when(crp_missing(state), LaneDraft(DraftKind.CRP, priority)),
        *_when(state.labs is Labs.U or state.marker_raised_unsized, LaneDraft(DraftKind.ESR, priority)),
    )


def _markers_beside_cause(state: LaneState) -> Drafts:
    """CRP and ESR on the card of the cause, where lane B leaves the question of missing markers to it (row B15)."""
    return _markers(state, Priority.ROUTINE) if explained_unknown(state) else ()


def _cultures(priority: Priority, due: Due = Due.NOW) -> LaneDraft:
    return LaneDraft(DraftKind.BLOOD_CULTURE, priority, quantity=2, due=due, note="two-sets")


def _contrast_mri(state: LaneState, priority: Priority, note: str = "abscess") -> Drafts:
    draft = LaneDraft(DraftKind.MRI_WHOLE_SPINE_CONTRAST, priority, note=note)
    return _when(not state.whole_spine_contrast_done, draft)


def _pet(state: LaneState, priority: Priority = Priority.ROUTINE, note: str = "foci") -> Drafts:
    """No FDG in pregnancy or lactation: the service's own order rule would warn against the draft."""
    return _when(state.metabolic is not Metabolic.PREGNANCY, LaneDraft(DraftKind.FDG_PET_CT, priority, note=note))


def _follow_up_mri(state: LaneState) -> DraftKind:
    return DraftKind.MRI_FOLLOW_UP_NATIVE if state.metabolic is Metabolic.PREGNANCY else DraftKind.MRI_FOLLOW_UP


def _neurology(state: LaneState, indicator: Indicator) -> Drafts:
    priority = Priority.STAT if indicator is Indicator.CRITICAL else Priority.URGENT
    infection = infection_on_images(state) or state.culture
    return (
        LaneDraft(DraftKind.SPINE_SURGERY_REFERRAL, priority),
        *_contrast_mri(state, priority, "abscess" if infection else ""),
        *_when(infection, _cultures(priority)),
        *(_markers(state, priority) if infection else ()),
    )


def _sepsis(state: LaneState, _indicator: Indicator) -> Drafts:
    return (
        _cultures(Priority.STAT),
        *_markers(state, Priority.STAT),
        LaneDraft(DraftKind.INFECTIOUS_DISEASE_REFERRAL, Priority.STAT),
        LaneDraft(DraftKind.SPINE_SURGERY_REFERRAL, Priority.STAT),
        *_contrast_mri(state, Priority.STAT),
    )


def _instability(_state: LaneState, _indicator: Indicator) -> Drafts:
    return (
        LaneDraft(DraftKind.SPINE_SURGERY_REFERRAL, Priority.URGENT),
        LaneDraft(DraftKind.CT_REGION, Priority.URGENT, note="stability"),
    )


def _missing_markers(state: LaneState, indicator: Indicator) -> Drafts:
    priority = Priority.URGENT if indicator is Indicator.WARNING else Priority.ROUTINE
    at_risk = state.clinical_infection is not ClinicalInfection.NONE
    cultures = infection_on_images(state) or at_risk or state.lab_strong or state.esr_70
    return (
        *_markers(state, priority),
        LaneDraft(DraftKind.CBC, priority),
        *_when(cultures, _cultures(priority)),
        *(_contrast_mri(state, Priority.URGENT) if native_is_not_enough(state) else ()),
    )


def _suspected_infection(state: LaneState, _indicator: Indicator) -> Drafts:
    """Cultures before biopsy, biopsy first once two sets of the last week have a result."""
    biopsy = LaneDraft(DraftKind.SPINE_BIOPSY, Priority.URGENT, note="histology-and-culture")
    cultured = state.culture_sets_resulted_7d
    return (
        *_markers(state, Priority.URGENT),
        *((biopsy,) if cultured else (_cultures(Priority.URGENT),)),
        *_contrast_mri(state, Priority.URGENT),
        *_when(not cultured, biopsy),
        *_pet(state),
    )


def _infection_emergency(state: LaneState, _indicator: Indicator) -> Drafts:
    """Cultures at once; tissue comes last because surgery or drainage gives it."""
    return (
        *_markers(state, Priority.URGENT),
        *_when(not state.culture_sets_resulted_7d, _cultures(Priority.URGENT)),
        *_contrast_mri(state, Priority.URGENT),
        LaneDraft(DraftKind.INFECTIOUS_DISEASE_REFERRAL, Priority.URGENT),
        *_pet(state),
        LaneDraft(DraftKind.SPINE_BIOPSY, Priority.URGENT, note="tissue-at-surgery"),
    )


def _raised_with_edema(state: LaneState, _indicator: Indicator) -> Drafts:
    """No biopsy: there is no target yet. A missing CRP is drawn now instead of rechecked."""
    recheck = LaneDraft(DraftKind.CRP_ESR_RECHECK, due=Due.CRP_RECHECK_SOON)
    return (
        *_when(not state.culture_sets_resulted_7d, _cultures(Priority.URGENT)),
        *_markers(state, Priority.URGENT),
        *_when(not crp_missing(state), recheck),
        *_contrast_mri(state, Priority.URGENT),
        *_pet(state),
    )


def _positive_culture(state: LaneState, _indicator: Indicator) -> Drafts:
    return (
        *_markers(state, Priority.URGENT),
        _cultures(Priority.URGENT, Due.CULTURE_REPEAT),
        *_contrast_mri(state, Priority.URGENT),
        LaneDraft(DraftKind.ECHOCARDIOGRAPHY, Priority.URGENT),
        LaneDraft(DraftKind.INFECTIOUS_DISEASE_REFERRAL, Priority.URGENT),
    )


def _markers_not_raised(state: LaneState, _indicator: Indicator) -> Drafts:
    """Repeat images and markers first. Biopsy only with imaging evidence: without it the needle has no target."""
    target = state.imaging_infection >= ImagingInfection.M
    return (
        LaneDraft(_follow_up_mri(state), due=Due.MRI_EARLY, note="abscess"),
        LaneDraft(DraftKind.CRP_ESR_RECHECK, due=Due.CRP_RECHECK),
        *_pet(state),
        *_when(target, LaneDraft(DraftKind.SPINE_BIOPSY, note="histology-and-culture")),
        *(_contrast_mri(state, Priority.URGENT) if native_is_not_enough(state) else ()),
    )


def _recheck_for_risk(state: LaneState, _indicator: Indicator) -> Drafts:
    """Sooner when a drug or disease makes the normal value untrustworthy."""
    due = Due.CRP_RECHECK_RISK if state.mask is MarkerMask.NONE else Due.CRP_RECHECK
    return (LaneDraft(DraftKind.CRP_ESR_RECHECK, due=due),)


def _recheck(state: LaneState, _indicator: Indicator) -> Drafts:
    return (*_markers(state, Priority.ROUTINE), LaneDraft(DraftKind.CRP_ESR_RECHECK, due=Due.CRP_RECHECK))


def _staging(state: LaneState, _indicator: Indicator) -> Drafts:
    hasty = (
        state.imaging_malignancy is ImagingMalignancy.S
        or state.epidural_tumour
        or state.sins_7
        or state.emergency is not Emergency.NONE
    )
    priority = Priority.URGENT if hasty else Priority.ROUTINE
    return (
        *_contrast_mri(state, priority, "dwi"),
        *_when(not state.pregnant, LaneDraft(DraftKind.STAGING_CT, priority, note="staging")),
        *_pet(state, priority, "staging"),
        LaneDraft(DraftKind.ONCOLOGY_REFERRAL, priority),
        LaneDraft(DraftKind.SPINE_BIOPSY, priority, note="histology-and-culture"),
    )


def _low_t1(_state: LaneState, _indicator: Indicator) -> Drafts:
    return (
        LaneDraft(DraftKind.CBC),
        LaneDraft(DraftKind.SPEP),
        LaneDraft(DraftKind.FREE_LIGHT_CHAINS),
        LaneDraft(DraftKind.MRI_DWI_OPPOSED_PHASE, note="dwi"),
    )


def _tumour_laboratory(state: LaneState, _indicator: Indicator) -> Drafts:
    same_day = state.epidural_tumour or state.sins_7 or state.calcium_3 or state.cytopenias_2
    kinds = (
        DraftKind.CBC,
        DraftKind.CALCIUM,
        DraftKind.CREATININE,
        DraftKind.ALP,
        DraftKind.LDH,
        DraftKind.SPEP,
        DraftKind.FREE_LIGHT_CHAINS,
        *((DraftKind.PSA,) if state.male else ()),
    )
    priority = Priority.URGENT if same_day else Priority.ROUTINE
    return (
        *(LaneDraft(kind, priority) for kind in kinds),
        *_when(same_day, LaneDraft(DraftKind.ONCOLOGY_REFERRAL, Priority.URGENT)),
    )


def _tumour_work_up(state: LaneState, indicator: Indicator) -> Drafts:
    """With two cytopenias the iliac crest comes before the vertebra, so that no vertebral biopsy is drafted."""
    laboratory = _tumour_laboratory(state, indicator)
    biopsy = LaneDraft(DraftKind.SPINE_BIOPSY, note="histology-and-culture")
    referral = tuple(draft for draft in laboratory if draft.kind is DraftKind.ONCOLOGY_REFERRAL)
    tests = tuple(draft for draft in laboratory if draft.kind is not DraftKind.ONCOLOGY_REFERRAL)
    return (*tests, *_when(not state.cytopenias_2, biopsy), *referral)


def _comparison(state: LaneState, _indicator: Indicator) -> Drafts:
    return (LaneDraft(_follow_up_mri(state), due=Due.MRI_FOLLOW_UP, note="dwi"),)


def _bone(state: LaneState, *, density: bool) -> Drafts:
    """CT and bone-health tests. CT and densitometry wait in pregnancy; stability there is judged by the spine team."""
    return (
        *_markers_beside_cause(state),
        *_when(not state.pregnant, LaneDraft(DraftKind.CT_REGION, note="stability")),
        LaneDraft(DraftKind.VITAMIN_D),
        LaneDraft(DraftKind.CALCIUM),
        LaneDraft(DraftKind.ALP),
        *_when(density and not state.pregnant, LaneDraft(DraftKind.DXA)),
    )


def _fragility(state: LaneState, _indicator: Indicator) -> Drafts:
    return _bone(state, density=True)


def _fracture_open(state: LaneState, _indicator: Indicator) -> Drafts:
    """No densitometry where a tumour is certain or probable at the level."""
    tumour = tumour_at_fracture(state) or state.imaging_malignancy is ImagingMalignancy.S
    return _bone(state, density=not tumour)


def _contusion_or_stress(state: LaneState, _indicator: Indicator) -> Drafts:
    """Overload or trauma of healthy bone is no reason for densitometry."""
    return _bone(state, density=False)


def _osteonecrosis(state: LaneState, _indicator: Indicator) -> Drafts:
    return (*_bone(state, density=True), LaneDraft(DraftKind.SPINE_SURGERY_REFERRAL))


def _spondyloarthritis(state: LaneState, _indicator: Indicator) -> Drafts:
    return (
        *_markers_beside_cause(state),
        LaneDraft(DraftKind.RHEUMATOLOGY_REFERRAL),
        LaneDraft(DraftKind.MRI_SACROILIAC),
        LaneDraft(DraftKind.HLA_B27),
    )


def _cno(state: LaneState, _indicator: Indicator) -> Drafts:
    return (*_markers_beside_cause(state), LaneDraft(DraftKind.RHEUMATOLOGY_REFERRAL))


def _degeneration(state: LaneState, _indicator: Indicator) -> Drafts:
    return _markers_beside_cause(state)


def _metabolic(_state: LaneState, _indicator: Indicator) -> Drafts:
    return (LaneDraft(DraftKind.VITAMIN_D), LaneDraft(DraftKind.CALCIUM), LaneDraft(DraftKind.PTH))


def _plan(state: LaneState, _indicator: Indicator) -> Drafts:
    long_history = state.time in (TimeCourse.SUBACUTE, TimeCourse.PERSISTENT)
    return (
        LaneDraft(DraftKind.FOLLOW_UP_VISIT, due=Due.VISIT_EARLY if long_history else Due.VISIT),
        LaneDraft(_follow_up_mri(state), due=Due.MRI_FOLLOW_UP, note="not-improving"),
        LaneDraft(DraftKind.CONSERVATIVE_CARE_PLAN),
    )


def _re_evaluation(state: LaneState, indicator: Indicator) -> Drafts:
    """Markers now. Right after an MRI the patient is reviewed first; native or older ones are completed."""
    priority = Priority.URGENT if indicator is Indicator.WARNING else Priority.ROUTINE
    next_step = DraftKind.FOLLOW_UP_VISIT if state.mri_just_done else _follow_up_mri(state)
    return (
        LaneDraft(DraftKind.CRP, priority),
        LaneDraft(DraftKind.ESR, priority),
        LaneDraft(next_step, priority, note="" if state.mri_just_done else "dwi"),
    )


def _clarification(state: LaneState, _indicator: Indicator) -> Drafts:
    # a question about wording interrupts the radiologist only where an emergency hangs on the answer
    priority = Priority.ROUTINE if state.emergency is Emergency.NONE else Priority.URGENT
    return (LaneDraft(DraftKind.RADIOLOGY_CLARIFICATION_TASK, priority),)


PLANNERS: Mapping[str, Planner] = MappingProxyType(
    {
        "C01": _neurology,
        "C01-W": _neurology,
        "C02": _sepsis,
        "C03": _instability,
        "C03-A": _instability,
        "C10": _missing_markers,
        "C10-W": _missing_markers,
        "C11": _suspected_infection,
        "C11-E": _infection_emergency,
        "C11-EDEMA": _raised_with_edema,
        "C12": _positive_culture,
        "C14": _markers_not_raised,
        "C15": _recheck_for_risk,
        "C16": _recheck,
        "C20": _staging,
        "C21": _tumour_work_up,
        "C21-L": _tumour_laboratory,
        "C21-S": _low_t1,
        "C23": _comparison,
        "C30": _fragility,
        "C30-P": _fracture_open,
        "C31": _fragility,
        "C31-T": _contusion_or_stress,
        "C31-S": _contusion_or_stress,
        "C32": _osteonecrosis,
        "C40": _spondyloarthritis,
        "C41": _cno,
        "C50": _degeneration,
        "C50-F": _degeneration,
        "C62": _degeneration,
        "C63": _degeneration,
        "C60": _metabolic,
        "C61": _metabolic,
        "C80": _plan,
        "C81": _re_evaluation,
        "C90": _clarification,
    }
)


def drafts(text: str, state: LaneState, indicator: Indicator) -> Drafts:
    """Draft orders of one card; none for cards that only inform."""
    planner = PLANNERS.get(text)
    return planner(state, indicator) if planner else ()
