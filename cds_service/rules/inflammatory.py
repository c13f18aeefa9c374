"""Patterns of axial spondyloarthritis and of SAPHO or CNO, and their carriers in history."""

from cds_service.domain.assessment import FindingCause, Pathway, Signal
from cds_service.domain.vocabulary import ConditionGroup, FindingId, Qualifier
from cds_service.rules.context import RuleContext, has, items, levels_of, remembered, without
from cds_service.rules.levels import bodies, is_sacral, touches
from cds_service.rules.rule import Outcome, Rule, fired, quiet, rule, when
from cds_service.rules.variables import INFL

_INFLAMMATORY = Pathway.INFLAMMATORY
SPONDYLOARTHRITIS, CNO = "A", "C"


@remembered
def corner_count(context: RuleContext) -> int:
    """Number of vertebral corner lesions as far as levels or "multiple" tell; one per vertebra."""
    corners = context.stated(FindingId.CORNER)
    named = len(bodies(levels_of(corners)))
    many = any(has(f, Qualifier.MULTIPLE) for f in corners)
    return max(named, int(context.thresholds.corner_sites.value) if many else len(corners[:1]))


@remembered
def counting_sacroiliac(context: RuleContext) -> tuple[FindingCause, ...]:
    """Sacroiliac edema that speaks for sacroiliitis; not after pregnancy, with a stress injury or septic joint."""
    joints = _sacroiliac(context)
    if not joints or expecting_or_recent(context) or any(has(f, Qualifier.INFECTIOUS) for f in joints):
        return ()
    injuries = [
        f
        for f in context.stated(FindingId.STRESS_REACTION, FindingId.FRACTURE, FindingId.FRACTURE_LINE)
        if not f.finding.levels or is_sacral(f.finding.levels) or has(f, Qualifier.INSUFFICIENCY)
    ]
    return () if injuries else joints


def _sacroiliac(context: RuleContext) -> tuple[FindingCause, ...]:
    return without(context.stated(FindingId.SACROILIAC), Qualifier.EXPLAINED_BENIGN)


def expecting_or_recent(context: RuleContext) -> bool:
    """Tell whether the patient is pregnant or within a year after a birth."""
    state = context.facts.pregnancy
    charted = context.having(ConditionGroup.PREGNANCY, ConditionGroup.POSTPARTUM)
    return bool(state.pregnant or state.postpartum_or_lactating or charted)


@rule("INFL-CNO-KNOWN", _INFLAMMATORY, INFL, "R-CNO2024")
def cno_known(context: RuleContext) -> Outcome:
    """SAPHO, CNO or palmoplantar pustulosis is known."""
    found = items(context.having(ConditionGroup.SAPHO, ConditionGroup.PALMOPLANTAR_PUSTULOSIS))
    return when(CNO, found, "the disease is known", "no such disease is charted")


@rule("INFL-CNO-STATED", _INFLAMMATORY, INFL, "R-SAPHO2016", "R-CNO2024")
def cno_stated(context: RuleContext) -> Outcome:
    """The radiologist concludes on SAPHO or CNO, or calls it possible beside another sign of it."""
    stated = context.stated(FindingId.SAPHO_STATED)
    possible = context.possible(FindingId.SAPHO_STATED)
    signs = context.stated(FindingId.SEMICIRCULAR, FindingId.ANTERIOR_CHEST_WALL, FindingId.SCLEROSIS, FindingId.CORNER)
    if not stated and possible and signs:
        return fired(CNO, (*possible, *signs), "possible, with a sign of it")
    return when(CNO, stated, "it is concluded", "it is not concluded")


@rule("INFL-CNO-SEMICIRCULAR", _INFLAMMATORY, INFL, "R-SAPHO2016")
def semicircular(context: RuleContext) -> Outcome:
    """A semicircular pattern over contiguous vertebrae is reported."""
    return when(CNO, context.stated(FindingId.SEMICIRCULAR), "the pattern is reported", "it is not reported")


@rule("INFL-CNO-CHEST-WALL", _INFLAMMATORY, INFL, "R-CNO2024")
def chest_wall(context: RuleContext) -> Outcome:
    """The anterior chest wall is affected."""
    return when(CNO, context.stated(FindingId.ANTERIOR_CHEST_WALL), "it is affected", "it is not reported")


