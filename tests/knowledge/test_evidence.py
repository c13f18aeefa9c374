"""The register of references is complete, and shows links only to public https addresses, the DOI first."""

import re

import pytest

from cds_service.errors import KnowledgeError
from cds_service.knowledge.evidence import is_public_address, load_evidence, parse_evidence

FULL = """
[R-SMITH2020]
authors = "Smith A"
title = "A study"
source = "Journal"
year = "2020"
provenance = "retrieved"
"""


def test_the_register_loads_and_every_link_is_public() -> None:
    register = load_evidence()
    assert len(register) > 90
    assert [c.id for c in register.values() if c.url is not None and not is_public_address(c.url)] == []


def test_a_doi_comes_before_pubmed_before_a_page() -> None:
    page = 'url = "https://example.org/study"\n'
    pubmed = 'pmid = "123"\n'
    doi = 'doi = "10.1000/abc"\n'
    addresses = [
        parse_evidence(FULL + more)["R-SMITH2020"].url for more in ("", page, page + pubmed, page + pubmed + doi)
    ]
    assert addresses == [
        None,
        "https://example.org/study",
        "https://pubmed.ncbi.nlm.nih.gov/123/",
        "https://doi.org/10.1000/abc",
    ]


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/a",
        "https://203.0.113.9/a",
        "https://[2001:db8::1]/a",
        "https://example.org:8443/a",
        "https://user@example.org/a",
        "https://localhost/a",
        "https://example.org/a b",
        "https://example.org:port/a",
        "https://example.org/" + "a" * 300,
        "",
    ],
)
def test_other_addresses_are_not_shown(address: str) -> None:
    assert is_public_address(address) is False


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "no reference"),
        ("not toml", "not readable"),
        (FULL.replace("R-SMITH2020", "SMITH"), "SMITH"),
        (FULL.replace('provenance = "retrieved"', 'provenance = "hearsay"'), "R-SMITH2020.provenance"),
        (FULL.replace('title = "A study"', 'title = ""'), "R-SMITH2020.title"),
        (FULL + 'isbn = "1"\n', "R-SMITH2020.isbn"),
        (FULL + 'url = "http://example.org"\n', "R-SMITH2020.url"),
        (FULL + 'doi = "abc"\n', "R-SMITH2020.doi"),
        (FULL + 'pmid = "PMC1"\n', "R-SMITH2020.pmid"),
    ],
)
def test_a_flaw_is_refused_by_reference_and_key(text: str, named: str) -> None:
    with pytest.raises(KnowledgeError, match=re.escape(named)):
        parse_evidence(text)
