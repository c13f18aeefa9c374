"""Mechanical stability: spinal instability score of a tumour, and fractures that must be taken as unstable."""

import re

from cds_service.domain.assessment import Cause, FindingCause, Pathway
from cds_service.domain.vocabulary import ConditionGroup, FindingId, Qualifier, Trend
from cds_service.rules.context import RuleContext, has, items, levels_of, remembered, without
from cds_service.rules.fracture import fresh_fractures
from cds_service.rules.levels import touches
from cds_service.rules.malignancy import NAMED
from cds_service.rules.rule import Outcome, Rule, fired, quiet, rule, when
from cds_service.rules.scores import (
    SinsItems,
    SinsScore,
    of_class_at_least,
    sins,
    sins_location,
    stated_of_class,
)
from cds_service.rules.variables import ANKYLOSED, IMG_INF, KNOWN_METS, MAL_IMG, UNST

_EMERGENCY = Pathway.EMERGENCY
# Values in order of urgency.
CANAL, ANKYLOSIS, OTHER = "canal", "ankylosed", "unstable"
_NEIGHBOUR = 1
_FRAME_LOST = 4
# A spondyloarthritis named by a word that means stiffening; the disease concerns the whole spine, not one level.
_ANKYLOSING = re.compile(r"bechterew|ankylo[sz]|anchilo[sz]|strümpell", re.IGNORECASE)
# Words of a tear, of what is less than one, and of ligaments that tear by force only: the posterior longitudinal
# ligament tears under a herniated disc as well.
_TORN = re.compile(
    r"\btear|\btorn|ruptu?r|rupt[aeă]?\b|disrupt|avuls|zerriss|gerissen|riss\b|dis[ck]o-?\s?ligament", re.IGNORECASE
)
_NOT_BY_FORCE = re.compile(
    r"parti[ae]l|partiell|parțial|incomplet|inkomplett|teilru|teilri|degenerat|herni|extru|protru|vorfall|prolaps|sequest",
    re.IGNORECASE,
)
_TORN_BY_FORCE = re.compile(
    r"dis[ck]o-?\s?ligament|posterior ligament|\bplc\b|complex\w* ligament|bandapparat", re.IGNORECASE
)
# A transverse process that meets the sacrum forms a joint from birth (Bertolotti).
_TRANSITION = re.compile(
    r"transitional|bertolotti|übergangswirbel|neoarticula|neoartroz|nearthros|"
    r"vertebr\w+ de tranzi|tranzițional|castellvi",
    re.IGNORECASE,
)
# Joints that lost each other: no degeneration does this.
_DISLOCATED = re.compile(
    r"(?:perched|locked|jumped|dislocated|overriding)\W+(?:\w+\W+)?facet|bifacet|facets?\W+(?:\w+\W+)?(?:dislocat|lock|jump|perch)"
    r"|facet\w*luxation|verhakt|reitende\w* fa[cz]et|fațete\w*\W+(?:\w+\W+)?(?:încălecate|blocate|agățate)"
    r"|fatete\w*\W+(?:\w+\W+)?(?:incalecate|blocate|agatate)|luxați\w+ articular|luxati\w+ articular"
    r"|dissociation|dissoziation|disocier|fracture.dislocat|luxationsfraktur|fractur\w+.luxa",
    re.IGNORECASE,
)


def tumor_lesions(context: RuleContext) -> tuple[FindingCause, ...]:
    """Findings that make up the tumour, for its place and extent."""
    ids = (*NAMED, FindingId.LYSIS, FindingId.SOFT_MASS, FindingId.EXPANSILE, FindingId.FOCAL_LESION)
    return context.possible(*ids, FindingId.T1_REPLACED)


@remembered
def sins_of(context: RuleContext) -> SinsScore | None:
    """Least SINS of the tumour on what is stated; ``None`` without an imaged or known tumour or without any item."""
    if context.value(MAL_IMG) != "S" and not context.value(KNOWN_METS):
        return None
    levels = levels_of(tumor_lesions(context))
    return sins(
        SinsItems(
            location=sins_location(levels),
            pain=0 if context.having(ConditionGroup.NO_SYMPTOMS) else None,
            lesion=_lesion(context, levels),
            alignment=_alignment(context, levels),
            collapse=_collapse(context, levels),
            posterolateral=_posterolateral(context, levels),
        )
    )


