"""O-NSAID: who should not get an NSAID for vertebral pain, or only with care."""

from dataclasses import replace

from cds_service.domain.assessment import Draft, DraftKind, MedicationCause
from cds_service.domain.state import ImagingInfection
from cds_service.domain.vocabulary import ConditionGroup, DrugGroup, Indicator, OrderKind
from cds_service.rules.orders import cautions
from cds_service.rules.orders.cautions import Caution
from cds_service.rules.orders.chart import charted, drug_text, pregnant, taking
from cds_service.rules.orders.filtration import filtration
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, OrderRow, OrderRule, Silence
from cds_service.rules.orders.words import same_drug
from cds_service.rules.variables import IMG_INF


def _alternative(context: OrderContext) -> tuple[Draft, ...]:
    """Paracetamol, unless it is taken, drafted or not tolerated."""
    facts = context.facts
    barred = (
        taking(facts, DrugGroup.PARACETAMOL)
        or cautions.allergy(facts, DrugGroup.PARACETAMOL)
        or charted(facts, ConditionGroup.LIVER_FAILURE)
    )
    return () if barred else (Draft(DraftKind.ANALGESIC_PARACETAMOL),)


def _replacement(context: OrderContext) -> tuple[Draft, ...]:
    """Paracetamol in the place of this order; beside it where only words, no code, say what the order is."""
    targets = [draft.target for draft in context.removal()]
    return tuple(replace(draft, target=target) for draft in _alternative(context) for target in targets or [None])


def _advice(context: OrderContext, caution: Caution, why: str) -> Advice:
    drafts = () if caution.indicator is Indicator.INFO else _replacement(context)
    return Advice(caution.indicator, why, caution.reason, caution.params, caution.causes, drafts)


def pregnancy(context: OrderContext) -> Answer:
    """From week 20 of pregnancy, or in an unknown week, an NSAID is avoided; from week 28 it is contraindicated."""
    caution = cautions.nsaid_in_pregnancy(context.facts, context.thresholds)
    if caution is not None:
        return _advice(context, caution, "pregnancy from week 20 or of unknown week")
    unknown = pregnant(context.facts) is None
    return Silence("no pregnancy from week 20 is known", ("pregnancy",) if unknown else ())


def kidney_failure(context: OrderContext) -> Answer:
    """With an eGFR below 30, dialysis or acute kidney injury an NSAID is avoided."""
    caution = cautions.kidney_failure(context.facts, context.thresholds)
    if caution is not None:
        return _advice(context, caution, "eGFR below 30, dialysis or acute kidney injury")
    current = filtration(context.facts, context.thresholds.kidney_labs_days.span)
    return Silence("no severe kidney impairment is known", () if current else ("egfr",))


def bleeding_risk(context: OrderContext) -> Answer:
    """After a recent ulcer or bleeding, or under anticoagulation or dual antiplatelet therapy, avoid or add a PPI."""
    caution = cautions.bleeding_risk(context.facts, context.thresholds)
    if caution is not None:
        return _advice(context, caution, "ulcer or bleeding in the last 12 months, or antithrombotic drugs")
    return Silence("no bleeding risk is charted")


def heart_failure(context: OrderContext) -> Answer:
    """In heart failure an NSAID is avoided."""
    caution = cautions.heart_failure(context.facts)
    return _advice(context, caution, "heart failure") if caution else Silence("no heart failure is charted")


def kidney_reduced(context: OrderContext) -> Answer:
    """With an eGFR from 30 to 59 an NSAID is kept short, with a check of kidney function."""
    caution = cautions.kidney_reduced(context.facts, context.thresholds)
    if caution is not None:
        return _advice(context, caution, "eGFR from 30 to 59, or kidney disease without a current eGFR")
    current = filtration(context.facts, context.thresholds.kidney_labs_days.span)
    return Silence("no reduced kidney function is known", () if current else ("egfr",))


