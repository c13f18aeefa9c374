from hypothesis import given
from hypothesis import strategies as st

from cds_service.reading.words import Gap, cut, fold


def test_umlauts_digraphs_and_plain_letters_fold_to_the_same_word() -> None:
    assert {fold(word) for word in ("Ödem", "Oedem", "ODEM", "o\u0308dem")} == {"odem"}


def test_romanian_commas_and_cedillas_fold_to_the_same_word() -> None:
    assert {fold(word) for word in ("Spațiu", "spaţiu", "SPATIU")} == {"spatiu"}


def test_sharp_s_is_two_letters() -> None:
    assert fold("Größe") == "grosse"


def test_a_word_broken_at_a_line_end_is_joined_with_the_place_of_the_whole() -> None:
    text = "Knochenmark-\nödem L3"
    words = cut(text)
    assert words.words == ("knochenmarkodem", "l3")
    assert text[words.starts[0] : words.ends[0]] == "Knochenmark-\nödem"


def test_a_hyphen_before_and_is_no_line_break() -> None:
    assert cut("Deck-\nund Grundplatte").words == ("deck", "und", "grundplatte")


def test_a_level_broken_at_a_line_end_is_not_joined() -> None:
    assert cut("L4-\nL5").words == ("l4", "l5")


def test_a_full_stop_in_an_abbreviation_or_a_decimal_separates_nothing() -> None:
    assert set(cut("V. a. Fraktur, 3.5 mm").gaps[1:]) == {Gap.SOFT, Gap.COMMA}


def test_gaps_are_graded_by_what_they_separate() -> None:
    words = cut("disc, endplate (body); canal: cord – root. Edema! Fracture?\n\nMass")
    assert words.gaps[1:] == (
        Gap.COMMA,
        Gap.COMMA,
        Gap.CLAUSE,
        Gap.CLAUSE,
        Gap.CLAUSE,
        Gap.STOP,
        Gap.STOP,
        Gap.STOP,
    )


def test_an_endless_word_is_looked_at_in_its_beginning_only() -> None:
    assert len(fold("a" * 100_000)) == 60


@given(st.text(max_size=300))
def test_every_word_slices_back_to_where_it_stood(text: str) -> None:
    words = cut(text)
    assert len(words.words) == len(words.starts) == len(words.ends) == len(words.gaps) == len(words)
    assert all(0 <= start < end <= len(text) for start, end in zip(words.starts, words.ends, strict=True))
    assert all(earlier <= later for earlier, later in zip(words.ends, words.starts[1:], strict=False))


@given(st.text(max_size=300))
def test_what_stands_between_words_and_the_words_make_the_whole_text(text: str) -> None:
    words = cut(text)
    parts = [
        words.between(n) + text[words.starts[n] : words.ends[n]] if n < len(words) else words.between(n)
        for n in range(len(words) + 1)
    ]
    assert "".join(parts) == text
