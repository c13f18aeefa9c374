"""Fracture classes: osteonecrosis, fracture, occult injury; and what makes a fracture severe or suspicious."""

from datetime import date

from cds_service.domain.assessment import Cause, ChartCause, FindingCause, Pathway, Signal
from cds_service.domain.facts import Provenance, Sex
from cds_service.domain.vocabulary import ConditionGroup, DrugGroup, FindingId, Qualifier, Trend
from cds_service.rules.context import RuleContext, drugs, has, items, levels_of, remembered, without
from cds_service.rules.inflammatory import explains_edema
from cds_service.rules.levels import touches
from cds_service.rules.malignancy import NAMED
from cds_service.rules.polarity import Weight, weight
from cds_service.rules.rule import Outcome, Rule, fired, quiet, rule, when
from cds_service.rules.scores import of_class_at_least, stated_of_class
from cds_service.rules.variables import (
    ANKYLOSED,
    BENIGN_LESION,
    COLLAPSE_PROGRESS,
    DEG,
    FX,
    FX_DENIED_MAL,
    FX_PATHOLOGIC,
    FX_SEVERE,
    IMG_INF,
    INFL,
    MAL_IMG,
    PAGET_CERTAIN,
    POST,
)

_FRACTURE = Pathway.FRACTURE
NECROSIS, BROKEN, OCCULT_STRESS, OCCULT_TRAUMA, OCCULT_RISK = "AVN", "F", "O1-stress", "O1-trauma", "O1-risk"
_ORDER = (NECROSIS, BROKEN, OCCULT_STRESS, OCCULT_RISK, OCCULT_TRAUMA)
_WALL_BROKEN = 3
_DEFORMED = (FindingId.HEIGHT_LOSS, FindingId.DEFORMITY, FindingId.FRACTURE, FindingId.FRACTURE_LINE)


def _infected(context: RuleContext, finding: FindingCause) -> bool:
    """Tell whether infection is stated for this level: then the collapse is part of it."""
    return bool(context.at(context.stated(FindingId.INFECTION_STATED), finding.finding.levels))


def _pseudarthrosis(context: RuleContext, finding: FindingCause) -> bool:
    places = context.stated(FindingId.PSEUDARTHROSIS, FindingId.ANDERSSON) if context.value(ANKYLOSED) else ()
    places = (*places, *context.stated(FindingId.PSEUDARTHROSIS))
    return any(touches(finding.finding.levels, p.finding.levels) for p in places)


def _with_edema(context: RuleContext, finding: FindingCause) -> bool:
    return bool(context.at(context.edema, finding.finding.levels))


def _edema_denied(context: RuleContext, finding: FindingCause) -> bool:
    denials = context.denied(FindingId.EDEMA, FindingId.MARROW_SIGNAL)
    return bool(context.at(denials, finding.finding.levels)) and not _with_edema(context, finding)


@remembered
def fresh_fractures(context: RuleContext) -> tuple[FindingCause, ...]:
    """Fractures, fracture lines and collapses with edema that are not old, whatever their cause."""
    lines = without(context.stated(FindingId.FRACTURE_LINE), Qualifier.OLD)
    stated = [
        f
        for f in without(context.stated(FindingId.FRACTURE), Qualifier.OLD)
        if has(f, Qualifier.ACUTE) or not _edema_denied(context, f)
    ]
    lost = without(context.stated(FindingId.HEIGHT_LOSS), Qualifier.OLD)
    collapsed = [f for f in lost if _of_body(f) and _with_edema(context, f)]
    known_old = without(context.stated(FindingId.FRACTURE), Qualifier.ACUTE)
    old_levels = [f for f in known_old if has(f, Qualifier.OLD)]
    kept = [f for f in collapsed if not any(_same_body(f, old) for old in old_levels)]
    return (*lines, *stated, *kept)


def _of_body(finding: FindingCause) -> bool:
    """Tell whether a loss of height can be that of a vertebra: one of a segment is the disc's."""
    levels = finding.finding.levels
    return not levels or any("-" not in level for level in levels)


def _same_body(one: FindingCause, other: FindingCause) -> bool:
    return bool(set(one.finding.levels) & set(other.finding.levels))