@rule("INFL-CNO-CONTIGUOUS", _INFLAMMATORY, INFL, "R-SAPHO2016", "R-SAPHO2007")
def contiguous_sclerosis(context: RuleContext) -> Outcome:
    """Contiguous sclerotic vertebrae with normal discs; a stated spondyloarthritis or three corners take precedence."""
    if context.possible(FindingId.SPONDYLOARTHRITIS_STATED) or _corners_suffice(context):
        return quiet("spondyloarthritis takes precedence")
    contiguous = context.stated(FindingId.CONTIGUOUS)
    levels = levels_of(contiguous)
    spared = context.at(context.stated(FindingId.DISC_NORMAL), levels)
    dense = context.at(context.stated(FindingId.SCLEROSIS), levels)
    found = (*contiguous, *spared, *dense) if contiguous and spared and dense else ()
    return when(CNO, found, "all three are reported", "not all three are reported")


@rule("INFL-SPA-KNOWN", _INFLAMMATORY, INFL, "R-ASAS-SPINE2022")
def spondyloarthritis_known(context: RuleContext) -> Outcome:
    """Axial spondyloarthritis or psoriatic arthritis is known."""
    charted = items(context.having(ConditionGroup.AXIAL_SPONDYLOARTHRITIS, ConditionGroup.PSORIATIC_ARTHRITIS))
    named = [f for f in context.stated(FindingId.SPONDYLOARTHRITIS_STATED) if has(f, Qualifier.KNOWN)]
    found = (*charted, *named)
    return when(SPONDYLOARTHRITIS, found, "the disease is known", "no such disease is charted")


def _corners_suffice(context: RuleContext) -> bool:
    return corner_count(context) >= context.thresholds.corner_sites.value


@rule("INFL-SPA-CORNERS", _INFLAMMATORY, INFL, "R-ASAS-SPINE2012", "R-ASAS-SPINE2022")
def corners(context: RuleContext) -> Outcome:
    """Three or more inflammatory corner lesions are reported."""
    found = context.stated(FindingId.CORNER) if _corners_suffice(context) else ()
    return when(SPONDYLOARTHRITIS, found, "three corners or more", "fewer than three corners")


@rule("INFL-SPA-STATED", _INFLAMMATORY, INFL, "R-ASAS-SPINE2022", "R-ASAS-SIJ2016")
def spondyloarthritis_stated(context: RuleContext) -> Outcome:
    """The radiologist names spondyloarthritis, at least as possible, beside corner lesions or sacroiliac edema."""
    stated = context.possible(FindingId.SPONDYLOARTHRITIS_STATED)
    signs = (*context.stated(FindingId.CORNER), *counting_sacroiliac(context))
    found = (*stated, *signs) if stated and signs else ()
    return when(SPONDYLOARTHRITIS, found, "named, with a sign of it", "not named together with a sign of it")


@rule("INFL-SPA-TWO-SITES", _INFLAMMATORY, INFL, "R-ASAS-SPINE2022", "R-ASAS-SIJ2016")
def spine_and_sacroiliac(context: RuleContext) -> Outcome:
    """A corner or posterior facet lesion of the spine meets sacroiliac edema."""
    spine = context.stated(FindingId.CORNER, FindingId.FACET)
    joints = counting_sacroiliac(context)
    found = (*spine, *joints) if spine and joints else ()
    return when(SPONDYLOARTHRITIS, found, "both sites are affected", "not both sites are affected")


@rule("INFL-SPA-SACROILIAC", _INFLAMMATORY, INFL, "R-ASAS-SIJ2016")
def definite_sacroiliitis(context: RuleContext) -> Outcome:
    """Definite sacroiliitis in a patient under 45 years at onset."""
    joints = counting_sacroiliac(context)
    if joints and context.age is None:
        return quiet("the age is unknown", "age")
    young = context.age is not None and context.age < context.thresholds.spondyloarthritis_onset_age.value
    found = joints if young else ()
    return when(SPONDYLOARTHRITIS, found, "sacroiliitis in a young patient", "no sacroiliitis in a young patient")


def combine(context: RuleContext, signals: tuple[Signal, ...]) -> tuple[str, tuple[Signal, ...]]:
    """CNO before spondyloarthritis: its pattern is rarer and otherwise read as insufficiency fracture."""
    del context
    for value in (CNO, SPONDYLOARTHRITIS):
        chosen = tuple(s for s in signals if s.value == value)
        if chosen:
            return value, chosen
    return "0", ()


def explains_edema(context: RuleContext) -> bool:
    """Tell whether inflammatory lesions lie wherever edema is reported."""
    found = context.stated(FindingId.CORNER, FindingId.ANDERSSON, FindingId.SEMICIRCULAR, FindingId.SACROILIAC)
    if not found:
        return False
    return all(any(touches(e.finding.levels, f.finding.levels) for f in found) for e in context.edema)


RULES: tuple[Rule, ...] = (
    cno_known,
    cno_stated,
    semicircular,
    chest_wall,
    contiguous_sclerosis,
    spondyloarthritis_known,
    corners,
    spondyloarthritis_stated,
    spine_and_sacroiliac,
    definite_sacroiliitis,
)
