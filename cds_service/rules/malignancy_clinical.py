"""History, laboratory and complaints that make a tumour more likely."""

from cds_service.domain.assessment import Cause, FindingCause, Pathway
from cds_service.domain.facts import LabValue, Sex
from cds_service.domain.vocabulary import Analyte, Certainty, ConditionGroup, FindingId, Qualifier, Trend
from cds_service.rules.context import RuleContext, has, items, labs, remembered
from cds_service.rules.history import HistoryItem
from cds_service.rules.laboratory import markers
from cds_service.rules.levels import bodies
from cds_service.rules.measured import above, above_upper_normal, at_least, below
from cds_service.rules.rule import Outcome, Rule, fired, quiet, rule, when
from cds_service.rules.variables import (
    CALCIUM_3,
    CULTURE,
    CYTOPENIAS_2,
    IMG_INF,
    KNOWN_METS,
    LAB,
    MAL_CLIN,
    MAL_HIST,
    MAL_LAB,
    METS_PROGRESS,
    PAGET_CERTAIN,
)

_MALIGNANCY = Pathway.MALIGNANCY
# Value of the one laboratory sign that an ESR gives; every other sign counts beyond it.
BY_ESR = "esr"
BY_OTHER = "other"

_CANCERS = (
    ConditionGroup.CANCER,
    ConditionGroup.CANCER_HISTORY,
    ConditionGroup.MYELOMA,
    ConditionGroup.LYMPHOMA_LEUKEMIA,
    ConditionGroup.BONE_METASTASES,
)


def invasive_cancers(context: RuleContext) -> tuple[HistoryItem, ...]:
    """Known invasive cancers, treated or active; basal and squamous skin cancer and in-situ tumours do not count."""
    return tuple(i for i in context.ever(*_CANCERS) if ConditionGroup.SKIN_OR_IN_SITU_CANCER not in i.groups)


@rule("MAL-KNOWN-CANCER", _MALIGNANCY, MAL_HIST, "R-FINUCANE2020", "R-NG234")
def known_cancer(context: RuleContext) -> Outcome:
    """An invasive cancer or myeloma is known, treated or active."""
    found = items(invasive_cancers(context))
    return (
        fired("K", found, "an invasive cancer is known") if found else quiet("no cancer is charted", "cancer_history")
    )


@rule("MAL-MGUS", _MALIGNANCY, MAL_HIST, "R-IMWG2014")
def known_gammopathy(context: RuleContext) -> Outcome:
    """A monoclonal gammopathy is known."""
    return when("G", items(context.ever(ConditionGroup.MGUS)), "gammopathy is known", "no gammopathy is charted")


def _before_mri(context: RuleContext, item: HistoryItem) -> bool:
    first = item.started or item.recorded
    return not item.charted or first is None or context.mri_day is None or first < context.mri_day


@rule("MAL-METASTASES-CHARTED", _MALIGNANCY, KNOWN_METS, "R-NG234")
def metastases_charted(context: RuleContext) -> Outcome:
    """Bone metastases were known before this MRI."""
    found = [i for i in context.ever(ConditionGroup.BONE_METASTASES) if _before_mri(context, i)]
    return when("1", items(found), "bone metastases were known", "no bone metastases were charted before this MRI")


@rule("MAL-METASTASES-UNCHANGED", _MALIGNANCY, KNOWN_METS, "R-NG234")
def metastases_unchanged(context: RuleContext) -> Outcome:
    """The report calls a vertebral metastasis known or unchanged."""
    stated = context.stated(FindingId.METASTASIS, FindingId.MALIGNANCY_STATED)
    # "known prostate cancer, most likely metastases": what is only likely was not known
    known = [f for f in stated if has(f, Qualifier.KNOWN) and f.finding.certainty is Certainty.CERTAIN]
    found = [f for f in stated if f in known or f.finding.trend in {Trend.SAME, Trend.BETTER}]
    return when("1", found, "the metastasis is called known", "no metastasis is called known")


@rule("MAL-METASTASES-GROW", _MALIGNANCY, METS_PROGRESS, "R-NG234")
def metastases_grow(context: RuleContext) -> Outcome:
    """A metastasis is new or larger, or lies at a level that no known or earlier one had."""
    stated = context.stated(FindingId.METASTASIS, FindingId.MALIGNANCY_STATED, FindingId.FOCAL_LESION)
    grown = [f for f in stated if f.finding.trend in {Trend.NEW, Trend.WORSE}]
    return when("1", (*grown, *_other_level(context, stated)), "new or larger", "neither new nor larger is stated")


def _other_level(context: RuleContext, stated: tuple[FindingCause, ...]) -> tuple[FindingCause, ...]:
    known = [f for s in context.fired(KNOWN_METS) for f in s.causes if isinstance(f, FindingCause)]
    before = bodies(level for f in known for level in f.finding.levels)
    others = [f for f in stated if f not in known and f.finding.trend is None]
    return tuple(f for f in others if before and bodies(f.finding.levels) - before)


