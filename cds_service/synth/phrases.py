"""Phrase templates: ``[a|b]`` is a choice, ``<name>`` a rule, ``{name}`` a slot."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from cds_service.errors import MarrowError
from cds_service.synth.draw import Draw

_TOKEN: Final = re.compile(r"\[([^\[\]]*)\]|<(\w+)>|\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several phrases."""

    phrases: "tuple[Phrase, ...]"


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a word of the case."""

    name: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A place for one of the phrases of a rule."""

    name: str


Phrase: TypeAlias = tuple[str | Choice | Slot | Rule, ...]


def parse(template: str) -> Phrase:
    """Return a template in its parts; brackets that do not fit are a fault of the file."""
    parts: list[str | Choice | Slot | Rule] = []
    end = 0
    for match in _TOKEN.finditer(template):
        parts.append(template[end : match.start()])
        if match[2]:
            parts.append(Rule(match[2]))
        elif match[3]:
            parts.append(Slot(match[3]))
        else:
            parts.append(Choice(tuple(parse(one) for one in match[1].split("|"))))
        end = match.end()
    parts.append(template[end:])
    if any(isinstance(part, str) and set(part) & set("[]{}<>|") for part in parts):
        raise MarrowError(f"phrase with unmatched brackets: {template}")
    return tuple(part for part in parts if part != "")


def write(phrase: Phrase, draw: Draw, slots: Mapping[str, str], rules: Mapping[str, Sequence[Phrase]]) -> str:
    """Return one way to say a phrase."""
    return "".join(_written(phrase, draw, slots, rules))


def _written(phrase: Phrase, draw: Draw, slots: Mapping[str, str], rules: Mapping[str, Sequence[Phrase]]) -> list[str]:
    out: list[str] = []
    for part in phrase:
        if isinstance(part, str):
            out.append(part)
        elif isinstance(part, Slot):
            out.append(slots[part.name])
        else:
            among = part.phrases if isinstance(part, Choice) else rules[part.name]
            out += _written(draw.pick(among), draw, slots, rules)
    return out


def ways(phrases: Sequence[Phrase], rules: Mapping[str, Sequence[Phrase]]) -> int:
    """Return in how many ways one of several phrases can be said, slots apart."""
    return sum(math.prod(_ways(part, rules) for part in phrase) for phrase in phrases)


def _ways(part: str | Choice | Slot | Rule, rules: Mapping[str, Sequence[Phrase]]) -> int:
    if isinstance(part, Choice):
        return ways(part.phrases, rules)
    return ways(rules[part.name], rules) if isinstance(part, Rule) else 1
