"""Builds patient facts from a compact notation that a clinician can check, and the case files as test parameters.

A finding is ``F-DISC-FLUID L4-L5``: a leading ``-`` denies it, ``?`` after the id makes it possible, ``~`` unlikely,
``!`` historical, ``=`` probable. Lower-case words are qualifiers, ``40%`` a height loss, ``^worse`` a trend,
``cue=chronic`` the word that decided the status.
A lab is ``CRP 48``, with ``<5`` for a comparator, ``positive``/``negative`` or a text in quotes, ``@3d`` for its age,
``uln=5`` for the upper limit. A condition, history sentence or drug may end with ``@20d`` (began), ``rec=3d``
(written down), ``over``, ``inactive``, ``old``; a drug with ``10mg``.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.domain.assessment import Assessment
from cds_service.domain.facts import (
    Comparator,
    Conflict,
    ConflictKind,
    Demographics,
    DeviceFact,
    KnownCondition,
    LabValue,
    Medication,
    PatientFacts,
    Pregnancy,
    ProcedureFact,
    Provenance,
    Reading,
    Report,
    ReportText,
    Sex,
    Span,
    StatedFact,
    Technique,
    TextFinding,
)
from cds_service.domain.vocabulary import (
    Analyte,
    BodyRegion,
    Certainty,
    ConditionGroup,
    DeviceGroup,
    DrugGroup,
    FindingId,
    Language,
    Modality,
    ProcedureGroup,
    Qualifier,
    Section,
    Status,
    Trend,
)
from cds_service.knowledge.load import Knowledge, load_knowledge
from cds_service.rules.catalogue import RULES
from cds_service.rules.context import Basis, RuleContext, prepare
from cds_service.rules.derive import Derived, Steps, derive
from cds_service.rules.engine import Engine
from cds_service.rules.ordering import in_one_order
from cds_service.rules.rule import Rule

AS_OF = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
CASES = Path(__file__).parents[1] / "cases" / "rules"

Case = Mapping[str, Any]

_LEVEL = re.compile(r"^(?:[CTLS]\d|SACRUM)")
_MARKS = {
    "?": (Status.POSSIBLE, Certainty.POSSIBLE),
    "~": (Status.ABSENT, Certainty.UNLIKELY),
    "!": (Status.HISTORICAL, Certainty.CERTAIN),
    "=": (Status.POSSIBLE, Certainty.PROBABLE),
}
_UNITS = {Analyte.CRP: "mg/L", Analyte.ESR: "mm/h"}


def _age(words: Sequence[str], key: str) -> timedelta | None:
    found = [word.removeprefix(key) for word in words if word.startswith(key)]
    if not found:
        return None
    unit = {"d": "days", "h": "hours"}[found[0][-1]]
    return timedelta(**{unit: float(found[0][:-1])})


def finding(text: str, place: int) -> TextFinding:
    words = text.split()
    status, certainty = Status.PRESENT, Certainty.CERTAIN
    name = words[0]
    if name.startswith("-"):
        status, name = Status.ABSENT, name[1:]
    elif name[-1] in _MARKS:
        (status, certainty), name = _MARKS[name[-1]], name[:-1]
    rest = words[1:]
    percent = [float(word[:-1]) for word in rest if word.endswith("%")]
    trend = [Trend(word[1:]) for word in rest if word.startswith("^")]
    sentence = [word[1:] for word in rest if word.startswith("#")]
    cue = next((word.removeprefix("cue=") for word in rest if word.startswith("cue=")), None)
    return TextFinding(
        finding=FindingId(name),
        status=status,
        certainty=certainty,
        levels=tuple(word for word in rest if _LEVEL.match(word)),
        span=Span(place, place + 5),
        sentence_span=Span(place, place + 9),
        sentence=f"Sentence {sentence[0] if sentence else place}.",
        section=Section.FINDINGS,
        language=Language.EN,
        cue=cue,
        trend=trend[0] if trend else None,
        qualifiers=frozenset(
            Qualifier(word) for word in rest if word.islower() and word[0] not in "^#" and "=" not in word
        ),
        percent=percent[0] if percent else None,
    )


def lab(text: str, place: int) -> LabValue:
    words = text.split()
    analyte, shown = Analyte(words[0]), words[1]
    number = re.fullmatch(r"([<>]=?)?(\d+(?:\.\d+)?)", shown)
    quoted = re.search(r"'([^']*)'", text)
    age = _age(words, "@")
    upper = [float(word.removeprefix("uln=")) for word in words if word.startswith("uln=")]
    return LabValue(
        analyte=analyte,
        value=float(number[2]) if number else None,
        unit=_UNITS.get(analyte, "1"),
        collected=None if "undated" in words else AS_OF - (timedelta(days=1) if age is None else age),
        provenance=Provenance(f"Observation/{place}"),
        comparator=Comparator(number[1]) if number and number[1] else None,
        upper_normal=upper[0] if upper else None,
        text=quoted[1] if quoted else "",
        positive=True if "positive" in words else False if "negative" in words else None,
    )


def condition(text: str, place: int) -> KnownCondition:
    words = text.split()
    began, recorded, ended = _age(words, "@"), _age(words, "rec="), _age(words, "end=")
    quoted = re.search(r"'([^']*)'", text)
    return KnownCondition(
        groups=frozenset(
            ConditionGroup(word) for word in words if word.isupper() and word in ConditionGroup.__members__
        ),
        text=quoted[1] if quoted else f"Problem {place}",
        codes=(),
        onset=(AS_OF - began).date() if began is not None else None,
        recorded=(AS_OF - recorded).date() if recorded is not None else None,
        abated=(AS_OF - ended).date() if ended is not None else None,
        active=False if "inactive" in words else None if "unclear" in words else True,
        provenance=Provenance(f"Condition/{place}"),
        status=Status.HISTORICAL if "over" in words else Status.PRESENT,
        qualifiers=labels(words),
    )


def stated(text: str, place: int) -> StatedFact:
    words = text.split()
    began = _age(words, "@")
    status = Status.ABSENT if words[0].startswith("-") else Status.HISTORICAL if "over" in words else Status.PRESENT
    quoted = re.search(r"'([^']*)'", text)
    return StatedFact(
        group=ConditionGroup(words[0].lstrip("-")),
        status=status,
        span=Span(place, place + 3),
        sentence=quoted[1] if quoted else f"History {place}.",
        days_ago=began.days if began is not None else None,
        qualifiers=labels(words),
    )


def drug(text: str, place: int) -> Medication:
    words = text.split()
    began, ended = _age(words, "@"), _age(words, "end=")
    dose = [float(word[:-2]) for word in words if word.endswith("mg")]
    return Medication(
        groups=frozenset({DrugGroup(words[0])}),
        text=f"Drug {words[0].lower()}",
        codes=(),
        start=(AS_OF - began).date() if began is not None else None,
        end=(AS_OF - ended).date() if ended is not None else None,
        running=ended is None,
        provenance=Provenance(f"MedicationStatement/{place}"),
        prednisone_equivalent=dose[0] if dose else None,
    )


def procedure(text: str, place: int) -> ProcedureFact:
    words = text.split()
    done = _age(words, "@")
    performed = (AS_OF - done).date() if done is not None else None
    return ProcedureFact(
        frozenset({ProcedureGroup(words[0])}), f"Procedure {place}", (), performed, Provenance(f"Procedure/{place}")
    )


def report(
    findings: Iterable[str],
    *,
    days_ago: float | None = 1,
    history: Iterable[str] = (),
    name: str = "lead",
    region: str = "lumbar",
    modality: str = "MR",
    status: str = "final",
    technique: Mapping[str, bool] | None = None,
    onset_days: int | None = None,
    language: Language | None = Language.EN,
    conflicts: Iterable[str] = (),
) -> Report:
    reading = Reading(
        language=language,
        findings=tuple(finding(text, 10 * place) for place, text in enumerate(findings)),
        stated=tuple(stated(text, 1000 + 10 * place) for place, text in enumerate(history)),
        technique=Technique(**(technique or {})),
        conflicts=tuple(
            Conflict(ConflictKind.STATUS, FindingId(name), (f"Sentence {one}.", f"Sentence {other}."))
            for name, one, other in (text.split() for text in conflicts)
        ),
        describes_spine=True,
        onset_days=onset_days,
    )
    return Report(
        provenance=Provenance(f"DiagnosticReport/{name}"),
        status=status,
        effective=None if days_ago is None else AS_OF - timedelta(days=days_ago),
        issued=None,
        title="MRI of the spine",
        codes=(),
        modality=Modality(modality),
        region=BodyRegion(region),
        texts=(ReportText("text", "conclusion"),),
        reading=reading,
    )


def facts(case: Case) -> PatientFacts:
    lead = report(
        case.get("findings", ()),
        days_ago=case.get("mri_days", 1),
        history=case.get("history", ()),
        region=case.get("region", "lumbar"),
        status=case.get("status", "final"),
        technique=case.get("technique"),
        onset_days=case.get("onset_days"),
        conflicts=case.get("conflicts", ()),
    )
    before = [
        report(str(text).split("|")[1:], days_ago=float(str(text).split("|")[0]), name=f"earlier-{place}")
        for place, text in enumerate(case.get("earlier", ()))
    ]
    sex = case.get("sex")
    return PatientFacts(
        as_of=AS_OF,
        demographics=Demographics(case.get("age", 50) or None, Sex(sex) if sex else None),
        reports=(lead, *before),
        labs=tuple(lab(text, place) for place, text in enumerate(case.get("labs", ()))),
        conditions=tuple(condition(text, place) for place, text in enumerate(case.get("conditions", ()))),
        medications=tuple(drug(text, place) for place, text in enumerate(case.get("drugs", ()))),
        procedures=tuple(procedure(text, place) for place, text in enumerate(case.get("procedures", ()))),
        devices=tuple(
            DeviceFact(frozenset({DeviceGroup(text)}), f"Device {place}", Provenance(f"Device/{place}"))
            for place, text in enumerate(case.get("devices", ()))
        ),
        pregnancy=Pregnancy(**case.get("pregnancy", {})),
    )


@cache
def all_knowledge() -> Knowledge:
    return load_knowledge()


@cache
def all_steps() -> Steps:
    return Steps(RULES, known_basis())


def known_basis() -> Basis:
    return Basis(all_knowledge().thresholds, all_knowledge().organisms)


def prepared(case: Case) -> RuleContext:
    """Facts of a case with the first report leading and all others before it."""
    patient = facts(case)
    lead, *before = patient.reports
    return prepare(in_one_order(patient), known_basis(), lead, (), before)


def derived(case: Case, rules: tuple[Rule, ...] = RULES) -> Derived:
    """State of a case."""
    return derive(prepared(case), all_steps() if rules is RULES else Steps(rules, known_basis()))


def values(outcome: Derived) -> dict[str, str]:
    return {variable.name: variable.value for variable in outcome.variables}


def assess(case: Case) -> Assessment:
    return Engine(all_knowledge()).assess(facts(case))


def without(case: Case, key: str, place: int) -> Case:
    kept = [item for index, item in enumerate(case[key]) if index != place]
    return {**case, key: kept}


def labels(words: Sequence[str]) -> frozenset[Qualifier]:
    return frozenset(Qualifier(word) for word in words if word in set(Qualifier))


@cache
def cases() -> tuple[tuple[str, Case], ...]:
    found = [
        (f"{path.stem}: {entry['name']}", entry)
        for path in sorted(CASES.glob("*.toml"))
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
    ]
    return tuple(found)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", [entry for _, entry in cases()], ids=[name for name, _ in cases()])


@pytest.fixture
def basis() -> Basis:
    return known_basis()


@pytest.fixture
def prepare_case() -> Callable[[Case], RuleContext]:
    return prepared


@pytest.fixture
def derive_case() -> Callable[..., Derived]:
    return derived


@pytest.fixture
def values_of() -> Callable[[Derived], dict[str, str]]:
    return values


@pytest.fixture
def assess_case() -> Callable[[Case], Assessment]:
    return assess


@pytest.fixture
def facts_of() -> Callable[[Case], PatientFacts]:
    return facts


@pytest.fixture
def make_report() -> Callable[..., Report]:
    return report


@pytest.fixture
def drop() -> Callable[[Case, str, int], Case]:
    return without


@pytest.fixture
def all_cases() -> tuple[tuple[str, Case], ...]:
    return cases()


@pytest.fixture
def knowledge() -> Knowledge:
    return all_knowledge()


@pytest.fixture
def change() -> Callable[..., Any]:
    return replace
