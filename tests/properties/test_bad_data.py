"""Contradicting, impossible and unknown data through the whole path: the card names them, the safer reading decides."""

from typing import Any

import pytest

from cds_service.domain.facts import GapCode
from cds_service.domain.state import Labs
from cds_service.domain.vocabulary import Language

CRP, ESR = "1988-5", "4537-7"
EDEMA = "Bone marrow edema of L4. The discs are preserved."
BROKEN = {
    Language.EN: "FINDINGS: Acute fracture of L1 with marrow edema.\nIMPRESSION: No fracture of L1.",
    Language.DE: "BEFUND: Frische Fraktur LWK 1 mit Knochenmarködem.\nBEURTEILUNG: Keine Fraktur LWK 1.",
    Language.RO: "DESCRIERE: Fractură acută L1 cu edem osos medular.\nCONCLUZII: Fără fractură L1.",
}


def codes(answered: Any) -> set[str]:
    return {gap.code for gap in answered.assessment.gaps if gap.clinical}


@pytest.mark.parametrize("written", list(Language))
def test_fracture_stated_and_denied_at_one_level_counts_and_is_named(pipeline: Any, written: Language) -> None:
    found = pipeline.answer([pipeline.patient(), pipeline.report(BROKEN[written])])
    assert "C30" in found.ids
    assert found.ids[-1] == "C90"
    assert "L1" in found.cards[-1]["detail"]
    assert "Contradictions" in found.cards[-1]["detail"]
    assert found.cards[-1]["detail"].count("“") >= 2


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_crp_of_one_moment_the_higher_decides_and_both_are_named(pipeline: Any, first: int) -> None:
    labs = [pipeline.lab(CRP, 3, "mg/L", identity="a"), pipeline.lab(CRP, 64, "mg/L", identity="b")]
    labs = labs[first:] + labs[:first]
    found = pipeline.answer([pipeline.patient(), pipeline.report(EDEMA), *labs])
    assert found.assessment.state is not None
    assert found.assessment.state.labs is Labs.R
    card = found.cards[found.ids.index("C11-EDEMA")]
    assert "- CRP 2026-06-14: “3 mg/L” versus “64 mg/L”" in card["detail"]
    assert found.assessment.conflicts[0].analyte == "CRP"
    assert "C90" not in found.ids


def test_a_corrected_crp_wins_over_the_first_one_of_that_moment(pipeline: Any) -> None:
    labs = [
        pipeline.lab(CRP, 64, "mg/L", identity="a", status="preliminary"),
        pipeline.lab(CRP, 3, "mg/L", identity="b", status="corrected"),
    ]
    found = pipeline.answer([pipeline.patient(), pipeline.report(EDEMA), *labs])
    assert found.assessment.state is not None
    assert found.assessment.state.labs is Labs.N


@pytest.mark.parametrize(
    ("code", "value", "unit", "gap", "words"),
    [
        (CRP, -3, "mg/L", GapCode.IMPLAUSIBLE_VALUE, "an implausible value was not used"),
        (ESR, 900, "mm/h", GapCode.IMPLAUSIBLE_VALUE, "an implausible value was not used"),
        (CRP, 12, "furlongs", GapCode.UNKNOWN_UNIT, "a value with an unknown unit"),
        (CRP, 12, "", GapCode.MISSING_UNIT, "a value without a unit was not used"),
    ],
)
def test_impossible_values_and_unknown_units_are_named_and_never_taken_as_normal(
    pipeline: Any, code: str, value: float, unit: str, gap: GapCode, words: str
) -> None:
    found = pipeline.answer([pipeline.patient(), pipeline.report(EDEMA), pipeline.lab(code, value, unit)])
    assert gap in codes(found)
    assert found.assessment.state is not None
    assert found.assessment.state.labs is Labs.U
    assert found.ids[0] == "C10"
    (line,) = [line for line in found.cards[0]["detail"].splitlines() if words in line]
    assert line.startswith(f"- {'CRP' if code == CRP else 'ESR'} (Observation/")


def test_birth_date_in_the_future_is_named_and_the_patient_counts_as_adult(pipeline: Any) -> None:
    found = pipeline.answer([pipeline.patient(birth="2031-01-01"), pipeline.report(EDEMA)])
    assert "C91" not in found.ids
    assert found.ids
    assert codes(found) & {GapCode.FUTURE_DATE, GapCode.AGE_UNKNOWN}
    assert (
        "Patient, birthDate: a date in the future was not used" in found.detail or "the age is unknown" in found.detail
    )


