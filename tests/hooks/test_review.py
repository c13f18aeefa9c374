"""The catalogue for review: complete, with cases, codes that are honest about their source, and kept documents."""

import ast
import re
import string
from collections.abc import Mapping
from pathlib import Path

import pytest

from cds_service.domain.facts import Coding
from cds_service.domain.vocabulary import Language
from cds_service.fhir.matching import CodeIndex
from cds_service.hooks.review.cases import CaseIndex, ReviewCase, index, load_cases, state_of
from cds_service.hooks.review.codes import CodeRow, CodeStatus, code_table
from cds_service.hooks.review.docs import write_documents
from cds_service.hooks.review.handbook import Handbook, build_handbook
from cds_service.hooks.review.markdown import references
from cds_service.hooks.review.sections import SECTIONS, Review, document
from cds_service.knowledge.code_groups import CodeGroup, CodeSystem
from cds_service.knowledge.code_sources import load_code_sources
from cds_service.knowledge.codes import Codes
from cds_service.knowledge.evidence import load_evidence
from cds_service.knowledge.load import Knowledge, load_knowledge
from cds_service.rules.catalogue import EntryKind, catalogue

ROOT = Path(__file__).parents[2]
PROGRAM = [path for package in ("cds_service", "cards") for path in sorted((ROOT / package).rglob("*.py"))]
CODE = re.compile(r"LA\d{1,6}-\d|\d{4,5}-\d|\d{6,18}")
# American subcodes of a family that counts as a whole, because other countries have no subcodes there.
COVERED_BY_PREFIX = {"R39.11", "R39.12"}
URIS = {
    CodeSystem.SNOMED: "http://snomed.info/sct",
    CodeSystem.LOINC: "http://loinc.org",
    CodeSystem.ICD10: "http://hl7.org/fhir/sid/icd-10",
    CodeSystem.RXNORM: "http://www.nlm.nih.gov/research/umls/rxnorm",
    CodeSystem.ATC: "http://www.whocc.no/atc",
    CodeSystem.CPT: "http://www.ama-assn.org/go/cpt",
    CodeSystem.OPS: "http://fhir.de/CodeSystem/bfarm/ops",
}


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="module")
def book(knowledge: Knowledge) -> Handbook:
    return build_handbook(knowledge)


@pytest.fixture(scope="module")
def cases() -> CaseIndex:
    return load_cases(ROOT / "tests")


@pytest.fixture(scope="module")
def codes(knowledge: Knowledge) -> tuple[CodeRow, ...]:
    return code_table(knowledge.codes)


# ---- cases ----


def test_every_entry_that_cases_can_show_is_shown(cases: CaseIndex) -> None:
    # The cap of cards and the principle of wording are held by enumeration and by the tests of the words.
    unseen = {entry.id for entry in catalogue() if not cases.firing(entry.id)}
    assert unseen == {"S3", "S6"}


def test_order_cases_without_a_card_hold_the_rules_on_that_order_to_silence(cases: CaseIndex) -> None:
    assert "orders/NSAID-plain" in cases.silent("O-NSAID-b")
    assert "orders/NSAID-plain" not in cases.silent("O-VP-a")
    assert cases.showing("extra:c13") == ("table_examples/L-exposure",)


def test_an_unknown_name_of_a_state_is_refused() -> None:
    with pytest.raises(KeyError):
        state_of({"imaging": "S"})


def test_without_case_files_the_index_is_empty(tmp_path: Path) -> None:
    assert load_cases(tmp_path).cases == {}


# ---- document ----


def test_the_document_holds_every_entry_number_text_and_section(book: Handbook, cases: CaseIndex) -> None:
    text = document(Review(book, cases, tuple(Language)))
    for entry in catalogue():
        assert f"### {entry.id}\n\n{entry.sentence}" in text
    for section in SECTIONS.values():
        assert f"\n# {section.title}\n" in text
    for language in Language:
        assert f"## Card texts: {language.value}" in text
    assert f"version **{book.version}**" in text


def test_one_section_is_printed_alone(book: Handbook) -> None:
    text = document(Review(book), ("open", "signature"))
    assert "**OP1**" in text
    assert "### TRG-EDEMA" not in text


def test_many_cases_are_cut_and_counted(book: Handbook) -> None:
    many = index(ReviewCase(f"orders/{n}", "x", fires=frozenset({"S6"})) for n in range(15))
    assert "orders/11, and 3 more" in document(Review(book, many), ("frame",))


