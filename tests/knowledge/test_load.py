"""All knowledge loads together, under one version that changes with every data file and site overlay."""

import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from cds_service.domain.vocabulary import Language
from cds_service.errors import KnowledgeError
from cds_service.knowledge import load
from cds_service.knowledge.evidence import load_evidence
from cds_service.knowledge.load import KNOWLEDGE_DATE, knowledge_version, load_knowledge

OVERLAY = '[parameters.crp_raised]\nvalue = 8\nreason = "local committee"\n'


def test_everything_loads_and_is_frozen() -> None:
    knowledge = load_knowledge()
    assert set(knowledge.languages) == set(Language)
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}\+[0-9a-f]{12}", knowledge.version)
    with pytest.raises(FrozenInstanceError):
        knowledge.version = "other"  # type: ignore[misc]


def test_an_overlay_changes_numbers_and_version(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(OVERLAY, encoding="utf-8")
    assert load_knowledge(site).thresholds.crp_raised.value == 8
    assert knowledge_version(site) != knowledge_version()


def test_the_version_names_the_newest_change() -> None:
    changes = Path(load.__file__).with_name("CHANGES.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\d{4}-\d{2}-\d{2})", changes, re.MULTILINE)
    assert newest is not None
    assert newest[1] == KNOWLEDGE_DATE.isoformat()


def test_a_threshold_may_cite_only_references_of_the_register(monkeypatch: pytest.MonkeyPatch) -> None:
    known = dict(load_evidence())
    del known["R-DAVIS2020"]
    monkeypatch.setattr(load, "load_evidence", lambda: known)
    with pytest.raises(KnowledgeError, match=r"crp_\w+\.evidence.*R-DAVIS2020"):
        load_knowledge()
