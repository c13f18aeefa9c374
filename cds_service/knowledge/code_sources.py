"""How far each code is confirmed: seen in a public terminology source, or known and waiting for confirmation."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from cds_service.knowledge.code_groups import CodeSystem
from cds_service.knowledge.statements import checked, shipped

FILE_NAME = "code_sources.toml"

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.\-]+$")]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    seen: Mapping[CodeSystem, tuple[Code, ...]]


def load_seen_codes() -> Mapping[CodeSystem, frozenset[str]]:
    """Codes by system that were seen with their display in public sources. Raises KnowledgeError on any flaw."""
    found = checked(_File, shipped(FILE_NAME), FILE_NAME)
    return {system: frozenset(codes) for system, codes in found.seen.items()}
