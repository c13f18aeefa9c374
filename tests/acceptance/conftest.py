"""Reads the patients of ``patients/*.toml`` and sends them through extraction, reading, rules and cards."""

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cards.build import CardWriter
from cds_service.domain.assessment import Assessment
from cds_service.domain.vocabulary import Language
from cds_service.fhir.extract import FactExtractor
from cds_service.knowledge.load import load_knowledge
from cds_service.reading.read import Reader
from cds_service.rules.engine import Engine

AS_OF = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
FILES = sorted((Path(__file__).parent / "patients").glob("*.toml"))

Patient = Mapping[str, Any]

_LOINC = {
    "CRP": "1988-5",
    "ESR": "4537-7",
    "leukocytes": "6690-2",
    "hemoglobin": "718-7",
    "platelets": "777-3",
    "calcium": "17861-6",
    "creatinine": "2160-0",
    "ALP": "6768-6",
    "LDH": "2532-0",
    "PSA": "2857-1",
    "blood culture": "600-7",
    "vitamin D": "1989-3",
    "urate": "3084-1",
    "temperature": "8310-5",
    "heart rate": "8867-4",
    "respiratory rate": "9279-1",
    "systolic pressure": "8480-6",
}
_SIGNS = {"temperature": "Cel", "heart rate": "/min", "respiratory rate": "/min", "systolic pressure": "mm[Hg]"}
_UNIT_OF = {"ESR": "mm/h"}
_LAB = re.compile(r"^(?P<name>[^:]+?)(?::\s*(?P<text>.+)|\s+(?P<value>[0-9.]+)(?:\s+(?P<unit>\S+))?)$")
_DATED = re.compile(r"^(?P<text>.+?)(?:\s+@(?P<days>[0-9]+)d)?$")


def patients() -> list[tuple[str, Patient]]:
    """All patients of all files with ids ``file/id``."""
    loaded = ((path.stem, tomllib.loads(path.read_text(encoding="utf-8"))) for path in FILES)
    return [(f"{stem}/{patient['id']}", patient) for stem, file in loaded for patient in file["patient"]]


def _day(days: float) -> str:
    return (AS_OF - timedelta(days=days)).isoformat()


def _concept(text: str, code: str | None = None) -> dict[str, Any]:
    coding = {"coding": [{"system": "http://loinc.org", "code": code}]} if code else {}
    return {"text": text, **coding}


def _result(number: int, entry: str) -> dict[str, Any]:
    read = _LAB.match(entry)
    assert read, f"not a result: {entry}"
    name, text, value, unit = read["name"].strip(), read["text"], read["value"], read["unit"]
    sign = _SIGNS.get(name)
    unit = unit or sign or _UNIT_OF.get(name, "")
    quantity = {"value": float(value), "unit": unit, "code": unit} if value else None
    return {
        "resourceType": "Observation",
        "id": f"result-{number}",
        "status": "final",
        "category": [{"coding": [{"code": "vital-signs" if sign else "laboratory"}]}],
        "code": _concept(name, _LOINC.get(name)),
        "effectiveDateTime": _day(0.1 if sign else 1),
        **({"valueQuantity": quantity} if quantity else {"valueString": text}),
    }


def _condition(number: int, entry: str) -> dict[str, Any]:
    read = _DATED.match(entry)
    assert read, f"not a condition: {entry}"
    onset = {"onsetDateTime": _day(float(read["days"]))[:10]} if read["days"] else {}
    active = {"coding": [{"code": "active", "system": "http://terminology.hl7.org/CodeSystem/condition-clinical"}]}
    return {
        "resourceType": "Condition",
        "id": f"condition-{number}",
        "clinicalStatus": active,
        "code": _concept(read["text"]),
        "recordedDate": _day(0)[:10],
        **onset,
    }


def _medication(number: int, entry: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationStatement",
        "id": f"medication-{number}",
        "status": "active",
        "medicationCodeableConcept": {"text": entry},
        "effectiveDateTime": _day(14)[:10],
    }


def _resources(patient: Patient) -> list[dict[str, Any]]:
    born = AS_OF - timedelta(days=patient["age"] * 365.25 + 120)
    person = {"resourceType": "Patient", "id": "p", "gender": patient["sex"], "birthDate": born.date().isoformat()}
    report = {
        "resourceType": "DiagnosticReport",
        "id": "report",
        "status": "final",
        "language": patient["language"],
        "code": {"text": patient["examination"]},
        "effectiveDateTime": _day(2),
        "conclusion": patient["report"],
    }
    entries = [
        report,
        *(_result(n, entry) for n, entry in enumerate(patient.get("results", []))),
        *(_condition(n, entry) for n, entry in enumerate(patient.get("conditions", []))),
        *(_medication(n, entry) for n, entry in enumerate(patient.get("medications", []))),
    ]
    return [person, *({**entry, "subject": {"reference": "Patient/p"}} for entry in entries)]


@cache
def _service() -> tuple[FactExtractor, Engine]:
    knowledge = load_knowledge()
    reader = Reader(knowledge.findings, knowledge.languages, knowledge.codes.conditions)
    return FactExtractor(knowledge, reader), Engine(knowledge)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "patient" in metafunc.fixturenames:
        found = patients()
        known = [name for name, _ in found]
        metafunc.parametrize("patient", [patient for _, patient in found], ids=known)


@pytest.fixture(scope="session")
def names() -> list[str]:
    return [name for name, _ in patients()]


@pytest.fixture(scope="session")
def assess() -> Callable[[Patient], Assessment]:
    """Assessment of one patient."""

    def assessed(patient: Patient) -> Assessment:
        extractor, engine = _service()
        return engine.assess(extractor.extract(_resources(patient), patient_id="p", as_of=AS_OF))

    return assessed


@pytest.fixture(scope="session")
def write() -> Callable[[Assessment, Language], list[dict[str, Any]]]:
    """Cards of an assessment as they go to a client, with running numbers for ids."""
    writer = CardWriter()

    def written(assessment: Assessment, language: Language) -> list[dict[str, Any]]:
        numbers = count(1)
        cards = writer.write(
            assessment,
            language,
            patient_id="p",
            new_uuid=lambda: f"00000000-0000-4000-8000-{next(numbers):012d}",
            drafts={},
        )
        return [card.to_wire() for card in cards]

    return written
