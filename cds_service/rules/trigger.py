"""What makes a report worth a word: edema, its equivalents, infection, tumour, fracture or compression."""

from collections.abc import Iterable

from cds_service.domain.assessment import Cause, FindingCause, Pathway
from cds_service.domain.vocabulary import Certainty, ConditionGroup, FindingId, Qualifier
from cds_service.rules.context import EDEMA, RuleContext, has, items, without
from cds_service.rules.fracture import fresh_fractures
from cds_service.rules.infection import ABSCESSES
from cds_service.rules.levels import touches
from cds_service.rules.malignancy import LESIONS, NAMED
from cds_service.rules.polarity import COUNTS_WHEN_POSSIBLE
from cds_service.rules.rule import Outcome, Rule, fired, quiet, rule, when
from cds_service.rules.safety import by_degeneration, compressions, is_new, new_deficits
from cds_service.rules.variables import CLIN_INF, FX, IMG_INF, MAL_HIST, MAL_IMG, TRIGGER

_READING = Pathway.READING
YES = "1"

# Findings that are marrow edema by their definition, whatever word the radiologist chose.
_EDEMATOUS = (
    FindingId.STRESS_REACTION,
    FindingId.MODIC1,
    FindingId.CORNER,
    FindingId.FACET,
    FindingId.SACROILIAC,
    FindingId.ANDERSSON,
    FindingId.TRANSIENT_EDEMA,
    FindingId.SEMICIRCULAR,
)
_EXPLAINING_SIGNAL = (
    FindingId.HEMATOPOIETIC,
    FindingId.T1_FAT_KEPT,
    FindingId.MODIC2,
    FindingId.MODIC3,
    FindingId.HEMANGIOMA,
    FindingId.PAGET,
)
_TUMOR_SIGNS = (*NAMED, FindingId.LYSIS, FindingId.SOFT_MASS, FindingId.EXPANSILE, FindingId.T1_REPLACED, *LESIONS)
_NOT_TO_BE_DENIED = frozenset({*EDEMA, *COUNTS_WHEN_POSSIBLE, FindingId.INFECTION_STATED})
_SEVERE_DEFICITS = (
    ConditionGroup.CAUDA_EQUINA_SYNDROME,
    ConditionGroup.SADDLE_ANESTHESIA,
    ConditionGroup.URINARY_RETENTION_INCONTINENCE,
    ConditionGroup.PARAPLEGIA,
    ConditionGroup.SENSORY_LEVEL,
    ConditionGroup.MYELOPATHY,
)


@rule("TRG-EDEMA", _READING, TRIGGER, "R-SCHWARZNEMEC2020")
def edema(context: RuleContext) -> Outcome:
    """Marrow edema of a vertebra or the sacrum is reported, possible included."""
    return when(YES, context.edema, "edema is reported", "no edema is reported")


@rule("TRG-EQUIVALENT", _READING, TRIGGER, "R-JENSEN2008", "R-ASAS-SPINE2022")
def edema_equivalent(context: RuleContext) -> Outcome:
    """A finding that is edema by definition: active endplate, corner, facet, sacroiliac or stress change."""
    found = [
        f
        for f in without(context.possible(*_EDEMATOUS), Qualifier.OLD)
        if f.finding.finding is not FindingId.SACROILIAC or not has(f, Qualifier.EXPLAINED_BENIGN)
    ]
    acute = [f for f in context.stated(FindingId.SCHMORL) if has(f, Qualifier.ACUTE)]
    return when(YES, (*found, *acute), "an equivalent of edema", "no equivalent of edema")


@rule("TRG-DENSE-WITH-SOFT-TISSUE", _READING, TRIGGER, "R-SAPHO2016")
def dense_with_soft_tissue(context: RuleContext) -> Outcome:
    """A dense vertebra has edematous soft tissue beside it."""
    soft = context.stated(FindingId.PARAVERTEBRAL_EDEMA)
    dense = [
        d
        for d in context.stated(FindingId.SCLEROSIS)
        if any(touches(d.finding.levels, s.finding.levels, gap=1) for s in soft)
    ]
    return when(YES, (*dense, *soft) if dense else (), "both are reported", "not both are reported")


@rule("TRG-MARROW-SIGNAL", _READING, TRIGGER, "R-SCHWARZNEMEC2020", "R-MAUCH2018")
def marrow_signal(context: RuleContext) -> Outcome:
    """Abnormal marrow signal on other than T1 images is reported without a benign explanation at its level."""
    benign = context.stated(*_EXPLAINING_SIGNAL)
    low = context.possible(FindingId.T1_LOW)
    found = [
        f
        for f in without(context.possible(FindingId.MARROW_SIGNAL), Qualifier.EXPLAINED_BENIGN, Qualifier.RED_MARROW)
        if not _same_words(f, low) and not context.explains(benign, f.finding.levels)
    ]
    return when(YES, found, "abnormal marrow signal", "no unexplained abnormal marrow signal")


def _same_words(one: FindingCause, others: Iterable[FindingCause]) -> bool:
    """Tell whether another finding was read from the same words of the same text."""
    span = one.finding.span
    return any(
        o.report == one.report
        and o.finding.text_index == one.finding.text_index
        and o.finding.span.start < span.end
        and span.start < o.finding.span.end
        for o in others
    )


