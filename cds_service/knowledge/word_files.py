"""Reads the files of words, strictly: what is unknown, empty or of another type is refused with its place."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Any, TypeVar

import tomli
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cds_service.errors import KnowledgeError

Model = TypeVar("Model", bound=BaseModel)
Term = Annotated[str, Field(min_length=1)]
Terms = Annotated[tuple[Term, ...], Field(min_length=1)]


class Strict(BaseModel):
    """What stands in a file and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def data(name: str) -> Traversable:
    """Return the file or folder of the knowledge with this name."""
    return files("cds_service.knowledge").joinpath(name)


def toml(entry: Traversable) -> dict[str, Any]:
    """Return what stands in a file. Raises KnowledgeError naming it."""
    try:
        return tomli.loads(entry.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomli.TOMLDecodeError) as error:
        raise KnowledgeError(f"{entry.name}: {error}") from error


def model(kind: type[Model], entry: Traversable) -> Model:
    """Return what stands in a file as it has to be. Raises KnowledgeError naming file and key."""
    try:
        return kind.model_validate(toml(entry))
    except ValidationError as error:
        raise knowledge_error(entry.name, error) from error


def knowledge_error(name: str, error: ValidationError) -> KnowledgeError:
    """Return the first flaw with file and key."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    return KnowledgeError(f"{name}: {key}: {first['msg']}")
