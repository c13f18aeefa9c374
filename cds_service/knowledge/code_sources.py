"""How far each code is confirmed, and the codes that stand in the program itself."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

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


class Page(BaseModel):
    """The publisher of a code system; ``address`` with ``{code}`` is empty where a code has no public page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Filled
    address: Annotated[str, StringConstraints(pattern=r"^(https?://\S*\{code\}\S*)?$")] = ""


class ReadIn(BaseModel):
    """A public document in which codes were read with their display."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    document: Filled
    system: CodeSystem
    codes: tuple[Code, ...]


class CodeSources(BaseModel):
    """``seen``: codes that were seen with their display in public sources; ICD-10 ones are prefixes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seen: Mapping[CodeSystem, tuple[Code, ...]]
    pages: Mapping[CodeSystem, Page]
    read: tuple[ReadIn, ...]
    in_program: tuple[ProgramCodes, ...]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = frozenset(CodeSystem) - frozenset(self.pages)
        unseen = [code for one in self.read for code in one.codes if not self.is_seen(one.system, code)]
        if missing or unseen:
            raise ValueError(f"code systems without a page: {sorted(missing)}; read and not listed as seen: {unseen}")
        return self

    def source_of(self, system: CodeSystem, code: str) -> str:
        """Where a code is published, and the documents in which it was read again."""
        page = self.pages[system]
        where = page.address.format(code=code) if page.address else page.name
        documents = [one.document for one in self.read if one.system is system and code in one.codes]
        return "; ".join((where, *(f"read in {document}" for document in documents)))

    @cached_property
    def _families(self) -> Mapping[CodeSystem, tuple[str, ...]]:
        return {system: tuple(map(bare, self.seen.get(system, ()))) for system in PREFIX_SYSTEMS}

    def is_seen(self, system: CodeSystem, code: str) -> bool:
        """Whether a code, or the family that it belongs to, was seen."""
        listed = self.seen.get(system, ())
        if system not in PREFIX_SYSTEMS:
            return code in listed
        return bare(code).startswith(self._families[system])


def load_code_sources() -> CodeSources:
    """Read the list that ships with the package. Raises KnowledgeError on any flaw."""
    return checked(CodeSources, shipped(FILE_NAME), FILE_NAME)
