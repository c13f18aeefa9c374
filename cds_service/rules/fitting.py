"""Fits the draft orders of a card to the patient: no card offers what an order rule would warn of at once.

The order rules themselves are asked, so that both say the same. What they warn of is replaced where the design names
another way (CT and FDG-PET/CT for an MRI that may be impossible, native for contrast MRI), else left out; a line says
why. Source: order rules on MRI, contrast, FDG-PET/CT and biopsy, and the question of PET in the table of next steps.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from cds_service.domain.assessment import Draft, DraftKind, ParamValue, PlannedCard
from cds_service.domain.facts import OrderFact, PatientFacts, Provenance
from cds_service.domain.state import Emergency, LaneState
from cds_service.domain.vocabulary import Indicator, OrderKind
from cds_service.knowledge.thresholds import Thresholds
from cds_service.rules.orders import biopsy, coagulation, contrast, mri, pet
from cds_service.rules.orders.chart import without_old_reports
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext

_LATER_MRI = frozenset({DraftKind.MRI_FOLLOW_UP, DraftKind.MRI_FOLLOW_UP_NATIVE})
_WHOLE_SPINE = frozenset({DraftKind.MRI_WHOLE_SPINE_CONTRAST, DraftKind.MRI_WHOLE_SPINE_NATIVE})
_MRI = _LATER_MRI | _WHOLE_SPINE | {DraftKind.MRI_DWI_OPPOSED_PHASE, DraftKind.MRI_SACROILIAC}
_CONCERNED = _MRI | {DraftKind.FDG_PET_CT, DraftKind.SPINE_BIOPSY}
# No hours are left for a PET scan.
_AT_ONCE = frozenset({Emergency.NEURO, Emergency.SEPSIS, Emergency.UNSTABLE_CANAL})
_INSTEAD = "instead-of-mri"
_NATIVE_LINE = "native-study"

Check = Callable[[OrderContext], Answer]


# A draft that is known by its kind alone.
_DRAFT = OrderFact(Provenance("Draft"), "ServiceRequest", frozenset({OrderKind.OTHER}), "", ())


class _Patient:
    """What the order rules look at, with the cards of the lanes."""

    def __init__(
        self, facts: PatientFacts, state: LaneState, lane_cards: frozenset[str], thresholds: Thresholds
    ) -> None:
        current = without_old_reports(facts, thresholds.report_window_days.span)
        self.state = state
        self._context = OrderContext(_DRAFT, current, state, lane_cards, thresholds)

    def ask(self, *checks: Check, least: Indicator = Indicator.WARNING) -> Advice | None:
        """The first advice of at least this urgency that the rules would give on a draft known by its kind alone."""
        for check in checks:
            answer = check(self._context)
            if isinstance(answer, Advice) and answer.indicator.rank >= least.rank:
                return answer
        return None


@dataclass(slots=True)
class _Fitting:
    """Drafts, lines and values of one card while it is fitted."""

    drafts: list[Draft] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    params: dict[str, ParamValue] = field(default_factory=dict)

    def say(self, line: str, values: Mapping[str, ParamValue]) -> None:
        if line not in self.lines:
            self.lines.append(line)
        self.params |= values

    def offer(self, draft: Draft) -> None:
        if draft.kind not in {each.kind for each in self.drafts} or draft.target is not None:
            self.drafts.append(draft)


def fitted(
    card: PlannedCard, facts: PatientFacts, state: LaneState, lane_cards: frozenset[str], thresholds: Thresholds
) -> PlannedCard:
    """The card with drafts that suit this patient, and a line for each that was replaced or left out."""
    if not any(draft.kind in _CONCERNED for draft in card.drafts):
        return card
    patient, fitting = _Patient(facts, state, lane_cards, thresholds), _Fitting()
    for draft in card.drafts:
        _fit(draft, card, patient, fitting)
    # Another line says what contrast and native images can do in this patient.
    replaced = {_NATIVE_LINE} if {"mri-implant", "contrast-not-advised"} & set(fitting.lines) else set()
    kept = tuple(line for line in card.add_lines if line not in replaced)
    return replace(
        card,
        drafts=tuple(fitting.drafts),
        add_lines=(*kept, *(line for line in fitting.lines if line not in kept)),
        params=MappingProxyType({**fitting.params, **card.params}),
    )


def _fit(draft: Draft, card: PlannedCard, patient: _Patient, fitting: _Fitting) -> None:
    if draft.kind in _MRI:
        _fit_mri(draft, card, patient, fitting)
    elif draft.kind is DraftKind.FDG_PET_CT:
        _fit_scan(draft, patient, fitting)
    elif draft.kind is DraftKind.SPINE_BIOPSY:
        _fit_needle(draft, patient, fitting)
    else:
        fitting.offer(draft)


def _fit_mri(draft: Draft, card: PlannedCard, patient: _Patient, fitting: _Fitting) -> None:
    implant = patient.ask(mri.implant)
    if implant is not None:
        fitting.say("mri-implant", implant.params)
        # A control for later has time for the check of the implant; a question of today has not.
        if draft.kind in _WHOLE_SPINE or (draft.kind in _LATER_MRI and card.card_id == "C81"):
            fitting.offer(_instead_of_mri(draft, patient))
        return
    if draft.kind is not DraftKind.MRI_WHOLE_SPINE_CONTRAST:
        fitting.offer(draft)
        return
    barred = patient.ask(contrast.earlier_reaction, contrast.pregnancy)
    if barred is not None:
        fitting.say("contrast-not-advised", {"contrast_reason": barred.reason or "gadolinium-reaction"})
        fitting.offer(replace(draft, kind=DraftKind.MRI_WHOLE_SPINE_NATIVE))
        return
    kidney = patient.ask(contrast.kidney, least=Indicator.INFO)
    if kidney is not None:
        fitting.say("contrast-kidney", {"kidney_reason": kidney.reason, **kidney.params})
    fitting.offer(draft)


def _instead_of_mri(draft: Draft, patient: _Patient) -> Draft:
    """CT at once in an emergency and where FDG is no way, else FDG-PET/CT."""
    scan_barred = patient.ask(pet.preparation) is not None
    if patient.state.emergency in _AT_ONCE or scan_barred or draft.kind in _LATER_MRI:
        return replace(draft, kind=DraftKind.CT_REGION, note=_INSTEAD)
    return replace(draft, kind=DraftKind.FDG_PET_CT, note="foci")


def _fit_scan(draft: Draft, patient: _Patient, fitting: _Fitting) -> None:
    barred = patient.ask(pet.preparation)
    if barred is None:
        fitting.offer(draft)
    else:
        fitting.say("pet-not-now", {"scan_reason": barred.reason, **barred.params})


def _fit_needle(draft: Draft, patient: _Patient, fitting: _Fitting) -> None:
    bleeding = patient.ask(coagulation.coagulation, coagulation.antithrombotics)
    if bleeding is not None:
        fitting.say("biopsy-bleeding", {"needle_reason": bleeding.reason, **bleeding.params})
    elif patient.ask(biopsy.steroid_before_tissue) is not None:
        fitting.say("biopsy-steroid", {})
    else:
        fitting.offer(draft)
