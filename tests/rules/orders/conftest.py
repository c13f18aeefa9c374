"""Case file of the order rules as test parameters, in a compact notation that a clinician can check."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta, timezone
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from cds_service.domain.assessment import Draft, PlannedCard, Priority
from cds_service.domain.facts import (
    AllergyFact,
    Coding,
    Comparator,
    Demographics,
    DeviceFact,
    KnownCondition,
    LabValue,
    Medication,
    OrderFact,
    PatientFacts,
    Pregnancy,
    ProcedureFact,
    Provenance,
    Reading,
    Report,
    ReportText,
    Sex,
    Span,
    StatedFact,
    TextFinding,
)
from cds_service.domain.state import LaneState
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
    Section,
    Status,
    Trend,
)
from cds_service.knowledge.thresholds import Thresholds, load_thresholds
from cds_service.rules.arbitration import decide
from cds_service.rules.orders import ROWS, OrderOutcome, OrderRow, evaluate_orders

AS_OF = datetime(2026, 6, 15, 10, 0, tzinfo=timezone(timedelta(hours=2)))
CASES = Path(__file__).parents[1] / "cases" / "orders.toml"
_DEFAULTS = LaneState()
_TYPES = {field.name: type(getattr(_DEFAULTS, field.name)) for field in fields(LaneState)}
_HERE = Provenance("Chart/1")
_SPAN = Span(0, 1)


@dataclass(frozen=True)
class Case:
    id: str
    situation: str
    facts: PatientFacts
    state: LaneState
    cards: tuple[str, ...]
    drafts: tuple[str, ...]
    params: Mapping[str, Any] | None
    missing: tuple[str, ...] | None

    def run(self, thresholds: Thresholds, rows: tuple[OrderRow, ...] = ROWS) -> tuple[OrderOutcome, ...]:
        return evaluate_orders(self.facts, self.state, decide(self.state), thresholds, rows=rows)


def state_from(values: Mapping[str, Any]) -> LaneState:
    def value(name: str, raw: Any) -> Any:
        kind = _TYPES[name]
        return kind[raw] if issubclass(kind, IntEnum) and isinstance(raw, str) else kind(raw)

    return LaneState(**{name: value(name, raw) for name, raw in values.items()})


def days_ago(text: str) -> datetime:
    """``5d`` or ``20h`` before now; ``-2d`` lies in the future."""
    amount = float(text[:-1])
    return AS_OF - (timedelta(hours=amount) if text[-1] == "h" else timedelta(days=amount))


def split(entry: str) -> tuple[str, list[str], datetime | None]:
    """``NAME word word [5d]`` as name, words and moment."""
    name, *words = entry.split()
    if words and words[-1][-1] in "dh" and words[-1][:-1].lstrip("-").isdigit():
        return name, words[:-1], days_ago(words[-1])
    return name, words, None


def lab(entry: str) -> LabValue:
    """``EGFR 24 3d``, ``CRP <5 1d``, ``CALCIUM 2.0 low=2.2 3d`` or ``BLOOD_CULTURE positive S. aureus 5d``."""
    name, words, moment = split(entry)
    analyte, first = Analyte(name), words[0]
    if first in {"positive", "negative"}:
        text = " ".join(words[1:])
        return LabValue(analyte, None, "", moment, _HERE, text=text, positive=first == "positive")
    sign = next((mark for mark in ("<=", ">=", "<", ">") if first.startswith(mark)), "")
    lowest = next((float(word[4:]) for word in words if word.startswith("low=")), None)
    number = float(first[len(sign) :])
    comparator = Comparator(sign) if sign else None
    return LabValue(analyte, number, "", moment, _HERE, comparator=comparator, lower_normal=lowest)


def problem(entry: str) -> KnownCondition:
    """``GROUP [active|over|undecided] [abated|recorded|historical] [text] [30d]``; the date is the onset."""
    name, words, moment = split(entry)
    day = moment.date() if moment else None
    activity: dict[str, bool | None] = {"active": True, "over": False, "undecided": None}
    active = next((activity[word] for word in words if word in activity), True)
    abated, recorded = "abated" in words, "recorded" in words
    groups = frozenset() if name == "-" else frozenset({ConditionGroup(name)})
    return KnownCondition(
        groups,
        " ".join(words),
        (),
        onset=None if abated or recorded else day,
        recorded=day if recorded else None,
        abated=day if abated else None,
        active=active,
        provenance=_HERE,
        status=Status.HISTORICAL if "historical" in words else Status.PRESENT,
    )


def drug(entry: str) -> Medication:
    """``GROUP[+GROUP] name [running|stopped|undecided] [started] [5d]``; the date is the end unless "started"."""
    name, words, moment = split(entry)
    day = moment.date() if moment else None
    running: dict[str, bool | None] = {"running": True, "stopped": False, "undecided": None}
    state = next((running[word] for word in words if word in running), True)
    started = "started" in words
    groups = frozenset(DrugGroup(group) for group in name.split("+"))
    return Medication(groups, words[0], (), day if started else None, None if started else day, state, _HERE)


def procedure(entry: str) -> ProcedureFact:
    name, words, moment = split(entry)
    return ProcedureFact(
        frozenset({ProcedureGroup(name)}), " ".join(words), (), moment.date() if moment else None, _HERE
    )


def allergy(entry: str) -> AllergyFact:
    """``GROUP name [severe|mild]``."""
    name, words, _ = split(entry)
    severity = {"severe": True, "mild": False}.get(words[-1])
    return AllergyFact(frozenset({DrugGroup(name)}), words[0], severity, _HERE)


def device(entry: str) -> DeviceFact:
    name, words, _ = split(entry)
    return DeviceFact(frozenset({DeviceGroup(name)}), " ".join(words), _HERE)


def stated(entry: str) -> StatedFact:
    name, words, _ = split(entry)
    return StatedFact(ConditionGroup(name), Status.ABSENT if "absent" in words else Status.PRESENT, _SPAN, entry)


def finding(entry: str) -> TextFinding:
    """``F-ID [present|absent|possible] [new|worse|same|better]``."""
    name, words, _ = split(entry)
    status = next((Status(word) for word in words if word in set(Status)), Status.PRESENT)
    trend = next((Trend(word) for word in words if word in set(Trend)), None)
    return TextFinding(
        FindingId(name), status, Certainty.CERTAIN, ("L3",), _SPAN, _SPAN, entry, Section.FINDINGS, Language.EN,
        trend=trend,
    )  # fmt: skip


def report(raw: Mapping[str, Any], number: int) -> Report:
    """Spine MRI of the lumbar spine three days ago, unless the case says otherwise."""
    when = raw.get("ago", "3d")
    moment = days_ago(when) if when else None
    reading = Reading(
        Language.EN,
        tuple(finding(entry) for entry in raw.get("findings", ["F-EDEMA"])),
        tuple(stated(entry) for entry in raw.get("history", [])),
        describes_spine=True,
        onset_days=raw.get("onset_days"),
    )
    return Report(
        Provenance(f"DiagnosticReport/{number}"),
        "final",
        moment,
        None,
        "MRI",
        (),
        Modality(raw.get("modality", "MR")),
        BodyRegion(raw.get("region", "lumbar")),
        (ReportText("text", "conclusion"),),
        reading,
    )


def order(raw: Mapping[str, Any], number: int) -> OrderFact:
    codes = (Coding("http://loinc.org", "1-8"),) if raw.get("coded") else ()
    return OrderFact(
        Provenance(f"ServiceRequest/{number}"),
        "ServiceRequest",
        frozenset(OrderKind(kind) for kind in raw["kinds"]),
        raw.get("text", ""),
        codes,
        reason_text=raw.get("reason", ""),
        selected=raw.get("selected", True),
        drug_groups=frozenset(DrugGroup(group) for group in raw.get("drugs", [])),
        body_text=raw.get("body", ""),
        duration_days=raw.get("days"),
        priority=raw.get("priority", ""),
    )


def facts_from(raw: Mapping[str, Any]) -> PatientFacts:
    return PatientFacts(
        AS_OF,
        Demographics(raw.get("age"), Sex(raw["sex"]) if "sex" in raw else None),
        reports=tuple(report(each, index) for index, each in enumerate(raw.get("reports", [{}]))),
        labs=tuple(map(lab, raw.get("labs", []))),
        conditions=tuple(map(problem, raw.get("problems", []))),
        medications=tuple(map(drug, raw.get("drugs", []))),
        procedures=tuple(map(procedure, raw.get("procedures", []))),
        allergies=tuple(map(allergy, raw.get("allergies", []))),
        devices=tuple(map(device, raw.get("devices", []))),
        pregnancy=Pregnancy(**raw.get("pregnancy", {})),
        orders=tuple(order(each, index) for index, each in enumerate(raw["orders"])),
    )


def case_from(raw: Mapping[str, Any]) -> Case:
    missing = raw.get("missing")
    return Case(
        raw["id"],
        raw["situation"],
        facts_from(raw),
        state_from(raw.get("state", {})),
        tuple(raw["cards"]),
        tuple(raw.get("drafts", [])),
        raw.get("params"),
        None if missing is None else tuple(missing),
    )


ALL_CASES = tuple(case_from(raw) for raw in tomllib.loads(CASES.read_text(encoding="utf-8"))["case"])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "order_case" in metafunc.fixturenames:
        metafunc.parametrize("order_case", ALL_CASES, ids=lambda case: case.id)


@pytest.fixture(scope="session")
def order_cases() -> tuple[Case, ...]:
    return ALL_CASES


@pytest.fixture(scope="session")
def numbers() -> Thresholds:
    return load_thresholds()


@pytest.fixture(scope="session")
def chart() -> Callable[[Mapping[str, Any]], PatientFacts]:
    return facts_from


@pytest.fixture(scope="session")
def described() -> Callable[[Iterable[OrderOutcome]], tuple[str, ...]]:
    """Cards as ``rule text indicator [reason]``."""
    return lambda outcomes: tuple(card_words(each.card) for each in outcomes if each.card)


@pytest.fixture(scope="session")
def offered() -> Callable[[Iterable[OrderOutcome]], tuple[str, ...]]:
    """Drafts as ``text kind [x2] [priority] [target]``."""
    return lambda outcomes: tuple(
        f"{each.card.text_id} {draft_words(draft)}" for each in outcomes if each.card for draft in each.card.drafts
    )


@pytest.fixture(scope="session")
def param_words() -> Callable[[PlannedCard], dict[str, Any]]:
    return words_of_params


def card_words(card: PlannedCard) -> str:
    return f"{card.row} {card.text_id} {card.indicator} {card.params.get('reason', '')}".strip()


def draft_words(draft: Draft) -> str:
    parts = [
        draft.kind.value,
        "" if draft.quantity == 1 else f"x{draft.quantity}",
        "" if draft.priority is Priority.ROUTINE else draft.priority.value,
        draft.target.reference if draft.target else "",
    ]
    return " ".join(part for part in parts if part)


def words_of_params(card: PlannedCard) -> dict[str, Any]:
    """Params without the reason, dates as ISO text."""
    return {
        name: value.isoformat() if isinstance(value, date) else list(value) if isinstance(value, tuple) else value
        for name, value in card.params.items()
        if name != "reason"
    }
