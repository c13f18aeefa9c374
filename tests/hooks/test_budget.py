"""A call has a time: what is not read within it is said on the cards, and never nothing at all."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

import fhir_fixtures
from cds_service.app import Clinic, build_clinic
from cds_service.domain.facts import GapCode
from cds_service.domain.vocabulary import Language
from cds_service.hooks.evaluate import always
from cds_service.hooks.services import Hook

CASE = "spondylodiscitis-l4-l5"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def clinic() -> Clinic:
    return build_clinic()


def resources() -> list[Any]:
    return [entry["resource"] for entry in fhir_fixtures.bundle(CASE, NOW)["entry"]]


def patient_id() -> str:
    return next(str(one["id"]) for one in resources() if one["resourceType"] == "Patient")


def cut_off(after: int) -> Callable[[], bool]:
    """Time for ``after`` resources."""
    count = itertools.count()
    return lambda: next(count) < after


@pytest.mark.parametrize("after", range(0, 12, 3))
def test_what_was_not_read_in_time_is_said_on_a_card(clinic: Clinic, after: int) -> None:
    evaluation = clinic.evaluator.for_hook(
        Hook.PATIENT_VIEW, resources(), patient_id=patient_id(), as_of=NOW, in_time=cut_off(after)
    )
    late = [gap for gap in evaluation.facts.gaps if ("reason", "time") in gap.params]
    # A report asks for time several times, so it may end inside one; from there on nothing is read.
    names = [f"{one['resourceType']}/{one['id']}" for one in resources()]
    assert len(late) >= len(names) - after
    assert {gap.resource for gap in late} == set(names[-len(late) :])
    assert {gap.code for gap in late[1:]} == {GapCode.RESOURCE_UNREADABLE}
    cards = clinic.writer.write(
        evaluation.assessment,
        Language.EN,
        patient_id=patient_id(),
        new_uuid=lambda: "7d3c6f2e-0000-4000-8000-000000000001",
    )
    assert cards
    if late:
        assert any("could not be read" in card.detail for card in cards)


def test_report_that_was_not_reached_has_a_card_of_its_own(clinic: Clinic) -> None:
    evaluation = clinic.evaluator.for_hook(
        Hook.PATIENT_VIEW, resources(), patient_id=patient_id(), as_of=NOW, in_time=lambda: False
    )
    assert "C92" in {card.card_id for card in evaluation.assessment.cards}


def test_with_time_nothing_is_left_out(clinic: Clinic) -> None:
    def facts(in_time: Callable[[], bool]) -> Any:
        return clinic.evaluator.for_hook(
            Hook.PATIENT_VIEW, resources(), patient_id=patient_id(), as_of=NOW, in_time=in_time
        ).facts

    assert facts(always) == facts(cut_off(10_000))
