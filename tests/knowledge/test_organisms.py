"""Skin germs in one set are contamination; every other growth is a pathogen until shown otherwise."""

import pytest

from cds_service.errors import KnowledgeError
from cds_service.knowledge.organisms import load_organisms, parse_organisms

ORGANISMS = load_organisms()


@pytest.mark.parametrize(
    "text",
    [
        "Staphylococcus epidermidis",
        "coagulase-negative staphylococci (CoNS)",
        "CoNS",
        "Koagulase-negative Staphylokokken",
        "stafilococ coagulazo-negativ",
        "Cutibacterium acnes",
        "Corynebacterium spp.",
    ],
)
def test_skin_germs(text: str) -> None:
    assert ORGANISMS.is_contaminant(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "Staphylococcus aureus",
        "Staphylococcus lugdunensis (coagulase-negative)",
        "Escherichia coli",
        "Candida albicans",
        "Brucella melitensis",
        "growth",
        "consistent with Streptococcus gallolyticus",
        "",
    ],
)
def test_pathogens_and_unnamed_growth(text: str) -> None:
    assert ORGANISMS.is_contaminant(text) is False


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("No growth (2 sets)", 2),
        ("kein Wachstum, 3 Paare", 3),
        ("4/4 bottles", 2),
        ("2 von 4 Flaschen", 2),
        ("1/2 bottles", 1),
        ("no growth after 5 days", 1),
        ("", 1),
    ],
)
def test_number_of_sets(text: str, sets: int) -> None:
    assert ORGANISMS.sets_in(text) == sets


@pytest.mark.parametrize(("text", "named"), [("not toml", "not readable"), ("contaminants = []", "contaminants")])
def test_a_flaw_is_refused(text: str, named: str) -> None:
    with pytest.raises(KnowledgeError, match=named):
        parse_organisms(text)
