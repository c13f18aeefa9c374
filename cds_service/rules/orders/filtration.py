"""Kidney function for drug and contrast rules: the reported eGFR, or one computed from a newer creatinine."""

from dataclasses import dataclass
from datetime import timedelta

from cds_service.domain.assessment import LabCause
from cds_service.domain.facts import LabValue, PatientFacts, Sex
from cds_service.domain.vocabulary import Analyte
from cds_service.rules.measured import below
from cds_service.rules.orders.chart import newest

# CKD-EPI 2021, creatinine in mg/dL (R-KDIGO2024):
# 142 · min(cr/κ, 1)^α · max(cr/κ, 1)^-1.2 · 0.9938^age · 1.012 if female
_SCALE, _DECLINE, _YEARLY, _FEMALE = 142.0, -1.2, 0.9938, 1.012
_KAPPA = {Sex.FEMALE: 0.7, Sex.MALE: 0.9}
_ALPHA = {Sex.FEMALE: -0.241, Sex.MALE: -0.302}


@dataclass(frozen=True, slots=True)
class Filtration:
    """An eGFR in mL/min/1.73 m² with the result it was reported in or computed from."""

    egfr: LabValue
    source: LabValue

    @property
    def causes(self) -> tuple[LabCause, ...]:
        """The result as cause."""
        return (LabCause(self.source),)

    def below(self, limit: float) -> bool:
        """Whether the eGFR is surely below a limit."""
        return below(self.egfr, limit) is True


def filtration(facts: PatientFacts, limit: timedelta | None = None) -> Filtration | None:
    """The newest kidney function, at most ``limit`` old; ``None`` when unknown.

    Source: R-KDIGO2024. Without sex the female formula is used, which gives the lower value.
    """
    reported, creatinine = newest(facts, Analyte.EGFR, limit), newest(facts, Analyte.CREATININE, limit)
    computed = _computed(facts, creatinine) if creatinine else None
    if reported is None or (computed is not None and _newer(computed.egfr, reported)):
        return computed
    return Filtration(reported, reported)


def _newer(one: LabValue, other: LabValue) -> bool:
    return bool(one.collected and other.collected and one.collected.date() > other.collected.date())


def _computed(facts: PatientFacts, creatinine: LabValue) -> Filtration | None:
    age = facts.demographics.age
    if age is None or not creatinine.value or creatinine.comparator is not None:
        return None
    sex = facts.demographics.sex or Sex.FEMALE
    ratio = creatinine.value / _KAPPA[sex]
    value = _SCALE * min(ratio, 1.0) ** _ALPHA[sex] * max(ratio, 1.0) ** _DECLINE * _YEARLY**age
    value *= _FEMALE if sex is Sex.FEMALE else 1.0
    unit = "mL/min/{1.73_m2}"
    egfr = LabValue(Analyte.EGFR, round(value), unit, creatinine.collected, creatinine.provenance)
    return Filtration(egfr, creatinine)
