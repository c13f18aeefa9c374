"""Degenerative and other benign causes: they count only where they lie at every place with edema."""

from cds_service.domain.assessment import FindingCause, Pathway
from cds_service.domain.vocabulary import (
    ConditionGroup,
    FindingId,
    ProcedureGroup,
    Qualifier,
    Status,
)
from cds_service.rules.context import RuleContext, has, items, levels_of, remembered, without
from cds_service.rules.infection import NONE, erosions
from cds_service.rules.levels import touches
from cds_service.rules.malignancy import typical_hemangiomas
from cds_service.rules.rule import Outcome, Rule, fired, quiet, rule, when
from cds_service.rules.variables import BENIGN_LESION, DEG, DEG_CERTAIN, IMG_INF, NEUROPATHIC, POST, ROOT

_DEGENERATIVE = Pathway.DEGENERATIVE
MODIC, ENDPLATE, FACET, SCHMORL = "modic", "endplate", "facet", "schmorl"


def _explaining(context: RuleContext, found: tuple[FindingCause, ...], value: str, word: str) -> Outcome:
    """Fire when the findings lie wherever edema is reported: a change at one level explains no edema elsewhere."""
    if not found:
        return quiet(f"{word} is not reported")
    if not context.edema or context.explains(found, levels_of(context.edema)):
        return fired(value, found, f"{word} lies where the edema is")
    return quiet(f"{word} does not lie at every level with edema")


def _degenerative_causes(context: RuleContext) -> tuple[FindingCause, ...]:
    endplate = _endplate_edema(context)
    return (*context.stated(FindingId.MODIC1, FindingId.FACET), *_schmorl(context), *endplate)


def _schmorl(context: RuleContext) -> tuple[FindingCause, ...]:
    return without(context.stated(FindingId.SCHMORL), Qualifier.OLD)


@remembered
def _endplate_edema(context: RuleContext) -> tuple[FindingCause, ...]:
    discs = context.stated(FindingId.DISC_DEGENERATION, FindingId.DISC_HERNIATION, FindingId.DISC_VACUUM)
    if not discs:
        return ()
    band = [
        *context.possible(FindingId.EDEMA_ENDPLATE),
        *(f for f in context.edema if has(f, Qualifier.ENDPLATE_BAND)),
    ]
    return tuple(f for f in band if any(touches(f.finding.levels, d.finding.levels) for d in discs))


@rule("DEG-MODIC", _DEGENERATIVE, DEG, "R-JENSEN2008", "R-MODICPREV2014")
def modic_one(context: RuleContext) -> Outcome:
    """Modic I changes or other degenerative causes lie at every level with edema, Modic I among them."""
    found = context.stated(FindingId.MODIC1)
    return _explaining(context, _degenerative_causes(context) if found else (), MODIC, "Modic I change")


@rule("DEG-ENDPLATE", _DEGENERATIVE, DEG, "R-SCHWARZNEMEC2020")
def endplate_with_disc(context: RuleContext) -> Outcome:
    """Edema along the endplates meets a degenerated disc."""
    found = _endplate_edema(context)
    return _explaining(
        context, _degenerative_causes(context) if found else (), ENDPLATE, "endplate edema with disc disease"
    )


@rule("DEG-FACET", _DEGENERATIVE, DEG, "R-ASAS-SPINE2022")
def facet_joint(context: RuleContext) -> Outcome:
    """A facet joint is activated."""
    return _explaining(context, context.stated(FindingId.FACET), FACET, "an active facet joint")


@rule("DEG-SCHMORL", _DEGENERATIVE, DEG, "R-MIMICS2017")
def schmorl_node(context: RuleContext) -> Outcome:
    """A Schmorl node lies where the edema is."""
    return _explaining(context, _schmorl(context), SCHMORL, "a Schmorl node")


