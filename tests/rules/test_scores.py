"""Scores count only what is stated and say what is missing."""

import pytest

from cds_service.domain.facts import Sex
from cds_service.rules.scores import (
    FractureFeatures,
    SinsItems,
    SinsScore,
    esr_limit,
    of_class,
    of_class_at_least,
    sins,
    sins_location,
)


def test_sins_with_all_items_is_complete() -> None:
    items = SinsItems(location=3, pain=3, lesion=2, alignment=4, collapse=3, posterolateral=3)
    assert sins(items) == SinsScore(18, ())


def test_sins_names_missing_items_and_adds_nothing_for_them() -> None:
    items = SinsItems(location=3, lesion=2, collapse=2)
    assert sins(items) == SinsScore(7, ("pain", "alignment", "posterolateral"))


def test_sins_with_zero_points_stated_is_a_score_of_zero() -> None:
    assert sins(SinsItems(lesion=0)) == SinsScore(0, ("location", "pain", "alignment", "collapse", "posterolateral"))


def test_sins_without_any_stated_item_is_no_score() -> None:
    assert sins(SinsItems()) is None


@pytest.mark.parametrize(
    "items",
    [SinsItems(pain=2), SinsItems(alignment=1), SinsItems(lesion=3), SinsItems(location=4), SinsItems(collapse=-1)],
)
def test_sins_refuses_points_that_an_item_cannot_have(items: SinsItems) -> None:
    with pytest.raises(ValueError, match="cannot have"):
        sins(items)


@pytest.mark.parametrize(
    ("points", "opinion", "unstable"), [(6, False, False), (7, True, False), (12, True, False), (13, True, True)]
)
def test_sins_bands(points: int, *, opinion: bool, unstable: bool) -> None:
    score = SinsScore(points, ())
    assert (score.surgical_opinion, score.unstable) == (opinion, unstable)


@pytest.mark.parametrize(
    ("levels", "points"),
    [
        (("C1",), 3),
        (("C2",), 3),
        (("C4",), 2),
        (("C7",), 3),
        (("T2",), 3),
        (("T3",), 1),
        (("T10",), 1),
        (("T11",), 3),
        (("L1",), 3),
        (("L3",), 2),
        (("L4-L5",), 3),
        (("S1",), 3),
        (("S2", "S5"), 0),
        (("T6", "L2"), 2),
        (("SACRUM",), 3),
        ((), None),
        (("lumbar",), None),
    ],
)
def test_sins_location_takes_the_least_favourable_level(levels: tuple[str, ...], points: int | None) -> None:
    assert sins_location(levels) == points


@pytest.mark.parametrize(
    ("age", "sex", "limit"),
    [
        (78, Sex.MALE, 39),
        (78, Sex.FEMALE, 44),
        (78, None, 44),
        (30, Sex.FEMALE, 20),
        (30, Sex.MALE, 20),
        (41, Sex.MALE, 20.5),
        (None, Sex.MALE, 20),
        (None, None, 20),
    ],
)
def test_esr_limit_follows_age_and_sex_above_the_floor(age: int | None, sex: Sex | None, limit: float) -> None:
    assert esr_limit(age, sex) == limit


def test_esr_limit_takes_the_thresholds_of_a_site() -> None:
    assert esr_limit(60, Sex.FEMALE, floor=12, divisor=2, female_years_added=5) == 32.5


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (FractureFeatures(), None),
        (FractureFeatures(deformity=False), "OF1"),
        (FractureFeatures(deformity=False, posterior_wall_over_fifth=False), "OF1"),
        (FractureFeatures(deformity=False, posterior_wall_over_fifth=True), None),
        (FractureFeatures(deformity=True), None),
        (FractureFeatures(posterior_wall_over_fifth=False), None),
        (FractureFeatures(deformity=True, posterior_wall_over_fifth=False), "OF2"),
        (FractureFeatures(deformity=True, posterior_wall_over_fifth=True), "OF3"),
        (FractureFeatures(posterior_wall_over_fifth=True), "OF3"),
        (FractureFeatures(deformity=True, frame_lost=True), "OF4"),
        (FractureFeatures(deformity=True, frame_lost=True, distraction_or_rotation=True), "OF5"),
    ],
)
def test_of_class_from_stated_features(features: FractureFeatures, expected: str | None) -> None:
    assert of_class(features) == expected


@pytest.mark.parametrize(("of", "expected"), [("OF2", False), ("OF3", True), ("OF5", True), (None, None)])
def test_of_class_comparison_keeps_unknown(of: str | None, *, expected: bool | None) -> None:
    assert of_class_at_least(of, 3) is expected