def _recent(context: RuleContext, analyte: Analyte) -> LabValue | None:
    return context.newest(analyte, context.thresholds.malignancy_labs_days.span)


@rule("MAL-LAB-CALCIUM", _MALIGNANCY, MAL_LAB, "R-IMWG2014")
def calcium_raised(context: RuleContext) -> Outcome:
    """Calcium is above the upper limit of normal."""
    limits = context.thresholds
    total, ionised = _recent(context, Analyte.CALCIUM), _recent(context, Analyte.CALCIUM_IONISED)
    high = [lab for lab in (total,) if above_upper_normal(lab, limits.calcium_upper_normal.value)]
    high += [lab for lab in (ionised,) if above_upper_normal(lab, limits.calcium_ionised_upper_normal.value)]
    if high:
        return fired(BY_OTHER, labs(*high), "calcium is raised")
    return quiet("no raised calcium", *(() if total or ionised else ("calcium",)))


@rule("MAL-LAB-PROTEIN", _MALIGNANCY, MAL_LAB, "R-IMWG2014")
def paraprotein(context: RuleContext) -> Outcome:
    """An M-protein is found or the free light-chain ratio is abnormal."""
    limits = context.thresholds
    protein, ratio = _recent(context, Analyte.M_PROTEIN), _recent(context, Analyte.FLC_RATIO)
    found = [protein] if protein and (protein.positive or above(protein, 0)) else []
    if ratio and (above(ratio, limits.flc_ratio_high.value) or below(ratio, limits.flc_ratio_low.value)):
        found.append(ratio)
    return when(BY_OTHER, labs(*found), "a paraprotein is found", "no paraprotein is known")


@rule("MAL-LAB-ESR", _MALIGNANCY, MAL_LAB, "R-IMWG2014")
def esr_extreme(context: RuleContext) -> Outcome:
    """ESR reaches 100 mm/h, and neither images nor a blood culture explain it by infection."""
    esr = markers(context).esr
    infected = context.value(IMG_INF) in {"S", "M"} or context.value(CULTURE)
    found = labs(esr) if at_least(esr, context.thresholds.esr_extreme.value) and not infected else ()
    return when(BY_ESR, found, "ESR is extreme", "no extreme ESR without infection")


@rule("MAL-LAB-PSA", _MALIGNANCY, MAL_LAB, "R-NG234")
def psa_high(context: RuleContext) -> Outcome:
    """PSA of a man is above 10 ng/mL or rising."""
    if context.facts.demographics.sex is Sex.FEMALE:
        return quiet("the patient is a woman")
    results = [lab for lab in context.results(Analyte.PSA) if lab.value is not None]
    high = [lab for lab in results[:1] if above(lab, context.thresholds.psa_high.value)]
    factor = context.thresholds.psa_rise_factor.value
    newest, before = (results[0].value, results[1].value) if len(results) > 1 else (None, None)
    rising = newest is not None and before is not None and newest > max(before * factor, 1)
    return when(BY_OTHER, labs(*(results[:2] if rising else high)), "PSA is high or rising", "no high PSA is known")


@rule("MAL-LAB-ANEMIA", _MALIGNANCY, MAL_LAB, "R-IMWG2014")
def anemia_with_kidney_or_protein(context: RuleContext) -> Outcome:
    """Hemoglobin below 11 g/dL meets renal impairment or raised total protein."""
    limits = context.thresholds
    hemoglobin = _recent(context, Analyte.HEMOGLOBIN)
    if not below(hemoglobin, limits.anemia_hemoglobin.value):
        return quiet("no anaemia is known")
    creatinine, egfr = _recent(context, Analyte.CREATININE), _recent(context, Analyte.EGFR)
    protein = _recent(context, Analyte.TOTAL_PROTEIN)
    partners = [lab for lab in (egfr,) if below(lab, limits.renal_impairment_egfr.value)]
    partners += [lab for lab in (creatinine,) if above_upper_normal(lab, limits.creatinine_high.value)]
    partners += [lab for lab in (protein,) if above_upper_normal(lab, limits.total_protein_upper_normal.value)]
    # A charted chronic kidney disease explains its own anaemia.
    if context.having(ConditionGroup.CHRONIC_KIDNEY_DISEASE, ConditionGroup.DIALYSIS):
        partners = [lab for lab in partners if lab is protein]
    return when(BY_OTHER, labs(hemoglobin, *partners) if partners else (), "both are found", "not both are found")


