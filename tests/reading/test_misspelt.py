"""Long German heads are read through one typing error; words of their own stay what they are."""

import pytest

from cds_service.reading.misspelt import corrected
from cds_service.reading.words import cut


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Spinalkanalstensoe", "spinalkanalstenose"),
        ("Foramenstenosse", "foramenstenose"),
        ("Spondylodiszits", "spondylodiszitis"),
        ("Bandscheibenprotusion", "bandscheibenprotrusion"),
        ("Facettengelenksathrose", "facettengelenksarthrose"),
        ("Wirbelkörperfratkur", "wirbelkorperfraktur"),
        ("Osteochondorse", "osteochondrose"),
    ],
)
def test_one_error_in_a_long_head_is_read_through(written: str, meant: str) -> None:
    words = corrected(cut(written))
    assert words.words == (meant,)
    assert (words.starts, words.ends) == ((0,), (len(written),))


@pytest.mark.parametrize(
    "word",
    [
        "Spinalkanalstenose", "Spinalkanalstenosen", "Kontraktur", "Kontrakturen", "therapierefraktär", "Manufaktur",
        "Kräfteverfall", "Duralsackimpression", "Hamartom", "Regeneration", "Stensoe", "Struktur", "Zwischenprozess",
    ],
)  # fmt: skip
def test_words_of_their_own_and_short_words_stay(word: str) -> None:
    words = cut(word)
    assert corrected(words) is words


def test_two_errors_are_one_too_many() -> None:
    words = cut("Spinalkanalstnsoe")
    assert corrected(words) is words
