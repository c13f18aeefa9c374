"""The small part of FHIRPath that CDS Hooks allows inside prefetch tokens, checked before anything is evaluated.

Allowed are ``context`` or ``%earlierKey``, element names, ``ofType(Type)``, ``resolve()``, ``|`` between paths, and
plus or minus a number of days, weeks, months or years behind a path.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from cds_service.errors import MarrowError

_LONGEST = 500
_MOST_STEPS = 20
_STEP = re.compile(r"[A-Za-z][A-Za-z0-9]*|ofType\([A-Z][A-Za-z]+\)|resolve\(\)")
_ROOT = re.compile(r"context|%[A-Za-z_][A-Za-z0-9_]*")
_SHIFT = re.compile(r" ?([+-]) ?([0-9]{1,5}) (day|week|month|year)s?")

Resolve = Callable[[str], dict[str, Any] | None]
Evaluate = Callable[[Any, str], list[Any]]


class NotAllowed(MarrowError):  # noqa: N818 - named for what the expression is
    """An expression outside the allowed part, or one that gives nothing that can stand in a query."""


def _paths(expression: str) -> list[tuple[list[str], str]]:
    """Return the paths of an expression as steps, each with its shift in time. Raises NotAllowed."""
    if len(expression) > _LONGEST:
        raise NotAllowed(f"longer than {_LONGEST} characters")
    found = []
    for part in expression.split("|"):
        path = part.strip()
        cut = min((at for at in (path.find(" "), path.find("+"), path.find("-")) if at >= 0), default=len(path))
        steps, shift = path[:cut].split("."), path[cut:]
        fits = _ROOT.fullmatch(steps[0]) and all(_STEP.fullmatch(step) for step in steps[1:])
        if not fits or len(steps) > _MOST_STEPS or (shift and not _SHIFT.fullmatch(shift)):
            raise NotAllowed("not of the part of FHIRPath that tokens may use")
        found.append((steps, shift))
    return found


def keys_named(expression: str) -> frozenset[str]:
    """Return the names of earlier prefetch keys that an expression starts from. Raises NotAllowed."""
    return frozenset(steps[0][1:] for steps, _ in _paths(expression) if steps[0].startswith("%"))


def values(expression: str, context: Mapping[str, Any], earlier: Mapping[str, Any], resolve: Resolve) -> list[str]:
    """Return what ``expression`` gives, each value once and as text. Raises NotAllowed.

    ``resolve`` gets the resource that a reference leads to, ``None`` when it leads nowhere.
    """
    # The grammar of the library takes a moment to load, and most templates need none of it.
    from fhirpathpy import evaluate  # noqa: PLC0415
    from fhirpathpy.models import models  # noqa: PLC0415

    def ask(start: Any, path: str) -> list[Any]:
        try:
            return list(evaluate(start, path, {}, models["r4"]))
        except Exception as failure:  # noqa: BLE001 - the library raises plain exceptions for whatever does not fit
            raise NotAllowed(f"cannot be evaluated ({failure})") from None

    found: list[str] = []
    for steps, shift in _paths(expression):
        start = dict(context) if steps[0] == "context" else earlier.get(steps[0][1:])
        for result in [] if start is None else _walk([start], steps[1:], ask, resolve):
            moved = ask({}, f"@{_text(result)}{shift}") if shift else [result]
            found += [_text(one) for one in moved]
    return list(dict.fromkeys(found))


def _walk(start: list[Any], steps: list[str], ask: Evaluate, resolve: Resolve) -> list[Any]:
    """Follow ``steps`` from ``start``, going on from the resource that a reference leads to at each ``resolve()``."""
    at = steps.index("resolve()") if "resolve()" in steps else len(steps)
    path = ".".join(("here", *steps[:at]))
    reached = [value for one in start for value in ask({"here": one}, path)]
    if at == len(steps):
        return reached
    references = [one.get("reference") if isinstance(one, dict) else one for one in reached]
    resources = [resolve(one) for one in dict.fromkeys(references) if isinstance(one, str)]
    return _walk([one for one in resources if one is not None], steps[at + 1 :], ask, resolve)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise NotAllowed("gives more than a simple value")
