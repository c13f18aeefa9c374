"""The safety cases on orders hold from the resources of a request to the planned card."""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.domain.assessment import Assessment
from cds_service.domain.vocabulary import Indicator
from cds_service.fhir.extract import FactExtractor
from cds_service.knowledge.load import load_knowledge
from cds_service.reading.read import Reader
from cds_service.rules.engine import Engine

AS_OF = datetime(2026, 6, 15, 10, tzinfo=UTC)
FILE = tomllib.loads((Path(__file__).parents[1] / "cases" / "order_requests.toml").read_text(encoding="utf-8"))
SUBJECT = {"subject": {"reference": "Patient/p"}}
OWNER = {"patient": {"reference": "Patient/p"}}
ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}


@cache
def parts() -> tuple[FactExtractor, Engine]:
    knowledge = load_knowledge()
    reader = Reader(knowledge.findings, knowledge.languages, knowledge.codes.conditions)
    return FactExtractor(knowledge, reader), Engine(knowledge)


def ago(days: float) -> str:
    return (AS_OF - timedelta(days=days)).isoformat()


def result(number: int, entry: str) -> dict[str, Any]:
    code, value, unit, days = entry.split()
    quantity = {"value": float(value), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return {
        "resourceType": "Observation", "id": f"lab{number}", "status": "final", **SUBJECT,
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "valueQuantity": quantity, "effectiveDateTime": ago(float(days) + 0.1),
    }  # fmt: skip


def resources(case: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"resourceType": "Patient", "id": "p", "birthDate": case.get("born", "1976-01-01"), "gender": "female"}
    yield {
        "resourceType": "DiagnosticReport", "id": "mri", "status": "final", **SUBJECT,
        "code": {"text": "MRI spine"}, "effectiveDateTime": ago(3), "conclusion": FILE["reports"][case["report"]],
    }  # fmt: skip
    for number, entry in enumerate(case.get("labs", [])):
        yield result(number, entry)
    for number, words in enumerate(case.get("problems", [])):
        named = {"code": {"text": words}, "clinicalStatus": ACTIVE, "onsetDateTime": "2026-06-10"}
        yield {"resourceType": "Condition", "id": f"problem{number}", **SUBJECT, **named}
    for number, words in enumerate(case.get("drugs", [])):
        yield {**medication(words), "id": f"taken{number}", "status": "active", "authoredOn": "2026-05-01"}
    for number, words in enumerate(case.get("devices", [])):
        yield {"resourceType": "Device", "id": f"device{number}", "status": "active", **OWNER, "type": {"text": words}}
    for number, words in enumerate(case.get("allergies", [])):
        yield {"resourceType": "AllergyIntolerance", "id": f"allergy{number}", **OWNER, "code": {"text": words}}


def medication(words: str) -> dict[str, Any]:
    named = {"medicationCodeableConcept": {"text": words}}
    return {
        "resourceType": "MedicationRequest",
        "id": "draft",
        "status": "draft",
        "intent": "order",
        **SUBJECT,
        **named,
    }


def draft(case: Mapping[str, Any]) -> dict[str, Any]:
    reason = {"reasonCode": [{"text": case["reason"]}]} if "reason" in case else {}
    if "drug" in case:
        return {**medication(case["drug"]), **reason}
    system, _, code = case.get("code", "").partition(" ")
    coding = {"coding": [{"system": system, "code": code}]} if code else {}
    named = {"code": {"text": case["service"], **coding}}
    return {
        "resourceType": "ServiceRequest", "id": "draft", "status": "draft", "intent": "order",
        **SUBJECT, **named, **reason,
    }  # fmt: skip


def assess(case: Mapping[str, Any], *, signing: bool = False) -> Assessment:
    extractor, engine = parts()
    order = draft(case)
    facts = extractor.extract(
        resources(case),
        patient_id="p",
        as_of=AS_OF,
        draft_orders=[order],
        selections=[f"{order['resourceType']}/{order['id']}"],
    )
    return engine.assess_orders(facts, signing=signing)


def words(assessment: Assessment) -> list[str]:
    return [f"{card.row} {card.indicator} {card.params.get('reason', '')}".strip() for card in assessment.cards]


@pytest.mark.parametrize("case", FILE["case"], ids=lambda case: str(case["id"]))
def test_request_gives_its_cards(case: Mapping[str, Any]) -> None:
    assert words(assess(case)) == case["cards"]


@pytest.mark.parametrize("case", FILE["case"], ids=lambda case: str(case["id"]))
def test_at_signing_only_warnings_and_critical_cards_remain(case: Mapping[str, Any]) -> None:
    assert words(assess(case, signing=True)) == [card for card in case["cards"] if Indicator.INFO not in card.split()]
