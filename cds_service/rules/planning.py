"""Turns the cards of the decision tables into planned cards: causes, levels, dates, values and missing facts."""

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType

from cds_service.domain.assessment import (
    Cause,
    Draft,
    FindingCause,
    LabCause,
    ParamValue,
    PlannedCard,
    Signal,
)
from cds_service.domain.state import CancerHistory, ImagingMalignancy, Labs, LaneState, MarkerMask, TimeCourse
from cds_service.domain.vocabulary import Analyte, ConditionGroup, DrugGroup, FindingId, Lane, Qualifier
from cds_service.knowledge.thresholds import Parameter, Thresholds
from cds_service.rules import variables as names
from cds_service.rules.arbitration import LaneCard
from cds_service.rules.context import RuleContext, has, levels_of, remembered
from cds_service.rules.derive import Derived
from cds_service.rules.drafts import Due, LaneDraft
from cds_service.rules.fracture import fresh_fractures
from cds_service.rules.levels import is_sacral
from cds_service.rules.orders.cautions import nsaid_not_advised, opioid_caution, opioid_fall_caution
from cds_service.rules.rule import distinct
from cds_service.rules.safety import hematomas
from cds_service.rules.scores import FractureFeatures, of_class, stated_of_class
from cds_service.rules.stability import sins_of
from cds_service.rules.time import weeks_since_onset

_MOST_REFERENCES = 6
_INFECTION = (names.IMG_INF, names.CULTURE, names.CLIN_INF, names.LAB, names.CRP_MASK, names.EXPOSURE)
_TUMOR = (names.MAL_IMG, names.KNOWN_METS, names.MAL_HIST, names.MAL_LAB, names.MAL_CLIN)
# Variables whose facts stand on a card, the most telling first.
_GROUNDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "C01": (names.EMERG,),
        "C02": (names.EMERG, names.IMG_INF, names.CLIN_INF, names.LAB),
        "C03": (names.EMERG, names.UNST, names.FX),
        "C10": _INFECTION,
        "C11": _INFECTION,
        "C12": (names.CULTURE, names.IMG_INF, names.CLIN_INF, names.LAB),
        "C14": _INFECTION,
        "C15": (names.CLIN_INF, names.CRP_MASK, names.LAB),
        "C16": (names.FX, names.INFL, names.KNOWN_METS, names.MAL_IMG, names.LAB),
        "C17": (names.KNOWN_INF, names.IMG_INF, names.COURSE),
        "C20": _TUMOR,
        "C21": _TUMOR,
        "C23": (names.MAL_HIST, names.MAL_IMG, names.FX, names.DEG_CERTAIN, names.BENIGN_LESION, names.PAGET_CERTAIN),
        "C24": (names.KNOWN_METS, names.METS_PROGRESS, names.MAL_IMG),
        "C30": (names.FX, names.FX_SEVERE, names.FX_PATHOLOGIC),
        "C31": (names.FX,),
        "C32": (names.FX, names.COLLAPSE_PROGRESS),
        "C40": (names.INFL,),
        "C41": (names.INFL,),
        "C50": (names.DEG, names.DEG_CERTAIN),
        "C60": (names.MET,),
        "C61": (names.MET,),
        "C62": (names.POST,),
        "C63": (names.BENIGN_LESION,),
        "C81": (names.COURSE, names.TIME, names.SEVERE_PERSISTING),
        "C82": (names.FX, names.TIME, names.COURSE, names.LAB),
        "C83": (names.COURSE,),
    }
)
# Cards whose own lines name an NSAID.
_NSAID_CARDS = frozenset({"C41", "C50", "C80"})
_SITE_OF_CAUSE = frozenset({"C60", "C61", "C70", "C80", "C81", "C83", "C15"})
_DIFFERENTIAL: tuple[tuple[str, FindingId], ...] = (
    ("infection", FindingId.INFECTION_STATED),
    ("malignancy", FindingId.MALIGNANCY_STATED),
    ("malignancy", FindingId.METASTASIS),
    ("malignancy", FindingId.TUMOR),
    ("fracture", FindingId.FRACTURE),
    ("stress", FindingId.STRESS_REACTION),
    ("trauma", FindingId.CONTUSION),
    ("degeneration", FindingId.DEGENERATION_STATED),
    ("degeneration", FindingId.MODIC1),
    ("inflammation", FindingId.SPONDYLOARTHRITIS_STATED),
    ("cno", FindingId.SAPHO_STATED),
    ("metabolic", FindingId.TRANSIENT_EDEMA),
    ("hematopoietic", FindingId.HEMATOPOIETIC),
    ("hemangioma", FindingId.HEMANGIOMA),
    ("crystal", FindingId.CRYSTAL),
    ("neuropathic", FindingId.NEUROPATHIC),
)


