"""Synthetic patients: loaded once however often, taken away without a trace, and never over something else."""

from datetime import UTC, datetime, timedelta

import pytest

import fhir_fixtures
from cds_service.ehr.calls import Calls
from cds_service.ehr.seeding import DEFAULT_TAG, IDENTIFIER_SYSTEM, TAG_SYSTEM, Seed
from cds_service.ehr.server import FhirServer
from cds_service.errors import RequestError
from tests.ehr.stub_fhir import StubFhir, serving

NAME = "t11-week-8"
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def load(base: str, *names: str, tag: str = DEFAULT_TAG, as_of: datetime = NOW) -> list[str]:
    return [one.patient_id for one in Seed(FhirServer(base, Calls(60)), tag).load(names or (NAME,), as_of)]


def remove(base: str, tag: str = DEFAULT_TAG) -> tuple[dict[str, int], dict[str, str]]:
    return Seed(FhirServer(base, Calls(60)), tag).remove()


def test_what_is_loaded_is_the_scenario_under_tag_and_identifier() -> None:
    stub = StubFhir()
    with serving(stub) as base:
        assert load(base) == [NAME]
    for entry in fhir_fixtures.bundle(NAME, NOW)["entry"]:
        own = entry["resource"]
        there = dict(stub.held[f"{own['resourceType']}/{own['id']}"])
        assert there["meta"].pop("tag") == [{"system": TAG_SYSTEM, "code": DEFAULT_TAG}]
        identifiers = there.pop("identifier")
        assert identifiers.pop()["system"] == IDENTIFIER_SYSTEM
        assert there | ({"identifier": identifiers} if identifiers else {}) == {"meta": {}} | own


def test_loading_again_moves_the_dates_and_adds_nothing() -> None:
    stub = StubFhir()
    with serving(stub) as base:
        load(base)
        before = dict(stub.held)
        load(base, as_of=NOW + timedelta(days=7))
    assert stub.held.keys() == before.keys()
    first, later = (held[f"DiagnosticReport/{NAME}-report-1"]["effectiveDateTime"] for held in (before, stub.held))
    assert datetime.fromisoformat(later) - datetime.fromisoformat(first) == timedelta(days=7)


def test_remove_takes_away_what_carries_the_tag_and_no_more() -> None:
    stub = StubFhir(held={"Patient/own": {"resourceType": "Patient", "id": "own"}})
    with serving(stub) as base:
        load(base)
        load(base, tag="trial.2")
        gone, kept = remove(base)
        assert gone["Patient"] == 1
        assert kept == {}
        assert remove(base) == ({}, {})
        assert {one["id"] for one in stub.held.values() if one["resourceType"] == "Patient"} == {
            "own",
            f"trial.2-{NAME}",
        }
        remove(base, "trial.2")
    assert stub.held.keys() == {"Patient/own"}


def test_what_was_taken_away_can_be_loaded_again() -> None:
    stub = StubFhir()
    with serving(stub) as base:
        load(base)
        held = stub.held.keys() | set()
        remove(base)
        assert load(base) == [NAME]
        assert load(base) == [NAME]
    assert stub.held.keys() == held


def test_a_patient_somebody_refers_to_stays_and_is_named() -> None:
    stub = StubFhir()
    with serving(stub) as base:
        load(base)
        stub.held["Flag/1"] = {"resourceType": "Flag", "id": "1", "subject": {"reference": f"Patient/{NAME}"}}
        gone, kept = remove(base)
    assert kept == {f"Patient/{NAME}": f"Flag/1 refers to Patient/{NAME}"}
    assert "Patient" not in gone
    assert stub.held.keys() == {"Flag/1", f"Patient/{NAME}"}


def test_the_resource_of_somebody_else_is_never_written_over() -> None:
    other = {"resourceType": "Encounter", "id": f"{NAME}-visit", "status": "planned"}
    stub = StubFhir(held={f"Encounter/{NAME}-visit": other})
    with serving(stub) as base, pytest.raises(RequestError, match=f"holds another Encounter/{NAME}-visit"):
        load(base)
    assert stub.held == {f"Encounter/{NAME}-visit": other}


@pytest.mark.parametrize("tag", ["", "-x", "a b", "a|b", "x" * 21])
def test_a_tag_that_cannot_be_part_of_an_id_is_refused(tag: str) -> None:
    with pytest.raises(RequestError, match="letters, digits, dots and hyphens"):
        Seed(FhirServer("http://127.0.0.1:9", Calls(1)), tag)


def test_every_scenario_fits_into_ids_under_the_longest_tag() -> None:
    stub = StubFhir()
    with serving(stub) as base:
        assert len(load(base, *fhir_fixtures.scenarios(), tag="x" * 20)) == len(fhir_fixtures.scenarios())
    assert max(len(one["id"]) for one in stub.held.values()) <= 64