@rule("FX-NECROSIS", _FRACTURE, FX, "R-MAUCH2018", "R-BMEPATTERN2016")
def osteonecrosis(context: RuleContext) -> Outcome:
    """A cleft in a collapsed body, or named osteonecrosis, that is neither a fresh fracture nor a pseudarthrosis."""
    clefts = [f for f in context.stated(FindingId.CLEFT) if not _pseudarthrosis(context, f)]
    acute = [f for f in context.stated(FindingId.FRACTURE) if has(f, Qualifier.ACUTE)]
    named = [f for f in clefts if has(f, Qualifier.DEFINITE)]
    deformed = context.stated(*_DEFORMED)
    collapsed = [
        f for f in clefts if context.at(deformed, f.finding.levels) and not context.at(acute, f.finding.levels)
    ]
    found = tuple(dict.fromkeys((*named, *collapsed)))
    return when(NECROSIS, found, "a cleft in a collapsed body", "no cleft in a collapsed body")


@rule("FX-FRACTURE", _FRACTURE, FX, "R-OF2018", "R-MAUCH2018")
def fracture(context: RuleContext) -> Outcome:
    """A fracture that is not old, a fracture line, or a collapse with edema, without stated infection at its level."""
    found = [f for f in fresh_fractures(context) if not _infected(context, f) and not _pseudarthrosis(context, f)]
    return when(BROKEN, found, "a fracture that may be fresh", "no fracture that may be fresh")


@remembered
def _plain_edema(context: RuleContext) -> tuple[FindingCause, ...]:
    """Edema without deformity or line at its level that no other finding explains."""
    other = (
        context.value(IMG_INF) in {"S", "M"}
        or context.value(MAL_IMG) in {"S", "M"}
        or context.value(DEG)
        or context.value(BENIGN_LESION)
        or context.value(PAGET_CERTAIN)
        or context.value(POST)
        or context.value(INFL) == "C"
        or explains_edema(context)
    )
    if other:
        return ()
    broken = (*fresh_fractures(context), *without(context.stated(*_DEFORMED), Qualifier.OLD))
    return tuple(f for f in context.edema if not (broken and context.explains(broken, f.finding.levels)))


@rule("FX-POSSIBLE", _FRACTURE, FX, "R-OF2018")
def possible_fracture(context: RuleContext) -> Outcome:
    """A fracture is called possible where edema lies, and no infection is stated there."""
    named = without(context.possible(FindingId.FRACTURE, FindingId.FRACTURE_LINE), Qualifier.OLD)
    open_ones = [f for f in named if weight(f.finding) is Weight.POSSIBLE and _with_edema(context, f)]
    found = [f for f in open_ones if not _infected(context, f) and not _pseudarthrosis(context, f)]
    return when(OCCULT_RISK, found, "a fracture is possible", "no possible fracture with edema")


@rule("FX-STRESS", _FRACTURE, FX, "R-OF2018")
def stress_reaction(context: RuleContext) -> Outcome:
    """A stress reaction of the bone is stated."""
    found = without(context.stated(FindingId.STRESS_REACTION), Qualifier.OLD)
    return when(OCCULT_STRESS, found, "a stress reaction is stated", "no stress reaction is stated")


@rule("FX-CONTUSION", _FRACTURE, FX, "R-OF2018")
def contusion(context: RuleContext) -> Outcome:
    """A contusion of the bone is stated."""
    return when(OCCULT_TRAUMA, context.stated(FindingId.CONTUSION), "a contusion is stated", "no contusion is stated")


@rule("FX-OCCULT-TRAUMA", _FRACTURE, FX, "R-OF2018", "R-OF-DE")
def occult_after_trauma(context: RuleContext) -> Outcome:
    """Edema without deformity, line or other explanation within six weeks of a trauma."""
    edema, trauma = _plain_edema(context), context.recent_trauma
    if not edema:
        return quiet("no plain edema without another explanation")
    if not trauma:
        return quiet("no recent trauma is known", "trauma")
    return fired(OCCULT_TRAUMA, (*edema, *items(trauma)), "plain edema after trauma")


@rule("FX-OCCULT-RISK", _FRACTURE, FX, "R-OF2018", "R-DVO2023")
def occult_at_risk(context: RuleContext) -> Outcome:
    """Edema without deformity, line or other explanation in bone at risk: osteoporosis, age or glucocorticoids."""
    edema = _plain_edema(context)
    risk = bone_risk(context) if edema else ()
    found = (*edema, *risk) if risk else ()
    return when(OCCULT_RISK, found, "plain edema of bone at risk", "no plain edema of bone at risk")


