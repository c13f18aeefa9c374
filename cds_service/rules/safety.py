"""Emergencies: neurology, sepsis and instability, in the order in which they are tested."""

import re

from cds_service.domain.assessment import Cause, FindingCause, Pathway, Signal
from cds_service.domain.facts import LabValue
from cds_service.domain.vocabulary import Analyte, Certainty, ConditionGroup, FindingId, Qualifier, Section, Status
from cds_service.rules.context import RuleContext, has, items, labs, remembered, without
from cds_service.rules.history import HistoryItem
from cds_service.rules.infection import ABSCESSES
from cds_service.rules.levels import touches
from cds_service.rules.malignancy import NAMED
from cds_service.rules.measured import above, at_least, below
from cds_service.rules.rule import Outcome, Rule, fired, quiet, rule, when
from cds_service.rules.stability import CANAL, broken
from cds_service.rules.variables import CLIN_INF, EMERG, IMG_INF, MAL_IMG, UNST

_EMERGENCY = Pathway.EMERGENCY
NEURO, SEPSIS, UNSTABLE_CANAL, NEURO_WARNING, UNSTABLE = "NEURO", "SEPSIS", "UNST-CANAL", "NEURO-W", "UNST"
_ORDER = (NEURO, SEPSIS, UNSTABLE_CANAL, NEURO_WARNING, UNSTABLE)

COMPRESSIONS = (FindingId.CORD, FindingId.CORD_SIGNAL, FindingId.CAUDA)
_CANAL_CONTENT = (*COMPRESSIONS, FindingId.CAUDA_MILD, FindingId.CANAL_STENOSIS)
# Words of an examination that did not show it, in the three languages, beside the words of a question.
_NOT_ASSESSED = re.compile(r"assess|evalu|judg|diagnostic|beurteil|bewert|aprec", re.IGNORECASE)
_SAC = re.compile(r"thecal|thekal|dural|tecal", re.IGNORECASE)
DEFICITS = (
    ConditionGroup.CAUDA_EQUINA_SYNDROME,
    ConditionGroup.SADDLE_ANESTHESIA,
    ConditionGroup.LIMB_WEAKNESS,
    ConditionGroup.PARAPLEGIA,
    ConditionGroup.UNABLE_TO_WALK,
    ConditionGroup.SENSORY_LEVEL,
    ConditionGroup.MYELOPATHY,
    ConditionGroup.CORD_COMPRESSION,
)
_LESIONS = (
    *NAMED,
    *ABSCESSES,
    FindingId.SOFT_MASS,
    FindingId.SPINAL_HEMATOMA,
    FindingId.INFECTION_STATED,
    FindingId.LYSIS,
    FindingId.EXPANSILE,
    FindingId.RETROPULSION,
)
_DEGENERATIVE_CANAL = (
    FindingId.CANAL_STENOSIS,
    FindingId.DISC_HERNIATION,
    FindingId.DISC_BULGE,
    FindingId.SPONDYLOSIS,
    FindingId.SPONDYLOLISTHESIS,
    FindingId.FACET_DEGENERATION,
    FindingId.DISC_DEGENERATION,
)
# Power 4/5 or better, as it is usually written; a paresis of unknown power is not called mild.
_POWER_KEPT = re.compile(r"\b[45]\s?/\s?5|\bkraftgrad [45]\b", re.IGNORECASE)


@remembered
def new_deficits(context: RuleContext) -> tuple[HistoryItem, ...]:
    """Neurological deficits that may be new: undated ones count, those known for long or charted long ago do not."""
    found = tuple(i for i in context.having(*DEFICITS) if is_new(context, i))
    if not found:
        return ()
    mild = _mild_root_pareses(context)
    return tuple(i for i in found if i.text not in mild and not _long_paraplegic(context, i))


def _long_paraplegic(context: RuleContext, item: HistoryItem) -> bool:
    """Tell whether an undated sentence names the paraplegia that the chart dates long ago."""
    undated = not item.charted and item.started is None and Qualifier.ACUTE not in item.qualifiers
    charted = [i for i in context.having(ConditionGroup.PARAPLEGIA) if i.charted]
    old = bool(charted) and not any(is_new(context, i) for i in charted)
    return undated and old and ConditionGroup.PARAPLEGIA in item.groups


def is_new(context: RuleContext, item: HistoryItem) -> bool:
    """Tell whether a deficit may belong to this episode."""
    if item.qualifiers & {Qualifier.OLD, Qualifier.KNOWN}:
        return False
    limits = context.thresholds
    if item.started is not None:
        return (context.today - item.started).days <= limits.plegia_old_days.value
    if not item.charted or item.recorded is None:
        return True
    return (context.today - item.recorded).days <= limits.deficit_recorded_days.value


