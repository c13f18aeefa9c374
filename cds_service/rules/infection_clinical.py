"""Clinical arguments for spinal infection: signs (2) and risk factors (1) from chart, report history and vitals."""

from cds_service.domain.assessment import Pathway
from cds_service.domain.vocabulary import (
    Analyte,
    ConditionGroup,
    DeviceGroup,
    DrugGroup,
    ProcedureGroup,
)
from cds_service.rules.context import RuleContext, drugs, items, labs
from cds_service.rules.measured import at_least, below
from cds_service.rules.operated import of_past_years, operated_within
from cds_service.rules.rule import Outcome, Rule, fired, quiet, rule, when
from cds_service.rules.variables import CLIN_INF, CULTURE, CULTURE_SETS, EXPOSURE

SIGN = "2"
RISK = "1"
_INFECTION = Pathway.INFECTION


@rule("INF-CULTURE", _INFECTION, CULTURE, "R-IDSA2015", "R-SPILFSLIDES2023")
def blood_culture(context: RuleContext) -> Outcome:
    """A blood culture of the last 90 days grew a plausible pathogen; one skin germ in one set is contamination."""
    grown = [lab for lab in context.cultures(context.thresholds.culture_days.span) if lab.positive]
    plausible = [lab for lab in grown if not context.organisms.is_contaminant(lab.text)]
    if plausible:
        return fired("1", labs(*plausible), "a plausible pathogen grew in blood")
    if len(grown) >= context.thresholds.culture_sets.value:
        return fired("1", labs(*grown), "the same skin germ grew in more than one set")
    return quiet("a skin germ grew in one set only" if grown else "no growth is reported", "blood_culture")


@rule("INF-BACTEREMIA", _INFECTION, CULTURE, "R-IDSA2015")
def bacteremia_charted(context: RuleContext) -> Outcome:
    """Bacteremia of the last 90 days is charted or stated in the report's history."""
    found = context.recent(context.thresholds.culture_days.span, ConditionGroup.BACTEREMIA)
    plausible = [item for item in found if not context.organisms.is_contaminant(item.text)]
    return when("1", items(plausible), "recent bacteremia is known", "no bacteremia is charted")


@rule("INF-CULTURE-SETS", _INFECTION, CULTURE_SETS, "R-IDSA2015")
def culture_sets_resulted(context: RuleContext) -> Outcome:
    """Two blood-culture sets of the last 7 days have a result, so that tissue comes next."""
    resulted = [lab for lab in context.cultures(context.thresholds.culture_sets_days.span) if lab.positive is not None]
    sets = sum(context.organisms.sets_in(lab.text) for lab in resulted)
    if sets >= context.thresholds.culture_sets.value:
        return fired("1", labs(*resulted), f"{sets} sets have a result")
    return quiet(f"{sets} sets have a result", "blood_culture")


@rule("INF-FEVER-MEASURED", _INFECTION, CLIN_INF, "R-IDSA2015")
def fever_measured(context: RuleContext) -> Outcome:
    """A temperature of 38.0 °C or more was measured in the last 72 hours."""
    window = context.thresholds.fever_hours.span
    measured = context.within(window, Analyte.TEMPERATURE)
    hot = [lab for lab in measured if at_least(lab, context.thresholds.fever_temperature.value)]
    if hot:
        return fired(SIGN, labs(*hot[:1]), "fever was measured")
    # About half of the patients have no fever, so a normal temperature argues for nothing.
    return quiet("no fever was measured", *(() if measured else ("temperature",)))


@rule("INF-FEVER-CHARTED", _INFECTION, CLIN_INF, "R-IDSA2015")
def fever_charted(context: RuleContext) -> Outcome:
    """Fever, chills or rigors of this episode are charted or stated in the report's history."""
    groups = (ConditionGroup.FEVER, ConditionGroup.CHILLS)
    found = [i for i in context.recent(context.thresholds.recent_infection_days.span, *groups) if not i.over]
    return when(SIGN, items(found), "fever or chills are charted", "no fever or chills are charted")


@rule("INF-SEPSIS-CHARTED", _INFECTION, CLIN_INF, "R-IDSA2015")
def sepsis_charted(context: RuleContext) -> Outcome:
    """Sepsis of this episode is charted."""
    found = context.recent(context.thresholds.recent_infection_days.span, ConditionGroup.SEPSIS)
    return when(SIGN, items(found), "recent sepsis is charted", "no sepsis is charted")


