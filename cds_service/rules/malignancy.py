"""Imaging arguments for and against a tumour of vertebra or sacrum."""

from collections.abc import Iterable

from cds_service.domain.assessment import FindingCause, Pathway, Signal
from cds_service.domain.vocabulary import Certainty, FindingId, Qualifier
from cds_service.rules.context import RuleContext, has, levels_of, remembered, without
from cds_service.rules.infection import ABSCESSES
from cds_service.rules.innocent import is_bone_island, is_no_bone_tumor
from cds_service.rules.levels import bodies, touches
from cds_service.rules.polarity import Weight
from cds_service.rules.rule import Found, Outcome, Rule, fired, quiet, rule, when
from cds_service.rules.variables import EPIDURAL_TUMOR, IMG_INF, MAL_IMG, MAL_IMG_AGAINST, PAGET_CERTAIN, SEVERAL_DARK

_MALIGNANCY = Pathway.MALIGNANCY
STRONG, MODERATE, T1_ALONE = "S", "M", "T1"
_LADDER = (T1_ALONE, MODERATE, STRONG)

NAMED = (FindingId.MALIGNANCY_STATED, FindingId.METASTASIS, FindingId.TUMOR)
LESIONS = (FindingId.FOCAL_LESION, FindingId.ATYPICAL_LESION)
FRACTURES = (FindingId.FRACTURE, FindingId.FRACTURE_LINE)
# Benign lesions that a radiologist may also call focal.
_BENIGN_LESIONS = (
    FindingId.HEMANGIOMA,
    FindingId.SCHMORL,
    FindingId.MODIC1,
    FindingId.MODIC2,
    FindingId.MODIC3,
    FindingId.CORNER,
    FindingId.CONTUSION,
    FindingId.T1_FAT_KEPT,
)
# Processes that begin at disc and endplate darken both neighbouring bodies without replacing their marrow.
_DISC_CENTRED = (
    FindingId.MODIC1,
    FindingId.EDEMA_ENDPLATE,
    FindingId.CORNER,
    FindingId.ANDERSSON,
    FindingId.SCHMORL,
    FindingId.DISC_FLUID,
    FindingId.DISC_ENHANCEMENT,
    FindingId.DISC_DESTROYED,
    FindingId.ENDPLATE_EROSION,
    FindingId.INFECTION_STATED,
)
# Endplate change without edema: its dark band is not a dark body.
_ENDPLATE_CHANGE = (FindingId.MODIC2, FindingId.MODIC3, FindingId.ENDPLATE_DEGENERATION)
_NEIGHBOUR = 1
_SEVERAL = 2
_MANY = 3


def owned_by_infection(context: RuleContext, finding: FindingCause) -> bool:
    """Tell whether destruction at this level belongs to a stated infection, no tumour being named beside it."""
    levels = finding.finding.levels
    infected = context.at(context.stated(FindingId.INFECTION_STATED), levels)
    named = context.at((*context.possible(*NAMED), *_pathologic(context, Weight.POSSIBLE)), levels)
    return bool(infected) and not named


def _disc_centred(context: RuleContext, finding: FindingCause) -> bool:
    """Tell whether strong signs of infection meet at this level, so that destruction is at most a moderate argument."""
    named = context.at(context.possible(*NAMED), finding.finding.levels)
    strong = [s for s in context.fired(IMG_INF) if s.value == STRONG]
    return not named and any(touches(levels_of(s.causes), finding.finding.levels) for s in strong)


def _graded(context: RuleContext, found: tuple[FindingCause, ...], yes: str, no: str) -> Outcome:
    """Fire strongly for findings outside infected levels, else moderately for those at a disc-centred infection."""
    own = tuple(f for f in found if not _disc_centred(context, f))
    return fired(STRONG, own, yes) if own else when(MODERATE, found, f"{yes}, at a level that looks infected", no)


def _pathologic(context: RuleContext, least: Weight) -> tuple[FindingCause, ...]:
    return tuple(f for f in context.stated(*FRACTURES, least=least) if has(f, Qualifier.PATHOLOGIC))


def _own(context: RuleContext, found: Iterable[FindingCause]) -> tuple[FindingCause, ...]:
    kept = without(found, Qualifier.EXPLAINED_BENIGN, Qualifier.INFECTIOUS)
    return tuple(f for f in kept if not owned_by_infection(context, f) and not is_no_bone_tumor(f))


