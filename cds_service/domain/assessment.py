"""What the rules concluded: state variables with their causes, every rule's outcome, lanes, and the cards to show.

What is made by the hundred for every call is kept from being changed by the type checker, like a finding: a frozen
dataclass takes twice as long to make.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final, TypeAlias

from cds_service.domain.facts import (
    Conflict,
    Gap,
    KnownCondition,
    LabValue,
    Medication,
    OrderFact,
    Provenance,
    Report,
    StatedFact,
    TextFinding,
)
from cds_service.domain.state import LaneState
from cds_service.domain.vocabulary import Analyte, Indicator, Lane

ParamValue: TypeAlias = str | int | float | date | datetime | tuple[str, ...]


@dataclass(slots=True)
class FindingCause:
    """A report sentence that a rule used."""

    finding: Final[TextFinding]
    report: Final[Provenance]
    reported_on: Final[date | None]

    def __hash__(self) -> int:
        """Hash of finding and place: no two reports are likely to say the same there."""
        return hash((self.finding.finding, self.finding.span.start))


@dataclass(slots=True, unsafe_hash=True)
class LabCause:
    """A laboratory result or vital sign that a rule used; ``fresh`` is false when it is shown but too old to count.

    ``comparable`` is false when it is current but no number that a limit could be held against, as ">5 mg/L".
    """

    lab: Final[LabValue]
    fresh: Final[bool] = True
    comparable: Final[bool] = True


@dataclass(slots=True, unsafe_hash=True)
class ConditionCause:
    """A charted problem or history entry that a rule used."""

    condition: Final[KnownCondition]


@dataclass(slots=True, unsafe_hash=True)
class StatedCause:
    """A sentence of the report's history that a rule used."""

    fact: Final[StatedFact]
    report: Final[Provenance]


@dataclass(slots=True, unsafe_hash=True)
class MedicationCause:
    """A drug that a rule used."""

    medication: Final[Medication]


@dataclass(slots=True, unsafe_hash=True)
class OrderCause:
    """A draft order that a rule looked at."""

    order: Final[OrderFact]


@dataclass(slots=True, unsafe_hash=True)
class ChartCause:
    """Any other chart fact: procedure, device, allergy, demographics. ``text`` is as charted."""

    kind: Final[str]
    text: Final[str]
    on: Final[date | None]
    provenance: Final[Provenance]


Cause: TypeAlias = FindingCause | LabCause | ConditionCause | StatedCause | MedicationCause | OrderCause | ChartCause


@dataclass(slots=True, unsafe_hash=True)
class MarkerSeries:
    """Results of one marker over time, oldest first.

    ``usual`` is the median of ``usual_results`` results before ``usual_until`` in the canonical unit, where the patient
    has a level of his own that differs from normal (dialysis).
    """

    analyte: Final[Analyte]
    values: Final[tuple[LabValue, ...]]
    usual: Final[float | None] = None
    usual_results: Final[int] = 0
    usual_until: Final[date | None] = None


class Pathway(StrEnum):
    """Field of knowledge that a rule belongs to."""

    READING = "reading"
    EMERGENCY = "emergency"
    INFECTION = "infection"
    MALIGNANCY = "malignancy"
    FRACTURE = "fracture"
    INFLAMMATORY = "inflammatory"
    DEGENERATIVE = "degenerative"
    METABOLIC = "metabolic"
    TIME = "time"
    LABORATORY = "laboratory"
    ORDER = "order"
    SCOPE = "scope"


@dataclass(slots=True, unsafe_hash=True)
class Signal:
    """One rule that fired: what it argues for, how strongly (the value of its variable), and the facts that made it."""

    rule_id: Final[str]
    variable: Final[str]
    value: Final[str]
    causes: Final[tuple[Cause, ...]] = ()


@dataclass(slots=True, unsafe_hash=True)
class RuleResult:
    """Outcome of one rule for the explanation: fired or not, why, and which facts would be needed to decide.

    ``why`` is an English sentence built from the rule's own words and values, without names or identifiers of the
    patient. ``missing`` names facts that were unknown and could have changed the outcome (near misses).
    """

    rule_id: Final[str]
    fired: Final[bool]
    why: Final[str]
    missing: Final[tuple[str, ...]] = ()
    causes: Final[tuple[Cause, ...]] = ()


@dataclass(slots=True, unsafe_hash=True)
class StateVariable:
    """One state variable with its value and the signals that gave it."""

    name: Final[str]
    value: Final[str]
    signals: Final[tuple[Signal, ...]] = ()


@dataclass(slots=True, unsafe_hash=True)
class LaneOutcome:
    """Exactly one row of each lane: ``card`` is empty for the row "none"."""

    lane: Final[Lane]
    row: Final[str]
    card: Final[str]
    indicator: Final[Indicator | None]
    suppressed_by: Final[str] = ""


