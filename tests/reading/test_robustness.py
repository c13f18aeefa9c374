"""How a report is typed, wrapped or marked up changes next to nothing of what is read in it."""

import base64
import html
import json
import os
import textwrap
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fhir_fixtures
from cds_service.domain.facts import ReportText
from cds_service.domain.vocabulary import Language
from cds_service.fhir.attachments import html_text
from cds_service.knowledge.codes import load_codes
from cds_service.knowledge.findings import load_corpus_labels, load_findings, load_languages
from cds_service.reading.corpus import CorpusReader
from cds_service.reading.read import Reader

CASES = Path(__file__).parent / "cases" / "labels"
CORPUS = Path(os.environ.get("CORPUS", Path(__file__).parents[3] / "shared" / "corpus")) / "reports-dev.jsonl"
COLUMNS = 60
# share of findings that a way of writing may change on own texts, and F1 on the annotated ones
SMALL_SHARE = 0.01
ONE_POINT = 0.01


class Text(NamedTuple):
    """A text and its language, None where the reader has to tell it."""

    text: str
    language: str | None


def without_diacritics(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)).replace("ß", "ss")


def wrapped(text: str) -> str:
    return "\n".join(textwrap.fill(line, COLUMNS) if line.strip() else "" for line in text.splitlines())


def through_html(text: str) -> str:
    paragraphs = (html.escape(part).replace("\n", "<br/>\n") for part in text.split("\n\n"))
    return html_text("<div>" + "".join(f"<p>{part}</p>" for part in paragraphs) + "</div>")


WAYS: dict[str, Callable[[str], str]] = {
    "without diacritics": without_diacritics,
    "in capitals": str.upper,
    "wrapped at 60 columns": wrapped,
    "as a web page": through_html,
}


@cache
def plain_reader() -> Reader:
    return Reader(load_findings(), load_languages(), load_codes().condition_terms())


@cache
def reader() -> CorpusReader:
    return CorpusReader(plain_reader(), load_corpus_labels())


def stated(text: Text) -> Counter[tuple[str, str, tuple[str, ...]]]:
    row = {"id": "one", "text": text.text, "language": text.language}
    found = reader().row(row)["pred"]["findings"]
    return Counter((f["finding"], f["status"], tuple(sorted(f["levels"]))) for f in found)


def case_texts() -> Iterator[Text]:
    """Give every third text of the label cases."""
    for path in sorted(CASES.glob("*.toml")):
        for row in tomllib.loads(path.read_text(encoding="utf-8"))["case"][::3]:
            yield Text(row["text"], row["language"])


def fixture_texts() -> Iterator[Text]:
    """Give the report texts of all scenarios, without saying their language."""
    for name in fhir_fixtures.scenarios():
        for entry in fhir_fixtures.bundle(name)["entry"]:
            resource = entry["resource"]
            if resource["resourceType"] != "DiagnosticReport":
                continue
            for text in (resource.get("conclusion"), *map(plain, resource.get("presentedForm", ()))):
                if isinstance(text, str) and stated(Text(text, None)):
                    yield Text(text, None)


def plain(form: dict[str, Any]) -> str | None:
    if not form.get("contentType", "").startswith("text/plain") or "data" not in form:
        return None
    return base64.b64decode(form["data"]).decode("utf-8", errors="replace")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("texts", [case_texts, fixture_texts])
def test_a_way_of_writing_changes_next_to_no_finding(way: str, texts: Callable[[], Iterator[Text]]) -> None:
    all_findings = 0
    changed: dict[str, str] = {}
    differences = 0
    for text in texts():
        before, after = stated(text), stated(text._replace(text=WAYS[way](text.text)))
        all_findings += before.total()
        if before != after:
            differences += (before - after).total() + (after - before).total()
            changed[text.text] = f"{dict(before - after)} became {dict(after - before)}"
    assert all_findings > 40
    assert differences <= SMALL_SHARE * all_findings, changed


def f1(rows: list[dict[str, Any]], way: Callable[[str], str]) -> float:
    """Return the micro F1 of (finding, status) over all texts."""
    right = given = wanted = 0
    for row in rows:
        answer = reader().row({**row, "text": way(row["text"])})["pred"]
        gold = {(f["finding"], f["status"]) for f in row["gold"]["findings"]}
        read = {(f["finding"], f["status"]) for f in answer["findings"]}
        right, given, wanted = right + len(gold & read), given + len(read), wanted + len(gold)
    return 2 * right / (given + wanted)