def _pedicle(context: RuleContext, least: Weight = Weight.PRESENT) -> tuple[FindingCause, ...]:
    """Pedicle involvement that no stress, facet joint, pseudarthrosis or traumatic break at its level explains."""
    broken = context.stated(*FRACTURES)
    explaining = (
        *context.stated(FindingId.STRESS_REACTION, FindingId.FACET, FindingId.PSEUDARTHROSIS, FindingId.UNSTABLE),
        *(f for f in broken if has(f, Qualifier.TRAUMATIC, Qualifier.POSTERIOR) and not has(f, Qualifier.PATHOLOGIC)),
    )
    injured = (*context.possible(FindingId.LIGAMENT_INJURY), *(f for f in broken if has(f, Qualifier.TRAUMATIC)))
    found = _own(context, context.stated(FindingId.PEDICLE, least=least))
    return tuple(
        f
        for f in found
        if not context.explains((*explaining, *_certain_abscesses(context)), f.finding.levels)
        and not any(touches(f.finding.levels, i.finding.levels, gap=_NEIGHBOUR) for i in injured if _benign(i))
    )


def _benign(fracture: FindingCause) -> bool:
    return bool(fracture.finding.levels) and not has(fracture, Qualifier.PATHOLOGIC)


def _certain_abscesses(context: RuleContext) -> tuple[FindingCause, ...]:
    return tuple(f for f in context.stated(*ABSCESSES) if f.finding.certainty is not Certainty.POSSIBLE)


def _lesions(context: RuleContext, least: Weight = Weight.PRESENT) -> tuple[FindingCause, ...]:
    """Focal lesions that no benign label, fracture or infection at their level explains."""
    islands = [f for f in context.stated(FindingId.SCLEROSIS) if is_bone_island(f)]
    benign = [f for f in (*context.stated(*_BENIGN_LESIONS), *islands) if not has(f, Qualifier.ATYPICAL)]
    found = _own(context, context.stated(*LESIONS, least=least))
    return tuple(f for f in found if not (f.finding.levels and context.explains(benign, f.finding.levels)))


@rule("MAL-STATED", _MALIGNANCY, MAL_IMG, "R-MAUCH2018", "R-NG234")
def malignancy_stated(context: RuleContext) -> Outcome:
    """The radiologist names a tumour, a metastasis or a pathological fracture, certain or probable."""
    found = without(context.stated(*NAMED), Qualifier.EXPLAINED_BENIGN)
    return when(STRONG, (*found, *_pathologic(context, Weight.PRESENT)), "a tumour is named", "no tumour is named")


@rule("MAL-SOFT-MASS", _MALIGNANCY, MAL_IMG, "R-UETANI2004", "R-MAUCH2018")
def soft_mass(context: RuleContext) -> Outcome:
    """A solid soft-tissue mass grows beside the bone; at a level with stated infection alone it counts as moderate."""
    found = without(context.stated(FindingId.SOFT_MASS), Qualifier.EXPLAINED_BENIGN, Qualifier.INFECTIOUS)
    found = tuple(f for f in found if not is_no_bone_tumor(f))
    own = tuple(f for f in found if not owned_by_infection(context, f))
    if own or not found:
        return _graded(context, own, "a solid soft-tissue mass", "no soft-tissue mass")
    return fired(MODERATE, found, "a soft-tissue mass at a level of stated infection")


@rule("MAL-LYSIS", _MALIGNANCY, MAL_IMG, "R-MAUCH2018", "R-ABDELWANIS2011")
def lysis(context: RuleContext) -> Outcome:
    """Bone is destroyed outside the endplates, and no infection at that level accounts for it."""
    found = _own(context, context.stated(FindingId.LYSIS))
    return _graded(context, found, "bone is destroyed outside the endplates", "no such destruction counts")


@rule("MAL-CONVEX-PEDICLE", _MALIGNANCY, MAL_IMG, "R-UETANI2004", "R-MAUCH2018")
def convex_with_pedicle(context: RuleContext) -> Outcome:
    """The posterior wall bulges and the pedicle of the same vertebra is involved."""
    convex = _own(context, context.stated(FindingId.POSTERIOR_CONVEX))
    pedicle = _pedicle(context) if convex else ()
    pairs = [(c, p) for c in convex for p in pedicle if touches(c.finding.levels, p.finding.levels)]
    both = tuple(dict.fromkeys(f for pair in pairs for f in pair))
    return _graded(context, both, "both at one vertebra", "not both at one vertebra")


