"""Charts: round axes, lengths that fit the numbers, words for who cannot see them."""

import re

import pytest

from cds_service.replay.drawing import Bar, Interval, Part, bars, columns, intervals, number, steps


@pytest.mark.parametrize(
    ("largest", "marks"),
    [
        (0, [0, 1]),
        (0.7, [0, 0.2, 0.4, 0.6, 0.8]),
        (5, [0, 1, 2, 3, 4, 5]),
        (31.4, [0, 10, 20, 30, 40]),
        (1602, [0, 500, 1000, 1500, 2000]),
    ],
)
def test_axes_have_round_marks_up_to_the_largest(largest: float, marks: list[float]) -> None:
    assert steps(largest) == marks


@pytest.mark.parametrize("exponent", range(-3, 7))
def test_axes_never_end_before_the_largest_nor_have_many_marks(exponent: int) -> None:
    for factor in (1, 1.01, 2.4, 4.99, 7.3, 9.99):
        marks = steps(factor * 10**exponent)
        assert marks[-1] >= factor * 10**exponent * (1 - 1e-6)
        assert 3 <= len(marks) <= 7


def test_numbers_have_digits_that_can_be_used() -> None:
    assert [number(value) for value in (0, 0.876, 9.66, 1602, 12.0)] == ["0", "0.88", "9.7", "1\u202f602", "12"]


def test_pieces_of_a_bar_follow_each_other_in_proportion() -> None:
    drawn = bars([Bar("a", [Part("critical", "critical", 2), Part("info", "info", 6)])], "Cards", "per 100")
    pieces = [tuple(map(float, found)) for found in re.findall(r'<rect[^>]* x="([\d.]+)"[^>]* width="([\d.]+)"', drawn)]
    (first, narrow), (second, wide) = pieces
    assert second == pytest.approx(first + narrow, abs=0.2)
    assert wide == pytest.approx(3 * narrow, abs=0.3)


def test_columns_stand_on_the_same_ground() -> None:
    drawn = columns([Bar(name, [Part("info", "info", value)]) for name, value in (("x", 1), ("y", 3))], "t", "u")
    found = re.findall(r' y="([\d.]+)"[^>]* height="([\d.]+)"', drawn)
    grounds = {round(float(top) + float(height), 1) for top, height in found}
    assert len(grounds) == 1


def test_a_chart_says_its_numbers_and_nothing_of_it_is_markup() -> None:
    drawn = bars([Bar('<b>"x"', [Part("info", "info", 2), Part("warning", "warning", 1)])], "Cards", "per 100")
    assert "&lt;b&gt;&quot;x&quot; 3 (info 2, warning 1) per 100" in drawn
    assert "<b>" not in drawn


def test_bars_of_few_cases_are_pale() -> None:
    assert 'class="info pale"' in bars([Bar("x", [Part("info", "info", 1)], pale=True)], "t", "u")


def test_a_share_of_no_case_has_no_point() -> None:
    drawn = intervals([Interval("a", None, None, None, "no case"), Interval("b", 0.5, 0.2, 0.8, "50 %")], "Shares")
    assert drawn.count("<circle") == 1
    assert "a no case; b 50 %" in drawn
