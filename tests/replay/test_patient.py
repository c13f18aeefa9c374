"""One patient's reports, each judged on what was known when it was there."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from cds_service.replay.patient import PatientReplay, Questions, in_order, keyed
from cds_service.replay.rows import Assessed, CardRow, FindingRow, GapRow, Row, RuleRow, SampleRow
from tests.replay.conftest import KEY, judge

FIRST = datetime(2026, 1, 10, 9, tzinfo=UTC)
LOINC = "http://loinc.org"
IMAGING = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD"}]}
LABORATORY = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}
TEXT = "MRI of the lumbar spine. Bone marrow edema of the endplates of L2 and L3 with fluid signal of the disc L2-L3."


def report(identity: str, days: int, text: str = TEXT, **members: Any) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "id": identity,
        "status": "final",
        "category": [IMAGING],
        "code": {"text": "MRI lumbar spine"},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": (FIRST + timedelta(days=days)).isoformat(),
        "issued": (FIRST + timedelta(days=days, hours=2)).isoformat(),
        "conclusion": text,
    } | members


def crp(value: float, days: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"crp-{days}",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "1988-5"}]},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": (FIRST + timedelta(days=days)).isoformat(),
        "valueQuantity": {"value": value, "unit": "mg/L", "system": "http://unitsofmeasure.org", "code": "mg/L"},
    }


def culture(days: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "culture",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "600-7"}], "text": "Blood culture"},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": (FIRST + timedelta(days=days)).isoformat(),
        "valueString": "Staphylococcus aureus",
    }


PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "gender": "female",
    "birthDate": "1960-05-05",
    "name": [{"family": "Quillfeather", "given": ["Ottoline"]}],
}


def judged(*resources: dict[str, Any], by: PatientReplay | None = None) -> list[Row]:
    ordered = in_order(orjson.dumps(one) for one in (PATIENT, *resources))
    return list((by or judge()).judge("p", ordered))


def of(rows: Sequence[Row], kind: type[Any]) -> list[Any]:
    return [row for row in rows if isinstance(row, kind)]


def test_a_later_positive_culture_changes_nothing_at_the_earlier_report() -> None:
    without = judged(report("r1", 0), crp(80, -1))
    later = judged(report("r1", 0), crp(80, -1), culture(3), crp(190, 2))
    assert [row for row in later if not isinstance(row, Assessed)] == [
        row for row in without if not isinstance(row, Assessed)
    ]
    (one,), (other,) = of(without, Assessed), of(later, Assessed)
    assert (one.cards, one.lanes, one.rules) == (other.cards, other.lanes, other.rules)
    assert (one.later, other.later) == (0, 2)
    # the same culture before the report does change it
    earlier = judged(report("r1", 0), crp(80, -1), culture(-2))
    assert of(earlier, Assessed)[0].rules != one.rules


def test_each_report_sees_the_ones_before_it() -> None:
    rows = judged(report("r2", 60), report("r1", 0), crp(3, 55))
    first, second = of(rows, Assessed)
    assert first.as_of < second.as_of
    assert (first.later, second.later) == (2, 0)
    assert first.report == keyed(KEY, "DiagnosticReport", "r1")


def test_rows_carry_keys_and_no_identity() -> None:
    rows = judged(report("r1", 0, f"Mrs Ottoline Quillfeather, 12.03.2025. {TEXT}"))
    written = repr(rows)
    assert "Quillfeather" not in written
    assert "r1" not in written
    assert {row.patient for row in rows} == {keyed(KEY, "Patient", "p")}
    assert of(rows, CardRow)
    assert of(rows, FindingRow)
    assert of(rows, SampleRow)
    assert any(row.fired for row in of(rows, RuleRow))


def test_only_finished_dated_imaging_reports_are_judged() -> None:
    by = judge()
    rows = judged(
        report("lab", 0, category=[LABORATORY]),
        report("draft", 1, status="preliminary"),
        report("undated", 2, effectiveDateTime=None, issued=None),
        {**report("ecg", 3, "Sinus rhythm."), "category": [], "code": {"text": "ECG"}},
        report("mri", 4),
        by=by,
    )
    assert [row.report for row in of(rows, Assessed)] == [keyed(KEY, "DiagnosticReport", "mri")]
    counts = by.counts
    found = (
        counts.laboratory_reports, counts.unfinished_reports, counts.undated_reports, counts.other_reports,
        counts.reports,
    )  # fmt: skip
    assert found == (1, 1, 1, 1, 1)


def test_at_a_date_the_last_report_before_it_is_judged() -> None:
    day = FIRST + timedelta(days=30)
    rows = judged(report("r1", 0), report("r2", 20), report("r3", 40), crp(4, 25), by=judge(day))
    (one,) = of(rows, Assessed)
    assert one.report == keyed(KEY, "DiagnosticReport", "r2")
    assert (one.as_of, one.later) == (day, 1)


def test_an_unreadable_report_says_why() -> None:
    (one,) = of(judged(report("r1", 0, conclusion=None)), Assessed)
    assert one.unread == "report-without-text"
    assert one.cards >= 1
    assert of(judged(report("r1", 0, conclusion=None)), GapRow)


class Broken:
    """An evaluation that fails."""

    def patient_view(self, resources: Any, *, patient_id: str, as_of: datetime) -> Any:
        raise RuntimeError(f"{resources} {patient_id} {as_of}")


def test_a_failed_evaluation_is_a_row_and_not_one_without_cards() -> None:
    rows = judged(report("r1", 0), by=PatientReplay(Broken(), Questions(KEY)))
    (one,) = rows
    assert isinstance(one, Assessed)
    assert (one.error, one.cards, one.knowledge) == ("RuntimeError", 0, "")


def test_department_and_clinician_come_from_the_order() -> None:
    request = {
        "resourceType": "ServiceRequest",
        "id": "order",
        "subject": {"reference": "Patient/p"},
        "authoredOn": (FIRST - timedelta(days=1)).isoformat(),
        "requester": {"reference": "Practitioner/dr-9"},
        "encounter": {"reference": "Encounter/e"},
    }
    encounter = {
        "resourceType": "Encounter",
        "id": "e",
        "subject": {"reference": "Patient/p"},
        "period": {"start": (FIRST - timedelta(days=2)).isoformat()},
        "serviceProvider": {"display": "Orthopaedics"},
    }
    based = report("r1", 0, basedOn=[{"reference": "https://ehr.example/fhir/ServiceRequest/order"}])
    (one,) = of(judged(based, request, encounter), Assessed)
    assert one.department == "Orthopaedics"
    assert one.clinician == keyed(KEY, "clinician", "Practitioner/dr-9")
    (alone,) = of(judged(report("r1", 0)), Assessed)
    assert (alone.department, alone.clinician) == ("", "")


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_export_changes_nothing(seed: int) -> None:
    resources = [report("r1", 0), report("r2", 60), crp(60, -1), crp(4, 50), culture(2)]
    newer = report("r1", 0, "No bone marrow edema.", meta={"lastUpdated": "2026-02-01T00:00:00Z"})
    base = judged(*resources, newer)
    shuffled = [*resources, newer, report("r1", 0)]
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - a shuffle
    assert judged(*shuffled) == base
