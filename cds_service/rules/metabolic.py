"""Pregnancy, metabolic bone disease and transient edema."""

from cds_service.domain.assessment import Cause, ChartCause, Pathway, Signal
from cds_service.domain.facts import Provenance
from cds_service.domain.vocabulary import Analyte, ConditionGroup, FindingId
from cds_service.rules.context import RuleContext, items, labs
from cds_service.rules.measured import above_upper_normal, below
from cds_service.rules.rule import Outcome, Rule, fired, quiet, rule, when
from cds_service.rules.variables import BENIGN_LESION, DEG, FX, IMG_INF, INFL, MAL_IMG, MET, POST

_METABOLIC = Pathway.METABOLIC
PREGNANT, TRANSIENT = "P", "T"


@rule("MET-PREGNANCY", _METABOLIC, MET, "R-PARASKEVOPOULOS2022")
def pregnancy(context: RuleContext) -> Outcome:
    """The patient is pregnant, breast-feeding or within twelve months after a birth."""
    state = context.facts.pregnancy
    limit = context.thresholds.postpartum_months.span
    charted = [*context.having(ConditionGroup.PREGNANCY), *context.recent(limit, ConditionGroup.POSTPARTUM)]
    found: tuple[Cause, ...] = items(charted)
    if state.pregnant or state.postpartum_or_lactating:
        text = "pregnant" if state.pregnant else "postpartum"
        found = (*found, ChartCause("pregnancy", text, None, Provenance("Patient", "pregnancy")))
    if found:
        return fired(PREGNANT, found, "pregnancy, lactation or recent birth")
    return quiet("no pregnancy or recent birth is known", *(("pregnancy",) if state.pregnant is None else ()))


@rule("MET-LABORATORY", _METABOLIC, MET, "R-DVO2023")
def laboratory(context: RuleContext) -> Outcome:
    """Vitamin D is below 50 nmol/L or parathyroid hormone is raised."""
    limits = context.thresholds
    window = limits.malignancy_labs_days.span * 2
    vitamin, hormone = context.newest(Analyte.VITAMIN_D, window), context.newest(Analyte.PTH, window)
    found = [lab for lab in (vitamin,) if below(lab, limits.vitamin_d_low.value)]
    found += [lab for lab in (hormone,) if above_upper_normal(lab, limits.pth_upper_normal.value)]
    if found:
        return fired(TRANSIENT, labs(*found), "a metabolic result")
    return quiet("no metabolic result", *(() if vitamin else ("vitamin_d",)))


@rule("MET-DISEASE", _METABOLIC, MET, "R-DVO2023")
def disease(context: RuleContext) -> Outcome:
    """A metabolic bone disease is known or Paget disease is reported."""
    groups = (
        ConditionGroup.VITAMIN_D_DEFICIENCY,
        ConditionGroup.HYPERPARATHYROIDISM,
        ConditionGroup.OSTEOMALACIA,
        ConditionGroup.PAGET,
    )
    found = (*items(context.having(*groups)), *context.stated(FindingId.PAGET))
    return when(TRANSIENT, found, "a metabolic bone disease is known", "no metabolic bone disease is charted")


@rule("MET-TRANSIENT-STATED", _METABOLIC, MET, "R-BPBMES2020")
def transient_stated(context: RuleContext) -> Outcome:
    """The radiologist calls the edema transient."""
    return when(TRANSIENT, context.stated(FindingId.TRANSIENT_EDEMA), "it is called transient", "it is not so called")


@rule("MET-EDEMA-ONLY", _METABOLIC, MET, "R-BPBMES2020", "R-PARASKEVOPOULOS2022")
def edema_only(context: RuleContext) -> Outcome:
    """Edema alone between 18 and 60 years, without any other pattern."""
    limits, age = context.thresholds, context.age
    if age is None:
        return quiet("the age is unknown", "age")
    in_range = limits.transient_age_from.value <= age <= limits.transient_age_to.value
    others = [context.value(name) for name in (DEG, BENIGN_LESION, POST)]
    others += [v for v in (context.value(FX), context.value(INFL)) if v not in {"", "0"}]
    others += [v for v in (context.value(IMG_INF), context.value(MAL_IMG)) if v not in {"", "N"}]
    alone = in_range and not any(others)
    return when(TRANSIENT, context.edema if alone else (), "edema alone", "not edema alone at this age")


def combine(context: RuleContext, signals: tuple[Signal, ...]) -> tuple[str, tuple[Signal, ...]]:
    """Pregnancy before metabolic and transient hints."""
    del context
    for value in (PREGNANT, TRANSIENT):
        chosen = tuple(s for s in signals if s.value == value)
        if chosen:
            return value, chosen
    return "0", ()


RULES: tuple[Rule, ...] = (pregnancy, laboratory, disease, transient_stated, edema_only)
