"""Lane E: plan and time. A conservative plan needs lanes B and C without an open question.

Source: algorithm section on lane E. A long history on a first report is an unknown course, not a failed plan.
"""

from dataclasses import dataclass
from typing import Final

from cds_service.domain.assessment import LaneOutcome
from cds_service.domain.state import ClinicalInfection, Course, Fracture, Labs, LaneState, MarkerMask, TimeCourse
from cds_service.domain.vocabulary import Indicator, Lane
from cds_service.rules.lanes.malignancy import tumour_at_fracture
from cds_service.rules.lanes.row import NO_CARD, Row, always_info, always_warning, warning_if


@dataclass(slots=True, unsafe_hash=True)
class PlanInput:
    """What lane E looks at: the state and what lanes B and C decided."""

    state: Final[LaneState]
    infection: Final[LaneOutcome]
    malignancy: Final[LaneOutcome]


def worse_or_severe(seen: PlanInput) -> bool:
    """Clinically worse, or severe pain persists, at any time."""
    return seen.state.course is Course.WORSE or seen.state.severe_persisting


def better(seen: PlanInput) -> bool:
    """Clinically better."""
    return seen.state.course is Course.BETTER


def augmentation_may_be_discussed(seen: PlanInput) -> bool:
    """Fracture pain unchanged over 12 weeks, fresh trustworthy normal markers, no infection or tumour question."""
    state = seen.state
    return (
        state.augmentation_offered
        and state.time is TimeCourse.PERSISTENT
        and state.course is Course.SAME
        and state.fracture is not Fracture.NONE
        and not tumour_at_fracture(state)
        and seen.infection.card == NO_CARD
        and state.labs is Labs.N
        and state.mask is MarkerMask.NONE
        and seen.malignancy.card in (NO_CARD, "C23")
    )


def unchanged_persistent(seen: PlanInput) -> bool:
    """Unchanged for more than 12 weeks."""
    return seen.state.time is TimeCourse.PERSISTENT and seen.state.course is Course.SAME


def unchanged_subacute(seen: PlanInput) -> bool:
    """Unchanged for 6 to 12 weeks."""
    return seen.state.time is TimeCourse.SUBACUTE and seen.state.course is Course.SAME


def infection_risk(state: LaneState) -> bool:
    """A risk factor or sign of infection."""
    return state.clinical_infection is not ClinicalInfection.NONE


def nothing_open(seen: PlanInput) -> bool:
    """No open infection or tumour question beyond missing markers, and no earlier plan that failed."""
    infection_quiet = seen.infection.card in (NO_CARD, "C15", "C16") or (
        seen.infection.card == "C10" and seen.infection.indicator is Indicator.INFO
    )
    # A pathological fracture is an open tumour question even where lane C has no card for it, and a conservative
    # plan must not be the answer to it.
    tumour_quiet = seen.malignancy.card in (NO_CARD, "C23", "C21-S") and not tumour_at_fracture(seen.state)
    early = seen.state.time in (TimeCourse.NEW, TimeCourse.UNKNOWN) or seen.state.course is Course.UNKNOWN
    return infection_quiet and tumour_quiet and early


def no_plan(_seen: PlanInput) -> bool:
    """An open question comes before any plan."""
    return True


_INFO = "info"

ROWS: tuple[Row[PlanInput], ...] = (
    Row("E1", Lane.PLAN, worse_or_severe, "C81", always_warning, "warning", ("R-NAGAO2025", "R-ACRLBP2021")),
    Row("E2", Lane.PLAN, better, "C83", always_info, _INFO, ("R-NAGAO2025",)),
    Row("E3", Lane.PLAN, augmentation_may_be_discussed, "C82", always_info, _INFO, ("R-COCHRANE2018", "R-VAPOUR2016")),
    Row("E4", Lane.PLAN, unchanged_persistent, "C81", always_warning, "warning", ("R-ACRLBP2021",)),
    Row(
        "E5",
        Lane.PLAN,
        unchanged_subacute,
        "C81",
        warning_if(infection_risk),
        "warning with an infection risk, else info",
        ("R-ACRLBP2021",),
    ),
    Row("E6", Lane.PLAN, nothing_open, "C80", always_info, _INFO, ("R-NG59", "R-NVL2017", "R-ACP2017")),
    Row("E7", Lane.PLAN, no_plan),
)
