"""Imaging arguments for spinal infection, place by place, and the named patterns that make them weaker."""

import re
from collections.abc import Iterable, Iterator

from cds_service.domain.assessment import Cause, FindingCause, Pathway, Signal
from cds_service.domain.vocabulary import ConditionGroup, DrugGroup, FindingId, Qualifier, Section, Status, Trend
from cds_service.rules.context import RuleContext, drugs, has, items, levels_of, remembered, without
from cds_service.rules.levels import touches
from cds_service.rules.polarity import Weight, weight
from cds_service.rules.rule import Found, Outcome, Rule, fired, quiet, rule, when
from cds_service.rules.variables import (
    ABSCESS,
    CLIN_INF,
    IMG_INF,
    IMG_INF_DOWN,
    IMG_INF_EXPLAINED,
    INFL,
    KNOWN_INF,
    NEW_ABSCESS,
)

_INFECTION = Pathway.INFECTION
STRONG, MODERATE, WEAK, NONE = "S", "M", "W", "N"
_LADDER = (NONE, WEAK, MODERATE, STRONG)

ABSCESSES = (FindingId.ABSCESS_EPIDURAL, FindingId.ABSCESS_PARASPINAL)
# Findings of one group count once when signs are added up.
_GROUPS = (
    (FindingId.DISC_FLUID,),
    (FindingId.DISC_DESTROYED, FindingId.DISC_ENHANCEMENT),
    (FindingId.ENDPLATE_EROSION,),
    (FindingId.PARAVERTEBRAL_EDEMA, FindingId.PSOAS),
    (FindingId.CONTIGUOUS,),
    (FindingId.DIFFUSION_RESTRICTED,),
)
_GROUP_OF = {finding: number for number, group in enumerate(_GROUPS) for finding in group}
_COUNTED = tuple(finding for finding in _GROUP_OF if finding is not FindingId.CONTIGUOUS)
_SOFT = frozenset({FindingId.PSOAS, FindingId.PARAVERTEBRAL_EDEMA})
_LEADING = (
    FindingId.DISC_FLUID,
    FindingId.DISC_DESTROYED,
    FindingId.DISC_ENHANCEMENT,
    FindingId.ENDPLATE_EROSION,
    FindingId.PSOAS,
)
_ONE_IS_MODERATE = (*_LEADING, FindingId.DIFFUSION_RESTRICTED)
# Endplates called intact, or uneven by Schmorl nodes.
_SHAPED = (FindingId.ENDPLATE_INTACT, FindingId.SCHMORL)
# "Chronic" as the word that made an infection past, and words that make it really so, in the three languages.
_CHRONIC = re.compile(r"chroni|croni", re.IGNORECASE)
_HEALED = re.compile(r"heal|geheilt|vindec|resolv|sechel|residu|konsolid|consolid", re.IGNORECASE)
# One vertebra apart is still one infected segment with its neighbours.
_SAME_SEGMENT = 1


def erosions(context: RuleContext) -> tuple[FindingCause, ...]:
    """Endplate erosions, possible included, that speak for infection: no intact endplates, no inflammatory corners."""
    return _signs(context, FindingId.ENDPLATE_EROSION, least=Weight.POSSIBLE)


def _signs(context: RuleContext, *ids: FindingId, least: Weight = Weight.PRESENT) -> tuple[FindingCause, ...]:
    found = without(context.stated(*ids, least=least), Qualifier.EXPLAINED_BENIGN)
    return tuple([f for f in found if not _is_harmless(context, f)])


def _is_harmless(context: RuleContext, finding: FindingCause) -> bool:
    return _is_harmless_erosion(context, finding) or _is_bruise(context, finding) or _is_part_of_tumor(context, finding)


