"""CRP and ESR: what counts as raised, borderline or normal, which result still counts, and what makes normal unsafe."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cds_service.domain.assessment import Pathway
from cds_service.domain.facts import LabValue
from cds_service.domain.state import CrpBand
from cds_service.domain.vocabulary import Analyte, ConditionGroup, DrugGroup
from cds_service.rules.context import RuleContext, drugs, items, labs, remembered
from cds_service.rules.measured import above, at_least, interval
from cds_service.rules.rule import Outcome, Rule, fired, quiet, rule, when
from cds_service.rules.scores import esr_limit
from cds_service.rules.series import second_rise
from cds_service.rules.variables import CLIN_INF, CRP_MASK, IMG_INF, LAB, LAB_STRONG

_LABORATORY = Pathway.LABORATORY
RAISED = "R"
BORDERLINE = "B"
NORMAL = "N"


@dataclass(slots=True, unsafe_hash=True)
class Markers:
    """Newest CRP (mg/L) and ESR (mm/h) of the chart, and those of them that still count."""

    shown_crp: Final[LabValue | None]
    shown_esr: Final[LabValue | None]
    crp: Final[LabValue | None]
    esr: Final[LabValue | None]


def is_hot(context: RuleContext) -> bool:
    """Tell whether infection is so likely that only results of the last 72 hours around the examination count."""
    return context.value(IMG_INF) in {"S", "M"} or context.value(CLIN_INF) == "2"


def markers(context: RuleContext) -> Markers:
    """Markers collected from 14 days before the MRI on (72 hours where infection is likely); without date none counts.

    Where infection is likely, a result that is not raised must also be younger than 14 days: weeks later it reassures
    nobody.
    """
    return _markers_hot(context) if is_hot(context) else _markers_calm(context)


@remembered
def _markers_hot(context: RuleContext) -> Markers:
    return _markers(context, hot=True)


@remembered
def _markers_calm(context: RuleContext) -> Markers:
    return _markers(context, hot=False)


def _markers(context: RuleContext, *, hot: bool) -> Markers:
    crp = _newest(context, Analyte.CRP)
    esr = _newest(context, Analyte.ESR) if context.thresholds.switches.esr_enabled else None
    return Markers(crp, esr, _usable(context, crp, hot=hot), _usable(context, esr, hot=hot))


def _newest(context: RuleContext, analyte: Analyte) -> LabValue | None:
    for lab in context.results(analyte):
        if interval(lab) is not None:
            return lab
    return None


def _usable(context: RuleContext, lab: LabValue | None, *, hot: bool) -> LabValue | None:
    if lab is None or lab.collected is None:
        return None
    limits = context.thresholds
    if not _in_window(context, lab, hot=hot):
        return None
    stale = hot and context.as_of - lab.collected > limits.labs_before_mri_days.span
    return None if stale and not is_raised(context, lab) else lab


def _in_window(context: RuleContext, lab: LabValue, *, hot: bool) -> bool:
    limits, examined = context.thresholds, context.lead.date or context.as_of
    reach = limits.labs_hot_hours.span if hot else limits.labs_before_mri_days.span
    return lab.collected is not None and lab.collected >= _opening(examined, context.as_of, reach)


def _opening(examined: datetime, as_of: datetime, reach: timedelta) -> datetime:
    return min(examined, as_of) - reach


def is_raised(context: RuleContext, lab: LabValue) -> bool | None:
    """Tell whether CRP or ESR is above the limit that counts as raised; ``None`` when a comparator leaves it open."""
    limit = context.thresholds.crp_raised.value if lab.analyte is Analyte.CRP else upper_esr(context)
    return above(lab, limit)


@remembered
def upper_esr(context: RuleContext) -> float:
    """Upper limit of a normal ESR for this patient in mm/h (R-MILLER1983, floor of R-AISP)."""
    limits = context.thresholds
    return esr_limit(
        context.age,
        context.facts.demographics.sex,
        floor=limits.esr_reassuring.value,
        divisor=limits.esr_age_divisor.value,
        female_years_added=limits.esr_female_years_added.value,
    )


def crp_normal_limit(context: RuleContext, crp: LabValue) -> float:
    """Highest CRP that reassures: 5 mg/L, or the laboratory's upper limit where that is lower."""
    default = context.thresholds.crp_upper_normal.value
    return min(default, crp.upper_normal) if crp.upper_normal else default