def bone_risk(context: RuleContext) -> tuple[Cause, ...]:
    """What puts the bone at risk: osteoporosis, fragility fractures, old age for the sex, long glucocorticoid use."""
    limits = context.thresholds
    charted = items(
        context.ever(ConditionGroup.OSTEOPOROSIS, ConditionGroup.FRAGILITY_FRACTURE, ConditionGroup.CUSHING)
    )
    long_steroid = [
        m
        for m in context.taking(DrugGroup.GLUCOCORTICOID)
        if (m.prednisone_equivalent or 0) >= limits.bone_steroid_dose.value
        and m.start is not None
        and (context.today - m.start).days >= limits.bone_steroid_days.value
    ]
    return (*charted, *context.stated(FindingId.OSTEOPOROSIS), *drugs(long_steroid), *_old_age(context))


def _old_age(context: RuleContext) -> tuple[Cause, ...]:
    limits, person = context.thresholds, context.facts.demographics
    limit = limits.bone_risk_age_male if person.sex is Sex.MALE else limits.bone_risk_age_female
    if person.age is None or person.age < limit.value:
        return ()
    day: date | None = None
    return (ChartCause("demographics", f"{person.age}", day, Provenance("Patient", "birthDate")),)


@rule("FX-PATHOLOGIC", _FRACTURE, FX_PATHOLOGIC, "R-MAUCH2018", "R-ACRVCF2022")
def pathologic(context: RuleContext) -> Outcome:
    """The fracture is called pathological, at least as possible."""
    broken = context.possible(FindingId.FRACTURE, FindingId.FRACTURE_LINE)
    found = [f for f in broken if has(f, Qualifier.PATHOLOGIC)]
    return when("1", found, "it is called pathological", "it is not called pathological")


@rule("FX-TUMOR-DENIED", _FRACTURE, FX_DENIED_MAL, "R-MAUCH2018", "R-DWIVCF")
def tumor_denied(context: RuleContext) -> Outcome:
    """A stress, insufficiency or osteoporotic fracture is stated and a tumour expressly denied at its level."""
    benign = [
        f
        for f in (
            *context.stated(FindingId.FRACTURE, FindingId.FRACTURE_LINE),
            *context.stated(FindingId.STRESS_REACTION),
        )
        if f.finding.finding is FindingId.STRESS_REACTION or has(f, Qualifier.INSUFFICIENCY, Qualifier.OSTEOPOROTIC)
    ]
    denied = [d for d in context.denied(*NAMED) if not d.finding.levels or context.at(benign, d.finding.levels)]
    found = (*benign, *denied) if benign and denied else ()
    return when("1", found, "a tumour is expressly denied", "no tumour is denied at a benign fracture")


@rule("FX-SEVERE", _FRACTURE, FX_SEVERE, "R-OF2018")
def severe(context: RuleContext) -> Outcome:
    """The posterior wall or frame is broken (OF3 or more), or the body has lost 40 % of its height or more."""
    limit = context.thresholds.height_loss_severe.value
    broken = without(context.stated(*_DEFORMED), Qualifier.OLD)
    found = [
        f
        for f in broken
        if has(f, Qualifier.BURST, Qualifier.SEVERE)
        or (f.finding.percent is not None and f.finding.percent >= limit)
        or of_class_at_least(stated_of_class(f.finding.sentence), _WALL_BROKEN)
    ]
    wall = context.stated(FindingId.RETROPULSION, FindingId.UNSTABLE)
    return when("1", (*found, *wall), "the fracture is severe", "no sign of severity is stated")


@rule("FX-PROGRESS", _FRACTURE, COLLAPSE_PROGRESS, "R-NAGAO2025", "R-BMEPATTERN2016")
def progressing(context: RuleContext) -> Outcome:
    """The collapse is called progressive."""
    found = [f for f in context.stated(*_DEFORMED, FindingId.CLEFT) if f.finding.trend is Trend.WORSE]
    return when("1", found, "the collapse progresses", "no progress is stated")


def combine(context: RuleContext, signals: tuple[Signal, ...]) -> tuple[str, tuple[Signal, ...]]:
    """Osteonecrosis, then fracture, then the occult injuries."""
    del context
    for value in _ORDER:
        chosen = tuple(s for s in signals if s.value == value)
        if chosen:
            return value, chosen
    return "0", ()


def explains_every_edema(context: RuleContext) -> bool:
    """Tell whether a stated fracture lies at every level with edema."""
    found = [c for s in context.fired(FX) for c in s.causes if isinstance(c, FindingCause)]
    return bool(found) and context.value(FX) == BROKEN and context.explains(found, levels_of(context.edema))


RULES: tuple[Rule, ...] = (
    osteonecrosis,
    fracture,
    possible_fracture,
    stress_reaction,
    contusion,
    occult_after_trauma,
    occult_at_risk,
    pathologic,
    tumor_denied,
    severe,
    progressing,
)
