"""Words of the pages: the same keys and placeholders in each language, every key used, none that hides a method."""

import re
from pathlib import Path

import pytest

import cds_service.web
from cds_service.domain.vocabulary import Language
from cds_service.web.words import words

WEB = Path(cds_service.web.__file__).parent
PLACEHOLDER = re.compile(r"\{\w+\}")
# Asked for by a name that is put together: the parts of a card that differ, the kinds of an entry, an action's type.
COMPOSED = ("tab_", "about_", "part_", "kind_")
LOOKED_UP = ("indicator", "usage_name")
ACTIONS = {("result", "create"), ("result", "update"), ("result", "delete"), ("why", "changed")}


@pytest.mark.parametrize("language", list(Language))
def test_every_key_stands_in_every_language_with_its_placeholders(language: Language) -> None:
    english, other = words(Language.EN), words(language)
    for section, entries in english.items():
        assert entries.keys() == other[section].keys()
        for key, text in entries.items():
            assert other[section][key].strip()
            assert PLACEHOLDER.findall(other[section][key]) == PLACEHOLDER.findall(text), (section, key)


def test_languages_are_not_copies_of_each_other() -> None:
    english = words(Language.EN)
    for language in (Language.DE, Language.RO):
        entries = [(section, key) for section, found in english.items() for key in found]
        same = [one for one in entries if words(language)[one[0]][one[1]] == english[one[0]][one[1]]]
        assert len(same) < len(entries) / 8


def test_every_key_is_used_and_can_be_reached_from_a_template() -> None:
    sources = [*WEB.glob("templates/**/*.html"), *WEB.glob("static/preview/*.js")]
    text = "\n".join(path.read_text() for path in sources)
    for section, entries in words(Language.EN).items():
        for key in entries:
            named = re.search(rf'\.{key}\b|"{key}"', text) is not None
            assert named or key.startswith(COMPOSED) or section in LOOKED_UP or (section, key) in ACTIONS, key
            assert key == "update" or not hasattr(dict, key), f"{key} is a method of the object that holds it"


def test_no_word_is_asked_for_that_does_not_exist() -> None:
    script = "\n".join(path.read_text() for path in WEB.glob("static/preview/*.js"))
    asked = set(re.findall(r'\bsay\("(\w+)"', script))
    assert asked
    assert asked <= words(Language.EN)["script"].keys()