def crp_band(context: RuleContext) -> CrpBand:
    """Class of the usable CRP for the exits by another cause; an open upper end takes the higher class."""
    crp = markers(context).crp
    known = interval(crp) if crp else None
    if known is None:
        return CrpBand.UNMEASURED
    limits = context.thresholds
    if known[1] <= limits.crp_fracture_explains.value:
        return CrpBand.UP_TO_30
    return CrpBand.BELOW_50 if known[1] < limits.crp_other_cause_explains.value else CrpBand.FROM_50


def esr_only(context: RuleContext) -> bool:
    """Tell whether the markers are known by ESR alone."""
    known = markers(context)
    return known.esr is not None and known.crp is None


@remembered
def unsized(context: RuleContext) -> tuple[LabValue, ...]:
    """CRP and ESR that are called raised, or lie above an open limit, so that nobody can tell by how much.

    "Positive", "raised" or a flag without a usable number, and ">5 mg/L": neither normal nor above the limit that
    counts as raised. A later or simultaneous result with a usable number settles it.
    """
    names = (Analyte.CRP, Analyte.ESR) if context.thresholds.switches.esr_enabled else (Analyte.CRP,)
    newest = [found[0] for found in (context.results(name) for name in names) if found]
    called = [lab for lab in newest if _is_unsized(context, lab)]
    return tuple([lab for lab in called if _in_window(context, lab, hot=is_hot(context))])


def _is_unsized(context: RuleContext, lab: LabValue) -> bool:
    known = interval(lab)
    if known is None:
        return lab.positive is True
    normal = crp_normal_limit(context, lab) if lab.analyte is Analyte.CRP else upper_esr(context)
    return known[0] >= normal and math.isinf(known[1]) and not is_raised(context, lab)


@rule("LAB-CRP-RAISED", _LABORATORY, LAB, "R-DAVIS2020", "R-IDSA2015")
def crp_raised(context: RuleContext) -> Outcome:
    """CRP is above 10 mg/L."""
    crp, limit = markers(context).crp, context.thresholds.crp_raised.value
    if above(crp, limit):
        return fired(RAISED, labs(crp), f"CRP is above {limit:g} mg/L")
    return quiet(f"no current CRP above {limit:g} mg/L", *(() if crp else ("crp",)))


@rule("LAB-CRP-SECOND-RISE", _LABORATORY, LAB, "R-JOSR2023")
def crp_second_rise(context: RuleContext) -> Outcome:
    """After an operation of the spine CRP fell and rises again: this counts as raised even below the usual limit."""
    found = labs(*second_rise(context, markers(context).crp))
    return when(RAISED, found, "CRP rises for a second time after an operation", "no second rise after an operation")


@rule("LAB-ESR-RAISED", _LABORATORY, LAB, "R-IDSA2015", "R-MILLER1983")
def esr_raised(context: RuleContext) -> Outcome:
    """ESR is above the limit for age and sex, at least 20 mm/h."""
    esr, limit = markers(context).esr, upper_esr(context)
    if above(esr, limit):
        return fired(RAISED, labs(esr), f"ESR is above {limit:g} mm/h")
    return quiet(f"no current ESR above {limit:g} mm/h", *(() if esr else ("esr",)))


@rule("LAB-ESR-UNSIZED", _LABORATORY, LAB, "R-IDSA2015", "R-MILLER1983")
def esr_unsized(context: RuleContext) -> Outcome:
    """Beside a measured CRP an ESR that is called raised without a usable number counts as raised."""
    # The algorithm speaks of numbers only. By how much it is raised is unknown, so that either borderline or raised
    # would be true; suspicion is due when one of the two markers is raised, and the card asks for the number.
    called = [lab for lab in unsized(context) if lab.analyte is Analyte.ESR]
    found = labs(*called) if markers(context).crp is not None else ()
    return when(RAISED, found, "ESR is called raised without a number", "no ESR of unknown amount beside a CRP")


@rule("LAB-CRP-BORDERLINE", _LABORATORY, LAB, "R-AISP")
def crp_borderline(context: RuleContext) -> Outcome:
    """CRP lies between the upper limit of normal and 10 mg/L."""
    crp = markers(context).crp
    known = interval(crp) if crp else None
    if crp is None or known is None:
        return quiet("no current CRP", "crp")
    # Where a comparator leaves open whether CRP is raised, the value is no help and stays unknown.
    decided = above(crp, context.thresholds.crp_raised.value) is False
    if decided and known[1] > crp_normal_limit(context, crp):
        return fired(BORDERLINE, labs(crp), "CRP is borderline")
    return quiet("CRP is not borderline")


