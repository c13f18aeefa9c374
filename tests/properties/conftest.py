"""The whole path from FHIR resources to cards, built once, with small makers of resources."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from cards.build import CardWriter
from cds_service.domain.assessment import Assessment
from cds_service.domain.vocabulary import Language
from cds_service.fhir.extract import FactExtractor
from cds_service.knowledge.load import load_knowledge
from cds_service.reading.read import Reader
from cds_service.rules.engine import Engine

# By default few examples, always the same: this is a part of a test run, not a search; with --full it is one.
_COMMON = settings(
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.function_scoped_fixture),
)
settings.register_profile("bounded", _COMMON, max_examples=15, derandomize=True)
settings.register_profile("search", _COMMON, max_examples=500)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("search" if config.getoption("--full") else "bounded")


AS_OF = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
SUBJECT = {"subject": {"reference": "Patient/p"}}
ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
Resource = dict[str, Any]


@cache
def parts() -> tuple[FactExtractor, Engine, CardWriter]:
    knowledge = load_knowledge()
    reader = Reader(knowledge.findings, knowledge.languages, knowledge.codes.conditions)
    return FactExtractor(knowledge, reader), Engine(knowledge), CardWriter()


def ago(days: float) -> str:
    return (AS_OF - timedelta(days=days)).isoformat()


@dataclass(frozen=True)
class Answered:
    assessment: Assessment
    cards: list[Resource]

    @property
    def ids(self) -> list[str]:
        return [card.text_id for card in self.assessment.cards]

    @property
    def detail(self) -> str:
        return "\n".join(card["detail"] for card in self.cards)


class Pipeline:
    """Makes resources and sends them through extraction, rules and cards."""

    as_of = AS_OF

    @staticmethod
    def patient(birth: str = "1976-05-14", gender: str = "male") -> Resource:
        return {"resourceType": "Patient", "id": "p", "birthDate": birth, "gender": gender}

    @staticmethod
    def report(text: str, days: float = 2, identity: str = "mri", **more: Any) -> Resource:
        return {
            "resourceType": "DiagnosticReport",
            "id": identity,
            "status": "final",
            **SUBJECT,
            "code": {"text": "MRI lumbar spine"},
            "effectiveDateTime": ago(days),
            "conclusion": text,
            **more,
        }

    @staticmethod
    def lab(code: str, value: float, unit: str, days: float = 1, identity: str = "", **more: Any) -> Resource:
        return {
            "resourceType": "Observation",
            "id": identity or f"lab-{code}-{days:g}-{value:g}".replace(".", "d"),
            "status": "final",
            **SUBJECT,
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueQuantity": {"value": value, "unit": unit},
            "effectiveDateTime": ago(days),
            **more,
        }

    @staticmethod
    def condition(text: str, days: float = 10) -> Resource:
        onset = {"clinicalStatus": ACTIVE, "onsetDateTime": ago(days)[:10]}
        identity = "c-" + "".join(filter(str.isalnum, text.lower()))[:40]
        return {"resourceType": "Condition", "id": identity, **SUBJECT, "code": {"text": text}, **onset}

    @staticmethod
    def drug(text: str, days: float = 30) -> Resource:
        return {
            "resourceType": "MedicationStatement",
            "id": "m-" + "".join(filter(str.isalnum, text.lower()))[:40],
            "status": "active",
            **SUBJECT,
            "medicationCodeableConcept": {"text": text},
            "effectivePeriod": {"start": ago(days)[:10]},
        }

    @staticmethod
    def answer(
        resources: Iterable[Resource],
        language: Language = Language.EN,
        *,
        orders: Sequence[Resource] = (),
    ) -> Answered:
        extractor, engine, writer = parts()
        chosen = [f"{order['resourceType']}/{order['id']}" for order in orders]
        facts = extractor.extract(resources, patient_id="p", as_of=AS_OF, draft_orders=list(orders), selections=chosen)
        assessment = engine.assess_orders(facts, signing=False) if orders else engine.assess(facts)
        numbers = count(1)
        written = writer.write(
            assessment,
            language,
            patient_id="p",
            new_uuid=lambda: f"00000000-0000-4000-8000-{next(numbers):012d}",
            drafts=dict(zip(chosen, orders, strict=True)),
        )
        return Answered(assessment, [card.to_wire() for card in written])


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    return Pipeline()
