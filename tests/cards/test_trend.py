"""The course of CRP and ESR on a card: a small table, oldest day first, in three languages."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from markdown_it import MarkdownIt

from cards.trend import change, trend_block
from cards.wording import wordings
from cds_service.domain.assessment import MarkerSeries
from cds_service.domain.facts import Comparator, Conflict, ConflictKind, Gap, GapCode, LabValue, Provenance
from cds_service.domain.vocabulary import Analyte, Lane, Language

HEADINGS = {
    Language.EN: "Course of CRP and ESR",
    Language.DE: "Verlauf von CRP und BSG",
    Language.RO: "Evoluția CRP și VSH",
}


def lab(day: int, value: float, analyte: Analyte = Analyte.CRP, **changes: Any) -> LabValue:
    unit = "mg/L" if analyte is Analyte.CRP else "mm/h"
    taken = datetime(2026, 11, day, 8, tzinfo=UTC)
    return replace(LabValue(analyte, value, unit, taken, Provenance("Observation/1")), **changes)


CRP = MarkerSeries(Analyte.CRP, (lab(1, 60), lab(8, 12), lab(15, 12), lab(20, 30.5)))
ESR = MarkerSeries(Analyte.ESR, (lab(8, 40, Analyte.ESR), lab(20, 55, Analyte.ESR)))


def test_table_has_one_row_a_day_with_an_arrow_for_each_change() -> None:
    assert trend_block((CRP, ESR), wordings()[Language.EN]).splitlines() == [
        "**Course of CRP and ESR**",
        "",
        "| Date | CRP | ESR |",
        "| --- | --- | --- |",
        "| 2026-11-01 | 60 mg/L | – |",
        "| 2026-11-08 | 12 mg/L ↓ | 40 mm/h |",
        "| 2026-11-15 | 12 mg/L → | – |",
        "| 2026-11-20 | 30.5 mg/L ↑ | 55 mm/h ↑ |",
    ]


def test_values_stand_in_the_notation_of_the_language(language: Language) -> None:
    text = trend_block((CRP,), wordings()[language])
    assert text.startswith(f"**{HEADINGS[language]}**")
    assert ("30.5 mg/L ↑" in text) == (language is Language.EN)
    assert MarkdownIt("commonmark").enable("table").render(text).count("<tr>") == 5


def test_values_stand_as_reported_with_the_usual_unit_beside_another_one() -> None:
    shown = MarkerSeries(Analyte.CRP, (lab(1, 48, reported="4.8 mg/dL"), lab(2, 50, reported="50 mg/L")))
    text = trend_block((shown,), wordings()[Language.DE])
    assert "| 2026-11-01 | 4.8 mg/dL (= 48 mg/L) |" in text
    assert "| 2026-11-02 | 50 mg/L ↑ |" in text


def test_several_results_of_a_day_stand_in_one_cell_and_undated_ones_nowhere() -> None:
    evening = lab(1, 90, collected=datetime(2026, 11, 1, 20, tzinfo=UTC))
    shown = MarkerSeries(Analyte.CRP, (lab(1, 60), evening, lab(3, 7, collected=None)))
    text = trend_block((shown,), wordings()[Language.EN])
    assert "| 2026-11-01 | 60 mg/L, 90 mg/L ↑ |" in text
    assert " 7 " not in text


def test_only_the_newest_days_are_listed() -> None:
    shown = MarkerSeries(Analyte.CRP, tuple(lab(day, day) for day in range(1, 10)))
    text = trend_block((shown,), wordings()[Language.EN])
    assert "2026-11-03" not in text
    assert "2026-11-04" in text
    assert text.endswith("3 earlier days not shown")


@pytest.mark.parametrize(
    ("before", "now", "arrow"),
    [
        (None, lab(2, 5), ""),
        (lab(1, 5), lab(2, 6), " ↑"),
        (lab(1, 6), lab(2, 5), " ↓"),
        (lab(1, 5), lab(2, 5), " →"),
        (lab(1, 5, comparator=Comparator.LT), lab(2, 3), ""),
        (lab(1, 5, comparator=Comparator.LT), lab(2, 9), " ↑"),
        (lab(1, 5, comparator=Comparator.LT), lab(2, 5, comparator=Comparator.LT), " →"),
        (lab(1, 300, comparator=Comparator.GT), lab(2, 400), ""),
        (lab(1, 300, comparator=Comparator.GE), lab(2, 40), " ↓"),
    ],
)
def test_arrow_stands_only_where_the_change_is_certain(before: LabValue | None, now: LabValue, arrow: str) -> None:
    assert change(before, now) == arrow


def test_usual_level_on_dialysis_stands_below_the_table(language: Language) -> None:
    usual = replace(CRP, usual=14.5, usual_results=4, usual_until=date(2026, 10, 20))
    last = trend_block((usual,), wordings()[language]).splitlines()[-1]
    assert ("14.5 mg/L" if language is Language.EN else "14,5 mg/L") in last
    assert "4" in last
    assert "2026-10-20" in last


def test_no_series_gives_no_block() -> None:
    assert trend_block((), wordings()[Language.EN]) == ""


@pytest.mark.parametrize(
    ("lane", "shown"),
    [(Lane.INFECTION, True), (Lane.SAFETY, True), (Lane.PLAN, True), (Lane.BENIGN, False), (Lane.ORDER, False)],
)
def test_course_stands_where_it_bears_on_the_advice(make: Any, lane: Lane, *, shown: bool) -> None:
    detail = make.write(make.card("C11", lane=lane), series=(CRP,))[0]["detail"]
    assert ("Course of CRP" in detail) is shown
    rests = make.write(make.card("C30", lane=Lane.BENIGN, causes=(make.lab(),)), series=(CRP,))[0]["detail"]
    assert "Course of CRP" in rests


def test_two_results_of_one_moment_are_named_with_test_and_day(make: Any, language: Language) -> None:
    conflict = Conflict(ConflictKind.LAB, None, ("12 mg/L", "48 mg/L"), analyte=Analyte.CRP, on=date(2026, 11, 3))
    card = make.card("C10", causes=())
    text = make.write(card, language=language, conflicts=(conflict,))[0]["detail"]
    assert "- CRP 2026-11-03: " in text
    assert "12 mg/L" in text
    assert "48 mg/L" in text
    other = make.write(make.card("C50", lane=Lane.BENIGN, causes=()), conflicts=(conflict,))[0]["detail"]
    assert "48 mg/L" not in other.split("**Contradictions")[-1] or "**Contradictions" not in other


def test_gap_names_the_test_and_important_gaps_come_first(make: Any) -> None:
    def gap(code: GapCode, resource: str, **params: str) -> Gap:
        return Gap(code, resource, "value", clinical=True, params=tuple(params.items()))

    gaps = (
        *(gap(GapCode.MISSING_DATE, f"Condition/{n}") for n in range(3)),
        gap(GapCode.AGE_UNKNOWN, "Patient"),
        gap(GapCode.IMPLAUSIBLE_VALUE, "Observation/1", analyte="CRP"),
        gap(GapCode.UNKNOWN_UNIT, "Observation/2", analyte="CALCIUM"),
        gap(GapCode.REPORT_PRELIMINARY, "DiagnosticReport/1"),
    )
    text = make.write(make.card("C10"), gaps=gaps)[0]["detail"].split("**Not usable**")[1]
    assert [line for line in text.splitlines() if line.startswith("- ")][:4] == [
        "- CRP (Observation/1), value: an implausible value was not used",
        "- the age is unknown",
        "- Condition/0, Condition/1, Condition/2, value: an entry without a date (×3)",
        "- Calcium (Observation/2), value: a value with an unknown unit was not used",
    ]
    assert "\n\n**Note**: DiagnosticReport/1, value: the report is preliminary; it was read" in text


def test_sentence_of_a_preliminary_report_is_marked(make: Any, language: Language) -> None:
    early = Gap(GapCode.REPORT_PRELIMINARY, make.report.reference, "status", clinical=True)
    text = make.write(make.card("C11"), language=language, gaps=(early,))[0]["detail"]
    word = wordings()[language].phrase("preliminary")
    assert f"{make.report.reference} ({word})" in text
    assert f"({word})" not in make.write(make.card("C11"), language=language, gaps=())[0]["detail"]


def test_drugs_that_no_list_knows_are_named(make: Any, language: Language) -> None:
    few = make.write(make.card("C10"), language=language, unknown_drugs=("Zyxoril 5 mg",), gaps=())[0]["detail"]
    assert "Zyxoril 5 mg" in few
    many = make.write(make.card("C10"), unknown_drugs=tuple(f"Drug{n}" for n in range(5)))[0]["detail"]
    assert "Drug0, Drug1, Drug2 (2 more)" in many
    assert "Zyxoril" not in make.write(make.card("C50", lane=Lane.BENIGN), unknown_drugs=("Zyxoril",))[0]["detail"]