def _lesion(context: RuleContext, levels: tuple[str, ...]) -> int | None:
    lytic = context.at(context.stated(FindingId.LYSIS), levels)
    blastic = context.at(context.stated(FindingId.SCLEROSIS), levels)
    if lytic:
        return 1 if blastic else 2
    return 0 if blastic else None


def _alignment(context: RuleContext, levels: tuple[str, ...]) -> int | None:
    if context.at(context.stated(FindingId.MALALIGNMENT), levels):
        return 4
    if any(f.finding.trend is Trend.NEW for f in context.at(context.stated(FindingId.KYPHOSIS), levels)):
        return 2
    return 0 if context.denied(FindingId.MALALIGNMENT) else None


def _collapse(context: RuleContext, levels: tuple[str, ...]) -> int | None:
    lost = context.at(context.stated(FindingId.HEIGHT_LOSS, FindingId.FRACTURE), levels)
    half = context.thresholds.sins_collapse_percent.value
    percents = [f.finding.percent for f in lost if f.finding.percent is not None]
    if percents:
        return 3 if max(percents) > half else 2
    if lost:
        # A collapse of unknown depth takes the lower points: the score shown is the least possible.
        return 2
    return 0 if context.denied(FindingId.HEIGHT_LOSS) and context.denied(FindingId.FRACTURE) else None


def _posterolateral(context: RuleContext, levels: tuple[str, ...]) -> int | None:
    involved = context.at(context.stated(FindingId.PEDICLE), levels)
    if involved:
        return 3 if any(has(f, Qualifier.BILATERAL) for f in involved) else 1
    return 0 if context.denied(FindingId.PEDICLE) else None


@rule("UNST-ANKYLOSED-SPINE", _EMERGENCY, ANKYLOSED, "R-ASAS-SPINE2022")
def ankylosed_spine(context: RuleContext) -> Outcome:
    """The spine is ankylosed by spondylitis or DISH, from report or chart."""
    named = [f for f in context.stated(FindingId.SPONDYLOARTHRITIS_STATED) if _ANKYLOSING.search(f.finding.sentence)]
    found = (*context.stated(FindingId.ANKYLOSIS), *items(context.having(ConditionGroup.ANKYLOSED_SPINE)), *named)
    return when("1", found, "the spine is ankylosed", "no ankylosis is known")


@remembered
def broken(context: RuleContext) -> tuple[FindingCause, ...]:
    """Fresh fractures, and fractures called possible that are not old."""
    possible = without(context.possible(FindingId.FRACTURE, FindingId.FRACTURE_LINE), Qualifier.OLD)
    return tuple(dict.fromkeys((*fresh_fractures(context), *possible)))


def _is_disease(cause: FindingCause) -> bool:
    return cause.finding.finding is FindingId.SPONDYLOARTHRITIS_STATED


@rule("UNST-ANKYLOSED", _EMERGENCY, UNST, "R-ASAS-SPINE2022")
def through_ankylosis(context: RuleContext) -> Outcome:
    """Any fracture through an ankylosed spine, or a pseudarthrosis in it, is unstable until shown otherwise."""
    stiff: list[Cause] = [c for s in context.fired(ANKYLOSED) for c in s.causes]
    places = [c for c in stiff if isinstance(c, FindingCause) and not _is_disease(c)]
    charted = [c for c in stiff if not isinstance(c, FindingCause) or _is_disease(c)]
    gaps = (*context.possible(FindingId.PSEUDARTHROSIS), *_broken_andersson(context))
    hit = [
        f
        for f in (_breaks(context, gaps) if stiff else ())
        if charted or any(touches(f.finding.levels, p.finding.levels, gap=_NEIGHBOUR) for p in places)
    ]
    alone = [g for g in gaps if g.finding.finding is FindingId.PSEUDARTHROSIS and not _of_transition(g)]
    found = (*hit, *stiff) if hit else tuple(alone)
    return when(ANKYLOSIS, found, "a break in an ankylosed spine", "no break in an ankylosed spine")


def _breaks(context: RuleContext, gaps: tuple[FindingCause, ...]) -> tuple[FindingCause, ...]:
    """Everything that may be a break in a spine that is stiff."""
    return (*broken(context), *gaps, *without(context.possible(FindingId.UNSTABLE), Qualifier.OLD))