@rule("MAL-EXPANSILE", _MALIGNANCY, MAL_IMG, "R-MAUCH2018")
def expansile(context: RuleContext) -> Outcome:
    """A lesion expands the bone."""
    found = _own(context, context.stated(FindingId.EXPANSILE))
    return when(STRONG, found, "an expansile lesion", "no expansile lesion")


@rule("MAL-MULTIFOCAL", _MALIGNANCY, MAL_IMG, "R-MAUCH2018", "R-IMWG2014")
def multifocal(context: RuleContext) -> Outcome:
    """Several discrete lesions outside fractures are dark on T1, or scattered where T1 is not described."""
    lesions = _lesions(context)
    if not lesions or context.stated(FindingId.SEMICIRCULAR):
        return quiet("no discrete lesions without a benign pattern")
    named = bodies(levels_of(lesions))
    many = context.stated(FindingId.MULTIFOCAL, FindingId.SKIP)
    marked = [f for f in lesions if has(f, Qualifier.MULTIPLE)]
    several = len(named) >= _SEVERAL or bool(many) or bool(marked)
    scattered = len(named) >= _MANY or (len(named) == _SEVERAL and max(named) - min(named) > 1)
    dark = context.at(context.stated(FindingId.T1_LOW, FindingId.T1_REPLACED), levels_of(lesions))
    undescribed = not dark and not context.denied(FindingId.T1_LOW, FindingId.T1_REPLACED)
    wide = scattered or bool(many) or bool(marked)
    if several and (dark or (undescribed and wide)):
        return fired(STRONG, (*lesions, *many, *dark), "several discrete lesions")
    return quiet("the lesions are single, or T1 speaks against replacement")


@rule("MAL-POSSIBLE", _MALIGNANCY, MAL_IMG, "R-MAUCH2018", "R-NG234")
def malignancy_possible(context: RuleContext) -> Outcome:
    """A tumour, metastasis, mass, destruction or pathological fracture is called possible."""
    # An infection named in the same breath is a rival of the tumour and makes it no less possible.
    named = without(context.possible(*NAMED), Qualifier.EXPLAINED_BENIGN)
    signs = _own(context, context.possible(FindingId.SOFT_MASS, FindingId.LYSIS, FindingId.EXPANSILE))
    found = (*named, *signs, *_pathologic(context, Weight.POSSIBLE))
    return when(MODERATE, found, "a tumour is possible", "no tumour is named")


@rule("MAL-WALL-OR-PEDICLE", _MALIGNANCY, MAL_IMG, "R-UETANI2004", "R-MAUCH2018")
def wall_or_pedicle(context: RuleContext) -> Outcome:
    """The posterior wall bulges, or a pedicle is involved without a benign explanation."""
    convex = _own(context, context.possible(FindingId.POSTERIOR_CONVEX))
    found = (*convex, *_pedicle(context, Weight.POSSIBLE))
    return when(MODERATE, found, "posterior wall or pedicle is involved", "neither is involved")


@rule("MAL-T1-REPLACED", _MALIGNANCY, MAL_IMG, "R-MAUCH2018", "R-CHEMSHIFT2021")
def marrow_replaced(context: RuleContext) -> Outcome:
    """Marrow is replaced on T1, without kept fat or fracture line at that level."""
    explaining = context.stated(FindingId.T1_FAT_KEPT, FindingId.FRACTURE_LINE)
    found = _own(context, context.possible(FindingId.T1_REPLACED))
    kept = [f for f in found if not context.explains(explaining, f.finding.levels)]
    return when(MODERATE, kept, "marrow is replaced", "no unexplained marrow replacement")


@remembered
def dark_bodies(context: RuleContext) -> tuple[FindingCause, ...]:
    """Low or replaced T1 signal of whole bodies outside fractures, disc-centred processes and kept fat."""
    low = without(
        context.stated(FindingId.T1_LOW, FindingId.T1_REPLACED),
        Qualifier.ENDPLATE_BAND,
        Qualifier.EXPLAINED_BENIGN,
        Qualifier.RED_MARROW,
    )
    if not low:
        return ()
    explaining = (
        *context.stated(FindingId.T1_FAT_KEPT, FindingId.HEMATOPOIETIC, FindingId.STRESS_REACTION),
        *context.stated(*FRACTURES, FindingId.CLEFT, FindingId.HEMANGIOMA),
        *context.possible(*_DISC_CENTRED),
    )
    found = tuple(f for f in _own(context, low) if not _at_endplates(context, f))
    # A fracture or disc process at one level explains nothing about the marrow of all other vertebrae.
    red = context.stated(FindingId.HEMATOPOIETIC, FindingId.T1_FAT_KEPT)
    background = tuple(f for f in found if has(f, Qualifier.BACKGROUND_MARROW) and not red)
    local = (f for f in found if not has(f, Qualifier.BACKGROUND_MARROW))
    return (*background, *(f for f in local if not context.explains(explaining, f.finding.levels)))


