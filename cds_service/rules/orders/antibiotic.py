"""O-ABX: when an antibiotic waits for samples, when it must not wait, and when it is not indicated."""

from cds_service.domain.assessment import Draft, DraftKind, LabCause, Priority
from cds_service.domain.state import ClinicalInfection, Emergency, ImagingInfection, Labs
from cds_service.domain.vocabulary import Analyte, Indicator, OrderKind
from cds_service.rules.measured import below
from cds_service.rules.orders.chart import newest, seen, within
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, OrderRow, OrderRule, Silence
from cds_service.rules.orders.words import BACK_PAIN, mentions
from cds_service.rules.variables import CLIN_INF, DEG, EMERG, IMG_INF, LAB


def _infection_suspected(context: OrderContext) -> bool:
    return context.infection_seen or context.lane_shows("C11", "C14")


def _hypotension(context: OrderContext) -> tuple[LabCause, ...]:
    """Low systolic pressure of the last day: not stable, even where a second sign of sepsis is not charted."""
    numbers = context.thresholds
    pressure = newest(context.facts, Analyte.SYSTOLIC_PRESSURE, numbers.vitals_hours.span)
    low = pressure is not None and below(pressure, numbers.sepsis_systolic_pressure.value)
    return seen(pressure) if low else ()


def _unstable(context: OrderContext) -> bool:
    return context.state.emergency in {Emergency.SEPSIS, Emergency.NEURO} or bool(_hypotension(context))


_VITAL_SIGNS = (Analyte.SYSTOLIC_PRESSURE, Analyte.HEART_RATE, Analyte.RESPIRATORY_RATE)


def _unknown_stability(context: OrderContext) -> tuple[str, ...]:
    """Vital signs of the last day that are not charted: without them nobody can call the patient stable."""
    window = context.thresholds.vitals_hours.span
    signs = any(newest(context.facts, sign, window) for sign in _VITAL_SIGNS)
    warm = newest(context.facts, Analyte.TEMPERATURE, window)
    return (*(() if signs else ("vital_signs",)), *(() if warm else ("temperature",)))


def _organism_known(context: OrderContext) -> bool:
    """A plausible pathogen in blood, or any organism in tissue, in the last 90 days."""
    facts, limit = context.facts, context.thresholds.culture_days.span
    return context.state.culture or any(
        lab.analyte is Analyte.OTHER_CULTURE and lab.positive is True and within(facts, lab.collected, limit)
        for lab in facts.labs
    )


def start_now(context: OrderContext) -> Answer:
    """In sepsis or with a deficit antibiotics start right after two blood-culture sets and do not wait for biopsy."""
    if not (_unstable(context) and _infection_suspected(context)):
        return Silence("stable, or no spine infection is suspected")
    drafts = (
        *context.cultures(Priority.STAT),
        Draft(DraftKind.INFECTIOUS_DISEASE_REFERRAL, Priority.STAT),
        *context.offer(Draft(DraftKind.SPINE_SURGERY_REFERRAL, Priority.STAT)),
    )
    causes = (*context.causes(EMERG, IMG_INF, CLIN_INF), *_hypotension(context))
    return Advice(Indicator.INFO, "unstable with suspected spine infection", causes=causes, drafts=drafts)


def sample_first(context: OrderContext) -> Answer:
    """In a stable patient with suspected spine infection cultures and biopsy come before the first dose."""
    state = context.state
    suspected = state.imaging_infection >= ImagingInfection.M or context.lane_shows("C11", "C14")
    if not suspected:
        return Silence("no spine infection is suspected")
    if _unstable(context):
        return Silence("unstable: antibiotics do not wait for samples")
    if _organism_known(context) or state.known_infection:
        return Silence("the organism is known or the infection is under treatment")
    drafts = (*context.cultures(), *context.offer(Draft(DraftKind.SPINE_BIOPSY, Priority.URGENT)))
    causes = context.causes(IMG_INF, CLIN_INF, LAB)
    why = "not known to be unstable, spine infection suspected, no organism known in the last 90 days"
    return Advice(Indicator.WARNING, why, causes=causes, drafts=drafts, missing=_unknown_stability(context))


def modic_pain(context: OrderContext) -> Answer:
    """For back pain with Modic change and no sign of infection antibiotics showed no relevant benefit."""
    state, order = context.state, context.order
    quiet = (
        state.imaging_infection is ImagingInfection.N
        and state.clinical_infection is not ClinicalInfection.SIGN
        and state.labs is not Labs.R
        and not _organism_known(context)
    )
    if not (state.degenerative_certain and quiet):
        return Silence("no certain degenerative pattern, or infection is open")
    # The reason stands in its own field or in the words of the order.
    if mentions(f"{order.text} {order.reason_text}", BACK_PAIN):
        return Advice(Indicator.WARNING, "antibiotic for back pain with Modic change", causes=context.causes(DEG))
    if not order.reason_text:
        return Silence("the order states no reason", ("indication",))
    return Silence("the order states another reason")


ROW: OrderRow = OrderRow(
    "O-ABX",
    frozenset({OrderKind.ANTIBIOTIC}),
    (
        OrderRule("O-ABX-a", "O-ABX-a", start_now, ("R-IDSA2015", "R-SPILF2023")),
        OrderRule(
            "O-ABX-b", "O-ABX-b", sample_first, ("R-IDSA2015", "R-SPILF2023", "R-MAAMARI2022", "R-MARSCHALL2011")
        ),
        OrderRule("O-ABX-d", "O-ABX-d", modic_pain, ("R-AIM2019", "R-ALBERT2013")),
    ),
)