class DraftKind(StrEnum):
    """Draft orders that a card may offer; ``cards/orders.toml`` holds code, words and resource type of each."""

    CRP = "crp"
    ESR = "esr"
    CRP_ESR_RECHECK = "crp_esr_recheck"
    CBC = "cbc"
    BLOOD_CULTURE = "blood_culture"
    MRI_WHOLE_SPINE_CONTRAST = "mri_whole_spine_contrast"
    MRI_WHOLE_SPINE_NATIVE = "mri_whole_spine_native"
    MRI_FOLLOW_UP = "mri_follow_up"
    MRI_FOLLOW_UP_NATIVE = "mri_follow_up_native"
    MRI_DWI_OPPOSED_PHASE = "mri_dwi_opposed_phase"
    MRI_SACROILIAC = "mri_sacroiliac"
    CT_REGION = "ct_region"
    FDG_PET_CT = "fdg_pet_ct"
    SPINE_BIOPSY = "spine_biopsy"
    STAGING_CT = "staging_ct"
    ECHOCARDIOGRAPHY = "echocardiography"
    SPINE_SURGERY_REFERRAL = "spine_surgery_referral"
    INFECTIOUS_DISEASE_REFERRAL = "infectious_disease_referral"
    ONCOLOGY_REFERRAL = "oncology_referral"
    RHEUMATOLOGY_REFERRAL = "rheumatology_referral"
    HLA_B27 = "hla_b27"
    CALCIUM = "calcium"
    CREATININE = "creatinine"
    ALP = "alp"
    LDH = "ldh"
    SPEP = "spep"
    FREE_LIGHT_CHAINS = "free_light_chains"
    PSA = "psa"
    VITAMIN_D = "vitamin_d"
    PTH = "pth"
    DXA = "dxa"
    FOLLOW_UP_VISIT = "follow_up_visit"
    CONSERVATIVE_CARE_PLAN = "conservative_care_plan"
    RADIOLOGY_CLARIFICATION_TASK = "radiology_clarification_task"
    ANALGESIC_PARACETAMOL = "analgesic_paracetamol"
    DELETE_ORDER = "delete_order"
    RAISE_PRIORITY = "raise_priority"
    ADD_REQUEST_NOTE = "add_request_note"


class Priority(StrEnum):
    """FHIR request priority."""

    ROUTINE = "routine"
    URGENT = "urgent"
    ASAP = "asap"
    STAT = "stat"


@dataclass(slots=True, unsafe_hash=True)
class Draft:
    """One draft order to offer. ``quantity`` 2 is two sets, ``note`` a text id.

    ``target`` is an order of the session: the one to delete or to change, or the one that a new order replaces.
    """

    kind: Final[DraftKind]
    priority: Final[Priority] = Priority.ROUTINE
    occurrence: Final[date | None] = None
    occurrence_end: Final[date | None] = None
    quantity: Final[int] = 1
    note: Final[str] = ""
    target: Final[Provenance | None] = None


@dataclass(slots=True, unsafe_hash=True)
class PlannedCard:
    """A card to write. ``text_id`` chooses the words (``C11-E``), ``card_id`` is the card it is a variant of (``C11``).

    ``add_lines`` are ids of add-on lines in the texts; ``drop_lines`` are ids of lines taken out (plan lines, line
    filters); ``params`` fill placeholders; causes make ``{evidence}``; ``reasons`` are ids of reason strings.
    """

    card_id: Final[str]
    text_id: Final[str]
    lane: Final[Lane]
    row: Final[str]
    indicator: Final[Indicator]
    causes: Final[tuple[Cause, ...]] = ()
    params: Final[Mapping[str, ParamValue]] = field(default_factory=dict, hash=False)
    add_lines: Final[tuple[str, ...]] = ()
    drop_lines: Final[tuple[str, ...]] = ()
    drafts: Final[tuple[Draft, ...]] = ()
    evidence: Final[tuple[str, ...]] = ()
    missing: Final[tuple[str, ...]] = ()
    levels: Final[tuple[str, ...]] = ()
    rule_ids: Final[tuple[str, ...]] = ()
    order: Final[OrderFact | None] = None


@dataclass(frozen=True, slots=True)
class Citation:
    """One reference of the evidence register, ready to show."""

    id: str
    title: str
    source: str
    year: str
    url: str | None
    provenance: str
    authors: str = ""
    verify: bool = False


@dataclass(slots=True, unsafe_hash=True)
class Assessment:
    """The whole outcome for one patient at one moment; everything the cards and the explanation need.

    ``unknown_drugs`` are running drugs as charted that no code list knows, so that no rule could look at them.
    """

    as_of: Final[datetime]
    knowledge_version: Final[str]
    state: Final[LaneState | None]
    variables: Final[tuple[StateVariable, ...]]
    rules: Final[tuple[RuleResult, ...]]
    lanes: Final[tuple[LaneOutcome, ...]]
    cards: Final[tuple[PlannedCard, ...]]
    gaps: Final[tuple[Gap, ...]] = ()
    conflicts: Final[tuple[Conflict, ...]] = ()
    leading_report: Final[Report | None] = None
    labs: Final[tuple[LabCause, ...]] = ()
    citations: Final[Mapping[str, Citation]] = field(default_factory=dict, hash=False)
    series: Final[tuple[MarkerSeries, ...]] = ()
    unknown_drugs: Final[tuple[str, ...]] = ()