def _is_part_of_tumor(context: RuleContext, finding: FindingCause) -> bool:
    """Tell whether a changed psoas is a solid mass beside bone that a tumour replaces, without sign of infection.

    A psoas mass alone may be an abscess and keeps the question open; the tumour work-up takes tissue for culture too.
    """
    if finding.finding.finding is not FindingId.PSOAS or context.value(CLIN_INF) == "2":
        return False
    masses = [m for m in context.stated(FindingId.SOFT_MASS) if m.finding.sentence == finding.finding.sentence]
    levels = finding.finding.levels
    replaced = context.at(context.stated(FindingId.T1_REPLACED, FindingId.LYSIS, FindingId.METASTASIS), levels)
    return bool(masses and replaced) and not has(finding, Qualifier.INFECTIOUS)


def _is_bruise(context: RuleContext, finding: FindingCause) -> bool:
    """Tell whether swollen soft tissue is the bruise of an injury, in a patient without sign of infection."""
    if finding.finding.finding not in _SOFT or not has(finding, Qualifier.TRAUMATIC):
        return False
    return bool(context.recent_trauma) and context.value(CLIN_INF) != "2"


def _is_harmless_erosion(context: RuleContext, finding: FindingCause) -> bool:
    """Tell whether an "erosion" is an irregular but intact endplate, or the erosion of an inflammatory corner.

    A corner erosion counts as inflammatory only beside a spared disc and without sign of or risk for infection:
    Brucella begins at an anterior corner.
    """
    if finding.finding.finding is not FindingId.ENDPLATE_EROSION:
        return False
    levels = finding.finding.levels
    if weight(finding.finding) < Weight.PRESENT and context.explains(context.stated(*_SHAPED), levels):
        return True
    at_corner = any(c.finding.sentence == finding.finding.sentence for c in context.stated(FindingId.CORNER))
    spared = context.at(context.stated(FindingId.DISC_NORMAL), levels)
    return at_corner and bool(spared) and context.value(CLIN_INF) in {"", "0"}


def _contiguous(context: RuleContext) -> tuple[FindingCause, ...]:
    """Contiguous vertebrae; with normal discs, an inflammatory pattern and no sign or risk they speak for CNO."""
    spared = context.stated(FindingId.DISC_NORMAL)
    if spared and context.value(INFL) and context.value(CLIN_INF) in {"", "0"}:
        return ()
    return _signs(context, FindingId.CONTIGUOUS)


@remembered
def _all_signs(context: RuleContext) -> tuple[FindingCause, ...]:
    return (*_signs(context, *_COUNTED), *_contiguous(context))


def _beside(one: FindingCause, others: Iterable[FindingCause]) -> tuple[FindingCause, ...]:
    return tuple([o for o in others if touches(one.finding.levels, o.finding.levels, gap=_SAME_SEGMENT)])


def _per_place(value: str, places: Iterable[tuple[Cause, ...]]) -> tuple[Found, ...]:
    return tuple(Found(value, causes) for causes in dict.fromkeys(places))


@rule("IMG-ABSCESS", _INFECTION, IMG_INF, "R-IDSA2015", "R-ACRSSI2021")
def abscess_seen(context: RuleContext) -> Outcome:
    """An abscess, empyema or collection beside the spine is reported; possible is enough."""
    found = without(context.stated(*ABSCESSES), Qualifier.EXPLAINED_BENIGN)
    return when(STRONG, found, "an abscess is reported", "no abscess is reported")


@rule("IMG-INFECTION-STATED", _INFECTION, IMG_INF, "R-IDSA2015", "R-LEDERMANN2003")
def infection_stated(context: RuleContext) -> Outcome:
    """The radiologist concludes on spinal infection, certain or probable."""
    places = [(f,) for f in context.stated(FindingId.INFECTION_STATED)]
    return Outcome(_per_place(STRONG, places), "infection is concluded" if places else "infection is not concluded")