@pytest.mark.skipif(not CORPUS.is_file(), reason="the annotated texts are not beside this checkout")
@pytest.mark.parametrize("way", WAYS)
def test_a_way_of_writing_costs_at_most_one_point_on_annotated_texts(way: str) -> None:
    rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert f1(rows, WAYS[way]) >= f1(rows, str) - ONE_POINT


NORMAL = {
    "en": "The lungs, liver and spleen are unremarkable. Normal caliber of the abdominal aorta.",
    "de": "Lunge, Leber und Milz sind unauffällig. Normale Weite der Bauchaorta.",
    "ro": "Plămânii, ficatul și splina sunt de aspect normal. Aorta abdominală de calibru normal.",
}
# stated and denied with the plainest words; the level stands in for {0}
STATED_AND_DENIED = {
    "en": ("There is {1} at {0}.", "There is no {1} at {0}."),
    "de": ("Nachweis von {1} in {0}.", "Kein Nachweis von {1} in {0}."),
    "ro": ("Se evidențiază {1} la nivel {0}.", "Nu se evidențiază {1} la nivel {0}."),
}
NAMES = {
    "en": {
        "bone_marrow_edema": "bone marrow edema",
        "vertebral_fracture": "a compression fracture",
        "osteolysis": "an osteolytic lesion of the vertebral body",
        "metastasis": "a vertebral metastasis",
    },
    "de": {
        "bone_marrow_edema": "Knochenmarködem",
        "vertebral_fracture": "Kompressionsfraktur",
        "metastasis": "Wirbelkörpermetastasen",
    },
    "ro": {
        "bone_marrow_edema": "edem medular osos",
        "vertebral_fracture": "fractură vertebrală",
        "metastasis": "metastaze vertebrale",
    },
}
# T1 and T2 are also weightings of an image
VERTEBRAE = [f"T{n}" for n in range(3, 13)] + [f"L{n}" for n in range(1, 6)]
SPELT = {"T": "BWK ", "L": "LWK "}
CASE_TEXTS = tuple(case_texts())
WITH_LEVELS = tuple(text for text in CASE_TEXTS if any(levels for _, _, levels in stated(text)))
languages = st.sampled_from(sorted(NORMAL))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(WITH_LEVELS))
def test_a_normal_paragraph_on_other_organs_adds_and_takes_nothing(text: Text) -> None:
    assert text.language is not None
    longer = text._replace(text=f"{text.text}\n\n{NORMAL[text.language]}")
    assert stated(longer) == stated(text), text.text


@settings(max_examples=60, deadline=None)
@given(st.data(), languages, st.sampled_from(VERTEBRAE))
def test_plain_denial_turns_present_to_absent_and_the_level_is_the_one_named(
    data: st.DataObject, language: str, level: str
) -> None:
    written = SPELT[level[0]] + level[1:] if language == "de" else level
    label = data.draw(st.sampled_from(sorted(NAMES[language])))
    for pattern, status in zip(STATED_AND_DENIED[language], ("present", "absent"), strict=True):
        sentence = pattern.format(written, NAMES[language][label])
        assert (label, status, (level,)) in stated(Text(sentence, language)), sentence
        assert {status} == {found for name, found, _ in stated(Text(sentence, language)) if name == label}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(CASE_TEXTS), min_size=1, max_size=6), st.sampled_from([" ", "\n", "\n\n", " \t\r\n"]))
def test_places_slice_back_to_the_original_text(texts: list[Text], between: str) -> None:
    text = between.join(text.text for text in texts)
    declared = Language(texts[0].language or "en")
    for finding in plain_reader().read([ReportText(text, "text", declared)]).findings:
        written = text[finding.span.start : finding.span.end]
        assert written == written.strip() != ""
        assert finding.sentence == text[finding.sentence_span.start : finding.sentence_span.end]
        assert finding.sentence_span.start <= finding.span.start < finding.span.end <= finding.sentence_span.end
        assert finding.cue is None or finding.cue in finding.sentence
