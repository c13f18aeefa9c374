"""What became of every statement of the source texts: where it lives in the product, or why it is not used."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from cds_service.knowledge.statements import Filled, checked, refuse_twice, shipped

FILE_NAME = "coverage.toml"


class CoverageRow(BaseModel):
    """One statement with its support (S supported, W weak, C contradicted, n/a) and its homes.

    ``entries`` are ids of rules, table rows and order rules; ``texts`` are ``C70``, ``C70.3`` (a line), ``extra:c13``
    or ``draft:dxa``; ``background`` and ``refusals`` are ids of the statements; ``unused`` says why nothing uses it.
    ``cases`` are ids ``file/case`` of cases that show it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, StringConstraints(pattern=r"^[ABCG][0-9]{2}s?$")]
    statement: Filled
    support: Literal["S", "W", "C", "S/W", "W/C", "n/a"]
    use: Filled
    entries: tuple[Filled, ...] = ()
    texts: tuple[Filled, ...] = ()
    background: tuple[Filled, ...] = ()
    refusals: tuple[Filled, ...] = ()
    unused: str = ""
    cases: tuple[Filled, ...] = ()

    @model_validator(mode="after")
    def _has_a_home(self) -> Self:
        if not self.homes and not self.unused:
            raise ValueError(f"{self.id} has no home")
        if (self.entries or self.texts) and not self.cases:
            raise ValueError(f"{self.id} is shown by no case")
        return self

    @property
    def homes(self) -> tuple[str, ...]:
        """All homes, background and refusals marked as such."""
        marked = (*(f"background:{name}" for name in self.background), *(f"refusal:{name}" for name in self.refusals))
        return (*self.entries, *self.texts, *marked)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: dict[Literal["A", "B", "C", "G"], Filled]
    row: tuple[CoverageRow, ...]


class Coverage(BaseModel):
    """The rows in order, and what the letters of their ids stand for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: dict[str, str]
    rows: tuple[CoverageRow, ...]


def parse_coverage(text: str) -> Coverage:
    """Read the rows from TOML text. Raises KnowledgeError naming the row on any flaw."""
    found = checked(_File, text, FILE_NAME)
    refuse_twice((row.id for row in found.row), FILE_NAME)
    return Coverage(sources={str(letter): text for letter, text in found.sources.items()}, rows=found.row)


def load_coverage() -> Coverage:
    """Read the rows that ship with the package."""
    return parse_coverage(shipped(FILE_NAME))