def _at_endplates(context: RuleContext, dark: FindingCause) -> bool:
    """Tell whether a dark signal is told of degenerated endplates in the same sentence."""
    changed = context.stated(*_ENDPLATE_CHANGE)
    return any(c.finding.sentence == dark.finding.sentence for c in changed) and context.explains(
        changed, dark.finding.levels
    )


@rule("MAL-T1-SEVERAL", _MALIGNANCY, MAL_IMG, "R-MAUCH2018", "R-UETANI2004")
def several_dark(context: RuleContext) -> Outcome:
    """Two or more unfractured bodies, or the whole marrow, are dark on T1 and not brighter than the discs."""
    found = _several_dark(context)
    return when(MODERATE, found, "several bodies are dark on T1", "not several bodies are dark on T1")


def _several_dark(context: RuleContext) -> tuple[FindingCause, ...]:
    found = dark_bodies(context)
    marked = (Qualifier.BACKGROUND_MARROW, Qualifier.MULTIPLE)
    # A diffuse signal that is named for no single vertebra means the whole marrow.
    background = any(has(f, *marked) or (has(f, Qualifier.DIFFUSE) and not f.finding.levels) for f in found)
    return found if background or len(bodies(levels_of(found))) >= _SEVERAL else ()


@rule("MAL-LESION", _MALIGNANCY, MAL_IMG, "R-MAUCH2018", "R-HEMANGIOMA2017")
def focal_lesion(context: RuleContext) -> Outcome:
    """A focal marrow lesion has no benign label, or is called atypical, or a hemangioma is called atypical."""
    atypical = [f for f in context.possible(FindingId.HEMANGIOMA) if has(f, Qualifier.ATYPICAL)]
    found = (*_lesions(context, Weight.POSSIBLE), *atypical)
    return when(MODERATE, found, "a lesion without benign label", "no lesion without benign label")


@rule("MAL-T1-ALONE", _MALIGNANCY, MAL_IMG, "R-MAUCH2018", "R-CHEMSHIFT2021")
def dark_alone(context: RuleContext) -> Outcome:
    """One whole body is dark on T1 without being replaced."""
    low = [f for f in dark_bodies(context) if f.finding.finding is FindingId.T1_LOW]
    return when(T1_ALONE, low, "one body is dark on T1", "no body is dark on T1 without explanation")


@rule("MAL-SEVERAL", _MALIGNANCY, SEVERAL_DARK, "R-UETANI2004", "R-IMWG2014")
def several_dark_or_fractured(context: RuleContext) -> Outcome:
    """Several unfractured bodies are dark on T1, or two or more bodies are freshly fractured without trauma."""
    dark = _several_dark(context)
    broken = without(context.stated(*FRACTURES), Qualifier.OLD, Qualifier.TRAUMATIC)
    many = len(bodies(levels_of(broken))) >= _SEVERAL and not context.recent_trauma
    return when("1", (*dark, *(broken if many else ())), "several bodies are affected", "not several bodies")


@rule("MAL-EPIDURAL", _MALIGNANCY, EPIDURAL_TUMOR, "R-NG234", "R-UETANI2004")
def epidural_tumor(context: RuleContext) -> Outcome:
    """A tumour has an epidural part or compresses cord or cauda equina."""
    tumor = _own(context, context.possible(*NAMED, FindingId.SOFT_MASS))
    epidural = [f for f in tumor if has(f, Qualifier.EPIDURAL, Qualifier.CANAL_COMPROMISE)]
    compressing = context.stated(FindingId.CORD, FindingId.CAUDA, FindingId.CAUDA_MILD)
    by_tumor = [c for c in compressing if any(touches(c.finding.levels, t.finding.levels) for t in tumor)]
    return when("1", (*epidural, *by_tumor), "an epidural part is reported", "no epidural part is reported")


def _places(found: Iterable[FindingCause]) -> tuple[Found, ...]:
    return tuple(Found("A", (f,)) for f in found)


