"""Conversions worked out in advance are those that the registry works out, and spare loading it."""

import subprocess
import sys

import orjson
import pytest

from cds_service.domain.vocabulary import Analyte
from cds_service.fhir.ucum import work_out
from cds_service.fhir.units import UnitConverter
from cds_service.knowledge.load import load_knowledge
from scripts.work_out_units import PLACE, conversions

LABS = load_knowledge().codes.labs


def test_what_was_worked_out_in_advance_is_up_to_date() -> None:
    fresh = orjson.loads(orjson.dumps(conversions(LABS)))
    assert orjson.loads(PLACE.read_bytes()) == fresh, "run scripts/work_out_units.py"


@pytest.mark.parametrize("analyte", LABS.analytes)
def test_every_unit_that_is_listed_needs_no_registry(analyte: Analyte, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the registry was asked")

    monkeypatch.setattr("cds_service.fhir.units._work_out", refuse)
    converter = UnitConverter(LABS)
    listed = {*LABS.units.values(), *(LABS.analytes[analyte].units or {}).values()}
    assert any(converter.conversion(unit, analyte) for unit in listed)


def test_other_units_are_worked_out_when_they_come() -> None:
    found = UnitConverter(LABS).conversion("kg/m3", Analyte.CRP)
    assert found is not None
    assert found.apply(0.012) == 12
    assert UnitConverter(LABS).conversion("furlong", Analyte.CRP) is None
    assert work_out("x" * 41, "mg/L", None) is None


def test_the_service_starts_without_what_calls_seldom_need() -> None:
    slow = ("pint", "lark", "numpy", "pypdf", "PIL", "alembic", "fhir.resources")
    code = f"import sys, cds_service.app; print([name for name in {slow!r} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "[]"
