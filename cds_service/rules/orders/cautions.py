"""Reasons against an NSAID or an opioid in one patient, for order rules and for the plan lines of result cards.

A plan must not recommend what an order rule would warn about, so both ask the same predicates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cds_service.domain.assessment import Cause, ChartCause, ParamValue
from cds_service.domain.facts import PatientFacts
from cds_service.domain.state import Fracture
from cds_service.domain.vocabulary import ConditionGroup, DeviceGroup, DrugGroup, Indicator, ProcedureGroup
from cds_service.knowledge.thresholds import Thresholds
from cds_service.rules.orders.chart import (
    charted,
    charted_since,
    implanted,
    pregnant,
    taking,
    without_old_reports,
)
from cds_service.rules.orders.filtration import filtration

MR_HAZARDS = (
    DeviceGroup.PACEMAKER_ICD,
    DeviceGroup.NEUROSTIMULATOR,
    DeviceGroup.COCHLEAR_IMPLANT,
    DeviceGroup.ANEURYSM_CLIP,
)


@dataclass(frozen=True, slots=True)
class Caution:
    """One reason (id) with its urgency, the values for its text and the facts behind it."""

    reason: str
    indicator: Indicator
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    causes: tuple[Cause, ...] = ()


def nsaid_not_advised(facts: PatientFacts, thresholds: Thresholds) -> Caution | None:
    """Why an NSAID line must not stand on a plan, with the values for its words; ``None`` when nothing is known.

    Covers allergy, pregnancy, kidney, bleeding and heart failure. Source: R-FDANSAID2020, R-KDIGO2024, R-BEERS2023.
    """
    current = without_old_reports(facts, thresholds.report_window_days.span)
    return (
        nsaid_allergy(current)
        or nsaid_in_pregnancy(current, thresholds)
        or kidney_failure(current, thresholds)
        or bleeding_risk(current, thresholds)
        or heart_failure(current)
    )


def opioid_caution(facts: PatientFacts, thresholds: Thresholds) -> str | None:
    """Reason id why an opioid line must not stand on a plan, or ``None``. Source: R-BEERS2023."""
    current = without_old_reports(facts, thresholds.report_window_days.span)
    caution = sedation(current) or opioid_kidney(current, thresholds) or serotonergic(current)
    return None if caution is None else caution.reason


def opioid_fall_caution(facts: PatientFacts, thresholds: Thresholds, fracture: Fracture) -> str | None:
    """Reason id why the fall warning of an opioid line must stand out, or ``None``. Source: R-BEERS2023."""
    current = without_old_reports(facts, thresholds.report_window_days.span)
    caution = fall_risk(current, thresholds, fracture)
    return None if caution is None else caution.reason


def nsaid_allergy(facts: PatientFacts) -> Caution | None:
    """Allergy or intolerance to NSAID, aspirin included, which stands for all of them."""
    causes = allergy(facts, DrugGroup.NSAID, DrugGroup.SALICYLATE)
    return Caution("nsaid-allergy", Indicator.CRITICAL, {}, causes) if causes else None


def nsaid_in_pregnancy(facts: PatientFacts, thresholds: Thresholds) -> Caution | None:
    """Pregnancy from week 20 or of unknown week."""
    weeks = facts.pregnancy.weeks
    if not pregnant(facts) or (weeks is not None and weeks < thresholds.nsaid_pregnancy_week.value):
        return None
    late = weeks is not None and weeks >= thresholds.nsaid_pregnancy_critical_week.value
    params: dict[str, ParamValue] = {} if weeks is None else {"weeks": weeks}
    indicator = Indicator.CRITICAL if late else Indicator.WARNING
    return Caution("pregnancy-20w", indicator, params, charted(facts, ConditionGroup.PREGNANCY))


def kidney_failure(facts: PatientFacts, thresholds: Thresholds) -> Caution | None:
    """An eGFR below 30, dialysis, or acute kidney injury."""
    kidney = filtration(facts)
    # A low value stays a warning however old it is; only a good value goes stale.
    if kidney is not None and kidney.below(thresholds.egfr_severe.value):
        return Caution("egfr", Indicator.WARNING, {"egfr": shown(kidney.egfr.value)}, kidney.causes)
    dialysed = (*charted(facts, ConditionGroup.DIALYSIS), *dialysis_procedures(facts))
    if dialysed:
        return Caution("dialysis", Indicator.WARNING, {}, dialysed)
    injury = charted(facts, ConditionGroup.ACUTE_KIDNEY_INJURY)
    return Caution("kidney-injury", Indicator.WARNING, {}, injury) if injury else None


def kidney_reduced(facts: PatientFacts, thresholds: Thresholds) -> Caution | None:
    """An eGFR from 30 to 59, or charted chronic kidney disease without a current eGFR."""
    kidney = filtration(facts)
    if kidney is not None and kidney.below(thresholds.egfr_mild.value):
        return Caution("egfr", Indicator.INFO, {"egfr": shown(kidney.egfr.value)}, kidney.causes)
    disease = charted(facts, ConditionGroup.CHRONIC_KIDNEY_DISEASE)
    if disease and filtration(facts, thresholds.kidney_labs_days.span) is None:
        return Caution("kidney-disease", Indicator.INFO, {}, disease)
    return None


def bleeding_risk(facts: PatientFacts, thresholds: Thresholds) -> Caution | None:
    """Gastrointestinal bleeding or ulcer in the last 12 months, an anticoagulant, or dual antiplatelet therapy."""
    ulcer = charted_since(facts, thresholds.ulcer_days.span, ConditionGroup.PEPTIC_ULCER_GI_BLEED)
    if ulcer:
        return Caution("gi-bleed", Indicator.WARNING, {}, ulcer)
    anticoagulants = anticoagulation(facts)
    if anticoagulants:
        return Caution("anticoagulant", Indicator.WARNING, {}, anticoagulants)
    platelet_drugs = taking(facts, DrugGroup.P2Y12, DrugGroup.ANTIPLATELET)
    p2y12 = taking(facts, DrugGroup.P2Y12)
    dual = bool(p2y12) and any(drug not in p2y12 for drug in platelet_drugs)
    return Caution("antiplatelet", Indicator.WARNING, {}, platelet_drugs) if dual else None


def heart_failure(facts: PatientFacts) -> Caution | None:
    """Heart failure."""
    # The design names NYHA III to IV or a reduced ejection fraction. Charts seldom state either, so that any heart
    # failure that is not over counts.
    causes = charted(facts, ConditionGroup.HEART_FAILURE)
    return Caution("heart-failure", Indicator.WARNING, {}, causes) if causes else None


def fall_risk(facts: PatientFacts, thresholds: Thresholds, fracture: Fracture) -> Caution | None:
    """Fall risk, age 75 or more, or a recent fracture from a fall."""
    falls = charted(facts, ConditionGroup.FALL_RISK, ConditionGroup.FALL)
    if falls:
        return Caution("fall-risk", Indicator.WARNING, {}, falls)
    age = facts.demographics.age
    if age is not None and age >= thresholds.opioid_age.value:
        return Caution("age", Indicator.WARNING, {"age": age})
    injury = charted(facts, ConditionGroup.TRAUMA)
    if fracture in {Fracture.FRACTURE, Fracture.AVN} and injury:
        return Caution("fall-risk", Indicator.WARNING, {}, injury)
    return None


def sedation(facts: PatientFacts) -> Caution | None:
    """A benzodiazepine or gabapentinoid, alcohol dependence or sleep apnea."""
    causes = (
        *taking(facts, DrugGroup.BENZODIAZEPINE_GABAPENTINOID),
        *charted(facts, ConditionGroup.ALCOHOL_DEPENDENCE, ConditionGroup.SLEEP_APNEA),
    )
    return Caution("sedative", Indicator.WARNING, {}, causes) if causes else None


def opioid_kidney(facts: PatientFacts, thresholds: Thresholds) -> Caution | None:
    """An eGFR below 30 or dialysis: tramadol and morphine accumulate."""
    caution = kidney_failure(facts, thresholds)
    return caution if caution is not None and caution.reason in {"egfr", "dialysis"} else None


def serotonergic(facts: PatientFacts) -> Caution | None:
    """An SSRI, SNRI or MAO inhibitor, or a seizure history; with an MAO inhibitor tramadol is contraindicated."""
    inhibitors = taking(facts, DrugGroup.MAOI)
    if inhibitors:
        return Caution("serotonergic", Indicator.CRITICAL, {}, inhibitors)
    causes = (*taking(facts, DrugGroup.SSRI_SNRI), *charted(facts, ConditionGroup.SEIZURE))
    return Caution("serotonergic", Indicator.WARNING, {}, causes) if causes else None


def anticoagulation(facts: PatientFacts) -> tuple[Cause, ...]:
    """Anticoagulant drugs and charted anticoagulation."""
    return (*taking(facts, DrugGroup.ANTICOAGULANT), *charted(facts, ConditionGroup.ANTICOAGULATED))


def allergy(facts: PatientFacts, *groups: DrugGroup) -> tuple[ChartCause, ...]:
    """Allergies to drug groups."""
    return tuple(
        ChartCause("allergy", entry.text, None, entry.provenance)
        for entry in facts.allergies
        if not entry.groups.isdisjoint(groups)
    )


def dialysis_procedures(facts: PatientFacts) -> tuple[ChartCause, ...]:
    """Charted dialysis sessions, at any time: their end is a transplant, which the eGFR shows."""
    return tuple(
        ChartCause("procedure", procedure.text, procedure.performed, procedure.provenance)
        for procedure in facts.procedures
        if ProcedureGroup.DIALYSIS in procedure.groups
    )


def mr_hazards(facts: PatientFacts) -> tuple[ChartCause, ...]:
    """Implants whose MR-conditional status has to be checked."""
    return implanted(facts, *MR_HAZARDS)


def shown(value: float | None) -> float:
    """A value for a sentence: whole numbers without decimals."""
    number = value or 0.0
    return int(number) if number == int(number) else round(number, 1)
