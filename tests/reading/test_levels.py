import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.domain.vocabulary import Language
from cds_service.reading.level_names import ORDER
from cds_service.reading.levels import find_levels
from cds_service.reading.words import cut


def levels(text: str, language: Language = Language.EN) -> list[tuple[str, ...]]:
    return [group.levels for group in find_levels(cut(text), language) if not group.root]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("L4/5", ("L4-L5",)),
        ("L4-L5", ("L4-L5",)),
        ("L4–5", ("L4-L5",)),
        ("L45", ("L4-L5",)),
        ("L5S1", ("L5-S1",)),
        ("L5-1", ("L5-S1",)),
        ("C7-1", ("C7-T1",)),
        ("Th12/L1", ("T12-L1",)),
        ("D11", ("T11",)),
        ("HWK 5/6, 6/7", ("C5-C6", "C6-C7")),
        ("HWK 7/BWK 1", ("C7-T1",)),
        ("BWK 10-12", ("T10", "T11", "T12")),
        ("LWK4", ("L4",)),
        ("LWK 1 bis 3", ("L1", "L2", "L3")),
        ("SWK 1", ("S1",)),
        ("C4-C7", ("C4", "C5", "C6", "C7")),
        ("C7-T2", ("C7", "T1", "T2")),
        ("T11 through L2", ("T11", "T12", "L1", "L2")),
        ("T6 to T7", ("T6-T7",)),
        ("C4-5 through C6-7", ("C4-C5", "C5-C6", "C6-C7")),
        ("T8 on T9", ("T8-T9",)),
        ("L5 vertebra over S1", ("L5-S1",)),
        ("L3/4/5", ("L3-L4", "L4-L5")),
        ("LIV-LV", ("L4-L5",)),
        ("LV-SI", ("L5-S1",)),
        ("corpul DXII", ("T12",)),
        ("L4/5/S1", ("L4-L5", "L5-S1")),
        ("L2/L4", ("L2", "L4")),
        ("L5-L4", ("L4-L5",)),
        ("C3, C4 and C5", ("C3", "C4", "C5")),
        ("T11 and 12 vertebral bodies", ("T11", "T12")),
        ("L3 und L5", ("L3", "L5")),
        ("L 4/5", ("L4-L5",)),
        ("11th thoracic vertebral body", ("T11",)),
        ("fifth lumbar vertebra", ("L5",)),
        ("2. LWK", ("L2",)),
        ("lumbosacral junction", ("L5-S1",)),
        ("joncțiunea lombosacrată", ("L5-S1",)),
        ("lumbosakraler Übergang", ("L5-S1",)),
        ("odontoid", ("C2",)),
        ("axis over atlas", ("C1-C2",)),
        ("atlantoaxial", ("C1-C2",)),
        ("de la L1 până la L3", ("L1", "L2", "L3")),
    ],
)
def test_one_notation_is_one_group_of_levels(text: str, expected: tuple[str, ...]) -> None:
    assert levels(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "T1-weighted and T2-weighted images",
        "hiposemnal T1, hipersemnal T2",
        "T1 hypointense",
        "in T2 erhöht",
        "C8",
        "L9",
        "L40",
        "vitamin B12",
        "lumbosacral spine",
        "a second look",
        "L 4 mm",
        "12.5 mm",
        "c 4",
        "S",
    ],
)
def test_what_only_looks_like_a_level_is_none(text: str) -> None:
    assert levels(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at the T1 level", ("T1",)),
        ("levels T1-T3", ("T1", "T2", "T3")),
        ("corpii vertebrali T1 și T2", ("T1", "T2")),
        ("T1 vertebral body", ("T1",)),
        ("Th1", ("T1",)),
        ("Th2 hyperintens", ("T2",)),
    ],
)
def test_the_first_thoracic_vertebrae_are_told_from_the_sequences(text: str, expected: tuple[str, ...]) -> None:
    assert levels(text) == [expected]


@pytest.mark.parametrize(
    "text", ["L5 nerve root", "left S1 root", "Nervenwurzel L5", "rădăcina stângă S1", "L5-Wurzel"]
)
def test_a_nerve_root_is_no_level(text: str) -> None:
    groups = find_levels(cut(text), Language.RO if "ă" in text else Language.EN)
    assert [group.root for group in groups] == [True]


def test_a_root_is_not_seen_across_a_comma_or_another_word() -> None:
    assert levels("L5, root") == [("L5",)]
    assert levels("L5 disc root") == [("L5",)]
    assert levels("root, L5") == [("L5",)]
    assert levels("root disc L5") == [("L5",)]


def test_romanian_discs_are_named_by_the_vertebra_above() -> None:
    assert levels("discul L3", Language.RO) == [("L3-L4",)]
    assert levels("discurilor intervertebrale (T2, T3, T4)", Language.RO) == [("T2-T3", "T3-T4", "T4-T5")]
    assert levels("discul L4-L5", Language.RO) == [("L4-L5",)]
    assert levels("discopatie L3", Language.RO) == [("L3",)]
    assert levels("discul cu protruzie L3", Language.RO) == [("L3",)]
    assert levels("disc S5", Language.RO) == [("S5",)]


def test_a_number_after_a_list_is_a_level_only_when_it_continues_it() -> None:
    assert levels("C3, 4, 5") == [("C3", "C4", "C5")]
    assert levels("L4, 12 lesions") == [("L4",)]
    assert levels("L4 and 2 lesions") == [("L4",)]


def test_a_range_without_an_end_is_a_single_level() -> None:
    assert levels("L4 to the left") == [("L4",)]
    assert levels("L3/4/8") == [("L3-L4",)]
    assert levels("L4. To L5") == [("L4",), ("L5",)]


@given(
    st.lists(
        st.sampled_from([*ORDER, "4", "5", "-", "/", ",", "and", "to", "bis", "on", "root", "disc", "."]), max_size=25
    )
)
def test_any_mixture_of_levels_gives_only_real_levels(parts: list[str]) -> None:
    words = cut(" ".join(parts))
    for language in Language:
        for group in find_levels(words, language):
            assert group.first <= group.last < len(words)
            assert all(end in ORDER for level in group.levels for end in level.split("-"))
