"""The words of the preview: every language says everything."""

from pathlib import Path

import pytest

import fhir_fixtures
from cds_service.domain.vocabulary import ConditionGroup, DeviceGroup, DrugGroup, Language, ProcedureGroup
from cds_service.errors import KnowledgeError
from cds_service.hooks.preview import words as module
from cds_service.hooks.preview.desk import PreviewDesk
from cds_service.hooks.preview.words import preview_words
from cds_service.rules.catalogue import catalogue
from cds_service.rules.supposed import suppositions
from tests.preview.conftest import GERMAN, NOW


def test_every_fixture_has_a_title_in_each_language() -> None:
    for words in preview_words().values():
        assert set(words.fixtures) == set(fhir_fixtures.scenarios())


def test_every_group_has_a_name_in_each_language() -> None:
    for words in preview_words().values():
        assert set(DrugGroup) <= set(words.names["drugs"])
        assert set(ProcedureGroup) <= set(words.names["procedures"])
        assert set(DeviceGroup) <= set(words.names["devices"])
        assert all(words.group(group) for group in (*ConditionGroup, *DrugGroup, *ProcedureGroup, *DeviceGroup))


def test_every_entry_of_the_catalogue_has_its_sentence_in_each_language() -> None:
    for language, words in preview_words().items():
        assert [entry.id for entry in catalogue() if words.sentence(entry.id)[1] is not language] == []
        assert set(words.sentences) <= {entry.id for entry in catalogue()}


def test_every_supposed_fact_has_words(desk: PreviewDesk) -> None:
    shown = desk.preview({"text": GERMAN, "orders": [{"kind": "NSAID"}]}, Language.EN, NOW)
    facts, limits = shown.evaluations[-1].facts, shown.knowledge.thresholds
    for words in preview_words().values():
        for supposed in suppositions(facts, limits, words.group):
            assert supposed.id in words.names["facts"]
            assert supposed.state in words.names["states"]
            assert {option.id.partition("-")[0] for option in supposed.options} <= set(words.names["options"])


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('present = "vorhanden"\n', "", "statuses"),
        ('onset = "Beschwerdebeginn"\n', "", "phrases"),
        ('female = "weiblich"', "female =", "de.toml"),
    ],
)
def test_a_language_that_lacks_a_word_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, named: str
) -> None:
    place = tmp_path / "words"
    place.mkdir()
    source = Path(module.__file__).parent / "words"
    for language in Language:
        text = (source / f"{language.value}.toml").read_text(encoding="utf-8")
        (place / f"{language.value}.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    monkeypatch.setattr(module, "files", lambda _package: tmp_path)
    with pytest.raises(KnowledgeError, match=named):
        module.preview_words.__wrapped__()
