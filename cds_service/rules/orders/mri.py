"""O-MRI: implants, repeats without a question, and pregnancy."""

from cds_service.domain.facts import Report
from cds_service.domain.state import ClinicalInfection, Course, Emergency, ImagingInfection
from cds_service.domain.vocabulary import ConditionGroup, Indicator, OrderKind, Status, Trend
from cds_service.rules.orders import cautions
from cds_service.rules.orders.chart import charted, pregnant, spine_mri, within
from cds_service.rules.orders.order_rule import Advice, Answer, OrderContext, OrderRow, OrderRule, Silence
from cds_service.rules.orders.words import another_region


def implant(context: OrderContext) -> Answer:
    """With a pacemaker, defibrillator, neurostimulator, cochlear implant or aneurysm clip MR conditions are checked."""
    devices = cautions.mr_hazards(context.facts)
    if devices:
        text = ", ".join(dict.fromkeys(device.text for device in devices if device.text))
        params = {"device": text} if text else {}
        return Advice(Indicator.WARNING, "an implant that may not be MR safe is charted", "", params, devices)
    return Silence("no such implant is charted")


def _recent(context: OrderContext) -> Report | None:
    """The newest spine MRI of the last 14 days that showed what is ordered now."""
    order, limit = context.order, context.thresholds.mri_duplicate_days.span
    wanted = f"{order.text} {order.body_text}"
    for report in spine_mri(context.facts):
        if within(context.facts, report.date, limit) and not another_region(wanted, report.region):
            return report
    return None


def _changed(report: Report) -> bool:
    return any(
        finding.status in {Status.PRESENT, Status.POSSIBLE} and finding.trend in {Trend.NEW, Trend.WORSE}
        for finding in (*report.reading.findings, *report.coded)
    )


def repeated(context: OrderContext) -> Answer:
    """A spine MRI within 14 days of the last, with improvement and no new finding, rarely adds anything."""
    state, report = context.state, _recent(context)
    if report is None or report.date is None:
        return Silence("no spine MRI of the same region in the last 14 days")
    open_question = (
        state.emergency is not Emergency.NONE
        or state.imaging_infection >= ImagingInfection.M
        or state.clinical_infection is ClinicalInfection.SIGN
        or state.course is not Course.BETTER
        or _changed(report)
        # The contrast series that is missing is no repeat.
        or (state.native_study and OrderKind.MRI_CONTRAST in context.order.kinds)
    )
    if open_question:
        missing = ("course",) if state.course is Course.UNKNOWN else ()
        return Silence("the course is not known to be better, or a question is open", missing)
    params = {"date": report.date.date()}
    return Advice(Indicator.INFO, "improving after a recent MRI", "", params, drafts=context.removal())


def pregnancy(context: OrderContext) -> Answer:
    """In pregnancy MRI is done without contrast."""
    if OrderKind.MRI_CONTRAST in context.order.kinds:
        return Silence("the contrast rule speaks of pregnancy")
    known = pregnant(context.facts)
    if known:
        causes = charted(context.facts, ConditionGroup.PREGNANCY)
        return Advice(Indicator.INFO, "pregnancy", "pregnancy", causes=causes)
    return Silence("no pregnancy is known", ("pregnancy",) if known is None else ())


ROW: OrderRow = OrderRow(
    "O-MRI",
    frozenset({OrderKind.MRI_SPINE, OrderKind.MRI_CONTRAST, OrderKind.MRI_ANY}),
    (
        OrderRule("O-MRI-a", "O-MRI-device", implant, ("R-HRS2017",)),
        OrderRule("O-MRI-b", "O-MRI-dup", repeated, ("R-ACRSSI2021",)),
        OrderRule("O-MRI-c", "O-MRI-preg", pregnancy, ("R-ACRSSI2021",)),
    ),
)
