"""O-BX: spine biopsy: bleeding, antibiotics, proven organism, typical benign patterns, and what to send."""

from datetime import date, datetime

from cds_service.domain.assessment import LabCause, MedicationCause, ParamValue
from cds_service.domain.facts import LabValue, Medication
from cds_service.domain.state import Emergency, ImagingInfection, Inflammatory, Labs
from cds_service.domain.vocabulary import Analyte, DrugGroup, Indicator, OrderKind
from cds_service.rules.orders.chart import days_since, taken_since, within
from cds_service.rules.orders.coagulation import antithrombotics, coagulation, coagulation_unknown
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, OrderRow, OrderRule, Silence
from cds_service.rules.orders.words import TISSUE_REQUEST, mentions
from cds_service.rules.variables import BENIGN_LESION, CULTURE, DEG, INFL, MAL_IMG, MAL_LAB


def _last_day(context: OrderContext, drug: Medication) -> date | None:
    """Last known day of a drug: today while it runs, else its end, else its start."""
    return context.facts.as_of.date() if drug.running is not False else drug.end or drug.start


def recent_antibiotic(context: OrderContext) -> Answer:
    """Within 14 days of an antibiotic the yield may be lower; in a stable patient an interval is considered."""
    if context.state.emergency in {Emergency.SEPSIS, Emergency.NEURO}:
        return Silence("unstable: treatment is not stopped for a sample")
    drugs = taken_since(context.facts, context.thresholds.antibiotic_before_biopsy_days.span, DrugGroup.ANTIBIOTIC)
    if not drugs:
        return Silence("no antibiotic in the last 14 days is charted")
    days = [day for drug in drugs if (day := _last_day(context, drug)) is not None]
    params: dict[str, ParamValue] = {"date": max(days)}
    causes = tuple(MedicationCause(drug) for drug in drugs)
    return Advice(Indicator.INFO, "antibiotic in the last 14 days", "", params, causes)


def _proof(context: OrderContext) -> tuple[datetime, LabValue] | None:
    """The newest result that names an organism: blood when plausible, tissue, or Brucella serology."""
    facts, limit = context.facts, context.thresholds.culture_days.span
    sources = {Analyte.OTHER_CULTURE, Analyte.BRUCELLA} | ({Analyte.BLOOD_CULTURE} if context.state.culture else set())
    proofs = [
        (lab.collected, lab)
        for lab in facts.labs
        if lab.analyte in sources and lab.positive is True and lab.collected and within(facts, lab.collected, limit)
    ]
    return max(proofs, key=lambda pair: pair[0], default=None)


def organism_known(context: OrderContext) -> Answer:
    """With an organism proven by blood culture, tissue or serology a biopsy is usually unnecessary."""
    proof = _proof(context)
    if proof is None and not context.state.culture:
        return Silence("no organism is proven")
    if proof is None:
        return Advice(Indicator.INFO, "plausible organism in blood", causes=context.causes(CULTURE))
    day, lab = proof
    named = lab.text or ("Brucella" if lab.analyte is Analyte.BRUCELLA else "")
    params: dict[str, ParamValue] = {"source": lab.analyte.value, "date": day.date()}
    if named:
        params["organism"] = named
    return Advice(Indicator.INFO, "an organism is proven", "", params, (LabCause(lab),))


def typical_benign(context: OrderContext) -> Answer:
    """With certain degeneration, a CNO pattern with normal markers or a typical hemangioma the yield is low."""
    state = context.state
    typical = (
        state.degenerative_certain
        or (state.inflammatory is Inflammatory.CNO and state.labs is Labs.N)
        or state.benign_lesion
    )
    opened = context.infection_seen or state.labs is Labs.R or context.lane_shows("C11", "C12", "C14", "C20", "C21")
    if typical and not opened and state.imaging_infection < ImagingInfection.M:
        causes = context.causes(DEG, INFL, BENIGN_LESION)
        return Advice(Indicator.INFO, "typical benign or CNO pattern", causes=causes)
    return Silence("no typical benign pattern, or infection or a tumor is open")


def request_set(context: OrderContext) -> Answer:
    """A biopsy is sent for histology and for aerobic, anaerobic, mycobacterial and fungal culture."""
    others = " ".join(f"{order.text} {order.reason_text}" for order in context.facts.orders)
    if mentions(others, TISSUE_REQUEST):
        return Silence("histology or cultures are requested")
    drafts = context.note("histology-and-culture")
    return Advice(Indicator.INFO, "no histology or culture is requested", drafts=drafts, missing=("histology",))


def steroid_before_tissue(context: OrderContext) -> Answer:
    """A glucocorticoid started in the last seven days may hide lymphoma in the sample."""
    if not context.marrow_tumor_suspected:
        return Silence("no lymphoma, myeloma or unknown tumor is suspected")
    limit = context.thresholds.steroid_before_biopsy_days.span
    started = [
        drug
        for drug in taken_since(context.facts, limit, DrugGroup.GLUCOCORTICOID)
        if days_since(context.facts, drug.start) is None or within(context.facts, drug.start, limit)
    ]
    if started:
        causes = (*(MedicationCause(drug) for drug in started), *context.causes(MAL_IMG, MAL_LAB))
        return Advice(Indicator.WARNING, "glucocorticoid started within seven days", causes=causes)
    return Silence("no glucocorticoid was started in the last seven days")


ROW: OrderRow = OrderRow(
    "O-BX",
    frozenset({OrderKind.SPINE_BIOPSY}),
    (
        OrderRule("O-BX-a", "O-BX-coag", coagulation, ("R-SIR2019", "R-BSH2024")),
        OrderRule("O-BX-b", "O-BX-coag", antithrombotics, ("R-SIR2019", "R-BSH2024")),
        OrderRule("O-BX-c", "O-BX-abx", recent_antibiotic, ("R-MAAMARI2022", "R-MARSCHALL2011")),
        OrderRule("O-BX-d", "O-BX-known", organism_known, ("R-IDSA2015",)),
        OrderRule("O-BX-e", "O-BX-low", typical_benign, ("R-CNO2024", "R-HEMANGIOMA2017", "R-PATEL2014")),
        OrderRule("O-BX-g", "O-STEROID-a", steroid_before_tissue, ("R-NG234",)),
        # The hint that a value is missing comes after every statement about the patient, so that it hides none.
        OrderRule("O-BX-a2", "O-BX-coag", coagulation_unknown, ("R-SIR2019",)),
        OrderRule("O-BX-f", "O-BX-set", request_set, ("R-IDSA2015", "R-REPEATBX")),
    ),
)
