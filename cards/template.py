"""Card sentences with ``{placeholders}`` and ``[optional parts]`` that vanish when a placeholder has no value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cds_service.errors import KnowledgeError

_TOKEN = re.compile(r"\[|\]|\{[a-z_]+\}|[^\[\]{}]+|[{}]")


@dataclass(frozen=True, slots=True)
class Part:
    """A run of literals and placeholders; placeholders are written ``{name}`` in ``pieces``."""

    pieces: tuple[str, ...]
    optional: bool

    @property
    def names(self) -> frozenset[str]:
        """Placeholders of this part."""
        return frozenset(piece[1:-1] for piece in self.pieces if piece.startswith("{"))

    def fill(self, values: Mapping[str, str]) -> str | None:
        """Return the text, or ``None`` when a placeholder has no value."""
        if any(not values.get(name) for name in self.names):
            return None
        return "".join(values[piece[1:-1]] if piece.startswith("{") else piece for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Template:
    """One parsed sentence."""

    source: str
    parts: tuple[Part, ...]

    @property
    def names(self) -> frozenset[str]:
        """All placeholders."""
        return frozenset[str]().union(*(part.names for part in self.parts))

    @property
    def required(self) -> frozenset[str]:
        """Placeholders without which there is no sentence."""
        return frozenset[str]().union(*(part.names for part in self.parts if not part.optional))

    def bare(self, values: Mapping[str, str]) -> str | None:
        """Return the sentence without any optional part."""
        return self.fill(values, skip_optional=len(self.parts))

    def fill(self, values: Mapping[str, str], *, skip_optional: int = 0) -> str | None:
        """Return the sentence, or ``None`` when a required placeholder has no value.

        ``skip_optional`` leaves out that many of the optional parts, the last first.
        """
        optional = [index for index, part in enumerate(self.parts) if part.optional]
        skipped = frozenset(optional[max(0, len(optional) - skip_optional) :])
        texts = []
        for index, part in enumerate(self.parts):
            text = None if index in skipped else part.fill(values)
            if text is None and not part.optional:
                return None
            texts.append(text or "")
        return "".join(texts).strip()


def parse(source: str, where: str) -> Template:
    """Parse one sentence; ``where`` names file and key in the :class:`KnowledgeError` for a broken one."""
    parts: list[Part] = []
    pieces: list[str] = []
    inside = False
    for piece in _TOKEN.findall(source):
        if piece in {"{", "}"} or (piece == "[" and inside) or (piece == "]" and not inside):
            raise KnowledgeError(f"{where}: unbalanced or misspelt placeholder in {source!r}")
        if piece in {"[", "]"}:
            parts.append(Part(tuple(pieces), optional=inside))
            pieces = []
            inside = piece == "["
        else:
            pieces.append(piece)
    if inside:
        raise KnowledgeError(f"{where}: an optional part is not closed in {source!r}")
    parts.append(Part(tuple(pieces), optional=False))
    kept = tuple(part for part in parts if part.pieces)
    if any(part.optional and not part.names for part in kept):
        raise KnowledgeError(f"{where}: an optional part without a placeholder in {source!r}")
    return Template(source, kept)
