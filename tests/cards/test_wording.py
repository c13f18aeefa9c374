"""A language that is incomplete, misspelt or different in shape is refused at start-up."""

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from cards.wording import load_wordings, wordings
from cds_service.domain.vocabulary import Language
from cds_service.errors import KnowledgeError


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    for language in Language:
        name = f"{language.value}.toml"
        shutil.copy(str(files("cards") / "texts" / name), tmp_path / name)
    return tmp_path


def change(texts: Path, old: str, new: str, language: str = "de") -> None:
    path = texts / f"{language}.toml"
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1), encoding="utf-8")


def test_shipped_languages_load_once() -> None:
    assert set(wordings()) == set(Language)
    assert wordings() is wordings()


def test_copy_of_the_shipped_languages_loads(texts: Path) -> None:
    assert load_wordings(texts)[Language.RO].names["findings"]["F-EDEMA"] == "edem osos"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('language = "de"', 'language = "en"', r"de.toml: language"),
        ('decimal = ","', 'decimal = "x"', r"de.toml: decimal"),
        ('F-EDEMA = "Knochenmarködem"\n', "", r"de.toml: findings: .*F-EDEMA"),
        ('CRP = "CRP"\n', 'CRP = ""\n', r"de.toml: analytes.CRP"),
        ("[columns]", "[columns]\nextra = 1", r"de.toml: columns.extra"),
        ("[columns]", "[colums]", r"de.toml: co"),
        ("[columns]", "[columns", r"de.toml: cannot be read"),
        ("Grundlage: {evidence}.", "Grundlage: {evidenz}.", r"de.toml: cards.*evidenz"),
        ("Grundlage: {evidence}.", "Grundlage: [{evidence}.", r"de.toml: cards.*not closed"),
        ("Grundlage: {evidence}.", "Grundlage: [{evidence}].", r"differ in cards"),
        ("eGFR {egfr}", "eGFR {gfr}", r"de.toml: reasons.egfr.short"),
        ("[cards.C83]", "[cards.C84]", r"en and de differ in cards.C8"),
        ("Kompression[ ({level})]: sofortige", "Kompression ({level}): sofortige", r"square brackets"),
        ("Mögliche Myelon-/Kauda", "Mögliche " * 12 + "Myelon-/Kauda", r"too long for a summary"),
        ('    "Aktivität fortsetzen, Knochen-/Ursachentherapie abschließen.",\n', "", r"de.toml: cards.C83.lines"),
    ],
)
def test_flaw_is_refused_with_file_and_key(texts: Path, old: str, new: str, message: str) -> None:
    change(texts, old, new)
    with pytest.raises(KnowledgeError, match=message):
        load_wordings(texts)


def test_missing_language_is_refused(texts: Path) -> None:
    (texts / "ro.toml").unlink()
    with pytest.raises(KnowledgeError, match=r"ro.toml: cannot be read"):
        load_wordings(texts)


def test_id_without_a_name_is_shown_as_it_is() -> None:
    assert wordings()[Language.EN].name("ddx", "left-over_id") == "left over id"
