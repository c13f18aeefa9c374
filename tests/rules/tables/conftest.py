"""Case files of the decision tables as test parameters."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import Enum, IntEnum
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cds_service.domain.state import (
    ClinicalInfection,
    CrpBand,
    Emergency,
    Fracture,
    ImagingInfection,
    ImagingMalignancy,
    Labs,
    LaneState,
    Metabolic,
)
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
    dropped: tuple[str, ...] = ()


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


def consistent(state: LaneState) -> bool:
    """Whether a patient could have this state, by the definitions of the variables."""
    s = state
    measured = s.crp_band is not CrpBand.UNMEASURED
    implications = (
        (s.ankylosed_unstable, s.emergency in {Emergency.UNSTABLE, Emergency.UNSTABLE_CANAL}),
        (
            s.emergency is Emergency.SEPSIS,
            s.abscess or s.imaging_infection >= ImagingInfection.M or s.clinical_infection == 2,
        ),
        (s.new_abscess, s.abscess),
        (s.abscess, s.imaging_infection is ImagingInfection.S),
        (s.culture, s.clinical_infection is ClinicalInfection.SIGN),
        (s.esr_only, s.labs in {Labs.U, Labs.R} and not measured),
        (s.labs is Labs.U, not measured),
        (s.labs is Labs.R and not s.esr_only, measured),
        (s.labs in {Labs.N, Labs.B}, s.crp_band is CrpBand.UP_TO_30),
        (s.crp_band is CrpBand.FROM_50, s.lab_strong),
        (s.esr_70, s.lab_strong),
        (s.metastases_progress, s.known_metastases),
        (s.t1_only or s.several_dark_or_fractured, s.imaging_malignancy is ImagingMalignancy.M),
        (s.t1_only, not s.several_dark_or_fractured),
        (s.malignancy_lab_beyond_esr, s.malignancy_lab),
        (s.malignancy_denied_at_fracture, s.fracture is not Fracture.NONE and not s.malignancy_at_fracture_stated),
        (s.malignancy_at_fracture_stated or s.fracture_pathologic, s.fracture is not Fracture.NONE),
        (s.epidural_tumour, s.imaging_malignancy is ImagingMalignancy.S),
        (s.fracture_explains_all_levels or s.fracture_severe, s.fracture is Fracture.FRACTURE),
        (s.collapse_progressing, s.fracture is Fracture.AVN),
        (s.degenerative_certain, s.degenerative and s.modic1 and s.imaging_infection is ImagingInfection.N),
        (s.degenerative_facet_only, s.degenerative and not s.modic1),
        (s.paget_certain, s.imaging_malignancy in {ImagingMalignancy.A, ImagingMalignancy.N}),
        (s.pregnant, s.metabolic is Metabolic.PREGNANCY and not s.male),
        (s.age_under_50, not s.age_50_or_more),
    )
    return all(then for given, then in implications if given)


def _values(name: str) -> tuple[Any, ...]:
    kind = _TYPES[name]
    return tuple(kind) if issubclass(kind, Enum) else (False, True)


DOMAINS = {name: _values(name) for name in _TYPES}


def _drawn(random: Random) -> dict[str, Any]:
    return {
        name: random.choices(values, (3, 1))[0] if values == (False, True) else random.choice(values)
        for name, values in DOMAINS.items()
    }


def _settled(drawn: dict[str, Any], random: Random) -> LaneState:
    """Give up what contradicts the more important variables."""
    s = {**drawn, "trigger": True}
    if s["labs"] in {Labs.N, Labs.B}:
        s.update(esr_only=False, crp_band=CrpBand.UP_TO_30)
    elif s["labs"] is Labs.U or s["esr_only"]:
        s["crp_band"] = CrpBand.UNMEASURED
    elif s["crp_band"] is CrpBand.UNMEASURED:
        s["crp_band"] = random.choice((CrpBand.UP_TO_30, CrpBand.BELOW_50, CrpBand.FROM_50))
    s["lab_strong"] = s["lab_strong"] or s["esr_70"] or s["crp_band"] is CrpBand.FROM_50
    s["abscess"] = s["abscess"] and s["imaging_infection"] is ImagingInfection.S
    s["new_abscess"] = s["new_abscess"] and s["abscess"]
    s["culture"] = s["culture"] and s["clinical_infection"] is ClinicalInfection.SIGN
    if s["emergency"] is Emergency.SEPSIS and s["imaging_infection"] < ImagingInfection.M:
        s["clinical_infection"] = ClinicalInfection.SIGN
    moderate = s["imaging_malignancy"] is ImagingMalignancy.M
    s["t1_only"] = s["t1_only"] and moderate and not s["several_dark_or_fractured"]
    s["several_dark_or_fractured"] = s["several_dark_or_fractured"] and moderate
    s["epidural_tumour"] = s["epidural_tumour"] and s["imaging_malignancy"] is ImagingMalignancy.S
    s["malignancy_lab_beyond_esr"] = s["malignancy_lab_beyond_esr"] and s["malignancy_lab"]
    s["metastases_progress"] = s["metastases_progress"] and s["known_metastases"]
    unstable = s["emergency"] in {Emergency.UNSTABLE, Emergency.UNSTABLE_CANAL}
    s["ankylosed_unstable"] = s["ankylosed_unstable"] and unstable
    return LaneState(**_settled_bone(s))


def _settled_bone(s: dict[str, Any]) -> dict[str, Any]:
    if s["fracture"] is Fracture.NONE:
        s.update(malignancy_at_fracture_stated=False, fracture_pathologic=False, malignancy_denied_at_fracture=False)
    s["malignancy_denied_at_fracture"] = s["malignancy_denied_at_fracture"] and not s["malignancy_at_fracture_stated"]
    for name in ("fracture_explains_all_levels", "fracture_severe"):
        s[name] = s[name] and s["fracture"] is Fracture.FRACTURE
    s["collapse_progressing"] = s["collapse_progressing"] and s["fracture"] is Fracture.AVN
    if s["degenerative_certain"] and s["imaging_infection"] is ImagingInfection.N:
        s.update(degenerative=True, modic1=True)
    else:
        s["degenerative_certain"] = False
    s["degenerative_facet_only"] = s["degenerative_facet_only"] and s["degenerative"] and not s["modic1"]
    s["paget_certain"] = s["paget_certain"] and s["imaging_malignancy"] in {ImagingMalignancy.A, ImagingMalignancy.N}
    s["pregnant"] = s["pregnant"] and s["metabolic"] is Metabolic.PREGNANCY and not s["male"]
    s["age_under_50"] = s["age_under_50"] and not s["age_50_or_more"]
    return s


@pytest.fixture(scope="session")
def consistent_states() -> Callable[[int, int], Iterator[LaneState]]:
    """Function of a count and a seed: that many states that a patient could have."""

    def states(count: int, seed: int) -> Iterator[LaneState]:
        random = Random(seed)  # noqa: S311 - a repeatable sample, no secret
        for _ in range(count):
            yield _settled(_drawn(random), random)

    return states


@pytest.fixture(scope="session")
def is_consistent() -> Callable[[LaneState], bool]:
    return consistent
