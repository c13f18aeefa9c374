"""The catalogue is complete and readable: every defined rule is listed, every id unique, every text a sentence."""

import importlib
import pkgutil
import re

import pytest

import cds_service.rules
from cds_service.knowledge.evidence import load_evidence
from cds_service.rules.catalogue import RETIRED_IDS, RULES, CatalogueEntry, EntryKind, catalogue
from cds_service.rules.derive import VARIABLES
from cds_service.rules.rule import Rule

ENTRIES = catalogue()


def defined_rules() -> set[str]:
    modules = [
        importlib.import_module(f"cds_service.rules.{module.name}")
        for module in pkgutil.iter_modules(cds_service.rules.__path__)
        if not module.ispkg
    ]
    return {value.id for module in modules for value in vars(module).values() if isinstance(value, Rule)}


def test_defined_rules_are_the_listed_rules() -> None:
    assert {rule.id for rule in RULES} == defined_rules()


def test_ids_are_unique_and_never_reused() -> None:
    ids = [entry.id for entry in ENTRIES]
    assert len(ids) == len(set(ids))
    assert not set(ids) & RETIRED_IDS


def test_every_rule_argues_about_a_variable_that_is_decided() -> None:
    assert {rule.variable for rule in RULES} == {variable.name for variable in VARIABLES}


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry.id for entry in ENTRIES])
def test_entry_reads_as_a_sentence_with_references_that_exist(entry: CatalogueEntry) -> None:
    assert re.fullmatch(r"[A-Z0-9][^\n]{14,}\.", entry.sentence)
    assert set(entry.evidence) <= set(load_evidence())
    assert entry.outcome


def test_every_rule_cites_something() -> None:
    assert [entry.id for entry in ENTRIES if entry.kind is EntryKind.RULE and not entry.evidence] == []
