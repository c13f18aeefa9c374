"""Which growth in blood counts as a pathogen, and how many culture sets a result speaks of."""

import re
import unicodedata
from importlib import resources

import tomli
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cds_service.errors import KnowledgeError

FILE_NAME = "organisms.toml"
_BOTTLES_PER_SET = 2
_COUNT = re.compile(r"(?:\b\d{1,2}\s?(?:/|of|von|din)\s?)?\b(\d{1,2})\s?x?\s?([a-z]{3,9})\b")
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
# Short names such as "CoNS" count as whole words only, longer pieces anywhere in the text.
_SHORT = 4


class Organisms(BaseModel):
    """Names of skin germs and words for culture sets and bottles."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    contaminants: list[str] = Field(min_length=1)
    pathogens: list[str] = Field(min_length=1)
    set_words: list[str] = Field(min_length=1)
    bottle_words: list[str] = Field(min_length=1)

    def is_contaminant(self, text: str) -> bool:
        """Tell whether a culture text names only germs of the skin; an unnamed growth does not."""
        folded = _fold(text)
        if any(name in folded for name in self.pathogens):
            return False
        words = set(_WORD.findall(folded))
        return any(name in words if len(name) <= _SHORT else name in folded for name in self.contaminants)

    def sets_in(self, text: str) -> int:
        """Count the culture sets a result speaks of ("2 sets", "4/4 bottles"); one where it names none."""
        counts = [1]
        for number, word in _COUNT.findall(_fold(text)):
            if word in self.set_words:
                counts.append(int(number))
            elif word in self.bottle_words:
                counts.append(int(number) // _BOTTLES_PER_SET)
        return max(counts)


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def parse_organisms(text: str) -> Organisms:
    """Read the names from TOML text; raise :class:`KnowledgeError` naming file and key on any flaw."""
    try:
        return Organisms.model_validate(tomli.loads(text))
    except tomli.TOMLDecodeError as error:
        raise KnowledgeError(f"{FILE_NAME}: not readable as TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise KnowledgeError(f"{FILE_NAME}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def load_organisms() -> Organisms:
    """Read the names that ship with the package."""
    return parse_organisms(resources.files("cds_service.knowledge").joinpath(FILE_NAME).read_text(encoding="utf-8"))
