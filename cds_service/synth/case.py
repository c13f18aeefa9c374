"""The truth about one synthetic patient: what he has, where, since when, and who looks after him."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final

from cds_service.domain.outcome import Outcome
from cds_service.synth.anatomy import REGIONS, Place, draw_place
from cds_service.synth.draw import Draw, bounds_of

_START: Final = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Variant:
    """One kind of report. ``regions`` and ``departments`` are bounds for ``Draw.weighted``."""

    name: str
    outcome: Outcome
    weight: float
    regions: tuple[float, ...] = (1, 1, 1)
    age: tuple[int, int] = (18, 90)
    women: float = 0.5
    icd10: str = ""
    departments: tuple[float, ...] = ()
    denies: tuple[str, ...] = ()
    follow: str = ""
    infected: bool = False
    tumour: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """What is true. ``moment`` is when the first report was issued; ``weeks`` is how long there had been pain."""

    language: str
    female: bool
    age: int
    variant: Variant
    place: Place
    moment: datetime
    department: int
    clinician: int
    weeks: int


@cache
def chart_words() -> Mapping[str, Any]:
    """Return codes and names of what stands in charts."""
    return tomllib.loads(files("cds_service.synth").joinpath("chart.toml").read_text("utf-8"))


class Cases:
    """Draws cases with the chosen parameters, in the chosen languages."""

    def __init__(self, values: Mapping[str, float], languages: Sequence[str]) -> None:
        text = files("cds_service.synth").joinpath("variants.toml").read_text("utf-8")
        told = tomllib.loads(text)
        self.variants = {name: _variant(name, one, values, told) for name, one in told.items()}
        self._languages = tuple(languages)
        self._values = values
        shares = {one: values.get(f"share_{one.value}", 0.0) for one in Outcome}
        shares[Outcome.NONE] = max(0.0, 1 - sum(shares.values()))
        self._first = [one for one in self.variants.values() if one.weight]
        self._bounds = bounds_of([shares[one.outcome] * one.weight for one in self._first])

    def draw(self, draw: Draw) -> Case:
        """Return the case of one stream."""
        variant = draw.weighted(self._first, self._bounds)
        moment = _START + timedelta(
            days=draw.whole(0, int(self._values["days"]) - 1), hours=draw.whole(7, 19), minutes=draw.whole(0, 59)
        )
        place = draw_place(draw, draw.weighted(REGIONS, variant.regions))
        return Case(
            language=draw.pick(self._languages),
            female=draw.chance(variant.women),
            age=draw.whole(*variant.age),
            variant=variant,
            place=place,
            moment=moment,
            department=draw.weighted(range(len(variant.departments)), bounds_of(variant.departments)),
            clinician=draw.whole(1, int(self._values["clinicians_per_department"])),
            weeks=draw.whole(1, 12),
        )


def _variant(name: str, told: Mapping[str, Any], values: Mapping[str, float], everything: Mapping[str, Any]) -> Variant:
    regions = told.get("regions", [1, 1, 1])
    if isinstance(regions, str):
        regions = [values[regions], 0, 1 - values[regions]]
    return Variant(
        name=name,
        outcome=Outcome(told["outcome"]),
        weight=_weight(told, values, everything),
        regions=bounds_of(regions),
        age=tuple(told.get("age", (18, 90))),
        women=told.get("women", 0.5),
        icd10=told.get("icd10", ""),
        departments=tuple(told.get("departments", ())),
        denies=tuple(told.get("denies", ())),
        follow=told.get("follow", ""),
        infected=told.get("infected", False),
        tumour=told.get("tumour", False),
    )


def _weight(told: Mapping[str, Any], values: Mapping[str, float], everything: Mapping[str, Any]) -> float:
    """Share among the reports of the same outcome: a parameter's own, or a part of what the parameters leave."""
    same = [one["weight"] for one in everything.values() if one["outcome"] == told["outcome"]]
    named = sum(values[one] for one in same if isinstance(one, str))
    parts: float = sum(one for one in same if not isinstance(one, str))
    weight: float | str = told["weight"]
    if isinstance(weight, str):
        return values[weight] / max(1.0, named)
    return max(0.0, 1 - named) * weight / parts
