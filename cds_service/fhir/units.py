"""Converts laboratory quantities to the canonical unit of their analyte (UCUM); factors are worked out once."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lark.exceptions import LarkError
from pint.errors import PintError
from ucumvert import PintUcumRegistry  # type: ignore[import-untyped]  # ships no type information

from cds_service.domain.vocabulary import Analyte
from cds_service.knowledge.code_groups import LabEntry
from cds_service.knowledge.codes import Labs

_LONGEST_UNIT = 40
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
        self._registry = PintUcumRegistry()
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
        # an equivalent is not a mole, although the registry counts it as one
        if len(ucum) > _LONGEST_UNIT or "eq" in ucum:
            return None
        try:
            source = self._registry.from_ucum(ucum)
            target = self._registry.from_ucum(lab.unit).units
            base = self._registry.Quantity(0.0, source.units)
            step = self._registry.Quantity(float(source.magnitude), source.units)
            approximate = False
            if base.dimensionality != target.dimensionality:
                base, step, approximate = self._through_moles(base, step, lab)
            zero, one = base.to(target).magnitude, step.to(target).magnitude
        except (PintError, LarkError, ValueError, ArithmeticError, AttributeError, TypeError, KeyError):
            # the parser and the registry refuse foreign text in many ways; all mean that the unit is not known
            return None
        return Conversion(float(one - zero), float(zero), approximate)

    def _through_moles(self, base: Any, step: Any, lab: LabEntry) -> tuple[Any, Any, bool]:
        """Turn moles to mass or mass to moles with the molar mass of the analyte."""
        if lab.molar_mass is None:
            raise ValueError("no molar mass")
        molar = self._registry.Quantity(lab.molar_mass, "g/mol")
        if "[substance]" in base.dimensionality:
            return base * molar, step * molar, lab.molar_mass_approximate
        return base / molar, step / molar, lab.molar_mass_approximate
