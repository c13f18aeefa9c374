"""A line end inside a sentence changes nothing in what the sentence states."""

import tomllib
from functools import cache
from pathlib import Path

import pytest

from cds_service.knowledge.codes import load_codes
from cds_service.knowledge.findings import load_corpus_labels, load_findings, load_languages
from cds_service.reading.corpus import CorpusReader
from cds_service.reading.read import Reader

CASES = tomllib.loads((Path(__file__).parent / "cases" / "wrapped.toml").read_text(encoding="utf-8"))["case"]


@cache
def _reader() -> CorpusReader:
    return CorpusReader(Reader(load_findings(), load_languages(), load_codes().condition_terms()), load_corpus_labels())


@pytest.mark.parametrize("case", CASES, ids=[case["text"].split("\n")[0] for case in CASES])
def test_a_wrapped_sentence_is_read_whole(case: dict[str, str]) -> None:
    answer = _reader().row({"id": "case", "text": case["text"], "language": case["language"]})
    read = {" ".join([f["finding"], f["status"], *f["levels"]]) for f in answer["pred"]["findings"]}
    assert read == set(case["findings"])
