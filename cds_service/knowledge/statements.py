"""What the service says about itself: purpose, limits, source attributes, what it does not suggest, open points."""

from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Annotated, Literal, TypeVar

import tomli
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from cds_service.domain.vocabulary import Language
from cds_service.errors import KnowledgeError

FILE_NAME = "statements.toml"

Filled = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$")]
Words = Mapping[Language, tuple[Annotated[str, StringConstraints(min_length=3)], ...]]
_Model = TypeVar("_Model", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class About(_Strict):
    """Purpose, users and limits."""

    name: Filled
    developer: Filled
    funding: Filled
    first_release: Filled
    intended_use: Filled
    users: Filled
    input: Filled
    output: Filled
    status: Filled
    method: Filled
    not_for: tuple[Filled, ...] = Field(min_length=1)
    limits: tuple[Filled, ...] = Field(min_length=1)


class Review(_Strict):
    """Who signed this version."""

    signed_off: bool
    statement: Filled
    reviewers: tuple[Filled, ...] = ()


class Attribute(_Strict):
    """Whether a sort of patient data is used, as the source attributes of decision support ask."""

    name: Filled
    used: Literal["yes", "no", "partly"]
    text: Filled


class Refusal(_Strict):
    """A treatment or test that the service does not suggest. ``words`` must stand on no card but ``said_on``."""

    id: Name
    subject: Filled
    reason: Filled
    evidence: tuple[Filled, ...]
    rules: tuple[Filled, ...] = ()
    words: Words = Field(default_factory=dict)
    said_on: tuple[Filled, ...] = ()


class Background(_Strict):
    """A statement that explains and drives nothing."""

    id: Name
    text: Filled
    evidence: tuple[Filled, ...]


class OpenPoint(_Strict):
    """A decision that a person has to take before release; ``parameters`` are the numbers or switches it is about."""

    id: Name
    text: Filled
    parameters: tuple[Filled, ...] = ()


class Statements(_Strict):
    """Everything the service says about itself."""

    about: About
    review: Review
    attributes: tuple[Attribute, ...]
    variables: Mapping[str, Filled]
    refusals: tuple[Refusal, ...]
    background: tuple[Background, ...]
    open_points: tuple[OpenPoint, ...]


def checked(model: type[_Model], text: str, file_name: str) -> _Model:
    """Read TOML text into ``model``; raise :class:`KnowledgeError` naming file and key on any flaw."""
    try:
        return model.model_validate(tomli.loads(text))
    except tomli.TOMLDecodeError as error:
        raise KnowledgeError(f"{file_name}: not readable as TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise KnowledgeError(f"{file_name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def refuse_twice(names: Iterable[str], where: str) -> None:
    """Raise :class:`KnowledgeError` when a name stands twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise KnowledgeError(f"{where}: {name} stands twice")
        seen.add(name)


def shipped(file_name: str) -> str:
    """Text of a data file of this package."""
    return resources.files("cds_service.knowledge").joinpath(file_name).read_text(encoding="utf-8")


def parse_statements(text: str) -> Statements:
    """Read the statements from TOML text. Raises :class:`KnowledgeError` naming file and key on any flaw."""
    found = checked(Statements, text, FILE_NAME)
    for section in ("refusals", "background", "open_points"):
        refuse_twice((entry.id for entry in getattr(found, section)), f"{FILE_NAME}: {section}")
    return found


def load_statements() -> Statements:
    """Read the statements that ship with the package."""
    return parse_statements(shipped(FILE_NAME))
