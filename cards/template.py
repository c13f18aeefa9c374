"""Card sentences with ``{placeholders}`` and ``[optional parts]`` that vanish when a placeholder has no value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cds_service.errors import KnowledgeError

_TOKEN: Final = re.compile(r"\[|\]|\{[a-z_]+\}|[^\[\]{}]+|[{}]")


@dataclass(frozen=True, slots=True)
class Part:
    """A run of literals and placeholders: each piece is a literal text and the name of the placeholder after it.

    The last piece has no name when the run ends with a literal.
    """

    pieces: tuple[tuple[str, str], ...]
    optional: bool

    @property
    def names(self) -> frozenset[str]:
        """Placeholders of this part."""
        return frozenset(name for _, name in self.pieces if name)

    def fill(self, values: Mapping[str, str]) -> str | None:
        """Return the text, or ``None`` when a placeholder has no value."""
        text = ""
        for literal, name in self.pieces:
            text += literal
            if name:
                value = values.get(name)
                if not value:
                    return None
                text += value
        return text


@dataclass(frozen=True, slots=True)
class Template:
    """One parsed sentence with the ``names`` of all its placeholders; without any, ``constant`` is its whole text."""

    source: str
    parts: tuple[Part, ...]
    names: frozenset[str]
    constant: str | None

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
        if self.constant is not None:
            return self.constant
        kept = len(self.parts)
        if skip_optional:
            kept = sum(part.optional for part in self.parts) - skip_optional
        text = ""
        for part in self.parts:
            if part.optional:
                kept -= 1
                if kept >= 0:
                    text += part.fill(values) or ""
                continue
            filled = part.fill(values)
            if filled is None:
                return None
            text += filled
        return text.strip()


def parse(source: str, where: str) -> Template:
    """Parse one sentence; ``where`` names file and key in the :class:`KnowledgeError` for a broken one."""
    parts: list[Part] = []
    pieces: list[str] = []
    inside = False
    for piece in _TOKEN.findall(source):
        if piece in {"{", "}"} or (piece == "[" and inside) or (piece == "]" and not inside):
            raise KnowledgeError(f"{where}: unbalanced or misspelt placeholder in {source!r}")
        if piece in {"[", "]"}:
            parts.append(Part(_paired(pieces), optional=inside))
            pieces = []
            inside = piece == "["
        else:
            pieces.append(piece)
    if inside:
        raise KnowledgeError(f"{where}: an optional part is not closed in {source!r}")
    parts.append(Part(_paired(pieces), optional=False))
    kept = tuple(part for part in parts if part.pieces)
    if any(part.optional and not part.names for part in kept):
        raise KnowledgeError(f"{where}: an optional part without a placeholder in {source!r}")
    names = frozenset[str]().union(*(part.names for part in kept))
    whole = "".join(literal for part in kept for literal, _ in part.pieces).strip()
    return Template(source, kept, names, None if names else whole)


def _paired(pieces: list[str]) -> tuple[tuple[str, str], ...]:
    """Return each literal with the placeholder after it."""
    paired: list[tuple[str, str]] = []
    literal = ""
    for piece in pieces:
        if piece.startswith("{"):
            paired.append((literal, piece[1:-1]))
            literal = ""
        else:
            literal = piece
    return (*paired, (literal, "")) if literal else tuple(paired)
