"""Writes the conversions between the units of the laboratory file, so that no process has to do so."""  # noqa: INP001 - a script, no package

from pathlib import Path

import orjson

from cds_service.fhir import units
from cds_service.fhir.ucum import work_out
from cds_service.fhir.units import Step, place_of
from cds_service.knowledge.codes import Labs
from cds_service.knowledge.load import load_knowledge

PLACE = Path(units.__file__).with_name("units.json")


def conversions(labs: Labs) -> dict[str, dict[str, Step | None]]:
    """Return the conversion of every unit that is listed to that of each analyte; ``None`` where there is none."""
    listed = {*labs.units.values(), *(unit for lab in labs.analytes.values() for unit in (lab.units or {}).values())}
    return {
        place_of(lab.unit, lab.molar_mass): {
            unit: work_out(unit, lab.unit, lab.molar_mass) for unit in sorted(listed) if unit != lab.unit
        }
        for lab in labs.analytes.values()
        if lab.unit != "1"
    }


if __name__ == "__main__":
    form = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    PLACE.write_bytes(orjson.dumps(conversions(load_knowledge().codes.labs), option=form))