def test_result_of_the_future_decides_nothing(pipeline: Any) -> None:
    found = pipeline.answer([pipeline.patient(), pipeline.report(EDEMA), pipeline.lab(CRP, 2, "mg/L", days=-30)])
    assert found.assessment.state is not None
    assert found.assessment.state.labs is Labs.U
    assert GapCode.FUTURE_DATE in codes(found)


def test_unknown_drug_is_named(pipeline: Any) -> None:
    found = pipeline.answer([pipeline.patient(), pipeline.report(EDEMA), pipeline.drug("Zyxoquil 5 mg")])
    assert "Zyxoquil 5 mg" in found.cards[0]["detail"]
    assert "no rule looked at them" in found.cards[0]["detail"]
    known = pipeline.answer([pipeline.patient(), pipeline.report(EDEMA), pipeline.drug("Ibuprofen 400 mg")])
    assert "no rule looked at them" not in known.detail
    common = ["Pantoprazole 40 mg", "Vitamin D3 1000 IE", "Bisoprolol 5 mg", "Zyxoquil eye drops"]
    quiet = pipeline.answer([pipeline.patient(), pipeline.report(EDEMA), *map(pipeline.drug, common)])
    assert "no rule looked at them" not in quiet.detail


def test_preliminary_report_is_marked_beside_its_sentence(pipeline: Any) -> None:
    found = pipeline.answer([pipeline.patient(), pipeline.report(EDEMA, status="preliminary")])
    assert "DiagnosticReport/mri (preliminary)" in found.cards[0]["detail"]
    assert "report is preliminary" in found.cards[0]["detail"]


def test_course_of_the_markers_and_the_usual_level_on_dialysis_stand_on_the_card(pipeline: Any) -> None:
    series = [
        pipeline.lab(CRP, value, "mg/L", days) for days, value in ((80, 12), (60, 15), (40, 14), (9, 16), (1, 58))
    ]
    resources = [pipeline.patient(), pipeline.report(EDEMA), pipeline.condition("Haemodialysis", 400), *series]
    found = pipeline.answer(resources)
    text = found.cards[0]["detail"]
    assert "| 2026-06-06 | 16 mg/L ↑ |" in text
    assert "| 2026-06-14 | 58 mg/L ↑ |" in text
    assert "Usual CRP of this patient on dialysis: 14 mg/L (median of 3 results before" in text


def test_second_rise_after_an_operation_is_raised_on_the_card(pipeline: Any) -> None:
    surgery = {
        "resourceType": "Procedure",
        "id": "op",
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "code": {"text": "Lumbar discectomy L4/5"},
        "performedDateTime": "2026-05-06",
    }
    series = [pipeline.lab(CRP, value, "mg/L", days) for days, value in ((38, 110), (20, 22), (10, 3), (1, 9))]
    found = pipeline.answer([pipeline.patient(), pipeline.report(EDEMA), surgery, *series])
    assert found.assessment.state is not None
    assert found.assessment.state.labs is Labs.R
    card = found.cards[0]
    assert "LAB-CRP-SECOND-RISE" in card["detail"]
    assert "| 2026-06-14 | 9 mg/L ↑ |" in card["detail"]


def test_an_order_that_only_waits_is_raised_as_the_client_sent_it(pipeline: Any) -> None:
    referral = {
        "resourceType": "ServiceRequest",
        "id": "ref-1",
        "status": "draft",
        "intent": "order",
        "priority": "routine",
        "subject": {"reference": "Patient/p"},
        "code": {
            "coding": [{"system": "http://snomed.info/sct", "code": "3457005"}],
            "text": "Referral to spine surgery",
        },
        "note": [{"text": "Interpreter needed"}],
    }
    chart = [pipeline.patient(), pipeline.condition("Cauda equina syndrome", 1)]
    found = pipeline.answer(chart, orders=[referral])
    assert found.ids == ["C01"]
    updates = [
        action for step in found.cards[0]["suggestions"] for action in step["actions"] if action["type"] == "update"
    ]
    assert [action["resource"] for action in updates] == [referral | {"priority": "stat"}]
