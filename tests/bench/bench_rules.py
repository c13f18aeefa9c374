"""The parts of an assessment by themselves, in this process; ``make bench`` runs it, the test run does not collect it.

``pytest -o addopts=--import-mode=importlib tests/bench/bench_rules.py``. :class:`Parts` does each part of what
``Engine.assess`` does for the view of a patient, one after the other.
"""

from functools import cache
from typing import Any

import pytest

import fhir_fixtures
from cds_service.app import build_clinic
from cds_service.domain.facts import PatientFacts
from cds_service.domain.state import LaneState
from cds_service.hooks.evaluate import Evaluation
from cds_service.hooks.services import PATIENT_VIEW
from cds_service.rules.arbitration import decide
from cds_service.rules.catalogue import RULES
from cds_service.rules.context import Basis, RuleContext, prepare
from cds_service.rules.derive import Derived, Steps, derive
from cds_service.rules.engine import Engine
from cds_service.rules.ordering import in_one_order
from cds_service.rules.planning import Planner

SCENARIOS = ("spondylodiscitis-l4-l5", "t11-before-labs", "suspected-myeloma", "normal-mri-negated-edema")


@cache
def facts_of(name: str) -> PatientFacts:
    """What the chart of a scenario says, at the moment that it was written for."""
    resources = [entry["resource"] for entry in fhir_fixtures.bundle(name)["entry"]]
    as_of = fhir_fixtures.scenario(name).as_of
    found: Evaluation = build_clinic().evaluator.for_hook(PATIENT_VIEW.hook, resources, patient_id=name, as_of=as_of)
    return found.facts


class Parts:
    """The parts of the assessment of one chart."""

    def __init__(self, name: str) -> None:
        knowledge = build_clinic().knowledge
        self.engine = Engine(knowledge)
        self.facts = facts_of(name)
        self._basis = Basis(knowledge.thresholds, knowledge.organisms)
        self._steps = Steps(RULES, self._basis)
        self._evidence = {rule.id: rule.evidence for rule in RULES}

    def order(self) -> PatientFacts:
        """Put the facts into one order."""
        return in_one_order(self.facts)

    def prepare(self) -> RuleContext:
        """Sort the facts around the first report by what rules ask for."""
        facts = self.order()
        return prepare(facts, self._basis, facts.reports[0], (), ())

    def derive(self) -> Derived:
        """Run the rules."""
        return derive(self.prepare(), self._steps)

    def decide(self, state: LaneState) -> int:
        """Ask the decision tables; how many cards they give."""
        return len(decide(state).cards)

    def plan(self, derived: Derived) -> int:
        """Plan the cards that the tables give; how many they are."""
        planner = Planner(derived, self._evidence)
        return len([planner.plan(card) for card in decide(derived.state).cards])


@pytest.fixture(scope="module", params=SCENARIOS)
def parts(request: pytest.FixtureRequest) -> Parts:
    return Parts(request.param)


def test_order(benchmark: Any, parts: Parts) -> None:
    assert benchmark(parts.order).reports


def test_prepare(benchmark: Any, parts: Parts) -> None:
    assert benchmark(parts.prepare).findings


def test_derive(benchmark: Any, parts: Parts) -> None:
    assert benchmark(parts.derive).results


def test_decide(benchmark: Any, parts: Parts) -> None:
    state = parts.derive().state
    assert benchmark(lambda: parts.decide(state)) >= 0


def test_plan(benchmark: Any, parts: Parts) -> None:
    derived = parts.derive()
    assert benchmark(lambda: parts.plan(derived)) >= 0


def test_assess(benchmark: Any, parts: Parts) -> None:
    assert benchmark(lambda: parts.engine.assess(parts.facts)).rules


def test_start(benchmark: Any, parts: Parts) -> None:
    """Once for a process: every rule is asked about an empty chart."""
    knowledge = build_clinic().knowledge
    assert benchmark(lambda: Engine(knowledge)).assess(parts.facts).rules
