"""How the words of a language stand in their file ``cards/texts/*.toml``, as strict models."""

from importlib.resources.abc import Traversable
from typing import Annotated, Any

import tomli
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from cds_service.domain.vocabulary import Language
from cds_service.errors import KnowledgeError

MINIMUM_LINES = 3

Text = Annotated[str, StringConstraints(min_length=1)]
Words = dict[Text, Text]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ReasonText(_Strict):
    """Why an order needs a second look."""

    short: Text
    detail: Text


class DraftText(_Strict):
    """Words of one draft order."""

    label: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    text: Text


class CardSentences(_Strict):
    """Words of one card; a line written as a list has parts that can be taken out singly."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=90)]
    summary: Text
    open_summary: Text | None = None
    no_contrast_summary: Text | None = None
    lines: Annotated[list[Text | list[Text]], Field(min_length=MINIMUM_LINES)]


class _Lines(_Strict):
    lines: Annotated[list[Text], Field(min_length=MINIMUM_LINES)]


class TextFile(_Strict):
    """Shape of one language file."""

    language: Text
    decimal: Annotated[str, StringConstraints(pattern=r"^[.,]$")]
    thoracic: Text
    footer: Words
    headings: Words
    columns: Words
    words: Words
    priorities: Words
    test_priorities: Words
    statuses: dict[Text, str]
    trends: Words
    courses: Words
    finding_words: Words
    regions: Words
    lanes: Words
    sins: Words
    missing: Words
    ddx: Words
    chart_kinds: Words
    gaps: Words
    rows: Words = {}
    fallback: _Lines
    extra: Words
    notes: Words
    careplan: Words
    drafts: dict[Text, DraftText]
    findings: Words
    conditions: Words
    analytes: Words
    reasons: dict[Text, ReasonText]
    orders: Words
    cards: dict[Text, CardSentences]


def read_text_file(directory: Traversable, language: Language) -> TextFile:
    """Return the words of a language as they are written. Raises KnowledgeError naming file and key of a flaw."""
    name = f"{language.value}.toml"
    try:
        raw: dict[str, Any] = tomli.loads((directory / name).read_text(encoding="utf-8"))
        parsed = TextFile.model_validate(raw)
    except (OSError, tomli.TOMLDecodeError) as error:
        raise KnowledgeError(f"cards/texts/{name}: cannot be read: {error}") from error
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise KnowledgeError(f"cards/texts/{name}: {place}: {error.errors()[0]['msg']}") from error
    if parsed.language != language.value:
        raise KnowledgeError(f"cards/texts/{name}: language: says {parsed.language!r}")
    return parsed
