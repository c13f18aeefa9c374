"""Clinical scores from what is stated: SINS, ESR limit by age and sex, OF class. Nothing missing is guessed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from types import MappingProxyType

from cds_service.domain.facts import Sex
from cds_service.rules.levels import bodies, label

# Points that each item can take (R-SINS2010).
SINS_POINTS = MappingProxyType(
    {
        "location": frozenset({0, 1, 2, 3}),
        "pain": frozenset({0, 1, 3}),
        "lesion": frozenset({0, 1, 2}),
        "alignment": frozenset({0, 2, 4}),
        "collapse": frozenset({0, 1, 2, 3}),
        "posterolateral": frozenset({0, 1, 3}),
    }
)
SINS_SURGICAL_OPINION = 7
SINS_UNSTABLE = 13

# First and last vertebra of each stretch of the spine with its SINS points, in order from the head.
_SINS_LOCATION = (
    ("C", 1, 2, 3),
    ("C", 3, 6, 2),
    ("C", 7, 7, 3),
    ("T", 1, 2, 3),
    ("T", 3, 10, 1),
    ("T", 11, 12, 3),
    ("L", 1, 1, 3),
    ("L", 2, 4, 2),
    ("L", 5, 5, 3),
    ("S", 1, 1, 3),
    ("S", 2, 5, 0),
)


@dataclass(frozen=True, slots=True)
class SinsItems:
    """Points of each item as far as the report and chart state them; ``None`` is not stated."""

    location: int | None = None
    pain: int | None = None
    lesion: int | None = None
    alignment: int | None = None
    collapse: int | None = None
    posterolateral: int | None = None


@dataclass(frozen=True, slots=True)
class SinsScore:
    """Sum of the stated items (0 to 18) and the ids of the items that are missing; complete when none is."""

    at_least: int
    missing: tuple[str, ...]

    @property
    def surgical_opinion(self) -> bool:
        """At least 7: possibly unstable already on the stated items alone (R-SINS2010)."""
        return self.at_least >= SINS_SURGICAL_OPINION

    @property
    def unstable(self) -> bool:
        """At least 13: unstable already on the stated items alone (R-SINS2010)."""
        return self.at_least >= SINS_UNSTABLE


def sins(items: SinsItems) -> SinsScore | None:
    """Least SINS that the stated items give; ``None`` when none is stated. Raises ValueError on impossible points."""
    points = {field.name: getattr(items, field.name) for field in fields(SinsItems)}
    stated = {name: value for name, value in points.items() if value is not None}
    for name, value in stated.items():
        if value not in SINS_POINTS[name]:
            raise ValueError(f"SINS item {name} cannot have {value} points")
    if not stated:
        return None
    return SinsScore(sum(stated.values()), tuple(name for name in points if name not in stated))


def sins_location(levels: Iterable[str]) -> int | None:
    """SINS points for the least favourable of the levels (``L3``, ``L4-L5``); ``None`` without a readable level."""
    vertebrae = [(name[0], int(name[1:])) for name in map(label, bodies(levels))]
    points = [
        value
        for region, number in vertebrae
        for stretch, first, last, value in _SINS_LOCATION
        if region == stretch and first <= number <= last
    ]
    return max(points, default=None)


def esr_limit(
    age_years: int | None,
    sex: Sex | None,
    *,
    floor: float = 20,
    divisor: float = 2,
    female_years_added: float = 10,
) -> float:
    """Upper limit of a normal ESR in mm/h (R-MILLER1983), never below ``floor`` (R-AISP).

    Men age/2, women and unknown sex (age + 10)/2. Without an age only the floor is left, which calls more values raised
    and so never hides one.
    """
    if age_years is None:
        return floor
    added = 0 if sex is Sex.MALE else female_years_added
    return max(floor, (age_years + added) / divisor)


@dataclass(frozen=True, slots=True)
class FractureFeatures:
    """What is stated of one fractured vertebra; ``None`` is not stated."""

    deformity: bool | None = None
    posterior_wall_over_fifth: bool | None = None
    frame_lost: bool | None = None
    distraction_or_rotation: bool | None = None


def of_class(features: FractureFeatures) -> str | None:
    """OF class from OF1 to OF5 (R-OF2018); ``None`` when the stated features leave the class open."""
    if features.distraction_or_rotation:
        return "OF5"
    if features.frame_lost:
        return "OF4"
    wall = features.posterior_wall_over_fifth
    if features.deformity is False:
        # A broken posterior wall without deformity contradicts itself.
        return None if wall else "OF1"
    if wall:
        return "OF3"
    return "OF2" if features.deformity and wall is False else None


# "OF2", "OF 3", "OF-Typ 4", "OF type 2"; in capitals only, since "of" is a word.
_STATED_OF = re.compile(r"\bOF[ -]?(?:[Tt]ype?|[Tt]ip|[Cc]lass|[Kk]lasse|[Gg]rade?)?[ -]?([1-5])\b")


def stated_of_class(sentence: str) -> str | None:
    """OF class that a report sentence gives itself, the highest of several; ``None`` when it gives none."""
    found = _STATED_OF.findall(sentence)
    return f"OF{max(found)}" if found else None


def of_class_at_least(of: str | None, number: int) -> bool | None:
    """Tell whether an OF class is ``number`` or more; ``None`` when the class is not known."""
    return None if of is None else int(of.removeprefix("OF")) >= number
