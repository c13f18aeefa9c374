"""Words of the pages in each language; a key that one language lacks stops the start."""

from collections.abc import Mapping
from functools import cache
from importlib import resources

import tomli

from cds_service.domain.vocabulary import Language
from cds_service.errors import KnowledgeError

Words = Mapping[str, Mapping[str, str]]


@cache
def words(language: str) -> Words:
    """Return the words of one language by section and key. Raises KnowledgeError naming what is missing."""
    found = _read(language)
    pattern = {(section, key) for section, entries in _read(Language.EN).items() for key in entries}
    have = {(section, key) for section, entries in found.items() for key in entries}
    if have != pattern:
        raise KnowledgeError(f"words/{language}.toml: keys differ from English: {sorted(have ^ pattern)}")
    return found


@cache
def _read(language: str) -> dict[str, dict[str, str]]:
    file = resources.files("cds_service.web").joinpath("words", f"{Language(language)}.toml")
    return tomli.loads(file.read_text(encoding="utf-8"))