@rule("INF-PATHOGEN-KNOWN", _INFECTION, CLIN_INF, "R-IDSA2015")
def pathogen_known(context: RuleContext) -> Outcome:
    """A plausible pathogen in blood within 90 days is a clinical sign of infection."""
    found = [cause for signal in context.fired(CULTURE) for cause in signal.causes]
    return when(SIGN, found, "a pathogen is known from blood", "no pathogen is known from blood")


@rule("INF-ENDOCARDITIS", _INFECTION, CLIN_INF, "R-IDSA2015", "R-SPILFSLIDES2023")
def endocarditis(context: RuleContext) -> Outcome:
    """Infective endocarditis of the last 90 days is known."""
    found = context.recent(context.thresholds.endocarditis_days.span, ConditionGroup.ENDOCARDITIS)
    return when(SIGN, items(found), "recent endocarditis is known", "no recent endocarditis is charted")


@rule("INF-TUBERCULOSIS", _INFECTION, CLIN_INF, "R-ERENGOK2014")
def active_tuberculosis(context: RuleContext) -> Outcome:
    """Active tuberculosis or brucellosis is known."""
    found = context.having(ConditionGroup.TUBERCULOSIS, ConditionGroup.BRUCELLOSIS)
    return when(SIGN, items(found), "active tuberculosis or brucellosis is known", "neither is charted as active")


@rule("INF-SPINE-CHARTED", _INFECTION, CLIN_INF, "R-IDSA2015")
def spine_infection_charted(context: RuleContext) -> Outcome:
    """A spinal infection is charted as active."""
    found = context.having(ConditionGroup.SPINE_INFECTION, ConditionGroup.EPIDURAL_ABSCESS)
    return when(SIGN, items(found), "an active spinal infection is charted", "no active spinal infection is charted")


def _charted_risk(id_: str, sentence: str, word: str, *groups: ConditionGroup) -> Rule:
    def charted(context: RuleContext) -> Outcome:
        found = context.having(*groups)
        return when(RISK, items(found), f"{word} is known", f"{word} is not charted")

    charted.__doc__ = sentence
    return rule(id_, _INFECTION, CLIN_INF, "R-ACRSSI2021", "R-IDSA2015")(charted)


drug_use = _charted_risk(
    "INF-DRUG-USE",
    "Intravenous drug use is known.",
    "intravenous drug use",
    ConditionGroup.INTRAVENOUS_DRUG_USE,
)
diabetes = _charted_risk("INF-DIABETES", "Diabetes is known.", "diabetes", ConditionGroup.DIABETES)
immunodeficiency = _charted_risk(
    "INF-IMMUNODEFICIENCY",
    "HIV infection or another disease that lowers immunity is known.",
    "immunodeficiency",
    ConditionGroup.HIV,
    ConditionGroup.IMMUNOSUPPRESSION,
)
sickle_cell = _charted_risk(
    "INF-SICKLE-CELL", "Sickle-cell disease is known.", "sickle-cell disease", ConditionGroup.SICKLE_CELL
)
carriage = _charted_risk(
    "INF-MRSA", "Carriage of resistant staphylococci is known.", "MRSA carriage", ConditionGroup.MRSA_CARRIAGE
)
liver_alcohol = _charted_risk(
    "INF-LIVER-ALCOHOL",
    "Cirrhosis or alcohol dependence is known.",
    "cirrhosis or alcohol dependence",
    ConditionGroup.CIRRHOSIS,
    ConditionGroup.ALCOHOL_DEPENDENCE,
)
pressure_ulcer = _charted_risk(
    "INF-PRESSURE-ULCER", "A pressure ulcer is known.", "a pressure ulcer", ConditionGroup.PRESSURE_ULCER
)


@rule("INF-DIALYSIS", _INFECTION, CLIN_INF, "R-HDSPONDY2020", "R-ACRSSI2021")
def dialysis(context: RuleContext) -> Outcome:
    """The patient is on dialysis."""
    procedures = context.operated(context.thresholds.spine_procedure_days.span, ProcedureGroup.DIALYSIS)
    found = (*items(context.having(ConditionGroup.DIALYSIS)), *procedures)
    return when(RISK, found, "dialysis is known", "dialysis is not charted")


