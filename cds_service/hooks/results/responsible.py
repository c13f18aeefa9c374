"""Who is to look at a result: whoever ordered the examination, else who interpreted it, else who carried it out.

Following a result up is the duty of the one who asked for it; a radiologist who is named knows the report already.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_PERSONS = ("Practitioner", "PractitionerRole")
_GROUPS = ("CareTeam", "Organization")
_RELATIVE = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?")
_MOST_ORDERS = 4

Read = Callable[[str], Mapping[str, Any] | None]


def responsible(report: Mapping[str, Any], base: str, read: Read) -> dict[str, Any]:
    """Return a Reference to the responsible clinician, empty when none is known on this server.

    ``read`` gives a resource ``Type/id`` of the server at ``base``, ``None`` when it cannot be had. A person comes
    before a team or an organisation. Patients and relatives who asked for an examination are not meant.
    """
    named = [one for one in (_own(found, base) for found in _named(report, base, read)) if one]
    for kinds in (_PERSONS, _GROUPS):
        for one in named:
            if one["reference"].startswith(tuple(f"{kind}/" for kind in kinds)):
                return one
    return {}


def _named(report: Mapping[str, Any], base: str, read: Read) -> Iterator[Any]:
    orders = [_own(found, base) for found in _listed(report, "basedOn")]
    placed = [one["reference"] for one in orders if one.get("reference", "").startswith("ServiceRequest/")]
    for reference in placed[:_MOST_ORDERS]:
        yield (read(reference) or {}).get("requester")
    yield from _listed(report, "resultsInterpreter")
    yield from _listed(report, "performer")


def _listed(report: Mapping[str, Any], name: str) -> list[Any]:
    found = report.get(name)
    return found if isinstance(found, list) else []


def _own(found: Any, base: str) -> dict[str, Any]:
    """Return a Reference to a resource of this server, with its display; empty for every other one."""
    reference = found.get("reference") if isinstance(found, dict) else None
    match = _RELATIVE.fullmatch(reference.removeprefix(f"{base}/")) if isinstance(reference, str) else None
    if match is None:
        return {}
    display = found.get("display")
    return {"reference": f"{match[1]}/{match[2]}"} | (
        {"display": display} if isinstance(display, str) and display.strip() else {}
    )
