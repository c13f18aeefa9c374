"""Converts laboratory quantities to the canonical unit of their analyte (UCUM); factors are worked out once."""

import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import orjson

from cds_service.domain.vocabulary import Analyte
from cds_service.knowledge.code_groups import LabEntry
from cds_service.knowledge.codes import Labs

# ``value * factor + offset`` gives the other unit; true when that took the molar mass.
Step = tuple[float, float, bool]
_loading = threading.Lock()
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_DIMENSIONLESS = frozenset({"1", "{INR}", "{ratio}", "{score}", "{Ratio}", "{inr}"})


@dataclass(frozen=True, slots=True)
class Conversion:
    """``value * factor + offset`` gives the canonical unit. ``approximate`` marks a molar mass that is not exact."""

    factor: float
    offset: float = 0.0
    approximate: bool = False

    def apply(self, value: float) -> float:
        """Return the value in the canonical unit, rounded to hide the noise of binary fractions."""
        return float(f"{value * self.factor + self.offset:.10g}")


def spelled(unit: str) -> str:
    """Return a unit as it is looked up: small letters, no blanks, plain digits and a plain micro sign."""
    folded = unicodedata.normalize("NFKD", unit.translate(_SUPERSCRIPTS).replace("×", "x").replace("℃", "°c"))
    plain = "".join(sign for sign in folded if not unicodedata.combining(sign))
    return plain.replace("µ", "u").replace("μ", "u").replace(" ", "").lower()


class UnitConverter:
    """Knows the spellings of the laboratory file and UCUM."""

    def __init__(self, labs: Labs) -> None:
        self._analytes = labs.analytes
        self._spellings: Mapping[str, str] = {spelled(name): unit for name, unit in labs.units.items()}
        self._own: Mapping[Analyte, Mapping[str, str]] = {
            name: {spelled(written): unit for written, unit in lab.units.items()}
            for name, lab in labs.analytes.items()
            if lab.units
        }
        self.conversion = lru_cache(maxsize=4096)(self._conversion)

    def _conversion(self, unit: str, analyte: Analyte) -> Conversion | None:
        """Conversion from a unit as sent; ``None`` when it does not measure this analyte. Cached."""
        lab = self._analytes[analyte]
        ucum = self.ucum(unit, analyte)
        if lab.only_units and ucum not in lab.only_units:
            return None
        if ucum == lab.unit:
            return Conversion(1.0)
        if lab.unit == "1":
            return Conversion(1.0) if ucum in _DIMENSIONLESS else None
        return self._worked_out(ucum, lab)

    def ucum(self, unit: str, analyte: Analyte) -> str:
        """Return the UCUM code meant by a spelling; an unlisted spelling is taken as UCUM itself."""
        key = spelled(unit)
        return self._own.get(analyte, {}).get(key) or self._spellings.get(key) or unit.strip()

    def _worked_out(self, ucum: str, lab: LabEntry) -> Conversion | None:
        known = _known().get(place_of(lab.unit, lab.molar_mass), {})
        step = known[ucum] if ucum in known else _work_out(ucum, lab.unit, lab.molar_mass)
        if step is None:
            return None
        factor, offset, molar = step
        return Conversion(factor, offset, molar and lab.molar_mass_approximate)


def place_of(unit: str, molar_mass: float | None) -> str:
    """Return where conversions to a unit stand among those worked out in advance."""
    return unit if molar_mass is None else f"{unit} {molar_mass:g} g/mol"


@cache
def _known() -> Mapping[str, Mapping[str, Step | None]]:
    """Return the conversions that ``scripts/work_out_units.py`` worked out for the units of the laboratory file."""
    listed: dict[str, dict[str, Any]] = orjson.loads(Path(__file__).with_name("units.json").read_bytes())
    return {
        place: {ucum: None if step is None else (step[0], step[1], step[2]) for ucum, step in steps.items()}
        for place, steps in listed.items()
    }


def _work_out(ucum: str, unit: str, molar_mass: float | None) -> Step | None:
    """Work a conversion out now; one at a time, so that what this needs is loaded once."""
    with _loading:
        from cds_service.fhir.ucum import work_out  # noqa: PLC0415 - slow to load and seldom needed

        return work_out(ucum, unit, molar_mass)
