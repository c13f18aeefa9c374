"""What is remembered of results is bounded, and the same whatever was remembered before."""

import json
from typing import Any

import msgspec
import pytest

from cds_service.fhir import sieve, usual
from cds_service.fhir.bounds import Bounds, Room
from cds_service.fhir.extract import FactExtractor
from cds_service.fhir.labs import LabReader
from cds_service.fhir.node import Intake
from cds_service.fhir.outline import outline_of_json
from cds_service.fhir.received import ReceivedResource
from cds_service.fhir.reports import ReportReader
from cds_service.knowledge.codes import Codes

from .conftest import SilentReader

ROOM = Room(Bounds(100, 1_000), 5)


@pytest.fixture
def results(codes: Codes) -> usual.UsualResults:
    return usual.UsualResults(LabReader(codes.labs))


@pytest.fixture
def results_held_back(codes: Codes) -> sieve.Sieve:
    return sieve.Sieve(LabReader(codes.labs), ReportReader(codes, SilentReader()))


def sent(**members: Any) -> ReceivedResource:
    usually = {"resourceType": "Observation", "id": "o", "status": "final", "effectiveDateTime": "2026-03-30"}
    raw = json.dumps(usually | members).encode()
    outline = outline_of_json(raw)
    return ReceivedResource(outline.kind, outline.id, "", None, 0, outline, msgspec.Raw(raw), ROOM)


def crp(value: float, **members: Any) -> ReceivedResource:
    return sent(code={"text": "CRP"}, valueQuantity={"value": value, "unit": "mg/L"}, **members)


def test_usual_results_are_read_and_bounded_in_number(
    results: usual.UsualResults, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usual, "_MOST_REMEMBERED", 3)
    for _ in range(2):
        for value in range(1, 9):
            found = results.read(crp(value), intake, {})
            assert [one.value for one in found] == [value]
            assert len(results._known) <= 3


def test_long_results_are_read_and_not_remembered(results: usual.UsualResults, intake: Intake) -> None:
    assert results.read(crp(4, interpretation=[{"text": "x" * 3_000}]), intake, {})
    assert results._known == {}


@pytest.mark.parametrize(
    "members",
    [
        {"valueString": "negative"},
        {"component": []},
        {"hasMember": [{"reference": "Observation/1"}]},
        {"valueInteger": 4},
        {"status": "cancelled"},
        {"effectiveDateTime": "yesterday"},
        {"effectiveDateTime": "2027-01-01"},
        {"valueQuantity": {"value": "84", "unit": "mg/L"}},
        {"valueQuantity": {"value": 84, "unit": "furlong"}},
        {"valueQuantity": {"value": 1e7, "unit": "mg/L"}},
        {"valueQuantity": {"unit": "mg/L"}},
    ],
)
def test_results_with_a_flaw_or_more_than_a_number_are_left_to_the_reader_of_all(
    members: dict[str, Any], results: usual.UsualResults, intake: Intake
) -> None:
    usually = {"code": {"text": "CRP"}, "valueQuantity": {"value": 84, "unit": "mg/L"}}
    for _ in range(2):
        assert results.read(sent(**usually | members), intake, {}) == []
    assert intake.log.all() == ()


HEMOGLOBIN = {"code": {"text": "Hemoglobin"}, "valueQuantity": {"value": 13.1, "unit": "g/dL"}}
WHITE_CELLS = {"code": {"text": "WBC"}, "valueQuantity": {"value": 9, "unit": "10*9/L"}}


def test_panels_are_remembered_and_say_what_reading_them_in_full_says(
    results: usual.UsualResults, extractor: FactExtractor, intake: Intake
) -> None:
    members = {"code": {"text": "Blood count"}, "component": [HEMOGLOBIN, WHITE_CELLS, {"code": {"text": "MCV"}}]}
    panel = sent(**members, status="preliminary")
    for _ in range(2):
        values = results.read(panel, intake, {})
        assert [value.provenance.element for value in values] == ["component[0]", "component[1]"]
    assert len(results._known) == 1
    in_full = extractor.extract([json.loads(bytes(panel._raw or b""))], patient_id="p1", as_of=intake.as_of)
    assert list(in_full.labs) == values


@pytest.mark.parametrize(
    "members",
    [
        {"code": {"text": "CRP"}},
        {"code": None},
        {"component": [HEMOGLOBIN, {**WHITE_CELLS, "valueQuantity": {"value": 9}}]},
        {"component": [HEMOGLOBIN, {"code": {"text": "WBC"}}]},
        {"component": [HEMOGLOBIN, {"code": {"text": "Blood culture"}, "valueString": "negative"}]},
        {"component": [HEMOGLOBIN, {"valueQuantity": {"value": 9, "unit": "mg/L"}}]},
        {"hasMember": [{"reference": "Observation/1"}]},
        {"valueString": "see parts"},
    ],
)
def test_panels_with_a_flaw_or_more_than_numbers_are_left_to_the_reader_of_all(
    members: dict[str, Any], results: usual.UsualResults, intake: Intake
) -> None:
    panel = {"code": {"text": "Blood count"}, "component": [HEMOGLOBIN, WHITE_CELLS]}
    assert results.read(sent(**panel), intake, {})
    assert results.read(sent(**panel | members), intake, {}) == []


def test_what_is_held_back_is_bounded_in_number(
    results_held_back: sieve.Sieve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sieve, "_MOST_REMEMBERED", 3)
    for _ in range(2):
        for number in range(8):
            other, asked = sent(code={"text": f"Sodium {number}"}), sent(code={"text": f"CRP {number}"})
            assert results_held_back.left_of([other, asked]) == [asked]
            assert len(results_held_back._known["Observation"]) <= 3
    long = "Sodium " * 1_000
    assert results_held_back.left_of([sent(code={"text": long})]) == []
    assert all(len(key) < len(long) for key in results_held_back._known["Observation"])


def test_findings_in_words_are_never_held_back(results_held_back: sieve.Sieve) -> None:
    category = [{"coding": [{"code": "exam"}]}]
    examined = sent(code={"text": "Gait"}, category=category, valueString="numb legs")
    assert results_held_back.left_of([examined]) == [examined]


def test_extractor_takes_what_was_received_already(extractor: FactExtractor, intake: Intake) -> None:
    facts = extractor.extract([crp(84)], patient_id="p1", as_of=intake.as_of)
    assert [value.value for value in facts.labs] == [84]
