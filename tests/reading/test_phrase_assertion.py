"""Any phrase of a sentence is judged by the cues around it, wherever and however it is written."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from cds_service.knowledge.findings import load_findings, load_languages
from cds_service.reading.phrase_assertion import PhraseAssertion, PhraseReader

MARKED = re.compile(r"\[(.+?)\]")
CASES = Path(__file__).parent / "cases" / "phrases.toml"


class Case(NamedTuple):
    """A sentence with the phrase in it, and what is said of the phrase."""

    language: str
    sentence: str
    phrase: str
    expected: tuple[str, str, str]


@cache
def reader() -> PhraseReader:
    return PhraseReader(load_findings(), load_languages())


def cases() -> list[Case]:
    found = []
    for group in tomllib.loads(CASES.read_text(encoding="utf-8"))["group"]:
        expected = (group["negation"], group.get("temporality", "Recent"), group.get("experiencer", "Patient"))
        for marked in group["sentences"]:
            (phrase,) = MARKED.findall(marked)
            found.append(Case(group["language"], MARKED.sub(r"\1", marked), phrase, expected))
    return found


def said(assertion: PhraseAssertion) -> tuple[str, str, str]:
    return assertion.negation.value, assertion.temporality.value, assertion.experiencer.value


ALL = cases()


@pytest.mark.parametrize("case", ALL, ids=[f"{case.language}-{case.sentence[:60]}" for case in ALL])
def test_a_phrase_is_judged_by_its_sentence(case: Case) -> None:
    assert said(reader().read(case.sentence, case.phrase, case.language)) == case.expected


@pytest.mark.parametrize("write", [str.upper, str.lower, str.title])
def test_case_of_the_phrase_does_not_matter(write: "type[str]") -> None:
    for case in ALL:
        assert said(reader().read(case.sentence, write(case.phrase), case.language)) == case.expected


def test_no_sentence_stands_twice() -> None:
    assert len({(case.sentence, case.phrase) for case in ALL}) == len(ALL)


@pytest.mark.parametrize(
    ("sentence", "phrase", "negation"),
    [
        ("No soft-tissue swelling.", "soft tissue swelling", "Negated"),
        ("No softtissue swelling.", "soft-tissue swelling", "Negated"),
        ("Knochenmarködeme sind nicht erkennbar.", "Odem", "Negated"),
        ("Edema of the ankle. No EDEMA of the wrist.", "edema", "Negated"),
        ("Edema of the ankle. No edema of the wrist.", "edema", "Affirmed"),
        ("intake and voiding without difficulty.", "tolerating p.o. intake", "Affirmed"),
        ("No bleeding after the", "bleeding after the operation", "Negated"),
    ],
)
def test_place_of_a_phrase(sentence: str, phrase: str, negation: str) -> None:
    assert reader().read(sentence, phrase).negation == negation


def test_language_is_taken_from_the_tag_else_detected_else_english() -> None:
    assert reader().read("Kein Hinweis auf eine Fraktur", "Fraktur").negation == "Negated"
    assert reader().read("Kein Wort", "Wort", "de-CH").negation == "Negated"
    assert reader().read("No xyz", "xyz").negation == "Negated"
    assert reader().read("No xyz", "xyz", "fr").negation == "Negated"


def test_the_deciding_words_are_given_as_written() -> None:
    assert reader().read("There is No  Evidence of gout.", "gout").cue == "No  Evidence of"
    assert reader().read("There is gout.", "gout").cue is None


@pytest.mark.parametrize("phrase", ["", " - ", "scar"])
def test_a_phrase_that_is_not_there_is_refused(phrase: str) -> None:
    with pytest.raises(ValueError, match="the phrase"):
        reader().read("No edema.", phrase)