@rule("DEG-CERTAIN", _DEGENERATIVE, DEG_CERTAIN, "R-PATEL2014", "R-SCHWARZNEMEC2020")
def certain_degeneration(context: RuleContext) -> Outcome:
    """Stated Modic I with claw sign or intact endplates at its level, no imaging sign of infection, no erosion."""
    modic = context.stated(FindingId.MODIC1)
    levels = levels_of(modic)
    safe = context.at(context.stated(FindingId.CLAW, FindingId.ENDPLATE_INTACT), levels)
    if not (context.value(DEG) and modic and safe):
        return quiet("no stated Modic I with claw sign or intact endplates where the edema is")
    if context.value(IMG_INF) != NONE or erosions(context):
        return quiet("imaging signs of infection or erosion keep the question open")
    return fired("1", (*modic, *safe), "typical degeneration")


@rule("BEN-SCHMORL", _DEGENERATIVE, BENIGN_LESION, "R-MIMICS2017")
def acute_schmorl(context: RuleContext) -> Outcome:
    """An acute Schmorl node explains the edema around it."""
    nodes = _schmorl(context)
    acute = tuple(f for f in nodes if has(f, Qualifier.ACUTE) or context.at(context.edema, f.finding.levels))
    return _explaining(context, acute, SCHMORL, "an acute Schmorl node")


@rule("BEN-HEMANGIOMA", _DEGENERATIVE, BENIGN_LESION, "R-HEMANGIOMA2017")
def hemangioma(context: RuleContext) -> Outcome:
    """A typical hemangioma explains the edema at its level."""
    return _explaining(context, typical_hemangiomas(context), "hemangioma", "a typical hemangioma")


@rule("POST-SURGERY", _DEGENERATIVE, POST, "R-JOSR2023")
def after_surgery(context: RuleContext) -> Outcome:
    """Surgery, implant or cement at the level with edema, or a recent charted operation of the spine."""
    ids = (FindingId.POSTOPERATIVE, FindingId.IMPLANT, FindingId.CEMENT)
    done = tuple([f for f in context.named(*ids) if f.finding.status in _DONE])
    there = context.at(done, levels_of(context.edema)) if done and context.edema else done
    charted = context.operated(
        context.thresholds.spine_procedure_days.span,
        ProcedureGroup.SPINE_SURGERY,
        ProcedureGroup.VERTEBRAL_AUGMENTATION,
    )
    return when("surgery", (*there, *charted), "an operation at this place is known", "no operation here is known")


_DONE = frozenset({Status.PRESENT, Status.HISTORICAL})


@rule("POST-RADIATION", _DEGENERATIVE, POST, "R-MAUCH2018")
def after_radiotherapy(context: RuleContext) -> Outcome:
    """Radiation change at the level is reported, or radiotherapy of the spine took place in the last 24 months."""
    done = tuple([f for f in context.named(FindingId.RADIATION) if f.finding.status in _DONE])
    there = context.at(done, levels_of(context.edema)) if done and context.edema else done
    charted = context.operated(context.thresholds.radiotherapy_months.span, ProcedureGroup.RADIOTHERAPY_SPINE)
    return when("radiation", (*there, *charted), "radiation here is known", "no radiation here is known")


@rule("MIM-NEUROPATHIC", _DEGENERATIVE, NEUROPATHIC, "R-MIMICS2017", "R-RADMED2021")
def neuropathic_or_crystal(context: RuleContext) -> Outcome:
    """Neuropathic, crystal or dialysis-related disease of the spine is named, at least as possible."""
    found = context.possible(FindingId.NEUROPATHIC, FindingId.CRYSTAL, FindingId.DIALYSIS_SPONDYLOARTHROPATHY)
    return when("1", found, "such a disease is named", "no such disease is named")


@rule("ROOT-SYMPTOMS", _DEGENERATIVE, ROOT, "R-ACRLBP2021")
def root_symptoms(context: RuleContext) -> Outcome:
    """A nerve root is compressed, or radicular symptoms are known."""
    charted = context.having(ConditionGroup.RADICULOPATHY, ConditionGroup.SINGLE_ROOT_PARESIS)
    found = (*context.stated(FindingId.ROOT), *items(charted))
    return when("1", found, "a root is affected", "no root symptoms are known")


RULES: tuple[Rule, ...] = (
    modic_one,
    endplate_with_disc,
    facet_joint,
    schmorl_node,
    certain_degeneration,
    acute_schmorl,
    hemangioma,
    after_surgery,
    after_radiotherapy,
    neuropathic_or_crystal,
    root_symptoms,
)