@rule("LAB-ESR-BORDERLINE", _LABORATORY, LAB, "R-AISP", "R-MILLER1983")
def esr_borderline(context: RuleContext) -> Outcome:
    """CRP is normal and ESR is above 20 mm/h but within the limit for age and sex."""
    known = markers(context)
    if known.crp is None:
        return quiet("no current CRP", "crp")
    limits = context.thresholds
    if above(known.esr, limits.esr_reassuring.value) and not above(known.esr, upper_esr(context)):
        return fired(BORDERLINE, labs(known.esr), "ESR is borderline")
    return quiet("ESR is not borderline")


@rule("LAB-CRP-NORMAL", _LABORATORY, LAB, "R-AISP", "R-DAVIS2020")
def crp_normal(context: RuleContext) -> Outcome:
    """CRP is at most 5 mg/L, or at most the laboratory's upper limit where that is lower."""
    crp = markers(context).crp
    known = interval(crp) if crp else None
    if crp is None or known is None:
        return quiet("no current CRP", "crp")
    if known[1] <= crp_normal_limit(context, crp):
        return fired(NORMAL, labs(crp), "CRP is normal, which makes pyogenic infection less likely")
    return quiet("CRP is not normal")


@rule("LAB-CRP-STRONG", _LABORATORY, LAB_STRONG, "R-DAVIS2020")
def crp_strong(context: RuleContext) -> Outcome:
    """CRP reaches 30 mg/L."""
    crp = markers(context).crp
    found = labs(crp) if at_least(crp, context.thresholds.crp_strong.value) else ()
    return when("crp", found, "CRP is strongly raised", "no strongly raised CRP")


@rule("LAB-ESR-STRONG", _LABORATORY, LAB_STRONG, "R-IDSA2015")
def esr_strong(context: RuleContext) -> Outcome:
    """ESR reaches 70 mm/h."""
    esr = markers(context).esr
    found = labs(esr) if at_least(esr, context.thresholds.esr_high.value) else ()
    return when("esr", found, "ESR is strongly raised", "no strongly raised ESR")


@rule("MASK-STEROID", Pathway.LABORATORY, CRP_MASK, "R-ORGANISM2021")
def mask_steroid(context: RuleContext) -> Outcome:
    """A glucocorticoid of 7.5 mg prednisone-equivalent a day or more for 7 days blunts the markers."""
    return when("steroid", drugs(context.masking_steroids), "such a dose is taken", "no such dose is listed")


@rule("MASK-DRUG", Pathway.LABORATORY, CRP_MASK, "R-ORGANISM2021")
def mask_drug(context: RuleContext) -> Outcome:
    """A blocker of interleukin 6 or a Janus kinase inhibitor suppresses CRP."""
    found = drugs(context.taking(DrugGroup.IL6_BLOCKER, DrugGroup.JAK_INHIBITOR))
    return when("other", found, "such a drug is taken", "no such drug is listed")


@rule("MASK-LIVER", Pathway.LABORATORY, CRP_MASK, "R-ORGANISM2021")
def mask_liver(context: RuleContext) -> Outcome:
    """Severe liver failure lowers CRP."""
    found = items(context.having(ConditionGroup.LIVER_FAILURE))
    return when("other", found, "severe liver failure is known", "no liver failure is charted")


@rule("MASK-ANTIBIOTIC", Pathway.LABORATORY, CRP_MASK, "R-MAAMARI2022")
def mask_antibiotic(context: RuleContext) -> Outcome:
    """A systemic antibiotic in the last 14 days can normalise the markers of an unfinished infection."""
    limit = context.thresholds.mask_antibiotic_days.span
    found = drugs(context.taken_since(limit, DrugGroup.ANTIBIOTIC))
    return when("other", found, "a recent antibiotic is listed", "no recent antibiotic is listed")


RULES: tuple[Rule, ...] = (
    crp_raised,
    crp_second_rise,
    esr_raised,
    esr_unsized,
    crp_borderline,
    esr_borderline,
    crp_normal,
    crp_strong,
    esr_strong,
    mask_steroid,
    mask_drug,
    mask_liver,
    mask_antibiotic,
)