@rule("INF-IMMUNOSUPPRESSANTS", _INFECTION, CLIN_INF, "R-ACRSSI2021")
def immunosuppressive_drugs(context: RuleContext) -> Outcome:
    """A drug that lowers immunity is taken, glucocorticoids from the dose that masks the markers."""
    groups = (
        DrugGroup.IL6_BLOCKER,
        DrugGroup.JAK_INHIBITOR,
        DrugGroup.IMMUNOSUPPRESSANT,
        DrugGroup.TNF_BLOCKER,
        DrugGroup.CHEMOTHERAPY,
    )
    found = (*drugs(context.taking(*groups)), *drugs(context.masking_steroids))
    return when(RISK, found, "a drug that lowers immunity is taken", "no such drug is listed")


@rule("INF-NEUTROPENIA", _INFECTION, CLIN_INF, "R-ACRSSI2021")
def neutropenia(context: RuleContext) -> Outcome:
    """Neutrophils are below 1.0 or leukocytes below 2.0 ×10⁹/L, or neutropenia is charted."""
    window, limits = context.thresholds.malignancy_labs_days.span, context.thresholds
    neutrophils = context.newest(Analyte.NEUTROPHILS, window)
    wbc = context.newest(Analyte.WBC, window)
    low = [lab for lab in (neutrophils,) if below(lab, limits.neutrophils_low.value)]
    low += [lab for lab in (wbc,) if below(lab, limits.wbc_very_low.value)]
    found = (*labs(*low), *items(context.having(ConditionGroup.NEUTROPENIA)))
    return when(RISK, found, "neutropenia is known", "no neutropenia is known")


@rule("INF-SPINE-PROCEDURE", _INFECTION, CLIN_INF, "R-IDSA2015")
def spine_procedure(context: RuleContext) -> Outcome:
    """Spine surgery or a procedure on disc, facet joint or nerve root took place in the last 12 months."""
    limit = context.thresholds.spine_procedure_days.span
    procedures = context.operated(
        limit, ProcedureGroup.SPINE_SURGERY, ProcedureGroup.VERTEBRAL_AUGMENTATION, ProcedureGroup.SPINE_BIOPSY
    )
    told = context.recent(limit, ConditionGroup.SPINE_PROCEDURE_RECENT)
    stated = items(i for i in told if i.charted or not of_past_years(i.text, context.today, limit))
    found = (*procedures, *stated, *operated_within(context, limit.days))
    return when(RISK, found, "a recent spine procedure is known", "no recent spine procedure is charted")


@rule("INF-INJECTION", _INFECTION, CLIN_INF, "R-IDSA2015")
def injection(context: RuleContext) -> Outcome:
    """A spinal, epidural or joint injection or spinal anesthesia took place in the last 90 days."""
    limit = context.thresholds.injection_days.span
    procedures = context.operated(
        limit, ProcedureGroup.SPINAL_INJECTION, ProcedureGroup.JOINT_INJECTION, ProcedureGroup.SPINAL_ANESTHESIA
    )
    found = (*procedures, *items(context.recent(limit, ConditionGroup.SPINAL_INJECTION_RECENT)))
    return when(RISK, found, "a recent injection is known", "no recent injection is charted")


@rule("INF-INSTRUMENTATION", _INFECTION, CLIN_INF, "R-IDSA2015")
def instrumentation(context: RuleContext) -> Outcome:
    """Prostate biopsy or another urogenital or gastrointestinal instrumentation took place in the last 90 days."""
    limit = context.thresholds.injection_days.span
    procedures = context.operated(limit, ProcedureGroup.UROGENITAL_GI_INSTRUMENTATION)
    found = (*procedures, *items(context.recent(limit, ConditionGroup.INSTRUMENTATION_RECENT)))
    return when(RISK, found, "a recent instrumentation is known", "no recent instrumentation is charted")


@rule("INF-LINE-VALVE", _INFECTION, CLIN_INF, "R-IDSA2015", "R-HDSPONDY2020")
def line_or_valve(context: RuleContext) -> Outcome:
    """A central line is in place or a heart valve is prosthetic."""
    found = (
        *items(context.having(ConditionGroup.CENTRAL_LINE, ConditionGroup.PROSTHETIC_VALVE)),
        *context.implanted(DeviceGroup.CENTRAL_LINE, DeviceGroup.PROSTHETIC_VALVE),
        *context.operated(context.thresholds.injection_days.span, ProcedureGroup.CENTRAL_LINE),
        *context.ever_operated(ProcedureGroup.PROSTHETIC_VALVE),
    )
    return when(RISK, found, "a central line or prosthetic valve is known", "neither is charted")