class Planner:
    """Plans the cards of one evaluation. ``evidence`` holds the references of each rule by its id."""

    def __init__(self, derived: Derived, evidence: Mapping[str, tuple[str, ...]]) -> None:
        self._context = derived.context
        self._state = derived.state
        self._evidence = evidence

    def plan(self, card: LaneCard) -> PlannedCard:
        """Add everything that a card needs beside what the tables decided."""
        signals = self._signals(card)
        causes = self._causes(card, signals)
        return PlannedCard(
            card_id=card.card_id,
            text_id=card.text_id,
            lane=card.lane,
            row=card.row,
            indicator=card.indicator,
            causes=causes,
            params=self._params(card),
            add_lines=(*card.add_lines, *self._more_lines(card)),
            drop_lines=(*card.drop_lines, *self._fewer_lines(card)),
            drafts=tuple([dated(draft, self._context) for draft in card.drafts]),
            evidence=self._references(card, signals),
            missing=missing_facts(self._context, self._state, card),
            levels=self._levels(card, signals),
            rule_ids=tuple(dict.fromkeys([signal.rule_id for signal in signals])),
        )

    def _signals(self, card: LaneCard) -> tuple[Signal, ...]:
        wanted = _GROUNDS.get(card.card_id, ())
        found = [signal for name in wanted for signal in self._context.fired(name)]
        return tuple(found) or self._context.fired(names.TRIGGER)

    def _causes(self, card: LaneCard, signals: tuple[Signal, ...]) -> tuple[Cause, ...]:
        """Facts behind the card; the finding that opened the evaluation always stands among them."""
        if card.lane is Lane.CONFLICT:
            return self._contradicting()
        causes = [cause for signal in signals for cause in signal.causes]
        if not any(isinstance(cause, FindingCause) for cause in causes):
            causes += [cause for signal in self._context.fired(names.TRIGGER) for cause in signal.causes]
        return distinct(tuple(causes))

    def _contradicting(self) -> tuple[Cause, ...]:
        reports = (self._context.lead, *self._context.joined)
        sentences = {text for r in reports for conflict in r.reading.conflicts for text in conflict.sentences}
        return tuple(f for f in self._context.findings if f.finding.sentence in sentences)

    def _levels(self, card: LaneCard, signals: tuple[Signal, ...]) -> tuple[str, ...]:
        own = levels_of(cause for signal in signals for cause in signal.causes)
        if own and card.card_id not in _SITE_OF_CAUSE:
            return own
        trigger = levels_of(cause for signal in self._context.fired(names.TRIGGER) for cause in signal.causes)
        return levels_of(self._context.edema) or trigger or own

    def _references(self, card: LaneCard, signals: tuple[Signal, ...]) -> tuple[str, ...]:
        """References of the row and of the rules behind it; what only opened the evaluation supports no plan."""
        if card.evidence and card.card_id not in _GROUNDS:
            return card.evidence[:_MOST_REFERENCES]
        known = [reference for signal in signals for reference in self._evidence.get(signal.rule_id, ())]
        return tuple(dict.fromkeys((*card.evidence, *known)))[:_MOST_REFERENCES]

    def _params(self, card: LaneCard) -> Mapping[str, ParamValue]:
        params = self._nsaid_params(card)
        params["finding_word"] = finding_word(self._context)
        params |= self._outside_params()
        if card.lane is Lane.MALIGNANCY or card.card_id == "C03":
            params |= self._sins_params()
        params |= self._own_params(card.card_id)
        return MappingProxyType(params)

    def _own_params(self, card_id: str) -> dict[str, ParamValue]:
        """Values that the words of single cards need."""
        params: dict[str, ParamValue] = {}
        match card_id:
            case "C01":
                params = self._thinner_params()
            case "C12":
                params = self._culture_params()
            case "C14" | "C15":
                params = self._mask_params()
            case "C30" | "C31":
                params = self._fracture_params()
            case "C70":
                params = self._differential_params()
            case "C80":
                params = self._weeks_params()
            case "C81":
                params = self._course_params()
            case "C82":
                params = self._lab_date_params()
        return params

    def _thinner_params(self) -> dict[str, ParamValue]:
        thinners = self._thinners()
        return {"thinner": thinners} if thinners else {}

    def _outside_params(self) -> dict[str, ParamValue]:
        """Sentences on a suspicion outside the spine, to be quoted."""
        found = self._context.possible(FindingId.EXTRASPINAL_SUSPICION)
        return {"outside": tuple(dict.fromkeys(f.finding.sentence for f in found))} if found else {}

    def _nsaid_params(self, card: LaneCard) -> dict[str, ParamValue]:
        """Reason against an NSAID with the value behind it (eGFR); weeks are those of the complaint on these cards."""
        if card.card_id not in _NSAID_CARDS:
            return {}
        caution = nsaid_not_advised(self._context.facts, self._context.thresholds)
        if caution is None:
            return {}
        return {"reason": caution.reason, **{key: value for key, value in caution.params.items() if key != "weeks"}}

    def _sins_params(self) -> dict[str, ParamValue]:
        score = sins_of(self._context)
        return {"sins_min": score.at_least, "sins_missing": score.missing} if score else {}

    def _culture_params(self) -> dict[str, ParamValue]:
        grown = [
            cause.lab
            for signal in self._context.fired(names.CULTURE)
            for cause in signal.causes
            if isinstance(cause, LabCause)
        ]
        if not grown:
            return {}
        collected = grown[0].collected
        params: dict[str, ParamValue] = {"organism": grown[0].text} if grown[0].text else {}
        return params | ({"date": collected.date()} if collected else {})

    def _mask_params(self) -> dict[str, ParamValue]:
        drugs = [
            cause.medication.text
            for signal in self._context.fired(names.CRP_MASK)
            for cause in signal.causes
            if hasattr(cause, "medication")
        ]
        return {"mask": tuple(dict.fromkeys(drugs))} if drugs else {}

    def _fracture_params(self) -> dict[str, ParamValue]:
        """OF class: the one that the report gives, or a higher one that its description amounts to."""
        stated = (stated_of_class(f.finding.sentence) for f in fresh_fractures(self._context))
        of = max(filter(None, (of_class(fracture_features(self._context)), *stated)), default=None)
        return {"of": of} if of else {}

    def _differential_params(self) -> dict[str, ParamValue]:
        context = self._context
        named = [word for word, finding in _DIFFERENTIAL if context.possible(finding)]
        technique = context.technique
        sequences = (
            ("stir", technique.stir_or_fat_saturated),
            ("dwi", technique.diffusion),
            ("contrast", technique.contrast),
        )
        absent = tuple(word for word, done in sequences if done is False)
        params: dict[str, ParamValue] = {"ddx": tuple(dict.fromkeys(named))} if named else {}
        return params | ({"missing": absent} if absent else {})

    def _weeks_params(self) -> dict[str, ParamValue]:
        weeks = weeks_since_onset(self._context)
        return {"weeks": weeks} if weeks is not None else {}

    def _course_params(self) -> dict[str, ParamValue]:
        weeks = weeks_since_onset(self._context)
        course: dict[str, ParamValue] = {"course": self._state.course.value}
        return course | ({"onset_weeks": weeks} if weeks is not None else {})

    def _lab_date_params(self) -> dict[str, ParamValue]:
        days = [
            cause.lab.collected.date()
            for signal in self._context.fired(names.LAB)
            for cause in signal.causes
            if isinstance(cause, LabCause) and cause.lab.collected is not None
        ]
        return {"date": max(days)} if days else {}

    def _more_lines(self, card: LaneCard) -> tuple[str, ...]:
        """Lines that need more than the state: sickle-cell disease, a contiguous source, reasons against NSAID."""
        context = self._context
        lines: list[str] = []
        if card.lane is Lane.INFECTION and context.having(ConditionGroup.SICKLE_CELL):
            lines.append("sickle-cell")
        if card.card_id == "C01" and hematomas(context) and self._thinners():
            lines.append("hematoma-anticoagulant")
        if card.card_id == "C11" and context.stated(FindingId.PSOAS, FindingId.ABSCESS_PARASPINAL):
            lines.append("contiguous-source")
        if card.card_id in _NSAID_CARDS and nsaid_not_advised(context.facts, context.thresholds):
            lines.append("nsaid-not-advised")
        if card.card_id == "C80" and self._warns_of_falls() and not self._fewer_lines(card):
            lines.append("opioid-falls")
        return tuple(lines)

    def _warns_of_falls(self) -> bool:
        facts, limits = self._context.facts, self._context.thresholds
        return opioid_fall_caution(facts, limits, self._state.fracture) is not None

    def _thinners(self) -> tuple[str, ...]:
        """Anticoagulants that the patient takes, by the words of the chart."""
        return tuple(dict.fromkeys(m.text for m in self._context.taking(DrugGroup.ANTICOAGULANT) if m.text))

    def _fewer_lines(self, card: LaneCard) -> tuple[str, ...]:
        if card.card_id == "C01":
            return () if self._tumor_known() else ("oncology",)
        if card.card_id == "C80" and opioid_caution(self._context.facts, self._context.thresholds):
            return ("opioid",)
        return ()

    def _tumor_known(self) -> bool:
        """A cancer or plasma-cell disease in the history, or a tumour that the images show or may show."""
        seen = self._state.imaging_malignancy in {ImagingMalignancy.S, ImagingMalignancy.M}
        return seen or self._state.known_metastases or self._state.cancer_history is not CancerHistory.NONE


