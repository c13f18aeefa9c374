"""Numbers with units as results state them: a Quantity, or words such as "<4 mg/L"."""

import re
from dataclasses import dataclass

from cds_service.domain.facts import Comparator
from cds_service.fhir.node import Node

_COMPARATORS = {
    "<": Comparator.LT,
    "<=": Comparator.LE,
    "≤": Comparator.LE,
    ">=": Comparator.GE,
    "≥": Comparator.GE,
    ">": Comparator.GT,
}
_WRITTEN = re.compile(r"\s*(<=|>=|<|>|≤|≥)?\s*(-?\d{1,9}(?:[.,]\d{1,9})?)\s*(\S.{0,39})?\s*")
LONGEST_TEXT = 400


@dataclass(frozen=True, slots=True)
class Measure:
    """A number as stated, with its unit as written and the element it was read from."""

    value: float
    unit: str
    comparator: Comparator | None
    element: str


def read_quantity(quantity: Node) -> Measure | None:
    """Return the number of a Quantity, also where it is written as text; ``None`` when there is none."""
    value = quantity.number("value")
    comparator = _COMPARATORS.get(quantity.code("comparator"))
    written = quantity.body.get("value")
    if value is None and isinstance(written, str):
        found = read_written(written)
        if found is None:
            return None
        value, comparator = found.value, comparator or found.comparator
        unit = found.unit
    else:
        unit = ""
    if value is None:
        return None
    return Measure(value, _unit_of(quantity) or unit, comparator, quantity.path)


def _unit_of(quantity: Node) -> str:
    """Return the UCUM code where the system says so, else the unit as written."""
    code, unit = quantity.text("code"), quantity.text("unit")
    if code and "unitsofmeasure" in quantity.text("system"):
        return code
    return unit or code


def read_written(text: str) -> Measure | None:
    """Read "<4 mg/L" or "12,5 mg/dl"; anything else is no number."""
    match = _WRITTEN.fullmatch(text[:LONGEST_TEXT])
    if match is None:
        return None
    sign, number, unit = match.groups()
    return Measure(decimal(number) or 0.0, (unit or "").strip(), _COMPARATORS.get(sign or ""), "")


def decimal(number: str | None) -> float | None:
    """Return a number whose fraction is set off by a point or a comma."""
    return None if number is None else float(number.replace(",", "."))