@rule("TRG-FRACTURE", _READING, TRIGGER, "R-OF2018")
def fracture(context: RuleContext) -> Outcome:
    """A fracture of vertebra or sacrum that may be fresh is reported, or a cleft in a collapsed body."""
    known = [c for s in context.fired(FX) for c in s.causes]
    acute = [f for f in context.possible(FindingId.FRACTURE, FindingId.FRACTURE_LINE) if has(f, Qualifier.ACUTE)]
    return when(YES, (*fresh_fractures(context), *known, *acute), "a fracture", "no fracture that may be fresh")


@rule("TRG-INFECTION", _READING, TRIGGER, "R-IDSA2015", "R-EARLYSD")
def infection(context: RuleContext) -> Outcome:
    """Images argue for infection, or it is named; soft-tissue edema is enough beside a clinical sign of infection."""
    found: list[Cause] = [*context.stated(*ABSCESSES), *context.possible(FindingId.INFECTION_STATED)]
    if context.value(IMG_INF) in {"S", "M"}:
        found += [c for s in context.fired(IMG_INF) for c in s.causes]
    if context.value(CLIN_INF) == "2":
        found += context.stated(FindingId.PARAVERTEBRAL_EDEMA)
    return when(YES, dict.fromkeys(found), "infection is a question", "no sign of infection")


@rule("TRG-TUMOR", _READING, TRIGGER, "R-MAUCH2018", "R-NG234")
def tumor(context: RuleContext) -> Outcome:
    """Images argue for a tumour, or one is named; one T1-dark body alone needs known cancer or gammopathy."""
    named = without(context.possible(*_TUMOR_SIGNS), Qualifier.EXPLAINED_BENIGN, Qualifier.RED_MARROW)
    causes = [c for s in context.fired(MAL_IMG) for c in s.causes]
    image = context.value(MAL_IMG)
    if image in {"S", "M"} or (image == "T1" and context.value(MAL_HIST) in {"K", "G"}):
        return fired(YES, causes, "a tumour is a question")
    found = [f for f in named if f.finding.finding in NAMED]
    return when(YES, found, "a tumour is named", "no sign of tumour")


@rule("TRG-CONTRADICTION", _READING, TRIGGER, "R-EARLYSD")
def contradiction(context: RuleContext) -> Outcome:
    """The report both states and denies edema, infection, abscess or compression: the serious reading counts."""
    torn = [c for r in (context.lead, *context.joined) for c in r.reading.conflicts if c.finding in _NOT_TO_BE_DENIED]
    sentences = {sentence for conflict in torn for sentence in conflict.sentences}
    found = [f for f in context.findings if f.finding.sentence in sentences and f.finding.finding in _NOT_TO_BE_DENIED]
    return when(YES, found, "the report contradicts itself", "no contradiction on a serious finding")


@rule("TRG-COMPRESSION", _READING, TRIGGER, "R-NG234", "R-GIRFT2023")
def compression(context: RuleContext) -> Outcome:
    """Cord or cauda equina is compressed by other than chronic degeneration."""
    sac = without(context.stated(FindingId.CAUDA_MILD), Qualifier.WITHOUT_COMPRESSION, Qualifier.CONTACT_ONLY)
    found = [
        f for f in (*compressions(context), *sac) if not by_degeneration(context, f) or _severe_by_disc(context, f)
    ]
    return when(YES, found, "a compression", "no compression except by chronic degeneration")


def _severe_by_disc(context: RuleContext, compression: FindingCause) -> bool:
    """Tell a herniation that severely compresses cord or cauda: only *chronic* degeneration is left out."""
    discs = context.stated(FindingId.DISC_HERNIATION)
    finding = compression.finding
    return (
        finding.finding in {FindingId.CORD, FindingId.CAUDA}
        and finding.certainty is Certainty.CERTAIN
        and has(compression, Qualifier.SEVERE)
        and any(touches(d.finding.levels, finding.levels) or not d.finding.levels for d in discs)
    )


@rule("TRG-STENOSIS-DEFICIT", _READING, TRIGGER, "R-GIRFT2023")
def stenosis_with_deficit(context: RuleContext) -> Outcome:
    """Degenerative compression or stenosis, or a herniation with cauda or cord signs, meets a new deficit."""
    deficits = new_deficits(context)
    sphincter = [i for i in context.having(ConditionGroup.URINARY_RETENTION_INCONTINENCE) if is_new(context, i)]
    if not deficits and not sphincter:
        return quiet("no such combination")
    narrow = (*compressions(context), *context.stated(FindingId.CANAL_STENOSIS, FindingId.CAUDA_MILD))
    if narrow:
        return fired(YES, (*narrow, *items([*deficits, *sphincter])), "a narrow canal with a deficit")
    severe = [i for i in (*deficits, *sphincter) if i.groups & frozenset(_SEVERE_DEFICITS)]
    discs = context.stated(FindingId.DISC_HERNIATION)
    found: tuple[Cause, ...] = (*discs, *items(severe)) if discs and severe else ()
    return fired(YES, found, "a herniation with cord or cauda signs") if found else quiet("no such combination")


# Rules that speak of the canal and not of bone.
BY_PRESSURE = frozenset({compression.id, stenosis_with_deficit.id})

RULES: tuple[Rule, ...] = (
    edema,
    edema_equivalent,
    dense_with_soft_tissue,
    marrow_signal,
    fracture,
    infection,
    tumor,
    contradiction,
    compression,
    stenosis_with_deficit,
)
