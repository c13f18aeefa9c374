"""Loads what is the same in every language: marks of lines, recommended steps, order of findings, override reasons."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Annotated, Literal

import tomli
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from cards.model import OverrideReason
from cds_service.domain.assessment import DraftKind
from cds_service.domain.vocabulary import FindingId, Language
from cds_service.errors import KnowledgeError

CODE_SYSTEM_BASE = "https://marrow-cds.example/CodeSystem"
OVERRIDE_REASON_SYSTEM = f"{CODE_SYSTEM_BASE}/override-reasons"
TOPIC_SYSTEM = f"{CODE_SYSTEM_BASE}/card-topics"

LineMark = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]?[a-z]?$")]
Text = Annotated[str, StringConstraints(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Importance(_Strict):
    findings: list[FindingId]
    included_in: dict[FindingId, list[FindingId]]


class _CatalogueFile(_Strict):
    lead: list[Text]
    second: list[Text]
    warning_variant: dict[Text, Text]
    says_already: dict[Text, list[Text]]
    marks: dict[Text, dict[Literal["plan", "nsaid", "opioid", "oncology", "repeat", "contrast"], list[LineMark]]]
    recommended: dict[Text, list[DraftKind]]
    importance: _Importance


class _ReasonWords(_Strict):
    en: Text
    de: Text
    ro: Text


class _ReasonFile(_Strict):
    reasons: dict[Annotated[str, StringConstraints(pattern=r"^[a-z]+(-[a-z]+)*$")], _ReasonWords]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the cards need beside their words."""

    lead: tuple[str, ...]
    second: tuple[str, ...]
    warning_variant: Mapping[str, str]
    says_already: Mapping[str, frozenset[str]]
    marks: Mapping[str, Mapping[str, frozenset[str]]]
    recommended: Mapping[str, frozenset[DraftKind]]
    importance: Mapping[FindingId, int]
    includes: Mapping[FindingId, frozenset[FindingId]]

    def included_in(self, finding: FindingId) -> frozenset[FindingId]:
        """Return findings that say the same and more, so that ``finding`` need not be named beside them."""
        return self.includes.get(finding, frozenset())

    def marked(self, text_id: str, mark: str) -> frozenset[str]:
        """Lines ("5") and parts of lines ("3b") of a card that carry ``mark``."""
        return self.marks.get(text_id, {}).get(mark, frozenset())


def read_toml(place: Traversable) -> dict[str, object]:
    """Content of one data file. Raises KnowledgeError naming it."""
    try:
        return tomli.loads(place.read_text(encoding="utf-8"))
    except (OSError, tomli.TOMLDecodeError) as error:
        raise KnowledgeError(f"cards/{place.name}: cannot be read: {error}") from error


def flaw(name: str, error: ValidationError) -> KnowledgeError:
    """Return the first flaw that a strict model found, with file and key."""
    first = error.errors()[0]
    return KnowledgeError(f"cards/{name}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}")


def load_catalogue(directory: Traversable | None = None) -> Catalogue:
    """Return the catalogue, checked. Raises KnowledgeError for any flaw."""
    place = (directory or files("cards")) / "catalogue.toml"
    try:
        raw = _CatalogueFile.model_validate(read_toml(place))
    except ValidationError as error:
        raise flaw(place.name, error) from error
    return Catalogue(
        lead=tuple(raw.lead),
        second=tuple(raw.second),
        warning_variant=MappingProxyType(raw.warning_variant),
        says_already=MappingProxyType({key: frozenset(lines) for key, lines in raw.says_already.items()}),
        marks=MappingProxyType(
            {key: {mark: frozenset(lines) for mark, lines in marks.items()} for key, marks in raw.marks.items()}
        ),
        recommended=MappingProxyType({key: frozenset(kinds) for key, kinds in raw.recommended.items()}),
        importance=MappingProxyType({finding: rank for rank, finding in enumerate(raw.importance.findings)}),
        includes=MappingProxyType({key: frozenset(wider) for key, wider in raw.importance.included_in.items()}),
    )


def load_override_reasons(directory: Traversable | None = None) -> Mapping[Language, tuple[OverrideReason, ...]]:
    """Return the coded override reasons by language, in the order of the file. Raises KnowledgeError for any flaw."""
    place = (directory or files("cards")) / "override_reasons.toml"
    try:
        raw = _ReasonFile.model_validate({"reasons": read_toml(place)})
    except ValidationError as error:
        raise flaw(place.name, error) from error
    return MappingProxyType(
        {
            language: tuple(
                OverrideReason(system=OVERRIDE_REASON_SYSTEM, code=code, display=getattr(words, language.value))
                for code, words in raw.reasons.items()
            )
            for language in Language
        }
    )


@cache
def catalogue() -> Catalogue:
    """Return the shipped catalogue, loaded once."""
    return load_catalogue()


@cache
def override_reasons() -> Mapping[Language, tuple[OverrideReason, ...]]:
    """Return the shipped override reasons, loaded once."""
    return load_override_reasons()
