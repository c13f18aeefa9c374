"""Drawings of spine and course: everything stands inside, in order, and what is missing is not invented."""

from itertools import pairwise
from typing import Any

from cds_service.web.course_drawing import WIDTH, draw_course
from cds_service.web.spine_drawing import draw_spine

LEVELS = (
    [f"C{number}" for number in range(1, 8)]
    + [f"T{number}" for number in range(1, 13)]
    + [f"L{number}" for number in range(1, 6)]
    + ["S1", "S"]
)


def finding(label: str, kind: str = "present") -> dict[str, Any]:
    return {"id": label, "finding": "F-EDEMA", "label": label, "kind": kind}


def spine(**findings: list[dict[str, Any]]) -> dict[str, Any]:
    levels = [{"level": name, "label": name, "kind": None, "findings": findings.get(name, [])} for name in LEVELS]
    disc = {"level": "T11-T12", "label": "T11/12", "between": ["T11", "T12"], "kind": "possible", "findings": []}
    return {"levels": levels, "discs": [disc, disc | {"between": ["X1", "X2"]}]}


def series(*points: tuple[str, float]) -> dict[str, Any]:
    return {
        "analyte": "CRP",
        "label": "CRP",
        "unitLabel": "mg/L",
        "points": [{"date": day, "value": value, "shown": f"{value:g} mg/L"} for day, value in points],
        "thresholds": [{"name": "crp_raised", "value": 10.0, "label": "raised above", "shown": "10 mg/L"}],
    }


def timeline(**changes: Any) -> dict[str, Any]:
    return {"asOf": "2026-03-16", "onset": None, "reports": [], "series": []} | changes


def test_vertebrae_stand_below_each_other_without_touching() -> None:
    drawing = draw_spine(spine())
    assert [one.row["level"] for one in drawing.vertebrae] == LEVELS
    for above, below in pairwise(drawing.vertebrae):
        assert above.y + above.height < below.y
    assert all(
        one.x > 0 and one.right < drawing.width and one.y + one.height < drawing.height for one in drawing.vertebrae
    )


def test_a_disc_stands_between_its_vertebrae_and_an_unknown_one_is_left_out() -> None:
    drawing = draw_spine(spine())
    (disc,) = drawing.discs
    above, below = (next(v for v in drawing.vertebrae if v.row["level"] == name) for name in ("T11", "T12"))
    assert above.middle < disc.y < below.middle


def test_a_level_is_told_by_its_first_finding_and_how_many_more_but_not_by_denied_ones() -> None:
    drawing = draw_spine(spine(T11=[finding("oedema"), finding("lysis"), finding("fracture", "absent")]))
    texts = {one.row["level"]: one.text for one in drawing.vertebrae if one.text}
    assert texts == {"T11": "oedema +1"}
    long = draw_spine(spine(L4=[finding("a finding with a very long name indeed")])).vertebrae[LEVELS.index("L4")]
    assert long.text.endswith("…")
    assert len(long.text) <= 21


def test_no_course_without_a_date() -> None:
    assert draw_course(timeline()) is None
    assert draw_course(timeline(reports=[{"date": None, "leading": True}])) is None


def test_course_places_days_from_left_to_right_and_values_upward() -> None:
    drawing = draw_course(
        timeline(
            onset="2026-01-01",
            reports=[{"date": "2026-02-01", "leading": False}, {"date": "2026-03-14", "leading": True}],
            series=[series(("2026-02-01", 4.0), ("2026-03-15", 48.0))],
        )
    )
    assert drawing is not None
    assert drawing.onset is not None
    assert (
        drawing.left == drawing.onset.x < drawing.reports[0].x < drawing.reports[1].x < drawing.today == drawing.right
    )
    (panel,) = drawing.panels
    low, high = panel.points
    assert panel.top < high.y < panel.thresholds[0].y < low.y < panel.bottom
    assert panel.path == f"M{low.x} {low.y} L{high.x} {high.y}"
    assert (low.text, panel.highest) == ("4 mg/L", "48")


def test_words_of_thresholds_close_together_stand_above_each_other() -> None:
    crp = series(("2026-03-15", 118.0))
    crp["thresholds"] += [{"name": f"t{value}", "value": value, "label": "from", "shown": "x"} for value in (5.0, 30.0)]
    drawing = draw_course(timeline(series=[crp]))
    assert drawing is not None
    heights = [mark.text_y for mark in drawing.panels[0].thresholds]
    assert all(lower - upper > 11 for lower, upper in pairwise(heights))
    assert all(mark.text_y < mark.y for mark in drawing.panels[0].thresholds)


def test_one_day_alone_stands_at_the_right_and_words_stay_inside() -> None:
    drawing = draw_course(timeline(asOf="2026-03-15", series=[series(("2026-03-15", 3.0))]))
    assert drawing is not None
    (point,) = drawing.panels[0].points
    assert point.x == drawing.right < WIDTH
    assert point.anchor == "end"
    assert [tick.anchor for tick in drawing.ticks] == ["start", "middle", "middle", "middle", "end"]


def test_only_the_last_values_of_many_are_written() -> None:
    days = [(f"2026-03-{day:02}", float(day)) for day in range(1, 13)]
    drawing = draw_course(timeline(series=[series(*days)]))
    assert drawing is not None
    assert [bool(point.text) for point in drawing.panels[0].points] == [False] * 6 + [True] * 6