def old_age(context: OrderContext) -> Answer:
    """From age 75, or from 65 with an ulcer history, a glucocorticoid or an SSRI, the bleeding risk is raised."""
    facts, numbers, age = context.facts, context.thresholds, context.facts.demographics.age
    if age is None:
        return Silence("the age is unknown", ("age",))
    risks = (
        *charted(facts, ConditionGroup.PEPTIC_ULCER_GI_BLEED),
        *taking(facts, DrugGroup.GLUCOCORTICOID, DrugGroup.SSRI_SNRI),
    )
    if age >= numbers.nsaid_age.value or (age >= numbers.nsaid_age_with_risk.value and risks):
        return Advice(Indicator.INFO, "age with bleeding risk", "age", {"age": age}, risks)
    return Silence("age and other risks do not raise the bleeding risk")


def triple_whammy(context: OrderContext) -> Answer:
    """Together with an ACE inhibitor or ARB and a diuretic an NSAID may cause kidney injury."""
    blockers, diuretics = context.others_taken(DrugGroup.ACE_ARB), context.others_taken(DrugGroup.DIURETIC)
    if blockers and diuretics:
        return Advice(Indicator.INFO, "ACE inhibitor or ARB and diuretic", "triple-whammy", {}, (*blockers, *diuretics))
    return Silence("no ACE inhibitor or ARB together with a diuretic")


def intolerance(context: OrderContext) -> Answer:
    """With an allergy or intolerance to NSAID, aspirin-exacerbated airway disease included, none is given."""
    caution = cautions.nsaid_allergy(context.facts)
    return _advice(context, caution, "NSAID allergy") if caution else Silence("no NSAID allergy is charted")


def second_nsaid(context: OrderContext) -> Answer:
    """Two NSAIDs together add harm and no relief."""
    facts, order = context.facts, context.order
    running = tuple(
        cause for cause in taking(facts, DrugGroup.NSAID, besides=order) if not same_drug(order.text, drug_text(cause))
    )
    if running:
        # Of two drafts the clinician keeps one; the service does not say which.
        removal = context.removal() if any(isinstance(cause, MedicationCause) for cause in running) else ()
        drafts = (*removal, *_alternative(context))
        return Advice(Indicator.WARNING, "another NSAID is taken or drafted", "second-nsaid", {}, running, drafts)
    return Silence("no other NSAID is taken or drafted")


def masked_fever(context: OrderContext) -> Answer:
    """When imaging suggests infection an NSAID may hide fever; the work-up is not delayed."""
    if context.state.imaging_infection >= ImagingInfection.M:
        causes = context.causes(IMG_INF)
        return Advice(Indicator.INFO, "imaging suggests infection", "infection-fever", {}, causes)
    return Silence("imaging does not suggest infection")


ROW: OrderRow = OrderRow(
    "O-NSAID",
    frozenset({OrderKind.NSAID}),
    (
        OrderRule("O-NSAID-a", "O-NSAID", pregnancy, ("R-FDANSAID2020",)),
        OrderRule("O-NSAID-b", "O-NSAID", kidney_failure, ("R-KDIGO2024",)),
        OrderRule("O-NSAID-c", "O-NSAID", bleeding_risk, ("R-BEERS2023",)),
        OrderRule("O-NSAID-d", "O-NSAID", heart_failure, ("R-BEERS2023",)),
        OrderRule("O-NSAID-e", "O-NSAID", kidney_reduced, ("R-KDIGO2024",)),
        OrderRule("O-NSAID-f", "O-NSAID", old_age, ("R-BEERS2023",)),
        OrderRule("O-NSAID-g", "O-NSAID", triple_whammy, ("R-KDIGO2024",)),
        OrderRule("O-NSAID-h", "O-NSAID", intolerance, ("R-NG59",)),
        OrderRule("O-NSAID-i", "O-NSAID", second_nsaid, ("R-NG59",)),
        OrderRule("O-NSAID-j", "O-NSAID", masked_fever, ("R-IDSA2015",)),
    ),
)
