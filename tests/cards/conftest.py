"""Assessment literals for the card tests: one full patient, and factories for single parts."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import pytest

from cards.build import CardWriter
from cards.protocol import check
from cards.wording import wordings
from cds_service.domain.assessment import (
    Assessment,
    Cause,
    ChartCause,
    Citation,
    ConditionCause,
    Draft,
    DraftKind,
    FindingCause,
    LabCause,
    MedicationCause,
    OrderCause,
    PlannedCard,
    RuleResult,
    StatedCause,
)
from cds_service.domain.facts import (
    Conflict,
    ConflictKind,
    Gap,
    GapCode,
    KnownCondition,
    LabValue,
    Medication,
    OrderFact,
    Provenance,
    Span,
    StatedFact,
    TextFinding,
)
from cds_service.domain.vocabulary import (
    Analyte,
    Certainty,
    ConditionGroup,
    DrugGroup,
    FindingId,
    Indicator,
    Lane,
    Language,
    OrderKind,
    Section,
    Status,
)

REPORT = Provenance("DiagnosticReport/report-1", "conclusion")
REPORTED_ON = date(2026, 11, 2)
ALL_TEXT_IDS = sorted(wordings()[Language.EN].cards)


def make_finding(
    finding: FindingId = FindingId.EDEMA,
    sentence: str = "Marrow edema of L4 and L5.",
    levels: tuple[str, ...] = ("L4", "L5"),
    **changes: Any,
) -> FindingCause:
    text = TextFinding(
        finding=finding,
        status=Status.PRESENT,
        certainty=Certainty.CERTAIN,
        levels=levels,
        span=Span(0, 6),
        sentence_span=Span(0, len(sentence)),
        sentence=sentence,
        section=Section.IMPRESSION,
        language=Language.EN,
    )
    return FindingCause(replace(text, **changes), REPORT, REPORTED_ON)


def make_lab(
    analyte: Analyte = Analyte.CRP, value: float | None = 48.0, unit: str = "mg/L", **changes: Any
) -> LabCause:
    fresh = changes.pop("fresh", True)
    lab = LabValue(analyte, value, unit, datetime(2026, 11, 3, tzinfo=UTC), Provenance(f"Observation/{analyte}"))
    return LabCause(replace(lab, **changes), fresh=fresh)


def make_condition(text: str = "Type 2 diabetes", **changes: Any) -> ConditionCause:
    condition = KnownCondition(
        groups=frozenset({ConditionGroup.DIABETES}),
        text=text,
        codes=(),
        onset=date(2015, 4, 1),
        recorded=None,
        abated=None,
        active=True,
        provenance=Provenance("Condition/c-1"),
    )
    return ConditionCause(replace(condition, **changes))


def make_stated(sentence: str = "Fever for three days.", status: Status = Status.PRESENT) -> StatedCause:
    return StatedCause(StatedFact(ConditionGroup.FEVER, status, Span(0, 5), sentence), REPORT)


def make_drug(text: str = "Prednisolone 10 mg", start: date | None = date(2026, 9, 1)) -> MedicationCause:
    groups = frozenset({DrugGroup.GLUCOCORTICOID})
    drug = Medication(groups, text, (), start, None, running=True, provenance=Provenance("MedicationStatement/m-1"))
    return MedicationCause(drug)


def make_order(text: str = "Shock wave, spine", kind: OrderKind = OrderKind.SHOCK_WAVE) -> OrderFact:
    return OrderFact(Provenance("ServiceRequest/o-1"), "ServiceRequest", frozenset({kind}), text, ())


CAUSES: tuple[Cause, ...] = (
    make_finding(),
    make_finding(FindingId.DISC_FLUID, "Possible fluid in the disc L4/5.", ("L4-L5",), status=Status.POSSIBLE),
    make_lab(Analyte.TEMPERATURE, 38.9, "Cel"),
    make_condition(),
    make_stated(),
    make_drug(),
    ChartCause("procedure", "Spinal injection", date(2026, 10, 1), Provenance("Procedure/p-1")),
    OrderCause(make_order()),
)

# Every param that a card may carry, with values as long as they get in practice.
PARAMS: dict[str, Any] = {
    "finding_word": "vertebral_lesion",
    "sins_min": 9,
    "sins_missing": ("pain", "alignment"),
    "of": "OF2",
    "ddx": ("infection", "fracture"),
    "missing": ("stir", "dwi"),
    "mask": ("Prednisolone 10 mg",),
    "organism": "Staphylococcus aureus",
    "date": date(2026, 11, 3),
    "visit": date(2026, 11, 19),
    "visit_end": date(2026, 11, 26),
    "mri": date(2026, 12, 17),
    "mri_end": date(2026, 12, 31),
    "onset_weeks": 14,
    "course": "same",
    "weeks": 14,
    "reason": "egfr",
    "also": ("age",),
    "egfr": 28,
    "age": 81,
    "device": "Dual chamber pacemaker",
    "order": "Shock wave, spine",
    "source": "BLOOD_CULTURE",
}

CITATION = Citation("R-ONE", "A guideline [2015]", "Journal 1:2", "2015", "https://guideline.example/one", "retrieved")
GAP = Gap(GapCode.MISSING_UNIT, "Observation/obs-9", "valueQuantity", clinical=True)
CONFLICT = Conflict(ConflictKind.STATUS, FindingId.EDEMA, ("No edema at L4.", "Marrow edema of L4 and L5."), ("L4",))


def make_card(text_id: str = "C11", **changes: Any) -> PlannedCard:
    card = PlannedCard(
        card_id=text_id,
        text_id=text_id,
        lane=Lane.ORDER if text_id.startswith("O-") else Lane.INFECTION,
        row="B1",
        indicator=Indicator.INFO,
        causes=CAUSES,
        params=PARAMS,
        drafts=(Draft(DraftKind.CRP),),
        evidence=("R-ONE",),
        missing=("esr", "stir"),
        levels=("L4", "L5", "L4-L5"),
        rule_ids=("INF-1",),
        order=make_order(),
    )
    return replace(card, **changes)


def make_assessment(*cards: PlannedCard, **changes: Any) -> Assessment:
    assessment = Assessment(
        as_of=datetime(2026, 11, 5, 9, 0, tzinfo=UTC),
        knowledge_version="1.0+abc",
        state=None,
        variables=(),
        rules=(RuleResult("INF-1", fired=True, why="fluid in the disc is possible"),),
        lanes=(),
        cards=cards,
        gaps=(GAP,),
        conflicts=(CONFLICT,),
        labs=(
            make_lab(reported="4.8 mg/dL", converted=True, upper_normal=5.0),
            make_lab(Analyte.ESR, 71.0, "mm/h", fresh=False),
        ),
        citations={"R-ONE": CITATION},
    )
    return replace(assessment, **changes)


def numbered() -> Callable[[], str]:
    numbers: Iterator[int] = count(1)
    return lambda: f"00000000-0000-4000-8000-{next(numbers):012d}"


def write_cards(*cards: PlannedCard, language: Language = Language.EN, **changes: Any) -> list[dict[str, Any]]:
    base_url, session = changes.pop("base_url", "https://cds.example"), changes.pop("session", {})
    written = CardWriter().write(
        make_assessment(*cards, **changes),
        language,
        patient_id="pat-1",
        base_url=base_url,
        new_uuid=numbered(),
        drafts=session,
    )
    wire = [card.to_wire() for card in written]
    for card in wire:
        check(card)
    return wire


class Examples:
    """Factories of the card tests, handed out as one fixture."""

    causes = CAUSES
    params = PARAMS
    gap = GAP
    conflict = CONFLICT
    citation = CITATION
    report = REPORT
    text_ids = ALL_TEXT_IDS
    finding = staticmethod(make_finding)
    lab = staticmethod(make_lab)
    condition = staticmethod(make_condition)
    stated = staticmethod(make_stated)
    drug = staticmethod(make_drug)
    order = staticmethod(make_order)
    card = staticmethod(make_card)
    assessment = staticmethod(make_assessment)
    numbered = staticmethod(numbered)
    write = staticmethod(write_cards)


@pytest.fixture(scope="session")
def make() -> Examples:
    return Examples()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "text_id" in metafunc.fixturenames:
        metafunc.parametrize("text_id", ALL_TEXT_IDS)
    if "language" in metafunc.fixturenames:
        metafunc.parametrize("language", list(Language))
