"""Several reports of one patient: which one leads, since when, and how the disease went."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from cds_service.domain.assessment import Assessment
from cds_service.domain.facts import Conflict, ConflictKind, PatientFacts, Report
from cds_service.domain.state import Course, TimeCourse
from cds_service.domain.vocabulary import FindingId, Indicator, Status, Trend
from cds_service.knowledge.load import Knowledge
from cds_service.rules.compared import compared_days
from cds_service.rules.engine import Engine
from cds_service.rules.reports import current_reports, findings_of, is_corrected_by

Case = Mapping[str, Any]
Facts = Callable[[Case], PatientFacts]
MakeReport = Callable[..., Report]
EXAMINED = date(2026, 6, 14)


@pytest.mark.parametrize(
    ("sentence", "days"),
    [
        ("Edema of L4 unchanged compared with 2026-03-02.", [date(2026, 3, 2)]),
        ("Im Vergleich zur VU vom 12.03.2026 unverändertes Knochenmarködem.", [date(2026, 3, 12)]),
        ("Ödem idem zum 2. 4. 26.", [date(2026, 4, 2)]),
        ("Staționar față de 12.03.2026.", [date(2026, 3, 12)]),
        ("Unchanged from 25/03/2026.", [date(2026, 3, 25)]),
        ("Unchanged from 03/04/2026.", [date(2026, 3, 4)]),
        ("Unchanged from 3 March 2026.", [date(2026, 3, 3)]),
        ("Unchanged since March 3, 2026.", [date(2026, 3, 3)]),
        ("Unverändert seit 3. März 2026.", [date(2026, 3, 3)]),
        ("Staționar din noiembrie 2025.", [date(2025, 11, 1)]),
        ("Unchanged compared with the study 8 weeks ago.", [date(2026, 4, 19)]),
        ("Vor 3 Monaten gleicher Befund.", [date(2026, 3, 16)]),
        ("Nemodificat față de acum 6 săptămâni.", [date(2026, 5, 3)]),
        ("Unchanged from 2025-12-01 and 2026-03-01.", [date(2025, 12, 1), date(2026, 3, 1)]),
        ("Unchanged from 31.02.2026, at 40/40/2026.", []),
        ("Unchanged from 2026-06-20, thing 12 2020.", []),
        ("Unchanged compared with the prior study 4 apples ago.", []),
        ("Unchanged.", []),
    ],
)
def test_days_that_a_report_compares_with(sentence: str, days: list[date]) -> None:
    assert list(compared_days(sentence, EXAMINED)) == days


def stated(report: Report, sentence: str, trend: Trend) -> Report:
    findings = tuple(replace(f, sentence=sentence, trend=trend) for f in report.reading.findings)
    return replace(report, reading=replace(report.reading, findings=findings))


@pytest.fixture
def assess(knowledge: Knowledge, facts_of: Facts) -> Callable[..., Assessment]:
    def run(*reports: Report, **case: Any) -> Assessment:
        return Engine(knowledge).assess(replace(facts_of({"age": 64, "sex": "male", **case}), reports=reports))

    return run


def time_and_course(assessment: Assessment) -> tuple[str, str]:
    assert assessment.state is not None
    return assessment.state.time, assessment.state.course


def plan(assessment: Assessment) -> list[tuple[str, Indicator]]:
    return [(card.text_id, card.indicator) for card in assessment.cards if card.card_id in {"C80", "C81", "C82", "C83"}]


@pytest.mark.parametrize(
    ("compared", "time", "card"),
    [
        ("2026-05-20", TimeCourse.UNKNOWN, "C80"),
        ("2026-04-20", TimeCourse.SUBACUTE, "C81"),
        ("2026-01-20", TimeCourse.PERSISTENT, "C81"),
    ],
)
def test_a_report_that_says_unchanged_compared_with_a_day_tells_since_when(
    assess: Callable[..., Assessment], make_report: MakeReport, compared: str, time: TimeCourse, card: str
) -> None:
    report = stated(make_report(["F-EDEMA L4"]), f"Edema of L4 unchanged compared with {compared}.", Trend.SAME)
    found = assess(report, labs=["CRP 2"])
    assert time_and_course(found) == (time, Course.SAME)
    assert [text for text, _ in plan(found)] == [card]


def test_a_day_beside_a_new_edema_is_not_its_beginning(
    assess: Callable[..., Assessment], make_report: MakeReport
) -> None:
    report = stated(make_report(["F-EDEMA L4"]), "New edema of L4 compared with 2026-01-20.", Trend.NEW)
    assert time_and_course(assess(report))[0] == TimeCourse.UNKNOWN


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (41, [("C80", Indicator.INFO)]),
        (43, [("C81", Indicator.INFO)]),
        (83, [("C81", Indicator.INFO)]),
        (86, [("C81", Indicator.WARNING)]),
    ],
)
def test_plan_at_the_thresholds_of_six_and_twelve_weeks(
    assess: Callable[..., Assessment], make_report: MakeReport, days: float, expected: list[tuple[str, Indicator]]
) -> None:
    first = make_report(["F-EDEMA-ENDPLATE L4"], days_ago=days, name="first")
    second = make_report(["F-EDEMA-ENDPLATE L4"], days_ago=0.5, name="second")
    assert plan(assess(first, second, labs=["CRP 2"])) == expected


def test_three_reports_tell_onset_and_course(assess: Callable[..., Assessment], make_report: MakeReport) -> None:
    reports = [
        make_report(["F-EDEMA L4"], days_ago=100, name="a"),
        make_report(["F-EDEMA L4 ^same"], days_ago=50, name="b"),
        make_report(["F-EDEMA L4 ^better"], days_ago=1, name="c"),
    ]
    found = assess(*reports, labs=["CRP 2"])
    assert found.leading_report is reports[2]
    assert time_and_course(found) == (TimeCourse.PERSISTENT, Course.BETTER)
    assert [text for text, _ in plan(found)] == ["C83"]


def test_a_new_place_during_treatment_ends_the_quiet_follow_up(
    assess: Callable[..., Assessment], make_report: MakeReport
) -> None:
    treated = {"conditions": ["SPINE_INFECTION @30d"], "drugs": ["ANTIBIOTIC @20d"]}
    before = make_report(["F-IMPR-INFECTION L4-L5"], days_ago=25, name="a")
    same = make_report(["F-IMPR-INFECTION L4-L5"], days_ago=1, name="b")
    spread = make_report(["F-IMPR-INFECTION L4-L5", "F-IMPR-INFECTION T8-T9"], days_ago=1, name="c")
    assert [card.text_id for card in assess(before, same, **treated).cards][:1] == ["C17"]
    assert "C17" not in {card.text_id for card in assess(before, spread, **treated).cards}


@pytest.mark.parametrize("status", ["amended", "corrected", "appended"])
def test_a_corrected_report_replaces_the_final_one_without_conflict(
    assess: Callable[..., Assessment], make_report: MakeReport, status: str
) -> None:
    final = make_report(["F-IMPR-INFECTION L4-L5", "F-EDEMA L4"], days_ago=1, name="z")
    corrected = make_report(["-F-IMPR-INFECTION L4-L5", "F-EDEMA L4"], days_ago=1, name="a", status=status)
    for reports in ((final, corrected), (corrected, final)):
        found = assess(*reports)
        assert found.leading_report is corrected
        assert {"C11", "C90"}.isdisjoint(card.text_id for card in found.cards)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "final"},
        {"days_ago": 3},
        {"region": "thoracic"},
        {"modality": "CT"},
        {"days_ago": None},
    ],
)
def test_a_report_of_another_examination_corrects_nothing(make_report: MakeReport, change: dict[str, Any]) -> None:
    older = make_report(["F-EDEMA L4"], days_ago=1)
    newer = make_report(["F-EDEMA L4"], **({"days_ago": 0.9, "status": "corrected"} | change))
    assert not is_corrected_by(older, newer)
    assert not is_corrected_by(newer, newer)


def test_a_preliminary_report_does_not_silence_the_final_one_before_it(
    knowledge: Knowledge, facts_of: Facts, make_report: MakeReport, assess: Callable[..., Assessment]
) -> None:
    final = make_report(["F-IMPR-INFECTION L4-L5"], days_ago=20, name="final")
    early = make_report(["-F-EDEMA"], days_ago=1, name="early", status="preliminary")
    found = assess(final, early)
    assert found.leading_report is final
    assert found.cards[0].text_id == "C11"
    window = knowledge.thresholds.report_window_days.span
    finished = replace(early, status="final")
    assert current_reports((final, finished), facts_of({}).as_of, window).candidates == (finished,)
    newest = replace(early, provenance=final.provenance, effective=facts_of({}).as_of)
    assert current_reports((early, newest), facts_of({}).as_of, window).candidates == (newest,)


@pytest.mark.parametrize(
    ("findings", "conflict", "counts"),
    [
        (["-F-FX L1 #denied"], {}, True),
        (["-F-FX #denied"], {}, False),
        (["-F-FX L1 #denied"], {"levels": ()}, False),
        (["-F-FX L1 #denied", "F-FX L1 #stated"], {}, False),
        (["F-FX L1 #denied"], {}, False),
        (["-F-FX L1 #denied"], {"kind": ConflictKind.AMBIGUOUS_TERM}, False),
        (["-F-FX L1 #other"], {}, False),
    ],
)
def test_a_statement_that_the_impression_denies_at_its_level_still_counts(
    make_report: MakeReport, findings: list[str], conflict: dict[str, Any], *, counts: bool
) -> None:
    report = make_report(findings)
    told = Conflict(ConflictKind.STATUS, FindingId.FRACTURE, ("Sentence stated.", "Sentence denied."), ("L1",))
    reading = replace(report.reading, conflicts=(replace(told, **conflict),))
    more = findings_of(replace(report, reading=reading))[len(findings) :]
    assert [(f.status, f.levels, f.sentence) for f in more] == (
        [(Status.PRESENT, ("L1",), "Sentence stated.")] if counts else []
    )
