"""What was known at a moment: nothing that was issued, recorded or ended later."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.replay.standing import Placing, as_it_stood, known_since, placing

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({"resourceType": "Observation", "effectiveDateTime": "2026-03-20T11:59:00Z"}, Placing.KNOWN),
        ({"resourceType": "Observation", "effectiveDateTime": "2026-03-20T12:01:00Z"}, Placing.LATER),
        # drawn before, known after
        (
            {
                "resourceType": "Observation",
                "effectiveDateTime": "2026-03-18T08:00:00Z",
                "issued": "2026-03-21T08:00:00Z",
            },
            Placing.LATER,
        ),
        # a day without time may still lie ahead
        ({"resourceType": "Observation", "effectiveDateTime": "2026-03-20"}, Placing.LATER),
        ({"resourceType": "Observation", "effectiveDateTime": "2026-03-19"}, Placing.KNOWN),
        ({"resourceType": "Condition", "recordedDate": "2026-03"}, Placing.LATER),
        ({"resourceType": "Condition", "recordedDate": "2026-02"}, Placing.KNOWN),
        ({"resourceType": "Condition", "onsetDateTime": "2026"}, Placing.LATER),
        ({"resourceType": "Condition", "recordedDate": "2026-03-19", "onsetDateTime": "2026"}, Placing.KNOWN),
        ({"resourceType": "Observation"}, Placing.UNDATED_LEFT_OUT),
        ({"resourceType": "Observation", "effectiveDateTime": "yesterday"}, Placing.UNDATED_LEFT_OUT),
        ({"resourceType": "DiagnosticReport"}, Placing.UNDATED_LEFT_OUT),
        ({"resourceType": "Condition"}, Placing.UNDATED_KEPT),
        ({"resourceType": "AllergyIntolerance"}, Placing.UNDATED_KEPT),
        ({"resourceType": "Patient"}, Placing.KNOWN),
        ({"resourceType": "Medication"}, Placing.KNOWN),
        ({"resourceType": "Procedure", "performedPeriod": {"start": "2026-03-20T11:00:00Z"}}, Placing.KNOWN),
        ({"resourceType": "MedicationRequest", "authoredOn": "2026-03-21"}, Placing.LATER),
    ],
)
def test_placing(resource: dict[str, Any], expected: Placing) -> None:
    assert placing(resource, NOON) is expected


def test_december_ends_with_the_year() -> None:
    assert known_since({"resourceType": "Condition", "recordedDate": "2025-12"}) == datetime(
        2025, 12, 31, 23, 59, 59, 999999, tzinfo=UTC
    )


def condition(**members: Any) -> dict[str, Any]:
    resolved = {"coding": [{"code": "resolved"}]}
    return {"resourceType": "Condition", "recordedDate": "2026-01-01", "clinicalStatus": resolved} | members


def test_a_condition_that_ended_later_was_active() -> None:
    seen = as_it_stood(condition(abatementDateTime="2026-04-01"), NOON)
    assert seen["clinicalStatus"]["coding"][0]["code"] == "active"
    assert "abatementDateTime" not in seen


def test_a_condition_that_had_ended_stays_as_it_is() -> None:
    ended = condition(abatementDateTime="2026-02-01")
    assert as_it_stood(ended, NOON) == ended


def test_when_a_condition_ended_at_an_unknown_time_its_status_then_is_unknown() -> None:
    assert "clinicalStatus" not in as_it_stood(condition(), NOON)
    told = condition(abatementString="as a child")
    assert as_it_stood(told, NOON) == told
    active = condition(clinicalStatus={"coding": [{"code": "active"}]})
    assert as_it_stood(active, NOON) == active


def test_a_drug_that_was_stopped_later_was_taken() -> None:
    drug = {
        "resourceType": "MedicationStatement",
        "status": "stopped",
        "effectivePeriod": {"start": "2026-01-01", "end": "2026-05-01"},
    }
    seen = as_it_stood(drug, NOON)
    assert seen["status"] == "active"
    assert seen["effectivePeriod"] == {"start": "2026-01-01"}
    assert as_it_stood({"resourceType": "MedicationRequest", "status": "stopped"}, NOON)["status"] == "unknown"
    request = {
        "resourceType": "MedicationRequest",
        "status": "completed",
        "dispenseRequest": {"validityPeriod": {"start": "2026-01-01", "end": "2026-03-01"}},
    }
    assert as_it_stood(request, NOON) == request


def test_what_comes_after_is_taken_away_everywhere() -> None:
    procedure = {
        "resourceType": "Procedure",
        "status": "completed",
        "performedPeriod": {"start": "2026-03-20T11:00:00Z", "end": "2026-03-20T13:00:00Z"},
    }
    seen = as_it_stood(procedure, NOON)
    assert seen["status"] == "in-progress"
    assert seen["performedPeriod"] == {"start": "2026-03-20T11:00:00Z"}
    assert as_it_stood({"resourceType": "Patient", "deceasedBoolean": True}, NOON) == {"resourceType": "Patient"}
    died = {"resourceType": "Patient", "deceasedDateTime": "2026-03-19"}
    assert as_it_stood(died, NOON) == died