def _of_transition(gap: FindingCause) -> bool:
    """Tell the joint between a transitional vertebra and the sacrum, which is called a pseudarthrosis as well."""
    return bool(_TRANSITION.search(gap.finding.sentence))


def _broken_andersson(context: RuleContext) -> tuple[FindingCause, ...]:
    lesions = context.stated(FindingId.ANDERSSON)
    breaks = context.stated(FindingId.FRACTURE_LINE, FindingId.FRACTURE, FindingId.CLEFT, FindingId.PEDICLE)
    return tuple(a for a in lesions if any(touches(a.finding.levels, b.finding.levels) for b in breaks))


@rule("UNST-CANAL", _EMERGENCY, UNST, "R-OF2018")
def canal_compromise(context: RuleContext) -> Outcome:
    """A burst fracture or retropulsed fragment narrows the canal, or cord or cauda are pressed by bone."""
    bone = without(context.stated(FindingId.FRACTURE, FindingId.RETROPULSION, FindingId.UNSTABLE), Qualifier.OLD)
    narrowing = [f for f in bone if has(f, Qualifier.CANAL_COMPROMISE) and not _canal_free(context, f)]
    pushed = [f for f in bone if f.finding.finding is FindingId.RETROPULSION or has(f, Qualifier.BURST) or _of4(f)]
    tight = context.stated(FindingId.CANAL_STENOSIS, FindingId.CORD, FindingId.CAUDA, FindingId.CAUDA_MILD)
    tight = without(tight, Qualifier.DEGENERATIVE_CAUSE, Qualifier.MILD)
    tight = tuple(f for f in tight if f.finding.finding is not FindingId.CANAL_STENOSIS or not _canal_free(context, f))
    pairs = [f for f in pushed if any(_named_together(f, t) for t in tight)]
    return when(CANAL, (*narrowing, *pairs), "bone narrows the canal", "no canal compromise by bone")


def _of4(fracture: FindingCause) -> bool:
    """Tell whether the report itself grades the fracture OF4 or OF5: the frame of the body is lost."""
    return bool(of_class_at_least(stated_of_class(fracture.finding.sentence), _FRAME_LOST))


def _canal_free(context: RuleContext, narrowing: FindingCause) -> bool:
    """Tell "2 mm into the canal, no relevant narrowing": the sentence itself says that the canal is wide enough."""
    return any(
        d.finding.sentence == narrowing.finding.sentence and _named_together(narrowing, d)
        for d in context.denied(FindingId.CANAL_STENOSIS)
    )


def _named_together(one: FindingCause, other: FindingCause) -> bool:
    """Both name the same level: degenerative narrowing elsewhere must not make a fracture an emergency."""
    return bool(other.finding.levels) and touches(one.finding.levels, other.finding.levels)


@rule("UNST-STATED", _EMERGENCY, UNST, "R-OF2018")
def unstable_stated(context: RuleContext) -> Outcome:
    """The fracture is called unstable, or has an unstable pattern such as distraction, rotation or three columns."""
    found = without(context.possible(FindingId.UNSTABLE), Qualifier.OLD)
    return when(OTHER, found, "an unstable pattern is stated", "no unstable pattern is stated")


@rule("UNST-POSTERIOR-LINE", _EMERGENCY, UNST, "R-OF2018")
def line_into_posterior_elements(context: RuleContext) -> Outcome:
    """A traumatic fracture runs into pedicles or posterior elements."""
    lines = without(context.stated(FindingId.FRACTURE_LINE), Qualifier.OLD, Qualifier.INSUFFICIENCY)
    found = [f for f in lines if has(f, Qualifier.POSTERIOR)]
    return when(OTHER, found, "the line reaches the posterior elements", "no such line is stated")


@rule("UNST-LIGAMENT", _EMERGENCY, UNST, "R-OF2018")
def ligament(context: RuleContext) -> Outcome:
    """The posterior ligaments are torn, or possibly so beside an acute fracture with a sign of force."""
    lesions = context.stated(FindingId.LIGAMENT_INJURY)
    acute = fresh_fractures(context)
    if lesions and acute:
        return fired(OTHER, (*lesions, *acute), "torn ligaments beside a fracture")
    complete = [f for f in lesions if has(f, Qualifier.SEVERE) or _torn(context, f)]
    if complete:
        return fired(OTHER, complete, "torn ligaments")
    possible, force = context.possible(FindingId.LIGAMENT_INJURY), _force(context)
    found = (*possible, *acute, *force) if possible and acute and force else ()
    return when(OTHER, found, "possible tear, acute fracture and a sign of force", "not all three are reported")


