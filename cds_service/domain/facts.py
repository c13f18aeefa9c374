"""What is known of one patient at one moment, each fact with the place it came from."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from cds_service.domain.vocabulary import (
    Analyte,
    BodyRegion,
    Certainty,
    ConditionGroup,
    DeviceGroup,
    DrugGroup,
    FindingId,
    Language,
    Modality,
    OrderKind,
    ProcedureGroup,
    Qualifier,
    Section,
    Status,
    Trend,
)


@dataclass(slots=True, unsafe_hash=True)
class Provenance:
    """Where a fact was read: ``reference`` is ``Type/id`` (or ``request``), ``element`` an element path."""

    reference: Final[str]
    element: Final[str] = ""


class GapCode(StrEnum):
    """Why something could not be used. Retired codes are never given a new meaning."""

    UNKNOWN_ELEMENT = "unknown-element"
    INVALID_ID = "invalid-id"
    INVALID_VALUE = "invalid-value"
    INVALID_TYPE = "invalid-type"
    INVALID_DATE = "invalid-date"
    FUTURE_DATE = "future-date"
    MISSING_DATE = "missing-date"
    MISSING_STATUS = "missing-status"
    UNKNOWN_STATUS = "unknown-status"
    MISSING_CODE = "missing-code"
    MISSING_UNIT = "missing-unit"
    UNKNOWN_UNIT = "unknown-unit"
    MISSING_VALUE = "missing-value"
    AMBIGUOUS_VALUE = "ambiguous-value"
    IMPLAUSIBLE_VALUE = "implausible-value"
    CONVERTED_VALUE = "converted-value"
    EMPTY_VALUE = "empty-value"
    NULL_VALUE = "null-value"
    OTHER_VERSION_ELEMENT = "other-version-element"
    ATTACHMENT_UNREADABLE = "attachment-unreadable"
    ATTACHMENT_TYPE = "attachment-type"
    REPORT_WITHOUT_TEXT = "report-without-text"
    REPORT_LANGUAGE_UNKNOWN = "report-language-unknown"
    REPORT_PRELIMINARY = "report-preliminary"
    REPORT_TRUNCATED = "report-truncated"
    OPERATION_OUTCOME = "operation-outcome"
    FOREIGN_PATIENT = "foreign-patient"
    WITHDRAWN = "withdrawn"
    RESOURCE_UNREADABLE = "resource-unreadable"
    UNEXPECTED_RESOURCE = "unexpected-resource"
    PREFETCH_MISSING = "prefetch-missing"
    FETCH_INCOMPLETE = "fetch-incomplete"
    AGE_UNKNOWN = "age-unknown"
    SEX_UNKNOWN = "sex-unknown"


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was not received or could not be read, named by resource and element, without patient data.

    ``clinical`` is true when the loss may change the advice; only such gaps stand on a card, all stand in the preview.
    ``params`` hold counts, element or unit names for the text, never free text of the record.
    """

    code: GapCode
    resource: str
    element: str = ""
    clinical: bool = False
    params: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Coding:
    """One FHIR Coding as received; ``system`` may be empty."""

    system: str
    code: str
    display: str = ""


@dataclass(slots=True, unsafe_hash=True)
class Span:
    """Half-open character range ``[start, end)`` in the original text of one report text.

    Like a finding, of which a text gives dozens, and a laboratory value, of which a chart brings hundreds, it is kept
    from being changed by the type checker: a frozen dataclass takes twice as long to make.
    """

    start: Final[int]
    end: Final[int]


@dataclass(slots=True)
class TextFinding:
    """One finding as a text states it.

    ``levels`` are ``L3`` for a vertebra and ``L4-L5`` for a segment, in reading order, without repeats.
    ``sentence`` is the original sentence, unchanged. ``cue`` is the word that decided the status, if any.
    ``percent`` is a stated height loss in percent, ``millimetres`` a stated size.
    ``text_index`` says which of the report's texts ``span`` and ``sentence_span`` refer to.
    """

    finding: Final[FindingId]
    status: Final[Status]
    certainty: Final[Certainty]
    levels: Final[tuple[str, ...]]
    span: Final[Span]
    sentence_span: Final[Span]
    sentence: Final[str]
    section: Final[Section]
    language: Final[Language]
    cue: Final[str | None] = None
    trend: Final[Trend | None] = None
    qualifiers: Final[frozenset[Qualifier]] = frozenset()
    percent: Final[float | None] = None
    millimetres: Final[float | None] = None
    text_index: Final[int] = 0

    def __hash__(self) -> int:
        """Hash of what tells it from nearly all others; that of all fields would take ten times as long."""
        return hash((self.finding, self.text_index, self.span.start))


@dataclass(frozen=True, slots=True)
class StatedFact:
    """Something a report's history or indication says of the patient ("known breast cancer", "no fever")."""

    group: ConditionGroup
    status: Status
    span: Span
    sentence: str
    days_ago: int | None = None
    qualifiers: frozenset[Qualifier] = frozenset()
    text_index: int = 0


@dataclass(frozen=True, slots=True)
class Technique:
    """How the examination was done, as far as the report says so; ``None`` is not stated."""

    contrast: bool | None = None
    stir_or_fat_saturated: bool | None = None
    diffusion: bool | None = None
    limited: bool | None = None