def _mild_root_pareses(context: RuleContext) -> frozenset[str]:
    """Texts of single-root pareses of 4/5 or better that ask for a check of power, not for an emergency."""
    freed = context.denied(FindingId.CORD, FindingId.CAUDA, FindingId.CAUDA_MILD, FindingId.CANAL_STENOSIS)
    rooted = context.possible(FindingId.ROOT, FindingId.FORAMINAL_STENOSIS, FindingId.DISC_HERNIATION)
    calm = context.value(IMG_INF) in {"", "N"} and context.value(MAL_IMG) in {"", "N", "A"}
    if not (freed and rooted and calm):
        return frozenset()
    pareses = context.having(ConditionGroup.SINGLE_ROOT_PARESIS)
    return frozenset(
        i.text
        for i in pareses
        if _POWER_KEPT.search(i.text) and not i.qualifiers & {Qualifier.SEVERE, Qualifier.BILATERAL}
    )


@remembered
def lesions_in_canal(context: RuleContext) -> tuple[FindingCause, ...]:
    """Findings other than degeneration that may press on cord or cauda equina."""
    return (*context.possible(*_LESIONS), *broken(context))


def by_degeneration(context: RuleContext, compression: FindingCause) -> bool:
    """Tell whether degeneration is the only stated cause of a compression."""
    if has(compression, Qualifier.BY_LESION):
        return False
    levels = compression.finding.levels
    lesions = context.at(lesions_in_canal(context), levels)
    if has(compression, Qualifier.DEGENERATIVE_CAUSE):
        return not lesions
    degenerative = context.possible(*_DEGENERATIVE_CANAL)
    named = [d for d in degenerative if d.finding.levels and touches(d.finding.levels, levels)]
    return bool(named) and not lesions


@remembered
def compressions(context: RuleContext) -> tuple[FindingCause, ...]:
    """Compression of cord or cauda equina, possible included, that the report does not deny in the same breath."""
    found = without(context.stated(*COMPRESSIONS), Qualifier.WITHOUT_COMPRESSION)
    return tuple(f for f in found if f.finding.finding is not FindingId.CORD_SIGNAL or not _intrinsic(context, f))


def hematomas(context: RuleContext) -> tuple[FindingCause, ...]:
    """Spinal hematomas, possible included, at the place of a compression."""
    found = context.possible(FindingId.SPINAL_HEMATOMA)
    return context.at(found, [level for f in compressions(context) for level in f.finding.levels])


def unseen(context: RuleContext) -> tuple[FindingCause, ...]:
    """Statements that cord, cauda equina or canal could not be assessed; a mere question is none."""
    return tuple(
        f
        for f in context.named(*_CANAL_CONTENT)
        if f.finding.status is Status.UNKNOWN
        and f.finding.section is not Section.INDICATION
        and _NOT_ASSESSED.search(f.finding.cue or "")
    )


def _intrinsic(context: RuleContext, signal: FindingCause) -> bool:
    """Tell a cord disease of its own, such as a syrinx or plaque: nothing is reported that could press on the cord."""
    if signal.finding.certainty is Certainty.POSSIBLE or new_deficits(context):
        return False
    cord = context.stated(FindingId.CORD, FindingId.CAUDA, FindingId.CAUDA_MILD)
    if cord or lesions_in_canal(context) or context.edema:
        return False
    return bool(context.denied(FindingId.CORD)) or not context.possible(*_DEGENERATIVE_CANAL)


@rule("NEURO-COMPRESSION", _EMERGENCY, EMERG, "R-NG234", "R-GIRFT2023")
def compression(context: RuleContext) -> Outcome:
    """Cord or cauda equina is compressed, possible included; by degeneration alone it warns unless a deficit is new."""
    found = compressions(context)
    pressing = tuple(f for f in found if not by_degeneration(context, f))
    if pressing:
        return fired(NEURO, (*pressing, *hematomas(context)), "a lesion presses on cord or cauda equina")
    deficits = items(new_deficits(context)) if found else ()
    if deficits:
        return fired(NEURO, (*found, *deficits), "degenerative compression with a deficit")
    return when(NEURO_WARNING, found, "degenerative compression without a known deficit", "no compression is reported")


@rule("NEURO-DEFICIT", _EMERGENCY, EMERG, "R-GIRFT2023", "R-NG234")
def deficit(context: RuleContext) -> Outcome:
    """A new or undated deficit of cord or cauda equina is charted or stated in the report's history."""
    found = items(new_deficits(context))
    return fired(NEURO, found, "a deficit is known") if found else quiet("no new deficit is charted", "neurology")


