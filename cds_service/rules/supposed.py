"""Facts as they could be instead: each missing or changeable fact with the values it could take, one at a time.

A supposed value is put among the facts and everything is judged anew; nothing here knows what will come of it. Values
lie well inside the class they stand for, so that they follow the numbers in force. Ids name facts and options in words.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType

from cds_service.domain.facts import (
    DeviceFact,
    KnownCondition,
    LabValue,
    Medication,
    PatientFacts,
    Pregnancy,
    Provenance,
    Report,
    Sex,
)
from cds_service.domain.vocabulary import (
    Analyte,
    ConditionGroup,
    DeviceGroup,
    DrugGroup,
    Status,
)
from cds_service.knowledge.thresholds import Thresholds
from cds_service.rules.measured import above, standing

UNKNOWN, YES, NO = "unknown", "yes", "no"
SUPPOSED = Provenance("Supposed")
_DAYS_PER_WEEK = 7
_YOUNG, _OLD = 35, 70
_MIDDLE = 50
_FERTILE_UNTIL = 60
Namer = Callable[[ConditionGroup | DrugGroup | DeviceGroup], str]


@dataclass(frozen=True, slots=True)
class Option:
    """One value that a fact could have: the facts with it, and numbers for its words where no result tells them."""

    id: str
    facts: PatientFacts
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Supposed:
    """One fact: the state it is in, and what else it could be. ``value`` is a known number for the words."""

    id: str
    state: str
    options: tuple[Option, ...]
    value: LabValue | None = None


# ---- results ----


@dataclass(frozen=True, slots=True)
class _Level:
    """A class of a result: its name, the value that stands for it, and the lowest value above which it begins."""

    name: str
    value: float
    begins: float


def _lab(facts: PatientFacts, analyte: Analyte, unit: str, value: float) -> PatientFacts:
    supposed = LabValue(analyte, value, unit, facts.as_of, SUPPOSED)
    return replace(facts, labs=(*_others(facts, analyte), supposed))


def _others(facts: PatientFacts, analyte: Analyte, within: timedelta | None = None) -> tuple[LabValue, ...]:
    """Return the results without those of one test that still count; earlier ones show the course and stay."""
    span = within if within is not None else timedelta(days=14)
    return tuple(
        lab
        for lab in facts.labs
        if lab.analyte is not analyte or (lab.collected is not None and facts.as_of - lab.collected > span)
    )


def _current(facts: PatientFacts, analyte: Analyte, within: timedelta) -> LabValue | None:
    own = [
        lab
        for lab in facts.labs
        if lab.analyte is analyte
        and lab.collected is not None
        and timedelta(0) <= facts.as_of - lab.collected <= within
    ]
    return max(own, key=standing, default=None)


def _measured(
    facts: PatientFacts, name: str, analyte: Analyte, unit: str, levels: tuple[_Level, ...], within: timedelta
) -> Supposed:
    """Suppose other classes of a numeric result, and that it was never measured."""
    known = _current(facts, analyte, within)
    state = UNKNOWN
    for level in levels:
        if known is not None and above(known, level.begins):
            state = level.name
    options = [Option(level.name, _lab(facts, analyte, unit, level.value)) for level in levels if level.name != state]
    if known is not None:
        options.append(Option(UNKNOWN, replace(facts, labs=_others(facts, analyte, within))))
    return Supposed(name, state, tuple(options), known)


def _levels(levels: Iterable[tuple[str, float, float]]) -> tuple[_Level, ...]:
    return tuple(_Level(*level) for level in levels)


def _results(facts: PatientFacts, limits: Thresholds) -> Iterator[Supposed]:
    window = limits.labs_before_mri_days.span
    lowest = -1.0
    crp, raised, strong = limits.crp_upper_normal.value, limits.crp_raised.value, limits.crp_strong.value
    yield _measured(
        facts,
        "crp",
        Analyte.CRP,
        "mg/L",
        _levels(
            (
                ("normal", crp / 2, lowest),
                ("borderline", (crp + raised) / 2, crp),
                ("raised", (raised + strong) / 2, raised),
                ("high", 2 * strong, strong),
            )
        ),
        window,
    )
    high = limits.esr_high.value
    yield _measured(
        facts,
        "esr",
        Analyte.ESR,
        "mm/h",
        _levels(
            (
                ("normal", limits.esr_reassuring.value / 2, lowest),
                ("raised", high - 5, limits.esr_reassuring.value),
                ("high", high + 15, high),
            )
        ),
        window,
    )
    yield _both_markers(facts, limits)
    fever = limits.fever_temperature.value
    yield _measured(
        facts,
        "temperature",
        Analyte.TEMPERATURE,
        "Cel",
        _levels((("normal", 36.8, 0.0), ("fever", fever + 0.8, fever - 0.01))),
        limits.fever_hours.span,
    )


def _both_markers(facts: PatientFacts, limits: Thresholds) -> Supposed:
    """Suppose CRP and ESR together: where one of them is raised, the other alone settles nothing."""
    window = limits.labs_before_mri_days.span
    known = [_current(facts, analyte, window) for analyte in (Analyte.CRP, Analyte.ESR)]
    normal = (limits.crp_upper_normal.value / 2, limits.esr_reassuring.value / 2)
    raised = (2 * limits.crp_strong.value, limits.esr_high.value - 5)
    options = [
        Option(name, _lab(_lab(facts, Analyte.CRP, "mg/L", crp), Analyte.ESR, "mm/h", esr))
        for name, (crp, esr) in (("normal", normal), ("raised", raised))
    ]
    return Supposed("crp_esr", "known" if any(known) else UNKNOWN, tuple(options))


def _culture(facts: PatientFacts, limits: Thresholds) -> Supposed:
    """Suppose that a blood culture of today grew a pathogen, or nothing."""
    known = _current(facts, Analyte.BLOOD_CULTURE, limits.culture_days.span)
    state = UNKNOWN if known is None or known.positive is None else "grown" if known.positive else "sterile"
    kept = _others(facts, Analyte.BLOOD_CULTURE, limits.culture_days.span)

    def grown(text: str, *, positive: bool) -> PatientFacts:
        made = LabValue(
            Analyte.BLOOD_CULTURE, None, "1", facts.as_of, SUPPOSED, reported=text, text=text, positive=positive
        )
        return replace(facts, labs=(*kept, made))

    options = (
        Option("grown", grown("Staphylococcus aureus", positive=True)),
        Option("sterile", grown("no growth", positive=False)),
    )
    return Supposed("blood_culture", state, tuple(one for one in options if one.id != state))


# Results that argue for a tumour, in the unit of the knowledge files; values far beyond every limit.
_TUMOUR_LABS = (
    ("calcium", Analyte.CALCIUM, "mmol/L", 2.4, 3.2),
    ("hemoglobin", Analyte.HEMOGLOBIN, "g/dL", 14.0, 8.5),
    ("m_protein", Analyte.M_PROTEIN, "g/L", 0.0, 30.0),
)
_ORDER_LABS = (
    ("egfr", Analyte.EGFR, "mL/min/{1.73_m2}", 95.0, 22.0),
    ("inr", Analyte.INR, "1", 1.0, 2.8),
    ("platelets", Analyte.PLATELETS, "10*9/L", 240.0, 40.0),
)


def _two_values(
    facts: PatientFacts, rows: Iterable[tuple[str, Analyte, str, float, float]], within: timedelta
) -> Iterator[Supposed]:
    """Suppose an ordinary and an alarming result; which of both the known one is, is left open."""
    for name, analyte, unit, ordinary, alarming in rows:
        known = _current(facts, analyte, within)
        options = [
            Option(kind, _lab(facts, analyte, unit, value))
            for kind, value in (("ordinary", ordinary), ("alarming", alarming))
        ]
        yield Supposed(name, UNKNOWN if known is None else "known", tuple(options), known)


# ---- problems, drugs, devices ----

_CONDITIONS: Mapping[str, tuple[ConditionGroup, ...]] = MappingProxyType(
    {
        "deficit": (ConditionGroup.LIMB_WEAKNESS,),
        "sphincter": (ConditionGroup.URINARY_RETENTION_INCONTINENCE,),
        "fever_history": (ConditionGroup.FEVER,),
        "cancer": (ConditionGroup.CANCER,),
        "bone_metastases": (ConditionGroup.BONE_METASTASES,),
        "immunosuppression": (ConditionGroup.IMMUNOSUPPRESSION,),
        "drug_use": (ConditionGroup.INTRAVENOUS_DRUG_USE,),
        "bacteremia": (ConditionGroup.BACTEREMIA,),
        "diabetes": (ConditionGroup.DIABETES,),
        "dialysis": (ConditionGroup.DIALYSIS,),
        "tuberculosis_exposure": (ConditionGroup.TUBERCULOSIS_EXPOSURE,),
        "spine_procedure": (ConditionGroup.SPINE_PROCEDURE_RECENT,),
        "weight_loss": (ConditionGroup.WEIGHT_LOSS,),
        "osteoporosis": (ConditionGroup.OSTEOPOROSIS,),
        "fall": (ConditionGroup.FALL,),
        "spondyloarthritis": (ConditionGroup.AXIAL_SPONDYLOARTHRITIS,),
        "pain_worse": (ConditionGroup.PAIN_WORSE,),
        "pain_better": (ConditionGroup.PAIN_BETTER,),
    }
)
_DRUGS: Mapping[str, DrugGroup] = MappingProxyType(
    {
        "anticoagulant": DrugGroup.ANTICOAGULANT,
        "glucocorticoid": DrugGroup.GLUCOCORTICOID,
        "il6_blocker": DrugGroup.IL6_BLOCKER,
        "antibiotic": DrugGroup.ANTIBIOTIC,
    }
)
_DEVICES: Mapping[str, DeviceGroup] = MappingProxyType({"pacemaker": DeviceGroup.PACEMAKER_ICD})


def _without_stated(report: Report, groups: frozenset[ConditionGroup]) -> Report:
    kept = tuple(fact for fact in report.reading.stated if fact.group not in groups)
    return replace(report, reading=replace(report.reading, stated=kept))


def _condition(facts: PatientFacts, name: str, groups: tuple[ConditionGroup, ...]) -> Supposed:
    wanted = frozenset(groups)
    charted = [c for c in facts.conditions if c.groups & wanted]
    stated = [f for r in facts.reports for f in r.reading.stated if f.group in wanted]
    if any(c.active is not False and c.status is Status.PRESENT for c in charted) or any(
        f.status is Status.PRESENT for f in stated
    ):
        removed = replace(
            facts,
            conditions=tuple(c for c in facts.conditions if not c.groups & wanted),
            reports=tuple(_without_stated(report, wanted) for report in facts.reports),
        )
        return Supposed(name, YES, (Option(NO, removed),))
    today = facts.as_of.date()
    added = KnownCondition(wanted, "", (), today, today, None, active=True, provenance=SUPPOSED)
    denied = any(f.status is Status.ABSENT for f in stated)
    return Supposed(
        name, NO if denied else UNKNOWN, (Option(YES, replace(facts, conditions=(*facts.conditions, added))),)
    )


def _drug(facts: PatientFacts, name: str, group: DrugGroup, namer: Namer) -> Supposed:
    taken = [drug for drug in facts.medications if group in drug.groups and drug.running is not False]
    if taken:
        kept = tuple(drug for drug in facts.medications if drug not in taken)
        return Supposed(name, YES, (Option(NO, replace(facts, medications=kept)),))
    long_ago = facts.as_of.date() - timedelta(days=90)
    drug = Medication(frozenset({group}), namer(group), (), long_ago, None, running=True, provenance=SUPPOSED)
    return Supposed(name, UNKNOWN, (Option(YES, replace(facts, medications=(*facts.medications, drug))),))


def _device(facts: PatientFacts, name: str, group: DeviceGroup, namer: Namer) -> Supposed:
    held = [device for device in facts.devices if group in device.groups]
    if held:
        kept = tuple(device for device in facts.devices if device not in held)
        return Supposed(name, YES, (Option(NO, replace(facts, devices=kept)),))
    device = DeviceFact(frozenset({group}), namer(group), SUPPOSED)
    return Supposed(name, UNKNOWN, (Option(YES, replace(facts, devices=(*facts.devices, device))),))


# ---- the patient and the course ----


def _age(facts: PatientFacts) -> Supposed:
    age = facts.demographics.age
    state = UNKNOWN if age is None else "known"
    others = [_YOUNG, _OLD] if age is None else [_OLD if age < _MIDDLE else _YOUNG]
    options = [Option(f"years-{years}", _with_person(facts, age=years), {"value": str(years)}) for years in others]
    return Supposed("age", state, tuple(options))


def _with_person(facts: PatientFacts, *, age: int) -> PatientFacts:
    return replace(facts, demographics=replace(facts.demographics, age=age))


def _sex(facts: PatientFacts) -> Supposed:
    now = facts.demographics.sex
    options = tuple(
        Option(sex.value, replace(facts, demographics=replace(facts.demographics, sex=sex)))
        for sex in Sex
        if sex is not now
    )
    return Supposed("sex", now.value if now else UNKNOWN, options)


def _pregnancy(facts: PatientFacts) -> Iterator[Supposed]:
    age = facts.demographics.age
    if facts.demographics.sex is Sex.MALE or (age is not None and age > _FERTILE_UNTIL):
        return
    now = facts.pregnancy.pregnant
    options = tuple(
        Option(answer, replace(facts, pregnancy=Pregnancy(pregnant=value)))
        for answer, value in ((YES, True), (NO, False))
        if value is not now
    )
    yield Supposed("pregnancy", UNKNOWN if now is None else YES if now else NO, options)


def _onset(facts: PatientFacts, limits: Thresholds) -> Supposed:
    """Suppose how long the back pain has lasted: new, between the limits, and beyond them."""
    pain = frozenset({ConditionGroup.BACK_PAIN})
    others = tuple(c for c in facts.conditions if not c.groups & pain)
    known = any(c.onset for c in facts.conditions if c.groups & pain) or any(
        report.reading.onset_days is not None for report in facts.reports
    )
    silent = tuple(replace(r, reading=replace(r.reading, onset_days=None)) for r in facts.reports)
    low, high = limits.weeks_new_below.value, limits.weeks_persistent_above.value
    options = []
    for weeks in (low / 3, (low + high) / 2, high + 4):
        began = facts.as_of.date() - timedelta(days=round(weeks * _DAYS_PER_WEEK))
        added = KnownCondition(pain, "", (), began, began, None, active=True, provenance=SUPPOSED)
        supposed = replace(facts, conditions=(*others, added), reports=silent)
        options.append(Option(f"weeks-{round(weeks)}", supposed, {"value": str(round(weeks))}))
    return Supposed("onset", "known" if known else UNKNOWN, tuple(options))


def suppositions(facts: PatientFacts, limits: Thresholds, namer: Namer) -> Iterator[Supposed]:
    """Return every fact that could be otherwise, those first that most often decide.

    ``namer`` gives the words of a supposed drug or implant. What only draft orders ask for comes with draft orders.
    """
    yield from _results(facts, limits)
    yield _culture(facts, limits)
    for name, groups in _CONDITIONS.items():
        yield _condition(facts, name, groups)
    for name, drug in _DRUGS.items():
        yield _drug(facts, name, drug, namer)
    yield _onset(facts, limits)
    yield _age(facts)
    yield from _pregnancy(facts)
    yield from _two_values(facts, _TUMOUR_LABS, limits.labs_before_mri_days.span)
    if facts.orders:
        yield from _two_values(facts, _ORDER_LABS, limits.kidney_labs_days.span)
        for name, device in _DEVICES.items():
            yield _device(facts, name, device, namer)
    yield _sex(facts)
