"""What an order rule is: a clinical sentence over one draft order that gives advice or says why it stays silent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from cds_service.domain.assessment import (
    Cause,
    Draft,
    DraftKind,
    LaneOutcome,
    ParamValue,
    PlannedCard,
    Priority,
    RuleResult,
)
from cds_service.domain.facts import OrderFact, PatientFacts
from cds_service.domain.state import CancerHistory, ClinicalInfection, Emergency, ImagingInfection, LaneState
from cds_service.domain.vocabulary import ConditionGroup, DrugGroup, Indicator, OrderKind
from cds_service.knowledge.thresholds import Thresholds
from cds_service.rules.orders.chart import DrugCause, charted, taking

# A draft that is on the list of orders already is not offered again.
_SAME_ORDER = {
    DraftKind.CRP: OrderKind.CRP,
    DraftKind.ESR: OrderKind.ESR,
    DraftKind.BLOOD_CULTURE: OrderKind.BLOOD_CULTURE,
    DraftKind.MRI_WHOLE_SPINE_CONTRAST: OrderKind.MRI_CONTRAST,
    DraftKind.FDG_PET_CT: OrderKind.FDG_PET_CT,
    DraftKind.SPINE_BIOPSY: OrderKind.SPINE_BIOPSY,
    DraftKind.SPINE_SURGERY_REFERRAL: OrderKind.SPINE_REFERRAL,
}
_CODE_SYSTEMS = ("http://loinc.org", "http://snomed.info/sct", "http://www.ama-assn.org/go/cpt", "http://www.whocc.no/atc",
                 "http://www.nlm.nih.gov/research/umls/rxnorm", "http://fhir.de/CodeSystem/bfarm/atc")  # fmt: skip


def is_coded(order: OrderFact) -> bool:
    """Whether a standard code says what the order is: its words alone are too little to change or delete it."""
    return any(coding.system in _CODE_SYSTEMS for coding in order.codes)


class ShownCard(Protocol):
    """The part of a lane card that order rules look at."""

    @property
    def card_id(self) -> str:
        """Card such as ``C11``."""

    @property
    def text_id(self) -> str:
        """Variant such as ``C11-E``."""


class LaneDecision(Protocol):
    """The part of the lane decision that order rules look at."""

    @property
    def lanes(self) -> tuple[LaneOutcome, ...]:
        """One outcome per lane."""

    @property
    def cards(self) -> tuple[ShownCard, ...]:
        """Cards that result-triggered advice would show now."""


class Window(StrEnum):
    """How long after a report with a finding the spine episode lasts for a row of order rules."""

    EPISODE = "episode"
    AUGMENTATION = "augmentation"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class OrderContext:
    """One draft order with everything a rule may look at.

    ``lane_cards`` are the ids of the cards (and variants) of the lanes, ``grounds`` the causes of each state variable.
    """

    order: OrderFact
    facts: PatientFacts
    state: LaneState
    lane_cards: frozenset[str]
    thresholds: Thresholds
    grounds: Mapping[str, tuple[Cause, ...]] = field(default_factory=dict)

    def lane_shows(self, *cards: str) -> bool:
        """Whether one of the cards, or a variant of it, is the outcome of a lane."""
        return any(shown in cards or shown.partition("-")[0] in cards for shown in self.lane_cards)

    def drafted(self, *kinds: OrderKind) -> bool:
        """Whether an order of one of the kinds is among the drafts of the session, chosen or not."""
        return any(order.kinds.intersection(kinds) for order in self.facts.orders)

    def offer(self, *drafts: Draft) -> tuple[Draft, ...]:
        """The drafts that are not on the list of orders already."""
        return tuple(d for d in drafts if d.kind not in _SAME_ORDER or not self.drafted(_SAME_ORDER[d.kind]))

    def markers(self) -> tuple[Draft, ...]:
        """CRP and ESR as drafts."""
        return self.offer(Draft(DraftKind.CRP, Priority.URGENT), Draft(DraftKind.ESR, Priority.URGENT))

    def cultures(self, priority: Priority = Priority.URGENT) -> tuple[Draft, ...]:
        """Two sets of blood cultures as draft."""
        return self.offer(Draft(DraftKind.BLOOD_CULTURE, priority, quantity=2))

    def removal(self) -> tuple[Draft, ...]:
        """Offer to delete this order; only when a standard code, not its words alone, says what it is."""
        return (Draft(DraftKind.DELETE_ORDER, target=self.order.provenance),) if is_coded(self.order) else ()

    def note(self, text: str) -> tuple[Draft, ...]:
        """Offer to add a note to this order; only when a standard code says what it is."""
        draft = Draft(DraftKind.ADD_REQUEST_NOTE, note=text, target=self.order.provenance)
        return (draft,) if is_coded(self.order) else ()

    def causes(self, *variables: str) -> tuple[Cause, ...]:
        """The facts behind the named state variables, without repeats."""
        return tuple(dict.fromkeys(cause for name in variables for cause in self.grounds.get(name, ())))

    def others_taken(self, *groups: DrugGroup) -> tuple[DrugCause, ...]:
        """Drugs of the groups that the patient takes or that are drafted beside this order."""
        return taking(self.facts, *groups, besides=self.order)

    @property
    def infection_seen(self) -> bool:
        """Imaging, signs or a culture argue for infection of the spine."""
        state = self.state
        return (
            state.imaging_infection >= ImagingInfection.M
            or state.clinical_infection is ClinicalInfection.SIGN
            or state.culture
            or state.abscess
        )

    @property
    def neurology(self) -> bool:
        """A compression that counts as an emergency."""
        return self.state.emergency is Emergency.NEURO

    @property
    def marrow_tumor_suspected(self) -> bool:
        """A tumour of unknown tissue, or known lymphoma or myeloma with a new lesion: a steroid could hide it."""
        haematological = charted(self.facts, ConditionGroup.LYMPHOMA_LEUKEMIA, ConditionGroup.MYELOMA)
        return self.lane_shows("C21") or (self.lane_shows("C20") and bool(haematological))

    @property
    def tumor_known_or_seen(self) -> bool:
        """Any argument for a tumour of the spine."""
        state = self.state
        return (
            state.known_metastases
            or state.epidural_tumour
            or state.cancer_history is CancerHistory.KNOWN
            or self.lane_shows("C20", "C21", "C24")
        )


@dataclass(frozen=True, slots=True)
class Advice:
    """What a rule that fired asks to show. ``text_id`` replaces the text of the rule, ``reason`` is a reason id."""

    indicator: Indicator
    why: str
    reason: str = ""
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    causes: tuple[Cause, ...] = ()
    drafts: tuple[Draft, ...] = ()
    add_lines: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    text_id: str = ""


@dataclass(frozen=True, slots=True)
class Silence:
    """Why a rule did not fire, and the unknown facts that could have changed it."""

    why: str
    missing: tuple[str, ...] = ()


Answer: TypeAlias = Advice | Silence


@dataclass(frozen=True, slots=True)
class OrderRule:
    """One condition of a row. ``text_id`` is its card text; the docstring of ``check`` is its clinical sentence."""

    id: str
    text_id: str
    check: Callable[[OrderContext], Answer]
    evidence: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The clinical sentence of the rule."""
        return " ".join((self.check.__doc__ or "").split())


@dataclass(frozen=True, slots=True)
class OrderRow:
    """Rules on one sort of order, in order. No ``kinds`` means every order."""

    id: str
    kinds: frozenset[OrderKind]
    rules: tuple[OrderRule, ...]
    window: Window = Window.EPISODE

    def concerns(self, order: OrderFact) -> bool:
        """Whether the row is about this order."""
        return not self.kinds or bool(self.kinds & order.kinds)


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """What one row said about one order: at most one card, and the result of each of its rules."""

    order: OrderFact
    row: str
    card: PlannedCard | None
    results: tuple[RuleResult, ...]
