"""Reads the register of references and turns each into a citation that cards can show."""

import re
from collections.abc import Mapping
from importlib import resources
from ipaddress import ip_address
from types import MappingProxyType
from typing import Annotated, Literal
from urllib.parse import urlsplit

import tomli
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, field_validator

from cds_service.domain.assessment import Citation
from cds_service.errors import KnowledgeError

FILE_NAME = "evidence.toml"
_REFERENCE_ID = re.compile(r"^R-[A-Z0-9]+(-[A-Z0-9]+)*$")
_MAX_ADDRESS_LENGTH = 200

Filled = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


def is_public_address(url: str) -> bool:
    """Tell whether ``url`` may be shown as a link: https, a host name with a dot, no port, no user, not overlong."""
    if len(url) > _MAX_ADDRESS_LENGTH or any(character.isspace() for character in url):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    if parts.scheme != "https" or port is not None or "@" in parts.netloc or "." not in host:
        return False
    try:
        ip_address(host)
    except ValueError:
        return True
    return False


class Reference(BaseModel):
    """One reference as the register holds it; ``provenance`` says how far its content was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    authors: str
    title: Filled
    source: str
    year: str
    doi: Annotated[str, StringConstraints(pattern=r"^10\.\d{4,9}/\S+$")] | None = None
    pmid: Annotated[str, StringConstraints(pattern=r"^\d{1,9}$")] | None = None
    url: str | None = None
    provenance: Literal["retrieved", "partial", "K"]
    verify: bool = False

    @field_validator("url")
    @classmethod
    def _address_is_public(cls, value: str | None) -> str | None:
        if value is not None and not is_public_address(value):
            raise ValueError("not a public https address")
        return value

    @property
    def address(self) -> str | None:
        """Best link to the source: the DOI, else PubMed, else the noted page, else nothing."""
        if self.doi:
            return f"https://doi.org/{self.doi}"
        if self.pmid:
            return f"https://pubmed.ncbi.nlm.nih.gov/{self.pmid}/"
        return self.url


def parse_evidence(text: str, file_name: str = FILE_NAME) -> Mapping[str, Citation]:
    """Read a register from TOML text; raise :class:`KnowledgeError` naming the file and the reference on any flaw."""
    try:
        tables = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise KnowledgeError(f"{file_name}: not readable as TOML: {error}") from error
    if not tables:
        raise KnowledgeError(f"{file_name}: holds no reference")
    return MappingProxyType({key: _citation(key, table, file_name) for key, table in tables.items()})


def _citation(key: str, table: object, file_name: str) -> Citation:
    if not _REFERENCE_ID.match(key):
        raise KnowledgeError(f"{file_name}: {key}: is not a reference id (R-NAME1999)")
    try:
        reference = Reference.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise KnowledgeError(f"{file_name}: {key}.{where}: {first['msg']}") from error
    return Citation(
        id=key,
        title=reference.title,
        source=reference.source,
        year=reference.year,
        url=reference.address,
        provenance=reference.provenance,
        authors=reference.authors,
        verify=reference.verify,
    )


def load_evidence() -> Mapping[str, Citation]:
    """Read the register that ships with the package; raise :class:`KnowledgeError` on any flaw."""
    text = resources.files("cds_service.knowledge").joinpath(FILE_NAME).read_text(encoding="utf-8")
    return parse_evidence(text)
