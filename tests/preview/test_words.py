"""The words of the preview: every language says everything."""

import ast
import re
from functools import cache
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

ROOT = Path(__file__).parents[2]
# Which arguments of what a rule ends with are its reasons.
REASONS = {"fired": (2,), "quiet": (0,), "when": (2, 3), "Silence": (0,), "Advice": (1,), "_graded": (2, 3)}


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


@cache
def rule_code() -> tuple[ast.AST, ...]:
    files = sorted((ROOT / "cds_service/rules").rglob("*.py"))
    return tuple(node for path in files for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def pattern(text: ast.JoinedStr) -> str:
    """The words of a text with gaps; what is filled in may be anything."""
    return "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in text.values)


def test_every_reason_that_is_written_in_a_rule_has_its_words_in_each_language() -> None:
    calls = [node for node in rule_code() if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    written = {
        part.value
        for call in calls
        for place in REASONS.get(call.func.id, ())  # type: ignore[attr-defined] # a name, as asked for above
        for argument in call.args[place : place + 1]
        for part in ([argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument])
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    assert len(written) > 300
    for language, words in preview_words().items():
        assert [why for why in sorted(written) if words.reason("", why)[1] is not language] == []


def test_no_reason_has_words_that_no_rule_gives() -> None:
    constants = [node.value for node in rule_code() if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    said = {module.NUMBER.sub("#", text) for text in constants}
    gaps = {pattern(node) for node in rule_code() if isinstance(node, ast.JoinedStr)}
    filled = re.compile("|".join(one for one in sorted(gaps) if re.search(r"[a-z]{2}", one)))
    for words in preview_words().values():
        assert [why for why in words.names["reasons"] if why not in said and not filled.fullmatch(why)] == []


def test_numbers_of_a_reason_stay_those_of_the_rule() -> None:
    german, english = preview_words()[Language.DE], preview_words()[Language.EN]
    assert german.reason("", "CRP is above 12.5 mg/L") == ("CRP über 12,5 mg/L", Language.DE)
    assert german.reason("", "one body is dark on T1") == ("Ein Wirbelkörper ist dunkel in T1", Language.DE)
    assert english.reason("", "CRP is above 12.5 mg/L") == ("CRP is above 12.5 mg/L", Language.EN)
    assert german.reason("", "no such words") == ("no such words", Language.EN)


def test_a_row_gives_its_own_sentence_and_what_it_gave_way_to() -> None:
    romanian = preview_words()[Language.RO]
    row = next(entry for entry in catalogue() if entry.id == "B2")
    own, _ = romanian.sentence("B2")
    assert romanian.reason("B2", row.sentence) == (own, Language.RO)
    assert romanian.reason("B2", f"{row.sentence} Gave way: A1.") == (f"{own} A cedat în fața A1.", Language.RO)


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
