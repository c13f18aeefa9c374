"""Turns a safety case into the FHIR resources of a request and runs it through extraction, reading and rules."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.domain.assessment import Assessment
from cds_service.fhir.extract import FactExtractor
from cds_service.knowledge.load import load_knowledge
from cds_service.reading.read import Reader
from cds_service.rules.engine import Engine

AS_OF = datetime(2026, 6, 15, 10, tzinfo=UTC)
FILES = sorted((Path(__file__).parent / "cases").glob("*.toml"))
SUBJECT = {"subject": {"reference": "Patient/p"}}
OWNER = {"patient": {"reference": "Patient/p"}}
ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
LOINC = {
    "CRP": "1988-5", "ESR": "4537-7", "blood culture": "600-7", "temperature": "8310-5", "eGFR": "62238-1",
    "INR": "6301-6", "platelets": "777-3", "glucose": "2345-7", "calcium": "17861-6", "hemoglobin": "718-7",
    "WBC": "6690-2", "heart rate": "8867-4",
}  # fmt: skip
FLAGS = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_LAB = re.compile(
    r"^(?P<name>LOINC \S+|[A-Za-z ]+?)(?:: (?P<text>.+?)| (?P<sign><=|>=|<|>)?(?P<value>-?[\d.]+) (?P<unit>.+?))"
    r"(?: @(?P<days>\d+)d)?$"
)
_DATED = re.compile(r"^(?P<text>.+?)(?: @(?P<days>\d+)d)?$")

Case = Mapping[str, Any]


def _cases() -> list[Case]:
    return [case for path in FILES for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "safety_case" in metafunc.fixturenames:
        metafunc.parametrize("safety_case", _cases(), ids=lambda case: str(case["id"]))


@cache
def _parts() -> tuple[FactExtractor, Engine]:
    knowledge = load_knowledge()
    reader = Reader(knowledge.findings, knowledge.languages, knowledge.codes.conditions)
    return FactExtractor(knowledge, reader), Engine(knowledge)


def _ago(days: float) -> str:
    return (AS_OF - timedelta(days=days)).isoformat()


def _parsed(pattern: re.Pattern[str], entry: str) -> re.Match[str]:
    match = pattern.fullmatch(entry)
    if match is None:
        raise ValueError(f"not understood: {entry}")
    return match


def _result(number: int, entry: str) -> dict[str, Any]:
    lab = _parsed(_LAB, entry)
    name, text = lab["name"], lab["text"]
    code = name.removeprefix("LOINC ") if name.startswith("LOINC ") else LOINC[name]
    quantity = {"value": float(lab["value"] or 0), "unit": lab["unit"]}
    if lab["sign"]:
        quantity["comparator"] = lab["sign"]
    return {
        "resourceType": "Observation", "id": f"lab{number}", "status": "final", **SUBJECT,
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "effectiveDateTime": _ago(float(lab["days"] or 0) + 0.1),
        **(_told(text) if text else {"valueQuantity": quantity}),
    }  # fmt: skip


def _told(text: str) -> dict[str, Any]:
    """A result in words, or ``flag HH``: the flag of the laboratory without any value."""
    if not text.startswith("flag "):
        return {"valueString": text}
    return {"interpretation": [{"coding": [{"system": FLAGS, "code": text.removeprefix("flag ")}]}]}


def _report(number: int, raw: Case, case: Case) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport", "id": f"mri{number}", "status": raw.get("status", "final"), **SUBJECT,
        "code": {"text": raw.get("title", case.get("title", "MRI spine"))},
        "effectiveDateTime": _ago(raw.get("hours", 48) / 24), "conclusion": raw["text"],
    }  # fmt: skip


def _resources(case: Case) -> Iterator[dict[str, Any]]:
    born = f"{AS_OF.year - int(case.get('age', 60))}-01-01"
    yield {"resourceType": "Patient", "id": "p", "birthDate": born, "gender": case.get("sex", "female")}
    reports = case["reports"] if "reports" in case else [{"text": case["report"]}]
    for number, raw in enumerate(reports):
        yield _report(number, raw, case)
    for number, entry in enumerate(case.get("labs", ())):
        yield _result(number, entry)
    for number, entry in enumerate(case.get("problems", ())):
        problem = _parsed(_DATED, entry)
        onset = {"onsetDateTime": _ago(float(problem["days"]))} if problem["days"] else {}
        named = {"code": {"text": problem["text"]}, "clinicalStatus": ACTIVE, **onset}
        yield {"resourceType": "Condition", "id": f"problem{number}", **SUBJECT, **named}
    for number, words in enumerate(case.get("drugs", ())):
        named = {"medicationCodeableConcept": {"text": words}, "status": "active", "authoredOn": _ago(60)}
        yield {"resourceType": "MedicationStatement", "id": f"drug{number}", **SUBJECT, **named}
    yield from _history(case)


def _history(case: Case) -> Iterator[dict[str, Any]]:
    for number, words in enumerate(case.get("devices", ())):
        yield {"resourceType": "Device", "id": f"device{number}", "status": "active", **OWNER, "type": {"text": words}}
    for number, words in enumerate(case.get("allergies", ())):
        yield {"resourceType": "AllergyIntolerance", "id": f"allergy{number}", **OWNER, "code": {"text": words}}
    for number, entry in enumerate(case.get("procedures", ())):
        done = _parsed(_DATED, entry)
        when = {"performedDateTime": _ago(float(done["days"]))} if done["days"] else {}
        named = {"code": {"text": done["text"]}, "status": "completed", **when}
        yield {"resourceType": "Procedure", "id": f"procedure{number}", **SUBJECT, **named}


def _draft(order: str) -> dict[str, Any]:
    """A draft in words; ``drug:`` makes it one of a drug."""
    common = {"id": "draft", "status": "draft", "intent": "order", **SUBJECT}
    if order.startswith("drug:"):
        words = order.removeprefix("drug:").strip()
        return {"resourceType": "MedicationRequest", **common, "medicationCodeableConcept": {"text": words}}
    return {"resourceType": "ServiceRequest", **common, "code": {"text": order}}


@pytest.fixture(scope="session")
def assess_case() -> Callable[[Case], Assessment]:
    """The assessment of a case: of its order where it has one, else of the opened chart."""

    def assess(case: Case) -> Assessment:
        extractor, engine = _parts()
        order = case.get("order")
        if order is None:
            return engine.assess(extractor.extract(_resources(case), patient_id="p", as_of=AS_OF))
        draft = _draft(order)
        facts = extractor.extract(
            _resources(case),
            patient_id="p",
            as_of=AS_OF,
            draft_orders=[draft],
            selections=[f"{draft['resourceType']}/draft"],
        )
        return engine.assess_orders(facts, signing=False)

    return assess


@pytest.fixture(scope="session")
def assess_drafts() -> Callable[[Case, list[dict[str, Any]]], Assessment]:
    """The assessment of draft orders of the patient of a case, all of them chosen."""

    def assess(case: Case, drafts: list[dict[str, Any]]) -> Assessment:
        extractor, engine = _parts()
        named = [{**draft, "id": f"draft{number}"} for number, draft in enumerate(drafts)]
        facts = extractor.extract(_resources(case), patient_id="p", as_of=AS_OF, draft_orders=named, selections=[])
        return engine.assess_orders(facts, signing=False)

    return assess