@rule("IMG-TWO-SIGNS", _INFECTION, IMG_INF, "R-LEDERMANN2003", "R-PSOAS2016")
def two_signs(context: RuleContext) -> Outcome:
    """Two imaging signs of infection lie at the same place, one of them of disc, endplate or psoas muscle."""
    signs = _all_signs(context)
    places = []
    # one for each place: a report may repeat a sign a thousand times
    for leading in {s.finding.levels: s for s in signs if s.finding.finding in _LEADING}.values():
        there = _beside(leading, signs)
        if len({_GROUP_OF[sign.finding.finding] for sign in there}) > 1:
            places.append(there)
    return Outcome(_per_place(STRONG, places), "two signs meet" if places else "no two signs meet at one place")


@rule("IMG-INFECTION-POSSIBLE", _INFECTION, IMG_INF, "R-IDSA2015")
def infection_possible(context: RuleContext) -> Outcome:
    """The radiologist calls infection possible or asks to exclude it."""
    places = [(f,) for f in context.possible(FindingId.INFECTION_STATED)]
    return Outcome(_per_place(MODERATE, places), "infection is named" if places else "infection is not named")


@rule("IMG-INFECTION-CHRONIC", _INFECTION, IMG_INF, "R-IDSA2015")
def infection_chronic(context: RuleContext) -> Outcome:
    """Infection is called chronic, not healed, where marrow edema or an abscess lies: chronic is active, not past."""
    called = context.named(FindingId.INFECTION_STATED)
    active = (*context.edema, *context.stated(*ABSCESSES)) if called else ()
    found = [
        f
        for f in called
        if f.finding.status is Status.HISTORICAL
        and f.finding.section is not Section.INDICATION
        and _CHRONIC.match(f.finding.cue or "")
        and not _HEALED.search(f.finding.sentence)
        and context.at(active, f.finding.levels)
    ]
    why = "chronic infection beside active change" if found else "no chronic infection beside active change"
    return Outcome(_per_place(MODERATE, ((f,) for f in found)), why)


@rule("IMG-ONE-SIGN", _INFECTION, IMG_INF, "R-LEDERMANN2003", "R-DWIB2016")
def one_sign(context: RuleContext) -> Outcome:
    """One imaging sign of infection is present or possible: disc, endplate, psoas muscle or restricted diffusion."""
    signs = _signs(context, *_ONE_IS_MODERATE, least=Weight.POSSIBLE)
    return Outcome(_per_place(MODERATE, ((s,) for s in signs)), "one sign" if signs else "no sign of infection")


@rule("IMG-SOFT-TISSUE-CONTIGUOUS", _INFECTION, IMG_INF, "R-LEDERMANN2003")
def soft_tissue_contiguous(context: RuleContext) -> Outcome:
    """Paravertebral edema accompanies the change of contiguous vertebrae."""
    soft = _signs(context, FindingId.PARAVERTEBRAL_EDEMA)
    contiguous = _contiguous(context) if soft else ()
    places = [(s, *there) for s in soft if (there := _beside(s, contiguous))]
    return Outcome(_per_place(MODERATE, places), "both are reported" if places else "not both are reported")


@rule("IMG-SOFT-TISSUE", _INFECTION, IMG_INF, "R-LEDERMANN2003", "R-TBMETA2024")
def soft_tissue(context: RuleContext) -> Outcome:
    """Paravertebral edema or subligamentous spread is reported."""
    found = without(
        context.possible(FindingId.PARAVERTEBRAL_EDEMA, FindingId.SUBLIGAMENTOUS), Qualifier.EXPLAINED_BENIGN
    )
    return Outcome(_per_place(WEAK, ((f,) for f in found)), "soft-tissue change" if found else "no soft-tissue change")


@rule("IMG-EXPLAINED-INJURY", _INFECTION, IMG_INF_EXPLAINED, "R-MAUCH2018")
def explained_by_injury(context: RuleContext) -> Outcome:
    """An acute fracture, stress reaction, contusion or fresh trauma explains soft-tissue edema at its level."""
    fractures = context.stated(FindingId.FRACTURE, FindingId.FRACTURE_LINE)
    fresh = [f for f in fractures if not has(f, Qualifier.OLD, Qualifier.PATHOLOGIC)]
    found = [*fresh, *context.stated(FindingId.STRESS_REACTION, FindingId.CONTUSION, FindingId.LIGAMENT_INJURY)]
    if not found and context.recent_trauma:
        found = list(context.edema)
    return when("1", found, "an injury is reported at this level", "no injury explains it")


