"""Every sentence of the label case files gives its whole set of findings, no more and no less."""

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from cds_service.domain.vocabulary import Language, Status
from cds_service.knowledge.codes import load_codes
from cds_service.knowledge.findings import load_corpus_labels, load_findings, load_languages
from cds_service.reading.corpus import CorpusReader
from cds_service.reading.read import Reader

CASES = Path(__file__).parent / "cases" / "labels"
LEVEL = re.compile(r"[CTLS]\d{1,2}(?:-[CTLS]\d{1,2})?")
SHORT = re.compile(r"\b(?:bds|li|re|stg)\. ")
APART = re.compile(r"\b[CTDLS][ .-]\d")
LABELLED = {"present", "absent", "possible", "historical", "other_person"}

Stated = tuple[str, str, frozenset[str]]


class Case(NamedTuple):
    """One sentence or short report: the file it stands in, its language, and all that it states."""

    label: str
    language: str
    text: str
    findings: frozenset[Stated]


def _stated(line: str) -> Stated:
    label, status, *levels = line.split()
    return label, status, frozenset(levels)


def _cases() -> list[Case]:
    return [
        Case(path.stem, row["language"], row["text"], frozenset(_stated(line) for line in row["findings"]))
        for path in sorted(CASES.glob("*.toml"))
        for row in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
    ]


ALL = _cases()


@cache
def _reader() -> CorpusReader:
    return CorpusReader(
        Reader(load_findings(), load_languages(), load_codes().condition_terms()),
        load_corpus_labels(),
    )


def _read(text: str, language: str) -> frozenset[Stated]:
    answer = _reader().row({"id": "case", "text": text, "language": language})
    return frozenset((f["finding"], f["status"], frozenset(f["levels"])) for f in answer["pred"]["findings"])


@pytest.mark.parametrize("case", ALL, ids=[f"{case.label}-{case.language}-{n}" for n, case in enumerate(ALL)])
def test_a_text_gives_its_whole_set_of_findings_status_and_levels(case: Case) -> None:
    assert _read(case.text, case.language) == case.findings, case.text


def _without_marks(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


SPELLINGS: dict[str, Callable[[str], str]] = {
    # "V.A." in capitals can be either of "v.a.", above all, and "V.a.", suspected; nor do they tell whether "LI." ends
    # a sentence
    "capitals": lambda text: text if "v.a." in text or SHORT.search(text) else text.upper(),
    # "l 1" in small letters can be anything, so a letter apart from its number keeps its capital; so does the word
    # that opens a sentence behind an abbreviation, which nothing else tells
    "small letters": lambda text: text if APART.search(text) or SHORT.search(text) else text.lower(),
    "without diacritics": _without_marks,
    "decomposed letters": lambda text: unicodedata.normalize("NFD", text),
    "cedilla for comma below": lambda text: text.translate(str.maketrans("șțȘȚ", "şţŞŢ")),
    "long dashes": lambda text: re.sub(r"(?<=\d)-(?=[CTDLS]?\d)", "–", text),
    "double blanks": lambda text: text.replace(" ", "  "),
    "no final stop": lambda text: text.removesuffix("."),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spelling_changes_no_finding(spelling: str) -> None:
    respelt = SPELLINGS[spelling]
    for case in ALL[:: len(SPELLINGS)]:
        text = respelt(case.text)
        assert _read(text, case.language) == case.findings, text


def test_every_label_has_a_file_and_every_file_a_label() -> None:
    assert {case.label for case in ALL} == set(load_corpus_labels())


def test_case_files_use_known_words_only() -> None:
    labels = set(load_corpus_labels())
    for case in ALL:
        assert case.language in set(Language)
        for label, status, levels in case.findings:
            assert label in labels, case.text
            assert status in LABELLED & set(Status), case.text
            assert all(LEVEL.fullmatch(level) for level in levels), case.text


def test_no_sentence_stands_twice() -> None:
    seen = Counter((case.language, case.text) for case in ALL)
    assert [text for text, times in seen.items() if times > 1] == []


@pytest.mark.parametrize("label", sorted({case.label for case in ALL}))
def test_each_label_is_shown_stated_and_not_stated_in_each_language(label: str) -> None:
    mine = [
        (case.language, (label, "present") in {(name, status) for name, status, _ in case.findings})
        for case in ALL
        if case.label == label
    ]
    assert set(mine) == {(language.value, stated) for language in Language for stated in (True, False)}
    assert all(count >= 4 for count in Counter(language for language, _ in mine).values())
