"""Each stage of a hook call by itself, in this process; ``make bench`` runs it, the test run does not collect it.

``pytest -o addopts=--import-mode=importlib tests/bench/bench_stages.py``
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from cards.build import CardWriter
from cds_service.app import Clinic, build_clinic
from cds_service.config import Settings
from cds_service.domain.facts import PatientFacts
from cds_service.domain.vocabulary import Language
from cds_service.fhir.bounds import Bounds
from cds_service.fhir.extract import FactExtractor
from cds_service.fhir.received import Survey
from cds_service.hooks.prefetch import FetchLimits, PrefetchCompleter
from cds_service.hooks.request import HookRequest, read_request
from cds_service.hooks.sent import sent_call
from cds_service.hooks.services import PATIENT_VIEW
from cds_service.hooks.writing import CardDesk
from cds_service.rules.engine import Engine
from cds_service.store.assembly import open_stores
from cds_service.store.audit import AuditRecord
from cds_service.store.records import IssuedCard
from cds_service.store.repeats import ShownCard
from cds_service.web.bodies import read_call
from tests.bench import payloads
from tests.bench.payloads import Calls

SIZES = {"30 kB": 30_000, "500 kB": 500_000}
BOUNDS = Bounds(100, 20_000)
NOW = datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Chart:
    """A call on its way: its body, what was read of it, and the facts in it."""

    raw: bytes
    request: HookRequest
    resources: tuple[Any, ...]
    facts: PatientFacts


@pytest.fixture(scope="module")
def clinic() -> Clinic:
    return build_clinic()


@pytest.fixture(scope="module")
def extractor(clinic: Clinic) -> FactExtractor:
    """The one of the service: it remembers readings."""
    found = clinic.evaluator._extractor
    assert isinstance(found, FactExtractor)
    return found


def _parsed(raw: bytes) -> HookRequest:
    return read_request(PATIENT_VIEW, read_call(raw, sent_call(raw, PATIENT_VIEW), BOUNDS))


def _completed(request: HookRequest) -> tuple[Any, ...]:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - nothing is fetched

    with ThreadPoolExecutor(1) as pool:
        completer = PrefetchCompleter(FetchLimits(4.0, 10, 20_000), pool, monotonic)
        return tuple(completer.complete(request, None).resources)


def _facts(extractor: FactExtractor, resources: tuple[Any, ...], patient: str) -> PatientFacts:
    return extractor.extract(resources, patient_id=patient, as_of=NOW, survey=Survey.READ)


@pytest.fixture(scope="module", params=SIZES)
def chart(request: pytest.FixtureRequest, extractor: FactExtractor) -> Chart:
    _, base = payloads.base_request()
    raw = payloads.template(payloads.of_size(base, SIZES[request.param]), Calls.WARM).body(1)
    parsed = _parsed(raw)
    resources = _completed(parsed)
    return Chart(raw, parsed, resources, _facts(extractor, resources, parsed.patient_id))


def test_parse(benchmark: Any, chart: Chart) -> None:
    assert benchmark(lambda: _parsed(chart.raw)).patient_id


def test_complete(benchmark: Any, chart: Chart) -> None:
    assert benchmark(lambda: _completed(chart.request))


def test_extract(benchmark: Any, chart: Chart, extractor: FactExtractor) -> None:
    # What a resource was taken for is remembered with it, so each round has resources of its own.
    def fresh() -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (extractor, _completed(_parsed(chart.raw)), chart.request.patient_id), {}

    assert benchmark.pedantic(_facts, setup=fresh, rounds=50).reports


def test_assess(benchmark: Any, chart: Chart, clinic: Clinic) -> None:
    engine = Engine(clinic.knowledge)
    assert benchmark(lambda: engine.assess(chart.facts)).cards


def test_write(benchmark: Any, chart: Chart, clinic: Clinic) -> None:
    desk = CardDesk(CardWriter(), "http://127.0.0.1:8000", lambda: str(uuid.uuid4()))
    assessment = Engine(clinic.knowledge).assess(chart.facts)
    assert benchmark(lambda: desk.write(assessment, Language.EN, chart.request.patient_id))


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Any]:
    opened = open_stores(Settings(state_dir=tmp_path))
    yield opened
    opened.cards.close()


def test_record(benchmark: Any, stores: Any) -> None:
    """One transaction on SQLite: a card, the state that it was shown for, and the call."""
    numbers = count()

    def record() -> int:
        name = str(uuid.UUID(int=next(numbers)))
        card = IssuedCard(
            uuid=name, service="s", hook_instance=name, card_id="C11", text_id="C11-E", indicator="warning",
            rule_ids=("R-1",), suggestions=(), language="en", knowledge_version="k", patient="hash", issued_at=NOW,
        )  # fmt: skip
        record = AuditRecord(at=NOW, request_id=name, action="hook", status=200, service="s", hook="patient-view")
        stores.calls.keep((card,), (ShownCard(name, "state"),), record)
        return next(numbers)

    assert benchmark(record)


@pytest.mark.parametrize("language", ["en", "de"])
def test_read(benchmark: Any, clinic: Clinic, chart: Chart, language: str) -> None:
    """One report that was never read before; the memory of readings lies before the reader."""
    texts = chart.facts.reports[0].texts
    assert benchmark(lambda: clinic.reader.read(texts, declared=Language(language)))
