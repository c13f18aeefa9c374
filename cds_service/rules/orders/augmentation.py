"""O-VP: cement augmentation of a vertebra needs infection excluded, the tumor question answered and a fracture."""

from cds_service.domain.assessment import Draft, DraftKind, Priority
from cds_service.domain.state import Emergency, Fracture, ImagingInfection, Labs, MarkerMask, TimeCourse
from cds_service.domain.vocabulary import Analyte, DrugGroup, Indicator, OrderKind
from cds_service.rules.orders.chart import newest, taking
from cds_service.rules.orders.coagulation import antithrombotics, coagulation
from cds_service.rules.orders.masking import masking_drugs
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, OrderRow, OrderRule, Silence, Window
from cds_service.rules.variables import (
    ABSCESS,
    CLIN_INF,
    CRP_MASK,
    CULTURE,
    EMERG,
    IMG_INF,
    KNOWN_INF,
    LAB,
    MAL_CLIN,
    MAL_HIST,
    MAL_IMG,
    MAL_LAB,
)

_ANALGESICS = (DrugGroup.NSAID, DrugGroup.OPIOID, DrugGroup.PARACETAMOL, DrugGroup.METAMIZOLE)
_UNSTABLE = frozenset({Emergency.UNSTABLE, Emergency.UNSTABLE_CANAL})


def _unless_known(labs: Labs) -> tuple[str, ...]:
    return ("crp_esr",) if labs is Labs.U else ()


def infection_open(context: OrderContext) -> Answer:
    """Cement is contraindicated while imaging, signs, a culture or raised markers leave infection open."""
    state = context.state
    if not (context.infection_seen or state.known_infection or state.labs is Labs.R):
        return Silence("no sign of infection in images, signs, cultures or markers", _unless_known(state.labs))
    tissue = (Draft(DraftKind.SPINE_BIOPSY),) if state.imaging_infection >= ImagingInfection.M else ()
    contrast = () if state.whole_spine_contrast_done else (Draft(DraftKind.MRI_WHOLE_SPINE_CONTRAST, Priority.URGENT),)
    drafts = (
        *(context.markers() if state.labs is Labs.U or state.esr_only else ()),
        *context.cultures(),
        *context.offer(*contrast, *tissue),
    )
    causes = context.causes(IMG_INF, ABSCESS, CLIN_INF, CULTURE, LAB, KNOWN_INF)
    return Advice(Indicator.CRITICAL, "infection is not excluded", causes=causes, drafts=drafts)


def markers_missing(context: OrderContext) -> Answer:
    """Without a trustworthy CRP of the last 14 days infection is not excluded and the procedure waits."""
    facts, state = context.facts, context.state
    masked = state.mask is not MarkerMask.NONE
    current = newest(facts, Analyte.CRP, context.thresholds.labs_augmentation_days.span)
    if state.labs is not Labs.U and current is not None and not masked:
        return Silence("a current CRP is known and no drug masks it")
    drugs = masking_drugs(context) if masked else ()
    missing = () if current else ("crp_esr",)
    return Advice(
        Indicator.WARNING,
        "no trustworthy CRP of the last 14 days",
        params={"mask": drugs} if drugs else {},
        causes=context.causes(CRP_MASK),
        drafts=context.markers(),
        missing=missing,
    )


def tumor_open(context: OrderContext) -> Answer:
    """While a tumor is not clarified a biopsy and oncology come first or with the procedure."""
    if context.lane_shows("C20", "C21"):
        drafts = context.offer(Draft(DraftKind.SPINE_BIOPSY), Draft(DraftKind.ONCOLOGY_REFERRAL))
        causes = context.causes(MAL_IMG, MAL_HIST, MAL_LAB, MAL_CLIN)
        return Advice(Indicator.WARNING, "a tumor is not clarified", causes=causes, drafts=drafts)
    return Silence("no open tumor question")


def no_fracture(context: OrderContext) -> Answer:
    """Edema without fracture, Modic change included, is no accepted indication."""
    # Cement of a painful proven metastasis is a decision of spinal oncology and needs no fracture.
    if context.state.fracture is Fracture.NONE and not context.state.known_metastases:
        return Advice(Indicator.WARNING, "no fracture is reported")
    return Silence("a fracture or known metastasis is reported")


def surgical_opinion(context: OrderContext) -> Answer:
    """With a neurological deficit, compression or instability a spine surgeon decides first."""
    emergency = context.state.emergency
    referral = context.offer(Draft(DraftKind.SPINE_SURGERY_REFERRAL, Priority.STAT))
    causes = context.causes(EMERG)
    if emergency in {Emergency.NEURO, Emergency.NEURO_WARNING}:
        return Advice(Indicator.CRITICAL, "neurology is open", causes=causes, drafts=referral, text_id="C01")
    if emergency in _UNSTABLE:
        return Advice(Indicator.CRITICAL, "the spine may be unstable", causes=causes, drafts=referral)
    return Silence("no neurology and no instability is known")


def early_or_untreated(context: OrderContext) -> Answer:
    """Before six weeks of pain or without an analgesic trial the evidence is thinnest; trials conflict."""
    untreated = not taking(context.facts, *_ANALGESICS, besides=context.order)
    if context.state.time is TimeCourse.NEW or untreated:
        why = "pain for less than six weeks, or no analgesic trial is documented"
        return Advice(Indicator.INFO, why, missing=("onset",) if context.state.time is TimeCourse.UNKNOWN else ())
    return Silence("pain for six weeks or more, or unknown, and analgesics are documented")


def check_list(_context: OrderContext) -> Answer:
    """Otherwise: pain at the level, edema or cleft on MRI, bone-health treatment started, shared decision."""
    return Advice(Indicator.INFO, "nothing speaks against discussing it")


ROW: OrderRow = OrderRow(
    "O-VP",
    frozenset({OrderKind.VERTEBRAL_AUGMENTATION}),
    (
        OrderRule("O-VP-a", "O-VP-a", infection_open, ("R-CIRSE2017",)),
        OrderRule("O-VP-b", "O-VP-b", markers_missing, ("R-CIRSE2017", "R-DAVIS2020")),
        OrderRule("O-VP-c", "O-VP-c", tumor_open, ("R-CIRSE2017", "R-SINS2010")),
        OrderRule("O-VP-d", "O-VP-d", no_fracture, ("R-CIRSE2017", "R-ACRVCF2022")),
        OrderRule("O-VP-e", "O-BX-coag", coagulation, ("R-SIR2019", "R-BSH2024")),
        OrderRule("O-VP-e2", "O-BX-coag", antithrombotics, ("R-SIR2019", "R-BSH2024")),
        OrderRule("O-VP-f", "C03", surgical_opinion, ("R-CIRSE2017", "R-OF2018")),
        OrderRule("O-VP-g", "O-VP-g", early_or_untreated, ("R-COCHRANE2018", "R-VAPOUR2016", "R-VERTOS4")),
        OrderRule("O-VP-h", "O-VP-g", check_list, ("R-COCHRANE2018", "R-ASBMR2019")),
    ),
    Window.AUGMENTATION,
)
