"""Works out conversions between UCUM units; loading what that needs takes a second, and known units never need it."""

from functools import lru_cache
from typing import Any

from lark.exceptions import LarkError
from pint.errors import PintError
from ucumvert import PintUcumRegistry  # type: ignore[import-untyped]  # ships no type information

_LONGEST_UNIT = 40


@lru_cache(maxsize=1)
def _registry() -> Any:
    return PintUcumRegistry()


def work_out(ucum: str, unit: str, molar_mass: float | None) -> tuple[float, float, bool] | None:
    """Return how a value in ``ucum`` becomes one in ``unit``; ``None`` when it does not measure the same.

    ``molar_mass`` is in g/mol. ``value * first + second`` gives the other unit; the third is true when that took the
    molar mass.
    """
    # an equivalent is not a mole, although the registry counts it as one
    if len(ucum) > _LONGEST_UNIT or "eq" in ucum:
        return None
    registry = _registry()
    try:
        source = registry.from_ucum(ucum)
        target = registry.from_ucum(unit).units
        base = registry.Quantity(0.0, source.units)
        step = registry.Quantity(float(source.magnitude), source.units)
        molar = base.dimensionality != target.dimensionality
        if molar:
            base, step = _through_moles(registry, base, step, molar_mass)
        zero, one = base.to(target).magnitude, step.to(target).magnitude
    except (PintError, LarkError, ValueError, ArithmeticError, AttributeError, TypeError, KeyError):
        # the parser and the registry refuse foreign text in many ways; all mean that the unit is not known
        return None
    return float(one - zero), float(zero), molar


def _through_moles(registry: Any, base: Any, step: Any, molar_mass: float | None) -> tuple[Any, Any]:
    """Turn moles to mass or mass to moles with the molar mass of the analyte."""
    if molar_mass is None:
        raise ValueError("no molar mass")
    molar = registry.Quantity(molar_mass, "g/mol")
    if "[substance]" in base.dimensionality:
        return base * molar, step * molar
    return base / molar, step / molar