@rule("INF-RECENT-INFECTION", _INFECTION, CLIN_INF, "R-IDSA2015")
def recent_infection(context: RuleContext) -> Outcome:
    """A bacterial infection elsewhere was present in the last 90 days."""
    limit = context.thresholds.recent_infection_days.span
    found = context.recent(limit, ConditionGroup.RECENT_BACTERIAL_INFECTION)
    return when(RISK, items(found), "a recent bacterial infection is known", "no recent infection is charted")


@rule("INF-PREVIOUS-BONE-INFECTION", _INFECTION, CLIN_INF, "R-IDSA2015")
def previous_bone_infection(context: RuleContext) -> Outcome:
    """Osteomyelitis elsewhere or an earlier discitis is known."""
    groups = (ConditionGroup.OSTEOMYELITIS_ELSEWHERE, ConditionGroup.SPINE_INFECTION, ConditionGroup.EPIDURAL_ABSCESS)
    return when(RISK, items(context.ever(*groups)), "a bone infection is known", "no bone infection is charted")


@rule("INF-EXPOSURE", _INFECTION, CLIN_INF, "R-IDSA2015", "R-ERENGOK2014")
def exposure_risk(context: RuleContext) -> Outcome:
    """Exposure to tuberculosis or Brucella is known, or a tuberculosis test is positive."""
    found = [cause for signal in context.fired(EXPOSURE) for cause in signal.causes]
    return when(RISK, found, "exposure is known", "no exposure is charted")


@rule("INF-SWEATS", _INFECTION, CLIN_INF, "R-ERENGOK2014")
def sweats_subfebrile(context: RuleContext) -> Outcome:
    """Night sweats together with subfebrile temperatures are known."""
    sweats, limits = context.having(ConditionGroup.NIGHT_SWEATS), context.thresholds
    if not sweats:
        return quiet("not both are known")
    warm = [
        lab
        for lab in context.within(limits.fever_hours.span, Analyte.TEMPERATURE)
        if at_least(lab, limits.subfebrile_temperature.value)
    ]
    subfebrile = (*items(context.having(ConditionGroup.SUBFEBRILE)), *labs(*warm))
    found = (*items(sweats), *subfebrile) if subfebrile else ()
    return when(RISK, found, "night sweats with subfebrile temperature", "not both are known")


@rule("INF-DECLINE", _INFECTION, CLIN_INF, "R-SPILFSLIDES2023")
def decline_in_age(context: RuleContext) -> Outcome:
    """A patient of 75 years or more declines without explanation."""
    decline = context.having(ConditionGroup.FRAILTY_DECLINE)
    if context.age is None:
        return quiet("the age is unknown", "age")
    found = items(decline) if context.age >= context.thresholds.decline_age.value else ()
    return when(RISK, found, "unexplained decline in old age", "no unexplained decline in old age")


@rule("EXP-EXPOSURE", _INFECTION, EXPOSURE, "R-IDSA2015", "R-ERENGOK2014")
def exposure(context: RuleContext) -> Outcome:
    """Exposure to tuberculosis or Brucella is known, from origin, animals, raw milk or contacts."""
    groups = (
        ConditionGroup.TUBERCULOSIS_EXPOSURE,
        ConditionGroup.BRUCELLA_EXPOSURE,
        ConditionGroup.TUBERCULOSIS,
        ConditionGroup.BRUCELLOSIS,
    )
    return when("1", items(context.ever(*groups)), "exposure is known", "no exposure is charted")


@rule("EXP-TEST", _INFECTION, EXPOSURE, "R-IDSA2015")
def exposure_test(context: RuleContext) -> Outcome:
    """A test for tuberculosis infection or Brucella is positive."""
    found = [lab for lab in context.results(Analyte.IGRA, Analyte.BRUCELLA) if lab.positive]
    return when("1", labs(*found), "a test is positive", "no positive test is known")


RULES: tuple[Rule, ...] = (
    blood_culture,
    bacteremia_charted,
    culture_sets_resulted,
    fever_measured,
    fever_charted,
    sepsis_charted,
    pathogen_known,
    endocarditis,
    active_tuberculosis,
    spine_infection_charted,
    drug_use,
    dialysis,
    diabetes,
    immunodeficiency,
    immunosuppressive_drugs,
    neutropenia,
    sickle_cell,
    spine_procedure,
    injection,
    instrumentation,
    line_or_valve,
    recent_infection,
    previous_bone_infection,
    carriage,
    liver_alcohol,
    pressure_ulcer,
    exposure_risk,
    sweats_subfebrile,
    decline_in_age,
    exposure,
    exposure_test,
)