# Retention does not last, and loss of stool is not charted as an everyday complaint.
_NEVER_EVERYDAY = frozenset({ConditionGroup.URINARY_RETENTION, ConditionGroup.FECAL_INCONTINENCE})


def _says_new(item: HistoryItem) -> bool:
    """Tell whether an undated entry speaks of this episode: by a word, its kind, or the day it was written down.

    :func:`is_new` has set aside what was written down long ago. Plain loss of urine with no day at all is the
    long-standing entry that does not count.
    """
    spoken = not item.charted or Qualifier.ACUTE in item.qualifiers or item.recorded is not None
    return spoken or bool(item.groups & _NEVER_EVERYDAY)


def _beside_something_serious(context: RuleContext) -> bool:
    """Tell whether images argue for infection or tumour, or show pressure on cord or cauda equina."""
    by_images = context.value(IMG_INF) in {"S", "M"} or context.value(MAL_IMG) in {"S", "M"}
    return by_images or bool(compressions(context) or context.stated(FindingId.CAUDA_MILD))


@rule("NEURO-SPHINCTER", _EMERGENCY, EMERG, "R-GIRFT2023")
def sphincter(context: RuleContext) -> Outcome:
    """Retention or incontinence of this episode; undated urine loss only beside infection, tumour or pressure."""
    known = context.having(ConditionGroup.URINARY_RETENTION_INCONTINENCE)
    serious = bool(known) and _beside_something_serious(context)
    limit = context.thresholds.incontinence_old_days.value
    dated = [i for i in known if i.started is not None and (context.today - i.started).days <= limit]
    undated = [i for i in known if i.started is None and is_new(context, i) and (serious or _says_new(i))]
    return when(NEURO, items([*dated, *undated]), "sphincter disturbance of this episode", "none of this episode")


@rule("NEURO-BLADDER-WITH-LESION", _EMERGENCY, EMERG, "R-GIRFT2023", "R-NG234")
def bladder_with_lesion(context: RuleContext) -> Outcome:
    """Any new bladder or bowel disturbance beside an epidural mass, abscess, hematoma or narrowing by a lesion."""
    groups = (ConditionGroup.BLADDER_BOWEL_DYSFUNCTION, ConditionGroup.URINARY_RETENTION_INCONTINENCE)
    disturbed = [i for i in context.having(*groups) if is_new(context, i)]
    if not disturbed:
        return quiet("not both are known")
    masses = (
        *context.stated(FindingId.ABSCESS_EPIDURAL, *COMPRESSIONS, FindingId.CAUDA_MILD),
        *context.possible(FindingId.SPINAL_HEMATOMA, FindingId.SOFT_MASS),
        *(f for f in context.possible(*_LESIONS) if has(f, Qualifier.EPIDURAL, Qualifier.CANAL_COMPROMISE)),
    )
    found: tuple[Cause, ...] = (*items(disturbed), *masses) if masses else ()
    return when(NEURO, found, "both are known", "not both are known")


def _sac_narrowed_by_tumor(context: RuleContext) -> tuple[FindingCause, ...]:
    """A sac narrowed or compressed by a tumour counts under whichever name the report gives it."""
    narrowed = without(context.stated(FindingId.CANAL_STENOSIS), Qualifier.MILD, Qualifier.OLD)
    return tuple(
        f
        for f in narrowed
        if has(f, Qualifier.BY_LESION) and has(f, Qualifier.MALIGNANT) and _SAC.search(f.finding.sentence)
    )


@rule("NEURO-SAC", _EMERGENCY, EMERG, "R-NG234")
def thecal_sac(context: RuleContext) -> Outcome:
    """The thecal sac is compressed without a stated grade; with a new deficit this counts in full."""
    named = (*context.stated(FindingId.CAUDA_MILD), *_sac_narrowed_by_tumor(context))
    found = without(named, Qualifier.WITHOUT_COMPRESSION, Qualifier.CONTACT_ONLY)
    found = tuple(f for f in found if not by_degeneration(context, f))
    deficits = items(new_deficits(context)) if found else ()
    if deficits:
        return fired(NEURO, (*found, *deficits), "compression of the sac with a deficit")
    return when(NEURO_WARNING, found, "compression of the sac", "no compression of the sac by a lesion")


