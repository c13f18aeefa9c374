"""The words a report is read with: complete in every language, and refused with file and key when they are not."""

from pathlib import Path
from shutil import copytree

import pytest

from cds_service.domain.vocabulary import FindingId, Language
from cds_service.errors import KnowledgeError
from cds_service.knowledge import findings as knowledge
from cds_service.knowledge.examination import load_examination_terms
from cds_service.knowledge.findings import (
    load_corpus_labels,
    load_findings,
    load_languages,
)
from cds_service.knowledge.grammar import load_grammar

DATA = Path(knowledge.__file__).parent


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy of the knowledge files that a test may damage."""
    copy = copytree(DATA, tmp_path / "knowledge", ignore=lambda *_: ["__pycache__"])
    monkeypatch.setattr("cds_service.knowledge.word_files.files", lambda _: copy)
    return copy


def damage(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_there_is_one_file_for_each_finding() -> None:
    assert set(load_findings().findings) == set(FindingId)


def test_every_finding_without_compositions_has_terms_in_every_language() -> None:
    for finding in load_findings().findings.values():
        filled = {bool(finding.terms.of(language)) for language in Language}
        assert filled == {True} or finding.compose, finding.id


def test_every_language_is_complete() -> None:
    assert set(load_languages()) == set(Language)


def test_the_small_words_are_loaded_once() -> None:
    assert load_grammar() is load_grammar()


@pytest.mark.parametrize("table", ["told", "asked", "anew"])
def test_a_missing_list_of_small_words_is_refused(folder: Path, table: str) -> None:
    name = {"told": "of_images", "asked": "links", "anew": "definite"}[table]
    damage(folder / "grammar.toml", f"\n{name} = ", "\n# ")
    load_grammar.cache_clear()
    try:
        with pytest.raises(KnowledgeError, match=rf"grammar\.toml.*{table}: missing {name}"):
            load_grammar()
    finally:
        load_grammar.cache_clear()


def test_every_label_stands_on_findings() -> None:
    assert all(label.findings for label in load_corpus_labels().values())


def test_examination_terms_name_modalities_and_regions() -> None:
    assert {name[:2] for name in load_examination_terms()} == {"m:", "r:"}


def test_a_missing_finding_is_named(folder: Path) -> None:
    (folder / "findings" / "f-edema.toml").unlink()
    with pytest.raises(KnowledgeError, match="no file for F-EDEMA"):
        load_findings()


def test_a_file_under_another_name_is_refused(folder: Path) -> None:
    (folder / "findings" / "f-edema.toml").rename(folder / "findings" / "f-oedema.toml")
    with pytest.raises(KnowledgeError, match=r"f-oedema\.toml: id F-EDEMA does not match"):
        load_findings()


def test_other_files_beside_the_findings_are_left_alone(folder: Path) -> None:
    (folder / "findings" / "notes.md").write_text("words", encoding="utf-8")
    assert set(load_findings().findings) == set(FindingId)


def test_an_unknown_finding_id_is_refused(folder: Path) -> None:
    damage(folder / "findings" / "f-edema.toml", '"F-EDEMA"', '"F-EDEEMA"')
    with pytest.raises(KnowledgeError, match=r"f-edema\.toml: id"):
        load_findings()


def test_a_misspelt_key_is_refused(folder: Path) -> None:
    damage(folder / "findings" / "f-edema.toml", "meaning", "meening")
    with pytest.raises(KnowledgeError, match=r"meening|meaning"):
        load_findings()


def test_broken_toml_is_refused(folder: Path) -> None:
    (folder / "findings" / "f-edema.toml").write_text("id = ", encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"f-edema\.toml"):
        load_findings()


def test_terms_in_some_languages_only_are_refused(folder: Path) -> None:
    path = folder / "findings" / "f-paget.toml"
    lines = path.read_text(encoding="utf-8").split("ro = [")
    path.write_text(lines[0] + "ro = []\n", encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"f-paget\.toml: terms: every language"):
        load_findings()


def test_a_finding_without_any_words_is_refused(folder: Path) -> None:
    (folder / "findings" / "f-paget.toml").write_text(
        'id = "F-PAGET"\nmeaning = "x"\ngate = "free"\nemergency = false\n[terms]\nen = []\nde = []\nro = []\n',
        encoding="utf-8",
    )
    with pytest.raises(KnowledgeError, match=r"f-paget\.toml: terms: a finding needs"):
        load_findings()


def test_a_composition_of_an_unknown_class_is_refused(folder: Path) -> None:
    damage(folder / "findings" / "f-edema.toml", 'process = ["edema"]', 'process = ["oedema"]')
    with pytest.raises(KnowledgeError, match="unknown class oedema"):
        load_findings()


def test_a_class_without_words_in_a_language_is_refused(folder: Path) -> None:
    with (folder / "classes.toml").open("a", encoding="utf-8") as handle:
        handle.write('[process.nothing]\nen = ["a"]\nde = ["a"]\nro = []\n')
    with pytest.raises(KnowledgeError, match=r"classes\.toml: nothing\.ro: no terms"):
        load_findings()


def test_a_group_of_an_unknown_class_is_refused(folder: Path) -> None:
    damage(folder / "classes.toml", 'soft = ["paraspinal", "soft_tissue"]', 'soft = ["paraspinale", "soft_tissue"]')
    with pytest.raises(KnowledgeError, match=r"groups\.soft: unknown class paraspinale"):
        load_findings()


def test_a_language_without_negation_is_refused(folder: Path) -> None:
    path = folder / "languages" / "ro.toml"
    before, rest = path.read_text(encoding="utf-8").split("[cues.negated]\n")
    after = rest.split("\n[cues.consistent]")[1]
    path.write_text(
        before + "[cues.negated]\npreceding = []\nfollowing = []\n\n[cues.consistent]" + after, encoding="utf-8"
    )
    with pytest.raises(KnowledgeError, match=r"languages/ro\.toml: cues\.negated: no words"):
        load_languages()


def test_a_missing_language_is_refused(folder: Path) -> None:
    (folder / "languages" / "de.toml").unlink()
    with pytest.raises(KnowledgeError, match=r"de\.toml"):
        load_languages()


def test_a_language_in_the_wrong_file_is_refused(folder: Path) -> None:
    damage(folder / "languages" / "de.toml", 'language = "de"', 'language = "en"')
    with pytest.raises(KnowledgeError, match="language: says en"):
        load_languages()


def test_a_missing_qualifier_is_refused(folder: Path) -> None:
    path = folder / "languages" / "de.toml"
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("burst =")]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(KnowledgeError, match="qualifiers: burst is missing"):
        load_languages()


def test_a_label_of_an_unknown_finding_is_refused(folder: Path) -> None:
    damage(folder / "corpus_labels.toml", '"F-HEMANGIOMA"', '"F-NONE"')
    with pytest.raises(KnowledgeError, match=r"corpus_labels\.toml: findings"):
        load_corpus_labels()


def test_broken_examination_terms_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "examination.toml").write_text("[modality]\nXX = ['x']\n[region]\n", encoding="utf-8")
    monkeypatch.setattr("cds_service.knowledge.examination.files", lambda _: tmp_path)
    with pytest.raises(KnowledgeError, match=r"examination\.toml"):
        load_examination_terms()