@rule("MAL-AGAINST-FAT", _MALIGNANCY, MAL_IMG_AGAINST, "R-MAUCH2018", "R-CHEMSHIFT2021")
def fat_kept(context: RuleContext) -> Outcome:
    """Marrow fat is kept in the lesion itself."""
    found = context.stated(FindingId.T1_FAT_KEPT)
    return Outcome(_places(found), "fat is kept" if found else "kept fat is not reported")


@rule("MAL-AGAINST-CLEFT", _MALIGNANCY, MAL_IMG_AGAINST, "R-MAUCH2018", "R-UETANI2004")
def cleft(context: RuleContext) -> Outcome:
    """A fluid sign or cleft lies in the collapsed body."""
    found = context.stated(FindingId.CLEFT)
    return Outcome(_places(found), "a cleft is reported" if found else "no cleft is reported")


@rule("MAL-AGAINST-RETROPULSION", _MALIGNANCY, MAL_IMG_AGAINST, "R-UETANI2004")
def line_with_retropulsion(context: RuleContext) -> Outcome:
    """A fracture line and a retropulsed fragment lie in the same vertebra."""
    lines = context.stated(FindingId.FRACTURE_LINE)
    found = [
        f
        for f in context.stated(FindingId.RETROPULSION)
        if any(touches(f.finding.levels, k.finding.levels) for k in lines)
    ]
    return Outcome(_places(found), "both are reported" if found else "not both are reported")


@rule("MAL-AGAINST-HEMANGIOMA", _MALIGNANCY, MAL_IMG_AGAINST, "R-HEMANGIOMA2017")
def typical_hemangioma(context: RuleContext) -> Outcome:
    """A hemangioma is stated as certain and not called atypical."""
    found = typical_hemangiomas(context)
    return Outcome(_places(found), "a typical hemangioma" if found else "no typical hemangioma")


def typical_hemangiomas(context: RuleContext) -> tuple[FindingCause, ...]:
    """Hemangiomas that are stated as present and not called atypical."""
    return without(context.stated(FindingId.HEMANGIOMA), Qualifier.ATYPICAL)


@rule("MAL-AGAINST-PAGET", _MALIGNANCY, MAL_IMG_AGAINST, "R-MAUCH2018")
def paget(context: RuleContext) -> Outcome:
    """Paget disease is stated as certain, without lysis, soft mass or collapse at its level."""
    found = [c for s in context.fired(PAGET_CERTAIN) for c in s.causes if isinstance(c, FindingCause)]
    return Outcome(_places(found), "certain Paget disease" if found else "no certain Paget disease")


@rule("MAL-PAGET-CERTAIN", Pathway.METABOLIC, PAGET_CERTAIN, "R-MAUCH2018")
def paget_certain(context: RuleContext) -> Outcome:
    """Paget disease is stated as certain, without lysis, soft mass or collapse at its level."""
    spoiling = context.possible(
        FindingId.LYSIS, FindingId.SOFT_MASS, FindingId.HEIGHT_LOSS, *FRACTURES, FindingId.EXPANSILE
    )
    found = [
        f
        for f in context.stated(FindingId.PAGET)
        if not any(touches(f.finding.levels, s.finding.levels) for s in spoiling)
    ]
    return when("1", found, "certain Paget disease", "Paget disease is not certain or not simple")


def combine_imaging(context: RuleContext, signals: tuple[Signal, ...]) -> tuple[str, tuple[Signal, ...]]:
    """Strongest class; without any, "against" when benign patterns lie at every place with edema or fracture."""
    if signals:
        value = max((s.value for s in signals), key=_LADDER.index)
        return value, signals
    benign = context.fired(MAL_IMG_AGAINST)
    causes = [c for s in benign for c in s.causes if isinstance(c, FindingCause)]
    suspicious = (*context.edema, *context.stated(*FRACTURES))
    levels = levels_of(suspicious) or levels_of(causes)
    if causes and context.explains(causes, levels):
        return "A", benign
    return "N", ()


RULES: tuple[Rule, ...] = (
    malignancy_stated,
    soft_mass,
    lysis,
    convex_with_pedicle,
    expansile,
    multifocal,
    malignancy_possible,
    wall_or_pedicle,
    marrow_replaced,
    several_dark,
    focal_lesion,
    dark_alone,
    several_dark_or_fractured,
    epidural_tumor,
    fat_kept,
    cleft,
    line_with_retropulsion,
    typical_hemangioma,
    paget,
    paget_certain,
)