@remembered
def finding_word(context: RuleContext) -> str:
    """Word for the finding: edema only where it is reported, else a lesion of vertebra or sacrum."""
    if context.edema:
        return "edema"
    levels = levels_of(cause for signal in context.fired(names.TRIGGER) for cause in signal.causes)
    return "sacral_lesion" if is_sacral(levels) else "vertebral_lesion"


def fracture_features(context: RuleContext) -> FractureFeatures:
    """Stated features of the fracture for the OF class; what is not stated stays unknown."""
    broken = fresh_fractures(context)
    levels = levels_of(broken)
    lost = context.at(context.stated(FindingId.HEIGHT_LOSS, FindingId.DEFORMITY), levels)
    wall = context.at(context.stated(FindingId.RETROPULSION, FindingId.POSTERIOR_CONVEX), levels)
    no_wall = context.at(context.denied(FindingId.RETROPULSION), levels)
    burst = any(has(f, Qualifier.BURST) for f in broken)
    deformed = True if lost or wall or burst else None
    if deformed is None and (context.denied(FindingId.HEIGHT_LOSS) or not broken):
        deformed = False
    return FractureFeatures(
        deformity=deformed,
        posterior_wall_over_fifth=True if wall or burst else False if no_wall else None,
    )


def missing_facts(context: RuleContext, state: LaneState, card: LaneCard) -> tuple[str, ...]:
    """Ids of facts that are unknown and would change or sharpen the advice of this card."""
    person = context.facts.demographics
    window = context.thresholds.fever_hours.span
    infection = card.lane in {Lane.SAFETY, Lane.INFECTION}
    plan = card.lane in {Lane.BENIGN, Lane.PLAN}
    # Beside an open tumour question the card that would ask for markers may have given way.
    tumor = card.lane is Lane.MALIGNANCY
    checks = (
        ("crp_esr", (infection or plan or tumor) and state.labs is Labs.U and not state.esr_only),
        ("crp", infection and state.esr_only),
        ("temperature", infection and not context.within(window, Analyte.TEMPERATURE)),
        ("blood_culture", infection and not context.cultures(context.thresholds.culture_days.span)),
        ("contrast", infection and state.native_study),
        ("stir", plan and state.edema_on_plain_t2_only),
        ("onset", plan and state.time is TimeCourse.UNKNOWN),
        ("medications", infection and not context.facts.medications and state.mask is MarkerMask.NONE),
        ("level", not any(f.finding.levels for f in context.findings)),
        ("age", person.age is None),
        ("sex", person.sex is None and infection),
        ("report_date", context.lead.date is None),
    )
    return tuple(name for name, applies in checks if applies)