@rule("MAL-LAB-ALP", _MALIGNANCY, MAL_LAB, "R-NG234")
def alkaline_phosphatase(context: RuleContext) -> Outcome:
    """Alkaline phosphatase is at least twice the upper limit without stated Paget disease."""
    limits = context.thresholds
    alp = _recent(context, Analyte.ALP)
    explained = context.value(PAGET_CERTAIN) or context.stated(FindingId.PAGET) or context.ever(ConditionGroup.PAGET)
    high = above_upper_normal(alp, limits.alp_upper_normal.value, limits.alp_factor.value)
    return when(BY_OTHER, labs(alp) if high and not explained else (), "ALP is raised", "no unexplained raised ALP")


@remembered
def _cytopenias(context: RuleContext) -> tuple[LabValue, ...]:
    limits = context.thresholds
    tests = (
        (Analyte.HEMOGLOBIN, limits.cytopenia_hemoglobin.value),
        (Analyte.PLATELETS, limits.cytopenia_platelets.value),
        (Analyte.WBC, limits.cytopenia_wbc.value),
    )
    found = ((_recent(context, analyte), limit) for analyte, limit in tests)
    return tuple(lab for lab, limit in found if lab is not None and below(lab, limit))


@rule("MAL-LAB-CYTOPENIAS", _MALIGNANCY, MAL_LAB, "R-IMWG2014")
def cytopenias(context: RuleContext) -> Outcome:
    """Two or more cytopenias are found."""
    low = _cytopenias(context)
    found = labs(*low) if len(low) >= context.thresholds.cytopenia_count.value else ()
    return when(BY_OTHER, found, "several cytopenias", "not several cytopenias")


@rule("MAL-LAB-BLASTS", _MALIGNANCY, MAL_LAB, "R-NG234")
def blasts(context: RuleContext) -> Outcome:
    """Blasts are found in blood."""
    lab = _recent(context, Analyte.BLASTS)
    found = labs(lab) if lab and (lab.positive or above(lab, 0)) else ()
    return when(BY_OTHER, found, "blasts are found", "no blasts are reported")


@rule("MAL-LAB-LDH", _MALIGNANCY, MAL_LAB, "R-NG234")
def ldh_with_cytopenia(context: RuleContext) -> Outcome:
    """LDH is at least twice the upper limit together with a cytopenia."""
    limits = context.thresholds
    ldh, low = _recent(context, Analyte.LDH), _cytopenias(context)
    high = above_upper_normal(ldh, limits.ldh_upper_normal.value, limits.ldh_factor.value)
    return when(BY_OTHER, labs(ldh, *low) if high and low else (), "both are found", "not both are found")


@rule("MAL-CALCIUM-3", _MALIGNANCY, CALCIUM_3, "R-IMWG2014")
def calcium_same_day(context: RuleContext) -> Outcome:
    """Calcium reaches 3.0 mmol/L."""
    lab = _recent(context, Analyte.CALCIUM)
    found = labs(lab) if at_least(lab, context.thresholds.calcium_same_day.value) else ()
    return when("1", found, "calcium needs contact on the same day", "no such calcium")


@rule("MAL-CYTOPENIAS-2", _MALIGNANCY, CYTOPENIAS_2, "R-IMWG2014")
def two_cytopenias(context: RuleContext) -> Outcome:
    """Two or more cytopenias ask for a blood film and hematology first."""
    low = _cytopenias(context)
    found = labs(*low) if len(low) >= context.thresholds.cytopenia_count.value else ()
    return when("1", found, "several cytopenias", "not several cytopenias")


@rule("MAL-COMPLAINTS", _MALIGNANCY, MAL_CLIN, "R-FINUCANE2020")
def complaints(context: RuleContext) -> Outcome:
    """At 50 years or more: weight loss, night sweats or night pain that no imaged infection explains."""
    # An unknown age is treated as if it were reached.
    if context.age is not None and context.age < context.thresholds.malignancy_clinical_age.value:
        return quiet("the patient is younger than 50")
    infected = (context.value(IMG_INF) in {"S", "M"} and context.value(LAB) == "R") or context.value(CULTURE)
    groups = [ConditionGroup.NIGHT_PAIN]
    if not infected:
        groups += [ConditionGroup.WEIGHT_LOSS, ConditionGroup.NIGHT_SWEATS]
    found: tuple[Cause, ...] = items(context.having(*groups))
    return when("1", found, "such complaints are known", "no such complaints count")


RULES: tuple[Rule, ...] = (
    known_cancer,
    known_gammopathy,
    metastases_charted,
    metastases_unchanged,
    metastases_grow,
    calcium_raised,
    paraprotein,
    esr_extreme,
    psa_high,
    anemia_with_kidney_or_protein,
    alkaline_phosphatase,
    cytopenias,
    blasts,
    ldh_with_cytopenia,
    calcium_same_day,
    two_cytopenias,
    complaints,
)
