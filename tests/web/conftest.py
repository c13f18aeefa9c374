"""A site over hand-written fakes of the clinical layers, and ready requests."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cards.model import Card, OverrideReason, Source
from cds_service.config import Settings
from cds_service.domain.assessment import Assessment, PlannedCard, RuleResult
from cds_service.domain.facts import Demographics, PatientFacts
from cds_service.domain.vocabulary import Indicator, Lane, Language
from cds_service.hooks.access import AccessPolicy
from cds_service.hooks.answer import HookDesk
from cds_service.hooks.audit import AuditDesk
from cds_service.hooks.evaluate import Evaluator
from cds_service.hooks.prefetch import FetchFailed, FetchLimits, PrefetchCompleter
from cds_service.hooks.preview.desk import PreviewDesk
from cds_service.hooks.review.handbook import Handbook, build_handbook
from cds_service.hooks.writing import CardDesk
from cds_service.knowledge.load import Knowledge, load_knowledge
from cds_service.security.quota import Quotas
from cds_service.security.tokens import OpenAccess
from cds_service.store.calls import CallStore
from cds_service.store.connection import Database
from cds_service.store.database import SqlStore
from cds_service.store.keeper import Keeper
from cds_service.web.backend import Backend
from cds_service.web.site import build_site

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
NO_DRAFTS: Mapping[str, Mapping[str, Any]] = {}
INSTANCE = "9f4d74f6-a7e0-486a-bd2f-9a7f8589b2b3"
SUMMARIES = {
    Language.EN: "Edema: consider CRP",
    Language.DE: "Ödem: CRP erwägen",
    Language.RO: "Edem: de avut în vedere CRP",
}


@dataclass
class FakeMiddle:
    """Stands for extractor, rules and writer: one card whenever a report arrived, and what it was called with."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    crash: Exception | None = None
    indicator: Indicator = Indicator.WARNING

    def extract(self, resources: Any, **arguments: Any) -> PatientFacts:
        plain = [one if isinstance(one, dict) else one.body for one in resources]
        self.calls.append({"resources": plain, **arguments})
        return PatientFacts(arguments["as_of"], Demographics(None, None), gaps=tuple(arguments.get("gaps", ())))

    def assess(self, facts: PatientFacts) -> Assessment:
        return self._assessment(facts, "R-VIEW")

    def assess_orders(self, facts: PatientFacts, *, signing: bool) -> Assessment:
        return self._assessment(facts, "R-SIGN" if signing else "R-SELECT")

    def _assessment(self, facts: PatientFacts, rule: str) -> Assessment:
        if self.crash:
            raise self.crash
        reported = any(r.get("resourceType") == "DiagnosticReport" for r in self.calls[-1]["resources"])
        card = PlannedCard("C10", "C10", Lane.INFECTION, "B3", self.indicator, rule_ids=(rule,))
        return Assessment(
            as_of=facts.as_of,
            knowledge_version="2026-11-21+test",
            state=None,
            variables=(),
            rules=(RuleResult(rule, fired=reported, why="a report is there" if reported else "no report"),),
            lanes=(),
            cards=(card,) if reported else (),
            gaps=facts.gaps,
        )

    def write(
        self,
        assessment: Assessment,
        language: Language,
        *,
        patient_id: str,
        base_url: str = "",
        new_uuid: Callable[[], str],
        drafts: Mapping[str, Mapping[str, Any]] = NO_DRAFTS,
    ) -> tuple[Card, ...]:
        del patient_id, drafts
        reason = OverrideReason(system="https://marrow.example/reasons", code="done", display="Already done")
        return tuple(
            Card(
                uuid=new_uuid(),
                summary=SUMMARIES[language],
                indicator=plan.indicator.value,
                detail="**Seen**: edema <b>here</b>",
                source=Source(label="Marrow CDS", url=base_url or None),
                override_reasons=(reason,),
            )
            for plan in assessment.cards
        )


@dataclass
class FakeTransport:
    """A FHIR server in memory: answers by address ending, remembers every call."""

    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)

    def get(self, url: str, *, token: str, seconds: float, form: str = "") -> Any:
        assert seconds > 0
        assert not form
        self.calls.append((url, token))
        for part, answer in self.answers.items():
            if part in url:
                return answer
        raise FetchFailed("not found")


@dataclass
class World:
    """Everything of one test site."""

    backend: Backend
    middle: FakeMiddle
    transport: FakeTransport
    store: SqlStore
    keeper: Keeper

    def site(self, **changes: Any) -> Flask:
        return build_site(replace(self.backend, **changes))

    def client(self, **changes: Any) -> FlaskClient:
        return self.site(**changes).test_client()


@pytest.fixture(scope="session")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as executor:
        yield executor


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="session")
def handbook(knowledge: Knowledge) -> Handbook:
    return build_handbook(knowledge)


@pytest.fixture
def world(tmp_path: Path, pool: ThreadPoolExecutor, handbook: Handbook, knowledge: Knowledge) -> Iterator[World]:
    settings = Settings(state_dir=tmp_path, max_body_bytes=200_000, fhir_origins=("https://ehr.example.org",))
    middle, transport = FakeMiddle(), FakeTransport()
    keeper = Keeper(Database(settings.database))
    store = SqlStore(settings.database, keeper)
    store.open()
    numbers = itertools.count(1)
    cards = CardDesk(middle, settings.base_url, lambda: str(UUID(int=next(numbers), version=4)))
    completer = PrefetchCompleter(FetchLimits(2.0, 5, 1000), pool, monotonic)
    evaluator = Evaluator(middle, middle)
    backend = Backend(
        settings=settings,
        hooks=HookDesk(
            completer=completer,
            open_access=AccessPolicy(settings.fhir_origins, transport, monotonic).open,
            evaluator=evaluator,
            cards=cards,
            hash_key=b"k" * 32,
        ),
        previews=PreviewDesk(completer, evaluator, cards, knowledge),
        store=store,
        verifier=OpenAccess(),
        quotas=Quotas(),
        audit=AuditDesk(CallStore(keeper), b"k" * 32, lambda: NOW, "2026-11-21+test"),
        clock=lambda: NOW,
        knowledge_version="2026-11-21+test",
        handbook=handbook,
    )
    yield World(backend, middle, transport, store, keeper)
    store.close()


@pytest.fixture
def client(world: World) -> FlaskClient:
    return world.client()


@pytest.fixture
def report() -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "id": "mri-1",
        "status": "final",
        "subject": {"reference": "Patient/pt-1"},
        "conclusion": "Marrow edema of L4.",
    }


@pytest.fixture
def patient_view(report: dict[str, Any]) -> dict[str, Any]:
    """A complete call of the patient-view service."""
    return {
        "hook": "patient-view",
        "hookInstance": INSTANCE,
        "context": {"userId": "Practitioner/1", "patientId": "pt-1"},
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": "pt-1", "gender": "female", "birthDate": "1961-05-14"},
            "reports": {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": report}]},
            "labs": None,
            "vitals": {"resourceType": "Bundle", "type": "searchset", "total": 0},
        },
    }


@pytest.fixture
def order_select(patient_view: dict[str, Any]) -> dict[str, Any]:
    """A complete call of the order-select service."""
    order = {
        "resourceType": "ServiceRequest",
        "id": "order-1",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/pt-1"},
        "code": {"text": "vertebroplasty"},
    }
    context = patient_view["context"] | {
        "selections": ["ServiceRequest/order-1"],
        "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order}]},
    }
    return patient_view | {"hook": "order-select", "context": context}