@rule("IMG-EXPLAINED-FACET", _INFECTION, IMG_INF_EXPLAINED, "R-MIMICS2017")
def explained_by_facet(context: RuleContext) -> Outcome:
    """An activated facet joint explains soft-tissue edema at its level."""
    return when("1", context.stated(FindingId.FACET), "a facet joint is active", "no active facet joint")


@rule("IMG-DOWN-MODIC", _INFECTION, IMG_INF_DOWN, "R-PATEL2014", "R-SCHWARZNEMEC2020", "R-CLAW2025")
def weaker_by_modic(context: RuleContext) -> Outcome:
    """A definite claw sign, intact endplates and a stated Modic I change at one level lower the suspicion a step."""
    modic = context.stated(FindingId.MODIC1, FindingId.DEGENERATION_STATED)
    levels = levels_of(modic)
    claw, intact = context.stated(FindingId.CLAW), context.stated(FindingId.ENDPLATE_INTACT)
    together = modic and context.at(claw, levels) and context.at(intact, levels)
    found = (*modic, *claw, *intact) if together else ()
    return when("1", found, "claw sign, intact endplates and Modic I", "the three do not come together")


@rule("IMG-DOWN-ANDERSSON", _INFECTION, IMG_INF_DOWN, "R-ASAS-SPINE2022", "R-MIMICS2017")
def weaker_by_andersson(context: RuleContext) -> Outcome:
    """A stated Andersson lesion in known axial spondyloarthritis lowers the suspicion a step."""
    lesions = context.stated(FindingId.ANDERSSON)
    known = context.having(ConditionGroup.AXIAL_SPONDYLOARTHRITIS, ConditionGroup.ANKYLOSED_SPINE)
    found = (*lesions, *items(known)) if lesions and known else ()
    return when("1", found, "a known disease explains the lesion", "not both are known")


@rule("IMG-DOWN-CNO", _INFECTION, IMG_INF_DOWN, "R-SAPHO2016", "R-CNO2024")
def weaker_by_cno(context: RuleContext) -> Outcome:
    """Known or stated SAPHO or CNO with semicircular pattern and spared disc lowers the suspicion a step."""
    disease = (
        *items(context.having(ConditionGroup.SAPHO, ConditionGroup.PALMOPLANTAR_PUSTULOSIS)),
        *context.stated(FindingId.SAPHO_STATED, FindingId.ANTERIOR_CHEST_WALL),
    )
    pattern, spared = context.stated(FindingId.SEMICIRCULAR), context.stated(FindingId.DISC_NORMAL)
    found = (*disease, *pattern, *spared) if disease and pattern and spared else ()
    return when("1", found, "the pattern fits CNO", "disease, pattern and spared disc do not come together")


@rule("IMG-DOWN-DIALYSIS", _INFECTION, IMG_INF_DOWN, "R-RADMED2021")
def weaker_by_dialysis(context: RuleContext) -> Outcome:
    """A stated destructive spondyloarthropathy of hemodialysis lowers the suspicion a step."""
    found = context.stated(FindingId.DIALYSIS_SPONDYLOARTHROPATHY)
    return when("1", found, "dialysis spondyloarthropathy is stated", "it is not stated")


@rule("INF-ABSCESS", _INFECTION, ABSCESS, "R-IDSA2015")
def any_abscess(context: RuleContext) -> Outcome:
    """An abscess or collection beside the spine is reported, possible included."""
    found = without(context.stated(*ABSCESSES), Qualifier.EXPLAINED_BENIGN)
    return when("1", found, "an abscess is reported", "no abscess is reported")


