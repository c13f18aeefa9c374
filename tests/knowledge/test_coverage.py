"""Every statement of the source texts has a home that exists, and cases that show it."""

import re
from pathlib import Path

import pytest

from cards.wording import wordings
from cds_service.domain.assessment import DraftKind
from cds_service.domain.vocabulary import Language
from cds_service.errors import KnowledgeError
from cds_service.hooks.review.cases import CaseIndex, load_cases
from cds_service.hooks.review.handbook import build_handbook
from cds_service.hooks.review.sections import Review, document
from cds_service.knowledge.coverage import CoverageRow, load_coverage, parse_coverage
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.statements import load_statements
from cds_service.rules.catalogue import catalogue

ROWS = load_coverage().rows
ENTRIES = {entry.id for entry in catalogue()}
CARDS = wordings()[Language.EN].cards
EXTRA = wordings()[Language.EN].extra
NUMBERS = (("A", 33, ""), ("B", 15, ""), ("C", 58, "s"), ("G", 13, ""))


@pytest.fixture(scope="session")
def cases() -> CaseIndex:
    return load_cases(Path(__file__).parents[1])


def test_no_statement_is_left_out() -> None:
    wanted = [f"{letter}{number:02}{end}" for letter, last, end in NUMBERS for number in range(1, last + 1)]
    assert [row.id for row in ROWS] == wanted


def is_text(name: str) -> bool:
    if name.startswith("extra:"):
        return name.removeprefix("extra:") in EXTRA
    if name.startswith("draft:"):
        return name.removeprefix("draft:") in tuple(DraftKind)
    card, _, line = name.partition(".")
    return card in CARDS and (not line or 1 <= int(line) <= len(CARDS[card].lines))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_home_exists(row: CoverageRow) -> None:
    assert row.homes or row.unused
    assert set(row.entries) - ENTRIES == set()
    assert [name for name in row.texts if not is_text(name)] == []
    said = load_statements()
    assert set(row.background) <= {each.id for each in said.background}
    assert set(row.refusals) <= {each.id for each in said.refusals}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_named_case_exists_and_together_they_show_every_home(row: CoverageRow, cases: CaseIndex) -> None:
    assert [name for name in row.cases if name not in cases.cases] == []
    named = [cases.cases[name] for name in row.cases]
    shown = {what for case in named for what in case.fires | case.texts}
    texts = {name if ":" in name else name.partition(".")[0] for name in row.texts}
    assert (set(row.entries) | texts) - shown == set()


@pytest.mark.parametrize("row", [row for row in ROWS if row.support == "C"], ids=lambda row: row.id)
def test_a_contradicted_statement_is_refused_or_corrected(row: CoverageRow) -> None:
    assert row.refusals or row.background or row.unused


def test_every_refusal_and_background_note_comes_from_a_statement_or_a_guideline() -> None:
    said = load_statements()
    used = {name for row in ROWS for name in (*row.refusals, *row.background)}
    stated = {refusal.id for refusal in said.refusals} | {note.id for note in said.background}
    assert stated - used == {"procalcitonin"}


GOOD = '[sources]\nA = "a"\n[[row]]\nid = "A01"\nstatement = "s"\nsupport = "S"\nuse = "u"\nunused = "w"\n'


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (GOOD.replace('unused = "w"\n', ""), "A01 has no home"),
        (GOOD.replace('unused = "w"', 'entries = ["B1"]'), "A01 is shown by no case"),
        (GOOD.replace('"S"', '"X"'), "row.0.support"),
        (GOOD + '[[row]]\nid = "A01"\nstatement = "s"\nsupport = "S"\nuse = "u"\nunused = "w"\n', "A01 stands twice"),
        (GOOD + "other = 1\n", "row.0.other"),
        ("[sources", "not readable"),
    ],
)
def test_a_flawed_row_is_named(broken: str, message: str) -> None:
    assert parse_coverage(GOOD).rows[0].homes == ()
    with pytest.raises(KnowledgeError, match=re.escape(message)):
        parse_coverage(broken)


def test_every_file_of_safety_cases_stands_in_the_review() -> None:
    folder = Path(__file__).parents[1]
    written = document(Review(build_handbook(load_knowledge()), load_cases(folder)), ("safety",))
    names = [path.stem for path in sorted((folder / "safety" / "cases").glob("*.toml"))]
    assert [name for name in names if f"| {name}/" not in written] == []