@rule("SEPSIS-EPIDURAL-ABSCESS", _EMERGENCY, EMERG, "R-IDSA2015", "R-ACRSSI2021")
def epidural_abscess(context: RuleContext) -> Outcome:
    """An epidural abscess or empyema is reported; possible is enough."""
    found = without(context.stated(FindingId.ABSCESS_EPIDURAL), Qualifier.EXPLAINED_BENIGN)
    return when(SEPSIS, found, "an epidural abscess is reported", "no epidural abscess is reported")


def systemic_signs(context: RuleContext) -> tuple[LabValue, ...]:
    """Current signs of a systemic reaction, one a kind: temperature, heart and breathing rate, pressure, leukocytes."""
    limits = context.thresholds
    vitals, blood = limits.vitals_hours.span, limits.labs_hot_hours.span
    tests = (
        (Analyte.TEMPERATURE, vitals, limits.sepsis_temperature_high.value, at_least),
        (Analyte.TEMPERATURE, vitals, limits.sepsis_temperature_low.value, below),
        (Analyte.HEART_RATE, vitals, limits.sepsis_heart_rate.value, above),
        (Analyte.RESPIRATORY_RATE, vitals, limits.sepsis_respiratory_rate.value, above),
        (Analyte.SYSTOLIC_PRESSURE, vitals, limits.sepsis_systolic_pressure.value, below),
        (Analyte.WBC, blood, limits.sepsis_wbc_high.value, above),
        (Analyte.WBC, blood, limits.sepsis_wbc_low.value, below),
    )
    newest = ((context.newest(analyte, span), limit, test) for analyte, span, limit, test in tests)
    return tuple(lab for lab, limit, test in newest if lab is not None and test(lab, limit))


def infection_evidence(context: RuleContext) -> bool:
    """Tell whether images or clinical signs argue for infection, as sepsis rules ask."""
    return context.value(IMG_INF) in {"S", "M"} or context.value(CLIN_INF) == "2"


@rule("SEPSIS-SIGNS", _EMERGENCY, EMERG, "R-IDSA2015")
def sepsis_signs(context: RuleContext) -> Outcome:
    """Evidence of infection meets two or more current signs of a systemic reaction."""
    if not infection_evidence(context):
        return quiet("no evidence of infection")
    signs = systemic_signs(context)
    if len(signs) >= context.thresholds.sepsis_signs.value:
        return fired(SEPSIS, labs(*signs), f"{len(signs)} systemic signs")
    return quiet(f"{len(signs)} systemic signs", *(() if signs else ("temperature",)))


@rule("SEPSIS-CHARTED", _EMERGENCY, EMERG, "R-IDSA2015")
def sepsis_known(context: RuleContext) -> Outcome:
    """Evidence of infection meets charted sepsis of this episode."""
    limit = context.thresholds.deficit_recorded_days.span
    found = [i for i in context.recent(limit, ConditionGroup.SEPSIS) if not i.over]
    known = items(found) if infection_evidence(context) else ()
    return when(SEPSIS, known, "sepsis is charted", "no current sepsis is charted")


@rule("SEPSIS-LACTATE", _EMERGENCY, EMERG, "R-IDSA2015")
def lactate(context: RuleContext) -> Outcome:
    """Evidence of infection meets a lactate of 2 mmol/L or more."""
    lab = context.newest(Analyte.LACTATE, context.thresholds.labs_hot_hours.span)
    high = at_least(lab, context.thresholds.sepsis_lactate.value) and infection_evidence(context)
    return when(SEPSIS, labs(lab) if high else (), "lactate is raised", "no raised lactate with infection")


@rule("UNST-EMERGENCY", _EMERGENCY, EMERG, "R-OF2018")
def instability(context: RuleContext) -> Outcome:
    """The spine is unstable, with or without compromise of the canal."""
    signals = context.fired(UNST)
    causes = dict.fromkeys(c for s in signals for c in s.causes)
    value = UNSTABLE_CANAL if any(s.value == CANAL for s in signals) else UNSTABLE
    return when(value, causes, "the spine is unstable", "no sign of instability")


def combine(context: RuleContext, signals: tuple[Signal, ...]) -> tuple[str, tuple[Signal, ...]]:
    """First of neurology, sepsis, canal compromise, compression without deficit, other instability."""
    del context
    for value in _ORDER:
        chosen = tuple(s for s in signals if s.value == value)
        if chosen:
            return value, chosen
    return "NONE", ()


RULES: tuple[Rule, ...] = (
    compression,
    deficit,
    sphincter,
    bladder_with_lesion,
    thecal_sac,
    epidural_abscess,
    sepsis_signs,
    sepsis_known,
    lactate,
    instability,
)
