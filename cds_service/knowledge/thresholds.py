"""The numbers that the rules depend on, each with unit, date and reference, and their validated site overlay."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tomli
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from cds_service.errors import KnowledgeError

FILE_NAME = "thresholds.toml"

Filled = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
_Model = TypeVar("_Model", bound=BaseModel)
_HOURS_PER_UNIT = {"h": 1, "d": 24, "wk": 7 * 24, "mo": 30.4375 * 24}


class Parameter(BaseModel):
    """One number with its UCUM unit, the range a site may choose from, its date and its references."""

    model_config = _STRICT

    value: float
    unit: Filled
    lowest: float
    highest: float
    since: date
    evidence: list[str]
    basis: Literal["published", "expert"]
    overridden: bool = False

    @model_validator(mode="after")
    def _value_in_range(self) -> "Parameter":
        if not self.lowest <= self.value <= self.highest:
            raise ValueError(f"value {self.value:g} is outside {self.lowest:g} to {self.highest:g}")
        if self.basis == "published" and not self.evidence:
            raise ValueError("a published value needs a reference")
        return self

    @cached_property
    def span(self) -> timedelta:
        """The value as a length of time; only for hours, days and weeks."""
        return timedelta(hours=self.value * _HOURS_PER_UNIT[self.unit])


class Switches(BaseModel):
    """Choices a site may make."""

    model_config = _STRICT

    esr_enabled: bool
    augmentation_offered: bool


class Parameters(BaseModel):
    """All numbers by name; the file and this list must agree."""

    model_config = _STRICT

    crp_upper_normal: Parameter
    crp_raised: Parameter
    crp_strong: Parameter
    crp_fracture_explains: Parameter
    crp_other_cause_explains: Parameter
    esr_reassuring: Parameter
    esr_high: Parameter
    esr_extreme: Parameter
    esr_age_divisor: Parameter
    esr_female_years_added: Parameter
    labs_before_mri_days: Parameter
    labs_hot_hours: Parameter
    labs_augmentation_days: Parameter
    fever_hours: Parameter
    vitals_hours: Parameter
    malignancy_labs_days: Parameter
    culture_days: Parameter
    culture_sets_days: Parameter
    culture_sets: Parameter
    culture_repeat_hours_from: Parameter
    culture_repeat_hours_to: Parameter
    marker_trend_days: Parameter
    marker_usual_days: Parameter
    marker_usual_results: Parameter
    crp_second_rise_factor: Parameter
    report_window_days: Parameter
    report_same_episode_days: Parameter
    earlier_report_days: Parameter
    order_episode_days: Parameter
    order_episode_augmentation_days: Parameter
    adult_years: Parameter
    malignancy_clinical_age: Parameter
    fragility_under_age: Parameter
    decline_age: Parameter
    bone_risk_age_female: Parameter
    bone_risk_age_male: Parameter
    spondyloarthritis_onset_age: Parameter
    transient_age_from: Parameter
    transient_age_to: Parameter
    fever_temperature: Parameter
    subfebrile_temperature: Parameter
    sepsis_temperature_high: Parameter
    sepsis_temperature_low: Parameter
    sepsis_heart_rate: Parameter
    sepsis_respiratory_rate: Parameter
    sepsis_systolic_pressure: Parameter
    sepsis_wbc_high: Parameter
    sepsis_wbc_low: Parameter
    sepsis_signs: Parameter
    sepsis_lactate: Parameter
    endocarditis_days: Parameter
    spine_procedure_days: Parameter
    injection_days: Parameter
    recent_infection_days: Parameter
    neutrophils_low: Parameter
    wbc_very_low: Parameter
    subacute_days: Parameter
    known_infection_treated_hours: Parameter
    mask_prednisone_dose: Parameter
    mask_prednisone_days: Parameter
    mask_antibiotic_days: Parameter
    cytopenia_hemoglobin: Parameter
    cytopenia_platelets: Parameter
    cytopenia_wbc: Parameter
    cytopenia_count: Parameter
    anemia_hemoglobin: Parameter
    renal_impairment_egfr: Parameter
    creatinine_high: Parameter
    calcium_upper_normal: Parameter
    calcium_ionised_upper_normal: Parameter
    calcium_same_day: Parameter
    total_protein_upper_normal: Parameter
    flc_ratio_low: Parameter
    flc_ratio_high: Parameter
    psa_high: Parameter
    psa_rise_factor: Parameter
    alp_factor: Parameter
    alp_upper_normal: Parameter
    ldh_factor: Parameter
    ldh_upper_normal: Parameter
    sins_surgical_opinion: Parameter
    sins_unstable: Parameter
    sins_collapse_percent: Parameter
    radiotherapy_months: Parameter
    height_loss_severe: Parameter
    trauma_recent_days: Parameter
    bone_steroid_days: Parameter
    bone_steroid_dose: Parameter
    corner_sites: Parameter
    postpartum_months: Parameter
    vitamin_d_low: Parameter
    vitamin_d_very_low: Parameter
    pth_upper_normal: Parameter
    deficit_recorded_days: Parameter
    plegia_old_days: Parameter
    incontinence_old_days: Parameter
    weeks_new_below: Parameter
    weeks_persistent_above: Parameter
    pain_chart_days: Parameter
    severe_pain_score: Parameter
    pain_score_change: Parameter
    visit_days_from: Parameter
    visit_days_to: Parameter
    follow_up_mri_days_from: Parameter
    follow_up_mri_days_to: Parameter
    early_mri_days_from: Parameter
    early_mri_days_to: Parameter
    recheck_mask_days_from: Parameter
    recheck_mask_days_to: Parameter
    recheck_risk_days_from: Parameter
    recheck_risk_days_to: Parameter
    recheck_raised_days_from: Parameter
    recheck_raised_days_to: Parameter
    repeat_lock_days: Parameter
    repeat_lock_urgent_days: Parameter
    egfr_mild: Parameter
    egfr_severe: Parameter
    egfr_zoledronate: Parameter
    platelets_low: Parameter
    inr_warning: Parameter
    inr_info: Parameter
    coagulation_days: Parameter
    kidney_labs_days: Parameter
    calcium_lower_normal: Parameter
    nsaid_pregnancy_week: Parameter
    nsaid_pregnancy_critical_week: Parameter
    ulcer_days: Parameter
    nsaid_age: Parameter
    nsaid_age_with_risk: Parameter
    opioid_age: Parameter
    opioid_acute_pain_days: Parameter
    mri_duplicate_days: Parameter
    lab_duplicate_days: Parameter
    lab_duplicate_hot_hours: Parameter
    pet_fracture_days: Parameter
    pet_glucose: Parameter
    pet_growth_factor_days: Parameter
    antibiotic_before_biopsy_days: Parameter
    steroid_before_biopsy_days: Parameter
    bed_rest_days: Parameter


class Thresholds(Parameters):
    """All numbers and switches; attribute names are the keys of the file."""

    switches: Switches

    @property
    def overridden(self) -> tuple[str, ...]:
        """Names of the numbers that the site changed, for the log and the preview."""
        return tuple(name for name in Parameters.model_fields if getattr(self, name).overridden)


class _SiteValue(BaseModel):
    model_config = _STRICT

    value: float
    reason: Filled


class _Overlay(BaseModel):
    model_config = _STRICT

    switches: dict[str, bool] = Field(default_factory=dict)
    parameters: dict[str, _SiteValue] = Field(default_factory=dict)


class _File(BaseModel):
    model_config = _STRICT

    switches: dict[str, bool]
    parameters: dict[str, dict[str, Any]]


def parse_thresholds(text: str, overlay: str | None = None, *, overlay_name: str = "overlay") -> Thresholds:
    """Read the numbers from TOML text and lay a site's values over them.

    Raises :class:`KnowledgeError` naming file and key when a number is unknown, missing, out of range or ill-typed.
    """
    base = _checked(_File, _toml(text, FILE_NAME), FILE_NAME)
    parameters = {name: dict(table) for name, table in base.parameters.items()}
    switches = dict(base.switches)
    if overlay is not None:
        site = _checked(_Overlay, _toml(overlay, overlay_name), overlay_name)
        _refuse_unknown(site.parameters, parameters, f"{overlay_name}: parameters")
        _refuse_unknown(site.switches, switches, f"{overlay_name}: switches")
        for name, chosen in site.parameters.items():
            changed = {**parameters[name], "value": chosen.value, "overridden": True}
            _checked(Parameter, changed, f"{overlay_name}: parameters.{name}")
            parameters[name] = changed
        switches |= site.switches
    return _checked(Thresholds, {**parameters, "switches": switches}, FILE_NAME)


def shipped_thresholds() -> str:
    """Return the numbers that ship with the package, as TOML text."""
    return resources.files("cds_service.knowledge").joinpath(FILE_NAME).read_text(encoding="utf-8")


def load_thresholds(overlay: Path | None = None) -> Thresholds:
    """Read the numbers that ship with the package, with an optional site overlay file (TOML)."""
    text = shipped_thresholds()
    if overlay is None:
        return parse_thresholds(text)
    try:
        site = overlay.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KnowledgeError(f"{overlay.name}: the overlay cannot be read") from error
    return parse_thresholds(text, site, overlay_name=overlay.name)


def _refuse_unknown(given: Mapping[str, object], known: Mapping[str, object], where: str) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise KnowledgeError(f"{where}: unknown: {', '.join(unknown)}")


def _toml(text: str, file_name: str) -> dict[str, Any]:
    try:
        return tomli.loads(text)
    except (ValueError, RecursionError) as error:
        # Beside faults of syntax: numbers of thousands of digits, tables and keys that nest without end.
        raise KnowledgeError(f"{file_name}: not readable as TOML: {error}") from error


def _checked(model: type[_Model], data: object, where: str) -> _Model:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise KnowledgeError(f"{where}: {key}: {first['msg']}") from error
