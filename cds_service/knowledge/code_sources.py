"""How far each code is confirmed, and the codes that stand in the program itself."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from cds_service.knowledge.code_groups import PREFIX_SYSTEMS, CodeSystem, bare
from cds_service.knowledge.statements import Filled, checked, shipped

FILE_NAME = "code_sources.toml"

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.\-]+$")]


class ProgramCodes(BaseModel):
    """Codes of one meaning in the program, each with its display; an empty display is not confirmed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: CodeSystem
    taken_as: Filled = Field(alias="as")
    codes: Mapping[Code, str]


class CodeSources(BaseModel):
    """``seen``: codes that were seen with their display in public sources; ICD-10 ones are prefixes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seen: Mapping[CodeSystem, tuple[Code, ...]]
    in_program: tuple[ProgramCodes, ...]

    def is_seen(self, system: CodeSystem, code: str) -> bool:
        """Whether a code, or the family that it belongs to, was seen."""
        listed = self.seen.get(system, ())
        if system not in PREFIX_SYSTEMS:
            return code in listed
        return any(bare(code).startswith(bare(one)) for one in listed)


def load_code_sources() -> CodeSources:
    """Read the list that ships with the package. Raises KnowledgeError on any flaw."""
    return checked(CodeSources, shipped(FILE_NAME), FILE_NAME)
