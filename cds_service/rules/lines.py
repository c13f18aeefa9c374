"""Which words a lane card takes: text variant, lines added and lines taken out, as far as the state decides them.

Lines that need more than the state (contraindications, organ function, contiguous source) are added by the engine.
Source: card variants and add-on lines of the card texts.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from cds_service.domain.assessment import LaneOutcome
from cds_service.domain.state import (
    ClinicalInfection,
    Emergency,
    ImagingInfection,
    Labs,
    LaneState,
    Metabolic,
    OccultKind,
    TimeCourse,
)
from cds_service.domain.vocabulary import Indicator
from cds_service.rules.lanes.malignancy import tumour_at_fracture

EDEMA_ONLY_ROWS = frozenset({"B6", "B9", "B13"})
TEXTS_WITH_PLAN_LINES = frozenset({"C30", "C31", "C31-T", "C31-S", "C41", "C50", "C50-F"})
PLAN_LINES = ("plan",)
_OCCULT_TEXT = MappingProxyType({OccultKind.RISK: "C31", OccultKind.TRAUMA: "C31-T", OccultKind.STRESS: "C31-S"})

# A line that several cards may carry stands on the first of them that is shown, so that it is read once.
SHARED_LINES: tuple[tuple[str, Callable[[LaneState], bool], frozenset[str]], ...] = (
    (
        "neuropathic-crystal",
        lambda state: state.neuropathic_or_crystal,
        frozenset({"C10", "C10-W", "C11", "C11-E", "C11-EDEMA", "C14", "C70"}),
    ),
    (
        "sequence",
        lambda state: state.edema_on_plain_t2_only,
        frozenset({"C10", "C10-W", "C70", "C80"}),
    ),
    (
        "radiculopathy",
        lambda state: state.root_symptoms,
        frozenset({"C50", "C50-F", "C63", "C70", "C80"}),
    ),
)


def infection_emergency(state: LaneState) -> bool:
    """Neurology or sepsis: antibiotics follow the cultures at once and do not wait for tissue."""
    return state.emergency in (Emergency.NEURO, Emergency.SEPSIS)


def infection_on_images(state: LaneState) -> bool:
    """Imaging evidence of infection of moderate strength or more, or an abscess."""
    return state.imaging_infection >= ImagingInfection.M or state.abscess


def native_is_not_enough(state: LaneState) -> bool:
    """A native study with imaging evidence or a clinical sign of infection: it cannot exclude an abscess."""
    suspected = infection_on_images(state) or state.clinical_infection is ClinicalInfection.SIGN
    return state.native_study and suspected


def crp_missing(state: LaneState) -> bool:
    """No usable CRP: nothing usable at all, or an ESR alone."""
    return state.labs is Labs.U or state.esr_only


def _by_urgency(outcome: LaneOutcome, _state: LaneState) -> str:
    # Row B11a is not named for the warning words of C10, but "infection not excluded" is what its warning means.
    return f"{outcome.card}-W" if outcome.indicator is Indicator.WARNING else outcome.card


def _suspected_infection(outcome: LaneOutcome, state: LaneState) -> str:
    if infection_emergency(state):
        return "C11-E"
    return "C11-EDEMA" if outcome.row in EDEMA_ONLY_ROWS else "C11"


def _fracture(_outcome: LaneOutcome, state: LaneState) -> str:
    return "C30-P" if tumour_at_fracture(state) else "C30"


_VARIANTS: Mapping[str, Callable[[LaneOutcome, LaneState], str]] = MappingProxyType(
    {
        "C01": _by_urgency,
        "C03": lambda _outcome, state: "C03-A" if state.ankylosed_unstable else "C03",
        "C10": _by_urgency,
        "C11": _suspected_infection,
        "C30": _fracture,
        "C31": lambda _outcome, state: _OCCULT_TEXT[state.occult_kind],
        "C50": lambda _outcome, state: "C50-F" if state.degenerative_facet_only else "C50",
    }
)


def text_id(outcome: LaneOutcome, state: LaneState, *, question_open: bool) -> str:
    """Text variant of the card that a lane gives. A fracture beside an open serious question is never plain."""
    if outcome.card == "C30" and question_open:
        return "C30-P"
    variant = _VARIANTS.get(outcome.card)
    return variant(outcome, state) if variant else outcome.card


def _neurology_lines(state: LaneState) -> tuple[str, ...]:
    if not (infection_on_images(state) or state.culture):
        return ()
    return ("c01-infection",) if state.emergency is Emergency.NEURO else ("c01-cultures",)


def _marker_lines(state: LaneState) -> tuple[str, ...]:
    if state.labs is Labs.U:
        return ("crp-esr-missing", *(("marker-unsized",) if state.marker_raised_unsized else ()))
    # Beside a measured CRP only the ESR can be of unknown amount.
    return ("esr-only",) if state.esr_only else _unsized_lines(state)


def _unsized_lines(state: LaneState) -> tuple[str, ...]:
    return ("marker-unsized",) if state.marker_raised_unsized else ()


def _native_lines(state: LaneState) -> tuple[str, ...]:
    return ("native-study",) if native_is_not_enough(state) else ()


def _exposure_lines(state: LaneState) -> tuple[str, ...]:
    return ("c13",) if state.exposure_or_subacute else ()


def _missing_marker_lines(state: LaneState) -> tuple[str, ...]:
    if state.marker_raised_unsized:
        return ("marker-unsized",)
    # With both markers unknown the card's own summary asks for them already.
    return ("esr-only",) if state.labs is Labs.R and state.esr_only else ()


def _pregnancy_lines(state: LaneState) -> tuple[str, ...]:
    # The text names the fracture card only; an occult fracture or cleft in pregnancy needs the same two lines, since
    # their cards hide the pregnancy card.
    return ("C61.2", "C61.3") if state.metabolic is Metabolic.PREGNANCY else ()


def _fragility_lines(state: LaneState) -> tuple[str, ...]:
    young = state.age_under_50 or state.metabolic is Metabolic.PREGNANCY
    return ("under-50",) if young else ()


def _plan_lines(state: LaneState) -> tuple[str, ...]:
    long_history = state.time in (TimeCourse.SUBACUTE, TimeCourse.PERSISTENT)
    lines = ("labs-pending",) if state.labs is Labs.U else ()
    return (*(("long-history",) if long_history else ()), *lines)


def _re_evaluation_lines(state: LaneState) -> tuple[str, ...]:
    return ("mri-just-done",) if state.mri_just_done else ()


_LINES: Mapping[str, tuple[Callable[[LaneState], tuple[str, ...]], ...]] = MappingProxyType(
    {
        "C01": (_neurology_lines,),
        "C01-W": (_neurology_lines,),
        "C02": (_native_lines,),
        "C10": (_missing_marker_lines, _native_lines, _exposure_lines),
        "C10-W": (_missing_marker_lines, _native_lines, _exposure_lines),
        "C11": (_marker_lines, _exposure_lines),
        "C11-E": (_marker_lines,),
        "C11-EDEMA": (_marker_lines, _exposure_lines),
        "C16": (_unsized_lines,),
        "C14": (_native_lines, _exposure_lines),
        "C30": (_fragility_lines, _pregnancy_lines),
        "C30-P": (_pregnancy_lines,),
        "C31": (_pregnancy_lines,),
        "C31-T": (_pregnancy_lines,),
        "C31-S": (_pregnancy_lines,),
        "C32": (_pregnancy_lines,),
        "C80": (_plan_lines,),
        "C81": (_re_evaluation_lines,),
    }
)


def own_lines(text: str, state: LaneState) -> tuple[str, ...]:
    """Lines that the state adds to one card, in the order in which they are to be read."""
    return tuple(line for lines in _LINES.get(text, ()) for line in lines(state))


def shared_lines(texts: tuple[str, ...], state: LaneState) -> Mapping[str, tuple[str, ...]]:
    """Lines that the state adds to the first suitable card of those shown: text id to line ids."""
    added: dict[str, tuple[str, ...]] = {}
    for line, applies, carriers in SHARED_LINES:
        carrier = next((text for text in texts if text in carriers), None)
        if carrier is not None and applies(state):
            added[carrier] = (*added.get(carrier, ()), line)
    return added


def dropped_lines(text: str, *, plan_lines_dropped: bool) -> tuple[str, ...]:
    """Lines taken out of a card: its conservative advice beside an open serious question."""
    return PLAN_LINES if plan_lines_dropped and text in TEXTS_WITH_PLAN_LINES else ()
