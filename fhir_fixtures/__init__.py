"""Synthetic patients for tests, demonstration and evaluation; no entry comes from a real person.

A scenario is a folder in ``patients/``: ``bundle.json`` (R4 collection Bundle), ``expected.toml`` (the moment it was
written for and the cards that must come), ``README.md`` and, for order hooks, ``context.json`` (draft orders).
Dates in the files are fixed; every function that takes ``as_of`` moves them all by the same whole number of days.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from fhir_fixtures.prefetch import filled

__all__ = ["ExpectedCard", "Scenario", "bundle", "hook_request", "scenario", "scenarios", "shifted"]

_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}.*)?")


@dataclass(frozen=True, slots=True)
class ExpectedCard:
    """A card that a scenario must yield: card id, id of its text variant, and indicator."""

    card: str
    text: str
    indicator: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is known of a scenario besides its resources; ``cards`` is the whole list in the order shown."""

    name: str
    as_of: datetime
    hook: str
    language: str
    cards: tuple[ExpectedCard, ...]


def scenarios() -> tuple[str, ...]:
    """Names of all scenarios, sorted."""
    return tuple(sorted(entry.name for entry in _patients().iterdir() if entry.joinpath("bundle.json").is_file()))


@cache
def scenario(name: str) -> Scenario:
    """Read ``expected.toml`` of a scenario; ``KeyError`` for an unknown name."""
    data = tomllib.loads(_read(name, "expected.toml"))
    return Scenario(
        name=name,
        as_of=data["as_of"],
        hook=data["hook"],
        language=data["language"],
        cards=tuple(ExpectedCard(**card) for card in data["cards"]),
    )


def bundle(name: str, as_of: datetime | None = None) -> dict[str, Any]:
    """Return the Bundle of a scenario, moved to ``as_of`` if given; ``KeyError`` for an unknown name."""
    return _moved(name, _read(name, "bundle.json"), as_of)


def hook_request(name: str, service: Mapping[str, Any], as_of: datetime | None = None) -> dict[str, Any]:
    """Build the CDS Hooks request that a client would send to ``service`` (an entry of its discovery document).

    The prefetch holds what a FHIR server would answer to the service's templates; with draft orders for order hooks.
    """
    document = bundle(name, as_of)
    received = [entry["resource"] for entry in document["entry"]]
    context: dict[str, Any] = {
        "userId": "Practitioner/example",
        "patientId": name,
        "encounterId": f"{name}-visit",
    }
    if scenario(name).hook != "patient-view":
        context |= _moved(name, _read(name, "context.json"), as_of)
    return {
        "hook": service["hook"],
        "hookInstance": "6f7c9d4a-2a55-4f0e-9a5d-0d6f0f0c5b11",
        "context": context,
        "prefetch": filled(service.get("prefetch") or {}, received, context),
    }


def shifted(value: Any, days: int) -> Any:
    """Move every string of a JSON value that is a whole FHIR date or date-time by ``days``; report texts stay."""
    if isinstance(value, dict):
        return {key: shifted(item, days) for key, item in value.items()}
    if isinstance(value, list):
        return [shifted(item, days) for item in value]
    if isinstance(value, str) and (match := _DATE.fullmatch(value)):
        return (date.fromisoformat(match[1]) + timedelta(days=days)).isoformat() + (match[2] or "")
    return value


def _moved(name: str, text: str, as_of: datetime | None) -> dict[str, Any]:
    """Parse a file of a scenario; whole days, rounded down, so that nothing lies after ``as_of``."""
    days = 0 if as_of is None else (as_of - scenario(name).as_of) // timedelta(days=1)
    moved: dict[str, Any] = shifted(json.loads(text), days)
    return moved


def _patients() -> Traversable:
    return resources.files("fhir_fixtures").joinpath("patients")


def _read(name: str, file: str) -> str:
    if name not in scenarios():
        raise KeyError(name)
    return _patients().joinpath(name, file).read_text(encoding="utf-8")
