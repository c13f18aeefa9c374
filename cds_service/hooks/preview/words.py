"""Words of the preview that the card texts do not have: statuses, sections, groups, supposed facts, rules, fixtures."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Any

import tomli
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from cards.wording import Wording, wordings
from cds_service.domain.assessment import Pathway
from cds_service.domain.facts import Sex
from cds_service.domain.vocabulary import (
    ConditionGroup,
    DeviceGroup,
    DrugGroup,
    Indicator,
    Language,
    ProcedureGroup,
    Section,
    Status,
)
from cds_service.errors import KnowledgeError
from cds_service.rules.catalogue import catalogue

Text = Annotated[str, StringConstraints(min_length=1)]
Names = dict[str, Text]


class Fixture(BaseModel):
    """Title and situation of a synthetic patient."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    title: Text
    description: Text


class _File(BaseModel):
    """Shape of one language file. ``rules`` and ``reasons`` are empty in English: the rules hold the English words."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    phrases: Names
    statuses: Names
    sections: Names
    indicators: Names
    sexes: Names
    fields: Names
    drugs: Names
    procedures: Names
    devices: Names
    facts: Names
    states: Names
    options: Names
    fixtures: dict[str, Fixture]
    rules: Names = {}
    reasons: Names = {}


_OF_THE_RULES = frozenset({"rules", "reasons"})
# Of words for a reason, the numbers that the rule names; those within a name (T1, P2Y12) are none.
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
_SECTIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "statuses": frozenset(Status),
        "sections": frozenset(Section),
        "indicators": frozenset(Indicator),
        "sexes": frozenset(Sex),
        "fields": frozenset(Pathway),
    }
)


@dataclass(frozen=True, slots=True)
class Words:
    """Everything that the preview says in one language, beside the words of the cards."""

    language: Language
    cards: Wording
    names: Mapping[str, Mapping[str, str]]
    fixtures: Mapping[str, Fixture]
    sentences: Mapping[str, str]
    english: Mapping[str, str]

    def name(self, section: str, key: str) -> str:
        """Display name; an id without one is shown as it is rather than lost."""
        return self.names[section].get(key) or key.replace("-", " ").replace("_", " ")

    def filled(self, section: str, key: str, **values: str) -> str:
        """Display name with its {placeholders} filled."""
        text = self.names[section].get(key, key)
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def sentence(self, rule: str) -> tuple[str, Language]:
        """Sentence of a rule, row or order rule, and the language that it is in; empty for an unknown id."""
        own = self.sentences.get(rule) or self.cards.rows.get(rule)
        return (own, self.language) if own else (self.english.get(rule, ""), Language.EN)

    def reason(self, rule: str, why: str) -> tuple[str, Language]:
        """Why a rule fired or stayed silent, and the language that it is in; English where this one has no words."""
        english = self.english.get(rule, "")
        if english and why.startswith(english):
            # a row gives its own sentence, and the row that it gave way to
            sentence, language = self.sentence(rule)
            by = why.removeprefix(english).removeprefix(" Gave way: ").rstrip(".")
            return (f"{sentence} {self.filled('phrases', 'gave_way', by=by)}" if by else sentence), language
        own = self.names["reasons"].get(NUMBER.sub("#", why))
        if own is None:
            return why, Language.EN
        for number in NUMBER.findall(why):
            own = own.replace("#", number.replace(".", self.cards.decimal), 1)
        return own, self.language

    def group(self, group: ConditionGroup | DrugGroup | ProcedureGroup | DeviceGroup) -> str:
        """Name of a group of the chart."""
        match group:
            case ConditionGroup():
                return self.cards.name("conditions", group.value)
            case DrugGroup():
                return self.name("drugs", group.value)
            case ProcedureGroup():
                return self.name("procedures", group.value)
            case DeviceGroup():
                return self.name("devices", group.value)


def _read(language: Language) -> _File:
    name = f"{language.value}.toml"
    source = files("cds_service.hooks.preview") / "words" / name
    try:
        raw: dict[str, Any] = tomli.loads(source.read_text(encoding="utf-8"))
        parsed = _File.model_validate(raw)
    except (OSError, tomli.TOMLDecodeError) as error:
        raise KnowledgeError(f"preview/words/{name}: cannot be read: {error}") from error
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise KnowledgeError(f"preview/words/{name}: {place}: {error.errors()[0]['msg']}") from error
    for section, wanted in _SECTIONS.items():
        if missing := sorted(map(str, wanted - frozenset(getattr(parsed, section)))):
            raise KnowledgeError(f"preview/words/{name}: {section}: missing keys {missing}")
    return parsed


def _refuse_differences(parsed: Mapping[Language, _File]) -> None:
    """Refuse a language that lacks a key of another; English needs none that the rules themselves have."""
    for section in _File.model_fields:
        shapes = {frozenset(getattr(one, section)) for language, one in parsed.items()
                  if section not in _OF_THE_RULES or language is not Language.EN}  # fmt: skip
        if len(shapes) > 1:
            differing = sorted(frozenset.union(*shapes) - frozenset.intersection(*shapes))
            raise KnowledgeError(f"preview/words: {section}: not in every language: {differing[:5]}")


@cache
def preview_words() -> Mapping[Language, Words]:
    """Return all languages, loaded and checked once. Raises KnowledgeError naming file and key."""
    parsed = {language: _read(language) for language in Language}
    _refuse_differences(parsed)
    english = MappingProxyType({entry.id: entry.sentence for entry in catalogue()})
    sections = [name for name in _File.model_fields if name not in {"fixtures", "rules"}]
    return MappingProxyType(
        {
            language: Words(
                language=language,
                cards=wordings()[language],
                names=MappingProxyType({name: MappingProxyType(getattr(one, name)) for name in sections}),
                fixtures=MappingProxyType(one.fixtures),
                sentences=MappingProxyType(one.rules),
                english=english,
            )
            for language, one in parsed.items()
        }
    )