def test_safety_cases_are_listed_or_said_to_be_elsewhere(book: Handbook, cases: CaseIndex) -> None:
    assert "| safety_cases/T01 |" in document(Review(book, cases), ("safety",))
    assert "source distribution" in document(Review(book), ("safety",))


def test_references_say_how_far_they_were_read() -> None:
    evidence = load_evidence()
    assert references((), evidence) == "none"
    assert references(("R-NG59",), evidence).endswith("(known, to be re-read)")
    assert "(read)" in references(("R-IDSA2015",), evidence)


# ---- codes ----


def literals(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    values = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {value for value in values - {string.digits} if CODE.fullmatch(value)}


def test_every_code_of_the_program_stands_in_the_table(codes: tuple[CodeRow, ...]) -> None:
    found = {code for path in PROGRAM for code in literals(path)}
    assert found - {row.code for row in codes} == set()
    named = {code for group in load_code_sources().in_program for code in group.codes}
    assert named - found == set()


def test_every_code_has_a_use_and_a_status(codes: tuple[CodeRow, ...]) -> None:
    assert len(codes) == len({(row.system, row.code) for row in codes})
    assert [row.code for row in codes if not row.used_in or not all(row.used_in)] == []
    assert {row.status for row in codes} == set(CodeStatus)


def test_every_code_names_where_its_system_publishes_it(codes: tuple[CodeRow, ...]) -> None:
    assert [row.code for row in codes if not row.source] == []
    linked = [row for row in codes if row.system in {"LOINC", "SNOMED CT", "ICD-10", "RxNorm", "ATC"}]
    assert [row.code for row in linked if row.code not in row.source.partition(";")[0]] == []
    documents = {row.code: row.source.partition("; read in ")[2] for row in codes}
    assert documents["30855-1"].startswith("Microsoft, Radiology Insights")
    assert documents["363679005"] == "HL7 FHIR, value set servicerequest-category"


def test_a_code_seen_in_public_is_used_or_never_read_on_purpose(codes: tuple[CodeRow, ...]) -> None:
    assert {row.status for row in codes if row.code in {"1988-5", "30341-2"}} == {CodeStatus.VERIFIED}
    assert {row.status for row in codes if row.code in {"43402-7", "71774-4", "71776-9"}} == {CodeStatus.NEVER_READ}


def grouped(codes: Codes) -> Mapping[str, Mapping[str, CodeGroup]]:
    return {
        "condition": {str(name): group for name, group in codes.conditions.items()},
        "procedure": {str(name): group for name, group in codes.procedures.items()},
        "device": {str(name): group for name, group in codes.devices.items()},
        "drug": {str(name): group for name, group in codes.drugs.items()},
        "order": {str(name): group for name, group in codes.orders.items()},
    }


@pytest.mark.parametrize("kind", ["condition", "procedure", "device", "drug", "order"])
def test_an_additive_code_alone_makes_no_group(knowledge: Knowledge, kind: str) -> None:
    groups = grouped(knowledge.codes)[kind]
    finder = CodeIndex(groups)
    for name, group in groups.items():
        for system in CodeSystem:
            for code in group.codes(system).additive:
                found = finder.find([Coding(URIS[system], code)])
                assert (name in found.certain) == (code in COVERED_BY_PREFIX)
                assert name in found.additive | found.certain
        assert group.terms.all()


def test_no_analyte_rests_on_an_additive_code_alone(knowledge: Knowledge) -> None:
    analytes = knowledge.codes.labs.analytes
    assert [name for name, entry in analytes.items() if entry.loinc.additive and not entry.loinc.verified] == []


def test_draft_orders_carry_no_additive_code(codes: tuple[CodeRow, ...]) -> None:
    sent = [row for row in codes if any(use.startswith("draft order") for use in row.used_in)]
    assert sent
    assert [row.code for row in sent if row.status not in {CodeStatus.VERIFIED, CodeStatus.KNOWN}] == []


# ---- kept documents ----


def test_documents_are_written_with_all_their_rows(book: Handbook, cases: CaseIndex, tmp_path: Path) -> None:
    paths = write_documents(Review(book, cases), tmp_path / "clinical")
    assert sorted(path.name for path in paths) == ["codes.md", "coverage.md", "not-suggested.md", "open.md"]
    coverage = (tmp_path / "clinical" / "coverage.md").read_text(encoding="utf-8")
    assert all(f"| {row.id} |" in coverage for row in book.coverage.rows)


def test_entries_of_a_kind_keep_their_order(book: Handbook) -> None:
    rows = [entry.id for entry in book.of_kind(EntryKind.ROW)]
    assert rows[:3] == ["A1", "A2", "A3"]