class ConflictKind(StrEnum):
    """How a report contradicts itself or stays ambiguous."""

    STATUS = "status"
    AMBIGUOUS_TERM = "ambiguous-term"
    REPORTS = "reports"
    LAB = "lab"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two statements that do not agree. The more serious one was used; both sentences are shown.

    ``analyte`` and ``on`` tell the test and the day of results that contradict each other.
    """

    kind: ConflictKind
    finding: FindingId | None
    sentences: tuple[str, ...]
    levels: tuple[str, ...] = ()
    analyte: Analyte | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader understood of one report text set.

    ``language`` is ``None`` when it could not be told (then nothing was read and a gap says so). ``unfinished`` says
    that the time of the call was over before the end: what was found counts, what was not found says nothing.
    """

    language: Language | None
    findings: tuple[TextFinding, ...] = ()
    stated: tuple[StatedFact, ...] = ()
    technique: Technique = Technique()
    conflicts: tuple[Conflict, ...] = ()
    describes_spine: bool = False
    onset_days: int | None = None
    unfinished: bool = False


@dataclass(frozen=True, slots=True)
class ReportText:
    """One readable text of a report: ``element`` is ``conclusion``, ``presentedForm[0]``, ``text.div`` and so on."""

    text: str
    element: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One imaging report with its texts and what was read in them. ``coded`` are findings that came as codes."""

    provenance: Provenance
    status: str
    effective: datetime | None
    issued: datetime | None
    title: str
    codes: tuple[Coding, ...]
    modality: Modality
    region: BodyRegion
    texts: tuple[ReportText, ...]
    reading: Reading
    coded: tuple[TextFinding, ...] = ()

    @property
    def date(self) -> datetime | None:
        """When the examination took place, else when the report was issued."""
        return self.effective or self.issued


class Comparator(StrEnum):
    """FHIR quantity comparator."""

    LT = "<"
    LE = "<="
    GE = ">="
    GT = ">"


@dataclass(slots=True, unsafe_hash=True)
class LabValue:
    """One laboratory result or vital sign in its canonical unit (UCUM).

    ``value`` is ``None`` for text results (organisms, patterns), which stand in ``text``. ``reported`` is the value
    and unit as received, for display. ``upper_normal``/``lower_normal`` come from the Observation, in the canonical
    unit. ``positive`` is the three-valued reading of a qualitative result.
    """

    analyte: Final[Analyte]
    value: Final[float | None]
    unit: Final[str]
    collected: Final[datetime | None]
    provenance: Final[Provenance]
    comparator: Final[Comparator | None] = None
    upper_normal: Final[float | None] = None
    lower_normal: Final[float | None] = None
    reported: Final[str] = ""
    text: Final[str] = ""
    positive: Final[bool | None] = None
    status: Final[str] = "final"
    converted: Final[bool] = False


@dataclass(frozen=True, slots=True)
class KnownCondition:
    """A problem, symptom or history entry. ``groups`` may be empty: the text is then shown but read by no rule.

    ``active`` is three-valued: ``None`` when neither clinical status nor abatement says so. ``refuted`` entries are
    kept out of the facts altogether.
    """

    groups: frozenset[ConditionGroup]
    text: str
    codes: tuple[Coding, ...]
    onset: date | None
    recorded: date | None
    abated: date | None
    active: bool | None
    provenance: Provenance
    status: Status = Status.PRESENT
    qualifiers: frozenset[Qualifier] = frozenset()


@dataclass(frozen=True, slots=True)
class Medication:
    """A drug the patient takes or was prescribed. Doses are milligrams a day where they could be read.

    ``running`` is three-valued; ``prednisone_equivalent`` is milligrams a day, for glucocorticoids only.
    """

    groups: frozenset[DrugGroup]
    text: str
    codes: tuple[Coding, ...]
    start: date | None
    end: date | None
    running: bool | None
    provenance: Provenance
    daily_dose_mg: float | None = None
    prednisone_equivalent: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ProcedureFact:
    """A past procedure; ``performed`` is its date or the start of its period."""

    groups: frozenset[ProcedureGroup]
    text: str
    codes: tuple[Coding, ...]
    performed: date | None
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class AllergyFact:
    """An allergy or intolerance; ``severe`` is three-valued."""

    groups: frozenset[DrugGroup]
    text: str
    severe: bool | None
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class DeviceFact:
    """An implant or line the patient has."""

    groups: frozenset[DeviceGroup]
    text: str
    provenance: Provenance


class Sex(StrEnum):
    """Administrative gender as far as rules depend on it."""

    FEMALE = "female"
    MALE = "male"


@dataclass(frozen=True, slots=True)
class Demographics:
    """Age in completed years at ``as_of`` and sex; ``None`` is unknown."""

    age: int | None
    sex: Sex | None


@dataclass(frozen=True, slots=True)
class Pregnancy:
    """Pregnancy state: each field is three-valued. ``weeks`` is gestational age where it was stated."""

    pregnant: bool | None = None
    weeks: int | None = None
    postpartum_or_lactating: bool | None = None


@dataclass(frozen=True, slots=True)
class OrderFact:
    """One draft order. ``selected`` marks the orders the clinician just chose (order-select).

    ``priority`` is the FHIR request priority as received; empty means routine.
    """

    provenance: Provenance
    resource_type: str
    kinds: frozenset[OrderKind]
    text: str
    codes: tuple[Coding, ...]
    reason_text: str = ""
    selected: bool = True
    drug_groups: frozenset[DrugGroup] = frozenset()
    body_text: str = ""
    duration_days: int | None = None
    priority: str = ""


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """Everything the rules may look at. ``as_of`` is the moment of evaluation; the rules have no other clock."""

    as_of: datetime
    demographics: Demographics
    reports: tuple[Report, ...] = ()
    labs: tuple[LabValue, ...] = ()
    conditions: tuple[KnownCondition, ...] = ()
    medications: tuple[Medication, ...] = ()
    procedures: tuple[ProcedureFact, ...] = ()
    allergies: tuple[AllergyFact, ...] = ()
    devices: tuple[DeviceFact, ...] = ()
    pregnancy: Pregnancy = Pregnancy()
    orders: tuple[OrderFact, ...] = ()
    gaps: tuple[Gap, ...] = ()