def _torn(context: RuleContext, lesion: FindingCause) -> bool:
    """Tell a whole tear: of the posterior or discoligamentous complex, or of any ligament beside signs of injury."""
    sentence = lesion.finding.sentence
    if has(lesion, Qualifier.OLD) or not _TORN.search(sentence) or _NOT_BY_FORCE.search(sentence):
        return False
    return bool(_TORN_BY_FORCE.search(sentence)) or has(lesion, Qualifier.TRAUMATIC) or _injured(context, lesion)


def _injured(context: RuleContext, place: FindingCause) -> bool:
    """Tell whether the bone is bruised at this place, or a trauma of the last weeks is known."""
    bruised = without(context.stated(FindingId.CONTUSION), Qualifier.OLD)
    return bool(context.recent_trauma) or any(touches(place.finding.levels, b.finding.levels, gap=1) for b in bruised)


def _force(context: RuleContext) -> tuple[Cause, ...]:
    limit = context.thresholds.height_loss_severe.value
    lost = context.stated(FindingId.HEIGHT_LOSS, FindingId.FRACTURE)
    deep = [f for f in lost if has(f, Qualifier.SEVERE) or (f.finding.percent or 0) >= limit]
    trauma = items(i for i in context.recent_trauma if ConditionGroup.HIGH_ENERGY_TRAUMA in i.groups)
    return (*deep, *context.stated(FindingId.RETROPULSION, FindingId.UNSTABLE), *trauma)


@rule("UNST-ALIGNMENT", _EMERGENCY, UNST, "R-SINS2010")
def alignment(context: RuleContext) -> Outcome:
    """Dislocated joints, a traumatic shift, or translation at a level with acute fracture, tumour or infection."""
    moved = without(context.stated(FindingId.MALALIGNMENT), Qualifier.OLD)
    shifted = without(moved, Qualifier.DEGENERATIVE_CAUSE)
    # The word "facet" alone reads as a degenerative cause; no degeneration locks facets.
    forced = [f for f in moved if _DISLOCATED.search(f.finding.sentence)]
    forced += [f for f in shifted if has(f, Qualifier.TRAUMATIC) or _injured(context, f)]
    forced += [f for f in _slips(context) if has(f, Qualifier.TRAUMATIC)]
    if forced:
        return fired(OTHER, forced, "a traumatic displacement")
    if not shifted:
        return quiet("no displacement at a diseased level")
    cause = [*fresh_fractures(context)]
    cause += context.possible(FindingId.INFECTION_STATED) if context.value(IMG_INF) in {"S", "M"} else ()
    cause += tumor_lesions(context) if context.value(MAL_IMG) in {"S", "M"} else ()
    found = [f for f in shifted if any(touches(f.finding.levels, c.finding.levels) for c in cause)]
    return when(OTHER, found, "displacement at a diseased level", "no displacement at a diseased level")


def _slips(context: RuleContext) -> tuple[FindingCause, ...]:
    slips = context.stated(FindingId.SPONDYLOLISTHESIS)
    return without(slips, Qualifier.OLD, Qualifier.KNOWN, Qualifier.DEGENERATIVE_CAUSE)


@rule("UNST-SINS", _EMERGENCY, UNST, "R-SINS2010", "R-SINSREL")
def sins_unstable(context: RuleContext) -> Outcome:
    """The stated items of SINS already sum up to 13 or more."""
    score = sins_of(context)
    if score is None:
        return quiet("no tumour with stated items")
    if score.at_least >= context.thresholds.sins_unstable.value:
        return fired(OTHER, tumor_lesions(context), f"SINS is at least {score.at_least}")
    return quiet(f"SINS is at least {score.at_least}")


RULES: tuple[Rule, ...] = (
    ankylosed_spine,
    through_ankylosis,
    canal_compromise,
    unstable_stated,
    line_into_posterior_elements,
    ligament,
    alignment,
    sins_unstable,
)
