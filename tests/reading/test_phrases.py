from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.reading.phrases import PhraseMatch, PhraseMatcher, TermIndex, outermost
from cds_service.reading.words import REMEMBERED_WORDS, cut


def found(terms: Mapping[str, Iterable[str]], text: str) -> list[tuple[str, str]]:
    return [(match.id, text[match.start : match.end]) for match in PhraseMatcher(terms).find(text)]


def test_a_term_is_found_whatever_its_case_and_diacritics() -> None:
    assert found({"a": ("Knochenmarködem",)}, "KNOCHENMARKOEDEM und knochenmarkodem") == [
        ("a", "KNOCHENMARKOEDEM"),
        ("a", "knochenmarkodem"),
    ]


def test_a_stem_fits_any_ending_and_a_tail_any_beginning_and_a_part_both() -> None:
    terms = {"stem": ("vertebroplast*",), "tail": ("*ödem",), "part": ("*platten*",)}
    assert found(terms, "Vertebroplastie, Endplattenödem") == [
        ("stem", "Vertebroplastie"),
        ("tail", "Endplattenödem"),
        ("part", "Endplattenödem"),
    ]


def test_a_plain_term_fits_no_longer_word() -> None:
    assert found({"a": ("disc",)}, "discitis") == []


def test_the_longest_of_several_terms_of_one_list_is_given() -> None:
    assert found({"a": ("epidural", "epidural abscess")}, "an epidural abscess") == [("a", "epidural abscess")]


def test_terms_of_different_lists_may_overlap() -> None:
    terms = {"a": ("epidural abscess",), "b": ("abscess",)}
    assert found(terms, "epidural abscess") == [("a", "epidural abscess"), ("b", "abscess")]


def test_a_tilde_stands_for_up_to_three_words() -> None:
    terms = {"a": ("nu se ~ evidențiază",)}
    assert found(terms, "nu se evidențiază") == [("a", "nu se evidențiază")]
    assert found(terms, "nu se mai poate bine evidențiază") == [("a", "nu se mai poate bine evidențiază")]
    assert found(terms, "nu se mai poate foarte bine evidențiază") == []


def test_hyphens_and_line_breaks_inside_a_term_do_not_matter_but_commas_do() -> None:
    terms = {"a": ("marrow edema",)}
    assert found(terms, "marrow-edema, marrow\nedema") == [("a", "marrow-edema"), ("a", "marrow\nedema")]
    assert found(terms, "marrow, edema") == []


def test_a_match_carries_its_place_in_the_original() -> None:
    assert PhraseMatcher({"a": ("Ödem",)}).find("kein Ödem") == [PhraseMatch("a", 5, 9)]


@pytest.mark.parametrize("term", ["", "*", "~ edema", "..."])
def test_a_term_without_a_word_is_refused(term: str) -> None:
    with pytest.raises(ValueError, match=r"term|word"):
        PhraseMatcher({"a": (term,)})


def test_one_term_named_twice_in_a_list_is_found_once() -> None:
    assert found({"a": ("edema", "EDEMA")}, "edema") == [("a", "edema")]


def test_the_memory_of_words_is_emptied_when_it_grows() -> None:
    index = TermIndex({"a": ("edema",)})
    letters = "abcdefghijklmnop"
    many = [one + two + three + four for one in letters for two in letters for three in letters for four in letters]
    for start in range(0, 20_000, 1_000):
        index.find(cut(" ".join(many[start : start + 1_000])))
    assert len(index._classes) <= REMEMBERED_WORDS + 1_000
    assert [match.first for match in index.find(cut("no edema"))] == [1]


def test_the_memory_of_steps_is_emptied_when_it_grows() -> None:
    pairs = [f"a{one} b{two}" for one in range(100) for two in range(100)]
    index = TermIndex({"a": pairs})
    sizes = []
    for pair in pairs:
        assert index.find(cut(pair))
        sizes.append(index._steps)
    assert max(sizes) < len(pairs)


def test_numbers_that_do_not_come_again_are_not_remembered() -> None:
    index = TermIndex({"a": ("edema",)})
    index.find(cut("accession 20240117093 at L4 and T12"))
    assert set(index._classes) == {"accession", "at", "l4", "and", "t12"}


@given(st.lists(st.sampled_from(["disc", "disc bulge", "bulge", "no", ",", "."]), max_size=40))
def test_matches_of_one_list_never_lie_inside_each_other(parts: list[str]) -> None:
    index = TermIndex({"a": ("disc", "disc bulge", "bulge"), "b": ("no disc",)})
    matches = outermost(index.find(cut(" ".join(parts))))
    for one in matches:
        others = [two for two in matches if two is not one and two.id == one.id]
        assert not any(two.first <= one.first and one.last <= two.last for two in others)


@given(st.text(max_size=200))
def test_matches_lie_inside_any_text(text: str) -> None:
    for match in PhraseMatcher({"a": ("*e*", "a ~ b")}).find(text):
        assert 0 <= match.start < match.end <= len(text)
