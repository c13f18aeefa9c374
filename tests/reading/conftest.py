"""One compiled reader for all tests of the layer; compiling it again for each test would only cost time."""

import pytest

from cds_service.domain.vocabulary import ConditionGroup
from cds_service.knowledge.findings import load_corpus_labels, load_findings, load_languages
from cds_service.reading.corpus import CorpusReader
from cds_service.reading.read import Reader

CONDITIONS = {
    ConditionGroup.FEVER: ("fever", "febrile", "fieber", "febra"),
    ConditionGroup.BACK_PAIN: ("back pain", "rückenschmerz*", "durere lombară"),
    ConditionGroup.CANCER: ("breast cancer", "mammakarzinom*", "neoplasm mamar"),
    ConditionGroup.DIABETES: ("diabet*",),
    ConditionGroup.SPINE_INFECTION: ("discitis", "spondylodiszitis", "spondilodiscit*"),
}


@pytest.fixture(scope="session")
def reader() -> Reader:
    """Reader with a handful of conditions."""
    return Reader(load_findings(), load_languages(), CONDITIONS)


@pytest.fixture(scope="session")
def corpus_reader(reader: Reader) -> CorpusReader:
    """Reader that answers in labels."""
    return CorpusReader(reader, load_corpus_labels())
