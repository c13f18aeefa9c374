"""Which vertebrae a case is about, and how each language writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cds_service.synth.draw import Draw

REGIONS: Final = ("cervical", "thoracic", "lumbar")
_SPINE: Final = tuple(
    [f"C{number}" for number in range(2, 8)]
    + [f"T{number}" for number in range(1, 13)]
    + [f"L{number}" for number in range(1, 6)]
    + ["S1"]
)
# The upper vertebra of the segment that is ill: C3 to C6, T3 to T11, L1 to L5.
_UPPER: Final[Mapping[str, tuple[int, ...]]] = {
    "cervical": tuple(range(_SPINE.index("C3"), _SPINE.index("C6") + 1)),
    "thoracic": tuple(range(_SPINE.index("T3"), _SPINE.index("T11") + 1)),
    "lumbar": tuple(range(_SPINE.index("L1"), _SPINE.index("L5") + 1)),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Part of the spine, ``upper`` and the vertebra below it, and three vertebrae for what is multiple."""

    region: str
    upper: str
    lower: str
    several: tuple[str, ...]


def draw_place(draw: Draw, region: str) -> Place:
    """Choose where a case is."""
    upper = draw.pick(_UPPER[region])
    first = max(1, upper - draw.whole(2, 4))
    several = tuple(_SPINE[index] for index in (first, upper, upper + draw.whole(0, 1)))
    return Place(region, _SPINE[upper], _SPINE[upper + 1], tuple(dict.fromkeys(several)))


def slots(place: Place, language: Mapping[str, Any], draw: Draw) -> dict[str, str]:
    """Return what phrases say for vertebra, vertebrae and segment; the manner is that of one report."""
    levels, conjunction = language["levels"], language["and"]
    named = [_named(level, levels) for level in (place.upper, place.lower)]
    return {
        "v": named[0],
        "vv": _pair(place, levels, conjunction, named, short=draw.chance(0.4)),
        "seg": _segment(place, levels, draw),
        "m": _listed([_named(level, levels) for level in place.several], conjunction),
        "region": language["regions"][place.region],
        "region_of": language.get("regions_of", language["regions"])[place.region],
    }


def _named(level: str, levels: Mapping[str, str]) -> str:
    return f"{levels[level[0]]}{level[1:]}"


def _pair(place: Place, levels: Mapping[str, str], conjunction: str, named: Sequence[str], *, short: bool) -> str:
    same = place.upper[0] == place.lower[0] and levels[place.upper[0]].endswith(" ")
    return f"{named[0]}{conjunction}{place.lower[1:] if same and short else named[1]}"


def _segment(place: Place, levels: Mapping[str, str], draw: Draw) -> str:
    """Write "L4-L5", "L4/5" or "LWK 4/5"; of two parts of the spine both are named."""
    across = place.upper[0] != place.lower[0]
    manner = draw.whole(0, 2)
    if manner == 0:
        return f"{place.upper}{levels['span']}{place.lower}"
    if manner == 1:
        return f"{place.upper}/{place.lower if across else place.lower[1:]}"
    lower = _named(place.lower, levels) if across else place.lower[1:]
    return f"{_named(place.upper, levels)}/{lower}"


def _listed(names: Sequence[str], conjunction: str) -> str:
    return conjunction.join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
