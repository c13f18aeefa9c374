"""Case files of the decision tables as test parameters."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from cds_service.domain.state import LaneState
from cds_service.rules.arbitration import Decision

CASES = Path(__file__).parents[1] / "cases"
_DEFAULTS = LaneState()
_TYPES = {field.name: type(getattr(_DEFAULTS, field.name)) for field in fields(LaneState)}


@dataclass(frozen=True)
class Case:
    id: str
    situation: str
    state: LaneState
    cards: tuple[str, ...]
    drafts: tuple[str, ...] = ()
    no_drafts: tuple[str, ...] = ()
    first_draft: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


def _value(name: str, raw: Any) -> Any:
    kind = _TYPES[name]
    if issubclass(kind, IntEnum) and isinstance(raw, str):
        return kind[raw]
    if kind is bool and not isinstance(raw, bool):
        raise TypeError(f"{name} is true or false, not {raw!r}")
    return kind(raw)


def state_from(values: Mapping[str, Any]) -> LaneState:
    return LaneState(**{name: _value(name, raw) for name, raw in values.items()})


def _case(raw: Mapping[str, Any]) -> Case:
    lists = {key: tuple(value) for key, value in raw.items() if key not in {"id", "situation", "state"}}
    return Case(raw["id"], raw["situation"], state_from(raw["state"]), **lists)


def load_cases(name: str) -> tuple[Case, ...]:
    return tuple(_case(raw) for raw in tomllib.loads((CASES / name).read_text(encoding="utf-8"))["case"])


SAFETY_CASES = load_cases("safety_cases.toml")
EXAMPLES = load_cases("table_examples.toml")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "table_case" in metafunc.fixturenames:
        metafunc.parametrize("table_case", (*SAFETY_CASES, *EXAMPLES), ids=lambda case: case.id)


@pytest.fixture(scope="session")
def table_cases() -> tuple[Case, ...]:
    return (*SAFETY_CASES, *EXAMPLES)


@pytest.fixture(scope="session")
def shown() -> Callable[[Decision], tuple[str, ...]]:
    return lambda decision: tuple(f"{card.text_id} {card.indicator}" for card in decision.cards)
