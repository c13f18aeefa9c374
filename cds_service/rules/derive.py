"""Runs the rules variable by variable in the order of their dependence, and makes the state of the decision tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from cds_service.domain.assessment import RuleResult, Signal, StateVariable
from cds_service.domain.facts import Sex
from cds_service.domain.state import (
    CancerHistory,
    ClinicalInfection,
    Course,
    Emergency,
    Fracture,
    ImagingInfection,
    ImagingMalignancy,
    Inflammatory,
    Labs,
    LaneState,
    MarkerMask,
    Metabolic,
    OccultKind,
    TimeCourse,
)
from cds_service.domain.vocabulary import BodyRegion, ConditionGroup, FindingId, Qualifier
from cds_service.rules import fracture, infection, inflammatory, malignancy, metabolic, safety, time
from cds_service.rules import variables as names
from cds_service.rules.asking import Combine, Combined, silence, value_unset
from cds_service.rules.context import Basis, RuleContext, has, levels_of
from cds_service.rules.degenerative import FACET
from cds_service.rules.infection_clinical import diabetes
from cds_service.rules.laboratory import crp_band, esr_only, markers, unsized
from cds_service.rules.malignancy import NAMED
from cds_service.rules.malignancy_clinical import BY_OTHER
from cds_service.rules.measured import at_least
from cds_service.rules.rule import Rule
from cds_service.rules.stability import sins_of
from cds_service.rules.trigger import BY_PRESSURE


def first_of(*order: str) -> Combine:
    """Make a combination that takes the first of ``order`` that any rule argued for, with the rules that did."""

    def combine(_context: RuleContext, signals: tuple[Signal, ...]) -> Combined:
        for value in order:
            chosen = tuple(s for s in signals if s.value == value)
            if chosen:
                return value, chosen
        return "", ()

    return combine


def any_of(_context: RuleContext, signals: tuple[Signal, ...]) -> Combined:
    """Set the variable when any rule fired, with all of them."""
    return ("1", signals) if signals else ("", ())


@dataclass(frozen=True, slots=True)
class Variable:
    """A state variable: its name and how the signals of its rules become one value."""

    name: str
    combine: Combine = any_of


# Order of dependence: a rule may ask only for variables that stand before its own.
VARIABLES: tuple[Variable, ...] = (
    Variable(names.EXPOSURE),
    Variable(names.CULTURE),
    Variable(names.CULTURE_SETS),
    Variable(names.CLIN_INF, first_of("2", "1")),
    Variable(names.INFL, inflammatory.combine),
    Variable(names.ABSCESS),
    Variable(names.NEW_ABSCESS),
    Variable(names.IMG_INF_EXPLAINED),
    Variable(names.IMG_INF_DOWN),
    Variable(names.IMG_INF, infection.combine_imaging),
    Variable(names.KNOWN_INF),
    Variable(names.CRP_MASK, first_of("other", "steroid")),
    Variable(names.POST),
    Variable(names.LAB, first_of("R", "B", "N")),
    Variable(names.LAB_STRONG),
    Variable(names.MAL_HIST, first_of("K", "G")),
    Variable(names.KNOWN_METS),
    Variable(names.METS_PROGRESS),
    Variable(names.PAGET_CERTAIN),
    Variable(names.MAL_IMG_AGAINST),
    Variable(names.MAL_IMG, malignancy.combine_imaging),
    Variable(names.SEVERAL_DARK),
    Variable(names.EPIDURAL_TUMOR),
    Variable(names.MAL_LAB, first_of(BY_OTHER, "esr")),
    Variable(names.CALCIUM_3),
    Variable(names.CYTOPENIAS_2),
    Variable(names.MAL_CLIN),
    Variable(names.DEG),
    Variable(names.DEG_CERTAIN),
    Variable(names.BENIGN_LESION),
    Variable(names.NEUROPATHIC),
    Variable(names.ROOT),
    Variable(names.ANKYLOSED),
    Variable(names.FX, fracture.combine),
    Variable(names.FX_PATHOLOGIC),
    Variable(names.FX_DENIED_MAL),
    Variable(names.FX_SEVERE),
    Variable(names.COLLAPSE_PROGRESS),
    Variable(names.MET, metabolic.combine),
    Variable(names.UNST),
    Variable(names.EMERG, safety.combine),
    Variable(names.TIME, time.combine_time),
    Variable(names.COURSE, time.combine_course),
    Variable(names.SEVERE_PERSISTING),
    Variable(names.TRIGGER),
)


@dataclass(slots=True, unsafe_hash=True)
class Derived:
    """Context with every variable decided, the outcome of every rule, and the finite state."""

    context: RuleContext
    results: tuple[RuleResult, ...]
    variables: tuple[StateVariable, ...]
    state: LaneState


@dataclass(slots=True, unsafe_hash=True)
class Step:
    """A state variable with the rules that argue about it.

    ``unset`` is the variable where no rule fires. ``silences`` hold for each rule what it says where the chart holds
    none of its words (:mod:`cds_service.rules.asking`), ``silent`` those of them that are known: all of them where the
    step is not concerned. ``ids`` are those of the rules, ``names`` the ids and the name of the variable.
    """

    variable: Variable
    rules: tuple[Rule, ...]
    unset: StateVariable
    silences: tuple[RuleResult | None, ...]
    silent: tuple[RuleResult, ...]
    ids: tuple[str, ...]
    names: frozenset[str]


class Steps:
    """The variables with their rules, in the order in which they are decided, and which of them a word concerns.

    ``always`` are the rules and combinations that are run for every chart.
    """

    def __init__(self, rules: Iterable[Rule], basis: Basis) -> None:
        self.steps: list[Step] = []
        self.always: set[str] = set()
        self._by_word: dict[str, list[str]] = {}
        listed = tuple(rules)
        values: dict[str, str] = {}
        for variable in VARIABLES:
            own = tuple(rule for rule in listed if rule.variable == variable.name)
            silences = tuple(silence(rule, basis, values) for rule in own)
            value, words = value_unset(variable.combine, basis, values)
            values[variable.name] = value
            self._concern(variable.name, words)
            for rule, silent in zip(own, silences, strict=True):
                self._concern(rule.id, silent.words if silent else None)
            ids = tuple([rule.id for rule in own])
            results = tuple([silent.result if silent else None for silent in silences])
            known = tuple([result for result in results if result is not None])
            names = frozenset({variable.name, *ids})
            self.steps.append(Step(variable, own, StateVariable(variable.name, value), results, known, ids, names))

    def _concern(self, name: str, words: Iterable[str] | None) -> None:
        if words is None:
            self.always.add(name)
            return
        for word in words:
            self._by_word.setdefault(word, []).append(name)

    def concerned(self, words: Iterable[str]) -> set[str]:
        """Rules and combinations to be run for a chart that holds these words; the others say what is known already."""
        found = set(self.always)
        by_word = self._by_word
        for word in words:
            if word in by_word:
                found.update(by_word[word])
        return found

    def by(self, word: str) -> Sequence[str]:
        """Rules and combinations that ask for a word."""
        return self._by_word.get(word, ())


def derive(context: RuleContext, steps: Steps) -> Derived:
    """Run all rules on prepared facts. Raises whatever a rule raises: a partial state must not look complete."""
    results: list[RuleResult] = []
    decided: list[StateVariable] = []
    concerned = steps.concerned(context.words)
    for step in steps.steps:
        if concerned.isdisjoint(step.names):
            results.extend(step.silent)
            state = step.unset
        else:
            state = _decide(context, step, concerned, results)
        decided.append(state)
        if state is step.unset:
            context.leave(state.name, state.value)
        else:
            context.decide(state.name, state.value, state.signals)
            concerned.update(steps.by(state.name))
    return Derived(context, tuple(results), tuple(decided), lane_state(context))


def _decide(context: RuleContext, step: Step, concerned: set[str], results: list[RuleResult]) -> StateVariable:
    """Decide one variable by its rules and put what they said behind ``results``."""
    signals: list[Signal] = []
    for name, each, silent in zip(step.ids, step.rules, step.silences, strict=True):
        if silent is not None and name not in concerned:
            results.append(silent)
        else:
            result, found = each.apply(context)
            results.append(result)
            signals.extend(found)
    value, chosen = step.variable.combine(context, tuple(signals))
    if not chosen and value == step.unset.value:
        return step.unset
    return StateVariable(step.variable.name, value, chosen)


_FRACTURES: Mapping[str, Fracture] = MappingProxyType(
    {
        fracture.NECROSIS: Fracture.AVN,
        fracture.BROKEN: Fracture.FRACTURE,
        fracture.OCCULT_STRESS: Fracture.OCCULT,
        fracture.OCCULT_TRAUMA: Fracture.OCCULT,
        fracture.OCCULT_RISK: Fracture.OCCULT,
    }
)
_OCCULT: Mapping[str, OccultKind] = MappingProxyType(
    {
        fracture.OCCULT_STRESS: OccultKind.STRESS,
        fracture.OCCULT_TRAUMA: OccultKind.TRAUMA,
        fracture.OCCULT_RISK: OccultKind.RISK,
    }
)
_MASKS: Mapping[str, MarkerMask] = MappingProxyType({"steroid": MarkerMask.STEROID_ONLY, "other": MarkerMask.OTHER})


def clinical_infection(context: RuleContext) -> ClinicalInfection:
    """Clinical class; diabetes as the only risk factor is left out beside certain degeneration (over-alerting)."""
    value = ClinicalInfection(int(context.value(names.CLIN_INF) or 0))
    only_diabetes = {s.rule_id for s in context.fired(names.CLIN_INF)} == {diabetes.id}
    if only_diabetes and context.value(names.DEG_CERTAIN):
        return ClinicalInfection.NONE
    return value


def lane_state(context: RuleContext) -> LaneState:
    """Finite input of the decision tables from the decided variables."""
    state = LaneState()
    for fill in (_fill_safety, _fill_infection, _fill_malignancy, _fill_cause, _fill_time, _fill_study):
        fill(state, context)
    return state


def _set(context: RuleContext, name: str) -> bool:
    return bool(context.value(name))


def _fill_safety(state: LaneState, context: RuleContext) -> None:
    unstable = {s.value for s in context.fired(names.UNST)}
    state.trigger = _set(context, names.TRIGGER)
    state.emergency = Emergency(context.value(names.EMERG) or "NONE")
    state.ankylosed_unstable = "ankylosed" in unstable
    state.root_symptoms = _set(context, names.ROOT)
    state.canal_unseen = bool(safety.unseen(context))
    state.pressure_without_bone = _pressure_without_bone(context)
    state.extraspinal_suspicion = bool(context.possible(FindingId.EXTRASPINAL_SUSPICION))


def _pressure_without_bone(context: RuleContext) -> bool:
    """Pressure of a disc or hematoma opened the evaluation, and nothing else did."""
    pressing = context.stated(FindingId.DISC_HERNIATION, FindingId.SPINAL_HEMATOMA)
    opened = {signal.rule_id for signal in context.fired(names.TRIGGER)}
    return bool(pressing) and bool(opened) and opened <= BY_PRESSURE


def _fill_infection(state: LaneState, context: RuleContext) -> None:
    limits, known = context.thresholds, markers(context)
    state.known_infection = _set(context, names.KNOWN_INF)
    state.new_abscess = _set(context, names.NEW_ABSCESS)
    state.abscess = _set(context, names.ABSCESS)
    state.culture = _set(context, names.CULTURE)
    state.culture_sets_resulted_7d = _set(context, names.CULTURE_SETS)
    state.imaging_infection = ImagingInfection[context.value(names.IMG_INF) or "N"]
    state.clinical_infection = clinical_infection(context)
    state.labs = Labs(context.value(names.LAB) or "U")
    state.esr_only = context.value(names.LAB) == "R" and esr_only(context)
    state.esr_70 = at_least(known.esr, limits.esr_high.value) is True
    state.lab_strong = _set(context, names.LAB_STRONG)
    state.crp_band = crp_band(context)
    state.mask = _MASKS.get(context.value(names.CRP_MASK), MarkerMask.NONE)
    state.exposure_or_subacute = _set(context, names.EXPOSURE) or _subacute(context)
    state.marker_raised_unsized = bool(unsized(context))
    state.neuropathic_or_crystal = _set(context, names.NEUROPATHIC)


def _subacute(context: RuleContext) -> bool:
    weeks = time.weeks_since_onset(context)
    return weeks is not None and weeks * 7 >= context.thresholds.subacute_days.value


def _fill_malignancy(state: LaneState, context: RuleContext) -> None:
    value, score = context.value(names.MAL_IMG), sins_of(context)
    beyond = any(s.value == BY_OTHER for s in context.fired(names.MAL_LAB))
    state.known_metastases = _set(context, names.KNOWN_METS)
    state.metastases_progress = _set(context, names.METS_PROGRESS)
    state.cancer_history = CancerHistory(context.value(names.MAL_HIST) or "0")
    state.imaging_malignancy = ImagingMalignancy.M if value == malignancy.T1_ALONE else ImagingMalignancy(value or "N")
    state.t1_only = value == malignancy.T1_ALONE
    state.several_dark_or_fractured = _set(context, names.SEVERAL_DARK)
    state.malignancy_lab = _set(context, names.MAL_LAB)
    state.malignancy_lab_beyond_esr = beyond
    state.malignancy_clinical = _set(context, names.MAL_CLIN)
    state.malignancy_denied_at_fracture = _set(context, names.FX_DENIED_MAL)
    state.malignancy_at_fracture_stated = _tumor_at_fracture(context)
    state.epidural_tumour = _set(context, names.EPIDURAL_TUMOR)
    state.sins_7 = score is not None and score.at_least >= context.thresholds.sins_surgical_opinion.value
    state.calcium_3 = _set(context, names.CALCIUM_3)
    state.cytopenias_2 = _set(context, names.CYTOPENIAS_2)
    state.paget_certain = _set(context, names.PAGET_CERTAIN)


def _tumor_at_fracture(context: RuleContext) -> bool:
    broken = fracture.fresh_fractures(context)
    stated = context.at(context.stated(*NAMED), levels_of(broken)) if broken else ()
    pathologic = context.stated(FindingId.FRACTURE, FindingId.FRACTURE_LINE)
    return bool(stated) or any(has(f, Qualifier.PATHOLOGIC) for f in pathologic)


def _fill_cause(state: LaneState, context: RuleContext) -> None:
    kind = context.value(names.FX)
    degenerative = {s.value for s in context.fired(names.DEG)}
    state.fracture = _FRACTURES.get(kind, Fracture.NONE)
    state.occult_kind = _OCCULT.get(kind, OccultKind.RISK)
    state.fracture_explains_all_levels = fracture.explains_every_edema(context)
    state.fracture_pathologic = _set(context, names.FX_PATHOLOGIC)
    state.fracture_severe = _set(context, names.FX_SEVERE)
    state.collapse_progressing = _set(context, names.COLLAPSE_PROGRESS)
    state.inflammatory = Inflammatory(context.value(names.INFL) or "0")
    state.degenerative = _set(context, names.DEG)
    state.degenerative_certain = _set(context, names.DEG_CERTAIN)
    state.degenerative_facet_only = degenerative == {FACET}
    state.benign_lesion = _set(context, names.BENIGN_LESION)
    state.modic1 = bool(context.stated(FindingId.MODIC1))
    state.post_treatment = _set(context, names.POST)
    state.metabolic = Metabolic(context.value(names.MET) or "0")


def _fill_time(state: LaneState, context: RuleContext) -> None:
    state.time = TimeCourse(context.value(names.TIME) or "u")
    state.course = Course(context.value(names.COURSE) or "u")
    state.severe_persisting = _set(context, names.SEVERE_PERSISTING)


def _just_imaged(context: RuleContext) -> bool:
    """A recent MRI that a repeat would only double: not native, and not without fat-saturated images of edema."""
    technique, days = context.technique, context.days_since(context.mri_day)
    recent = days is not None and days <= context.thresholds.mri_duplicate_days.span.days
    return recent and technique.contrast is not False and technique.stir_or_fat_saturated is not False


def _fill_study(state: LaneState, context: RuleContext) -> None:
    age, limits, technique = context.age, context.thresholds, context.technique
    pregnancy = context.facts.pregnancy.pregnant or bool(context.having(ConditionGroup.PREGNANCY))
    by_t2 = context.edema and all(has(f, Qualifier.PLAIN_T2_ONLY) for f in context.edema)
    state.native_study = technique.contrast is False
    state.edema_present = bool(context.edema)
    state.edema_on_plain_t2_only = bool(by_t2) or (bool(context.edema) and technique.stir_or_fat_saturated is False)
    state.whole_spine_contrast_done = context.lead.region is BodyRegion.WHOLE_SPINE and technique.contrast is True
    state.mri_just_done = _just_imaged(context)
    state.male = context.facts.demographics.sex is Sex.MALE
    state.age_50_or_more = age is not None and age >= limits.malignancy_clinical_age.value
    state.age_under_50 = age is not None and age < limits.fragility_under_age.value
    state.pregnant = pregnancy
    state.augmentation_offered = limits.switches.augmentation_offered
