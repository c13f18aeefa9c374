"""The numbers of the generator, each with its source or the word assumption."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from cds_service.errors import RequestError

ASSUMPTION: Final = "assumption"
# Numbers that are no shares, with the largest that makes sense.
_WHOLE: Final = MappingProxyType({"clinicians_per_department": 10_000, "days": 3_650})
_OUTCOMES: Final = "share_"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number. ``source`` is an id of the register of references or ``assumption``."""

    name: str
    value: float
    meaning: str
    source: str


@cache
def parameters() -> tuple[Parameter, ...]:
    """Return all parameters in the order of the file."""
    text = files("cds_service.synth").joinpath("parameters.toml").read_text("utf-8")
    return tuple(Parameter(name, **told) for name, told in tomllib.loads(text).items())


def values(changes: Iterable[str] = ()) -> Mapping[str, float]:
    """Return the value of each parameter, with ``name=value`` changes over the file's; a wrong one is refused."""
    known: dict[str, float] = {one.name: one.value for one in parameters()}
    for change in changes:
        name, _, written = change.partition("=")
        name = name.strip()
        if name not in known:
            raise RequestError(f"--set {name}: there is no such parameter; --parameters lists them")
        known[name] = _number(name, written)
    outcomes = sum(value for name, value in known.items() if name.startswith(_OUTCOMES))
    if outcomes > 1 + 1e-9:
        raise RequestError(f"--set: the shares of the outcomes add up to {outcomes:.3g}, more than 1")
    return MappingProxyType(known)


def lines(chosen: Mapping[str, float]) -> Iterator[str]:
    """Yield a line for each parameter: name, value, source, meaning."""
    for one in parameters():
        yield f"{one.name:<26} {chosen[one.name]:<8g} {one.source:<18} {one.meaning}"


def _number(name: str, written: str) -> float:
    try:
        number = float(written)
    except ValueError:
        raise RequestError(f"--set {name}: {written!r} is no number") from None
    largest = _WHOLE.get(name, 1)
    if not (0 <= number <= largest) or (name in _WHOLE and (number < 1 or number != int(number))):
        raise RequestError(
            f"--set {name}: {written} is not {'a whole number from 1' if name in _WHOLE else '0'} to {largest}"
        )
    return number