@rule("INF-NEW-ABSCESS", _INFECTION, NEW_ABSCESS, "R-IDSA2015")
def new_abscess(context: RuleContext) -> Outcome:
    """An abscess is new or larger, or no earlier report shows one."""
    seen = [c for s in context.fired(ABSCESS) for c in s.causes if isinstance(c, FindingCause)]
    shown_before = seen and any(f.finding in ABSCESSES for r in context.earlier for f in r.reading.findings)
    grown = [f for f in seen if f.finding.trend in {Trend.NEW, Trend.WORSE}]
    smaller = bool(seen) and all(f.finding.trend in {Trend.BETTER, Trend.SAME} for f in seen)
    found = grown or ([] if shown_before or smaller else seen)
    return when("1", found, "a new or larger abscess", "no new abscess")


@rule("INF-KNOWN-TREATED", _INFECTION, KNOWN_INF, "R-IDSA2015")
def known_and_treated(context: RuleContext) -> Outcome:
    """A charted active spinal infection has been under systemic antibiotics for at least 72 hours."""
    charted = context.having(ConditionGroup.SPINE_INFECTION, ConditionGroup.EPIDURAL_ABSCESS)
    days = context.thresholds.known_infection_treated_hours.span.days
    treated = [
        m
        for m in context.taking(DrugGroup.ANTIBIOTIC)
        if m.start is not None and (context.today - m.start).days >= days
    ]
    if charted and treated:
        return fired("1", (*items(charted), *drugs(treated)), "a known infection is under treatment")
    return quiet("no known infection under treatment of known duration", *(("medications",) if charted else ()))


def combine_imaging(context: RuleContext, signals: tuple[Signal, ...]) -> tuple[str, tuple[Signal, ...]]:
    """Strongest class over all places after explanations and one-step reductions at each place by itself."""
    weaker = signals and (context.fired(IMG_INF_EXPLAINED) or context.fired(IMG_INF_DOWN))
    judged = tuple(_judged(context, signals)) if weaker else signals
    value = max((s.value for s in judged), key=_LADDER.index, default=NONE)
    return value, tuple(s for s in judged if s.value != NONE)


def _judged(context: RuleContext, signals: tuple[Signal, ...]) -> Iterator[Signal]:
    for signal in signals:
        value = signal.value
        levels = levels_of(signal.causes)
        if value == WEAK and _explained(context, IMG_INF_EXPLAINED, levels):
            value = NONE
        elif not _fixed(context, signal, levels) and _explained(context, IMG_INF_DOWN, levels):
            value = _step_down(context, value)
        yield signal if value == signal.value else Signal(signal.rule_id, signal.variable, value, signal.causes)


def _explained(context: RuleContext, variable: str, levels: tuple[str, ...]) -> bool:
    return any(
        context.explains([c for c in signal.causes if isinstance(c, FindingCause)], levels)
        for signal in context.fired(variable)
    )


def _fixed(context: RuleContext, signal: Signal, levels: tuple[str, ...]) -> bool:
    """Tell whether an abscess, psoas sign or stated infection at the place forbids a reduction."""
    fixed = context.stated(*ABSCESSES, FindingId.PSOAS, FindingId.INFECTION_STATED)
    return bool(fixed) and (bool(context.at(fixed, levels)) or any(c in fixed for c in signal.causes))


def _step_down(context: RuleContext, value: str) -> str:
    lower = _LADDER[max(_LADDER.index(value) - 1, 0)]
    at_risk = context.value(CLIN_INF) not in {"", "0"}
    return WEAK if lower == NONE and at_risk else lower


RULES: tuple[Rule, ...] = (
    abscess_seen,
    infection_stated,
    two_signs,
    infection_possible,
    infection_chronic,
    one_sign,
    soft_tissue_contiguous,
    soft_tissue,
    explained_by_injury,
    explained_by_facet,
    weaker_by_modic,
    weaker_by_andersson,
    weaker_by_cno,
    weaker_by_dialysis,
    any_abscess,
    new_abscess,
    known_and_treated,
)