def _due(due: Due, limits: Thresholds) -> tuple[timedelta, timedelta]:
    spans: Mapping[Due, tuple[Parameter, Parameter]] = {
        Due.CRP_RECHECK_SOON: (limits.recheck_raised_days_from, limits.recheck_raised_days_to),
        Due.CRP_RECHECK: (limits.recheck_mask_days_from, limits.recheck_mask_days_to),
        Due.CRP_RECHECK_RISK: (limits.recheck_risk_days_from, limits.recheck_risk_days_to),
        Due.CULTURE_REPEAT: (limits.culture_repeat_hours_from, limits.culture_repeat_hours_to),
        Due.MRI_EARLY: (limits.early_mri_days_from, limits.early_mri_days_to),
        Due.MRI_FOLLOW_UP: (limits.follow_up_mri_days_from, limits.follow_up_mri_days_to),
        Due.VISIT: (limits.visit_days_from, limits.visit_days_to),
        Due.VISIT_EARLY: (limits.visit_days_from, limits.visit_days_from),
    }
    first, last = spans[due]
    return first.span, last.span


# Controls of the plan. The source (seed report, A20 and A21) counts them from the examination; counted from the call
# they would move away each time the chart is opened.
_FROM_EXAMINATION = frozenset({Due.VISIT, Due.VISIT_EARLY, Due.MRI_FOLLOW_UP})


def dated(draft: LaneDraft, context: RuleContext) -> Draft:
    """Draft order with its window in days; a draft that is due now has no window.

    Controls count from the examination. A window that has begun starts today; one that is over counts from today,
    since the plan begins no earlier than somebody reads it.
    """
    first: date | None = None
    last: date | None = None
    if draft.due is not Due.NOW:
        start, end = _due(draft.due, context.thresholds)
        examined = context.mri_day if draft.due in _FROM_EXAMINATION else None
        day = context.today if examined is None or examined + end < context.today else examined
        first, last = max(day + start, context.today), day + end
    return Draft(draft.kind, draft.priority, first, last, draft.quantity, draft.note)
