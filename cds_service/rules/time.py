"""How long the complaint has lasted, how it develops, and whether severe pain persists."""

from datetime import date, timedelta

from cds_service.domain.assessment import Cause, FindingCause, Pathway, Signal
from cds_service.domain.facts import Report
from cds_service.domain.vocabulary import Analyte, ConditionGroup, FindingId, Qualifier, Trend
from cds_service.rules.compared import compared_days
from cds_service.rules.context import EDEMA, RuleContext, has, items, labs, levels_of, remembered
from cds_service.rules.history import HistoryItem
from cds_service.rules.levels import touches
from cds_service.rules.measured import at_least
from cds_service.rules.polarity import Weight, weight
from cds_service.rules.reports import as_causes, covers_region
from cds_service.rules.rule import Outcome, Rule, fired, quiet, rule, when
from cds_service.rules.variables import COURSE, SEVERE_PERSISTING, TIME

_TIME = Pathway.TIME
NEW, SUBACUTE, PERSISTENT = "new", "sub", "pers"
BETTER, SAME, WORSE = "better", "same", "worse"
# Pain wins over images; images speak only where no pain course is known.
_BY_IMAGES = "images-"
_DAYS_PER_WEEK = 7
_ACTIVE = (
    *EDEMA,
    FindingId.MODIC1,
    FindingId.FRACTURE,
    FindingId.FRACTURE_LINE,
    FindingId.HEIGHT_LOSS,
    FindingId.INFECTION_STATED,
    FindingId.ABSCESS_EPIDURAL,
    FindingId.ABSCESS_PARASPINAL,
    FindingId.PARAVERTEBRAL_EDEMA,
    FindingId.PSOAS,
    FindingId.DISC_FLUID,
    FindingId.ENDPLATE_EROSION,
    FindingId.SOFT_MASS,
)
# What a later examination shows in vertebrae that an earlier one of the same place did not: the disease spreads.
_SPREADING = (*EDEMA, FindingId.FRACTURE, FindingId.FRACTURE_LINE, FindingId.INFECTION_STATED)
_COMPARED = frozenset({Trend.SAME, Trend.WORSE, Trend.BETTER})


def onset(context: RuleContext) -> date | None:
    """Earliest known day of the complaint or of edema on images; ``None`` when nothing tells."""
    days = [day for day, _ in (*_complaints(context), *_images(context))]
    return min(days, default=None)


def weeks_since_onset(context: RuleContext) -> int | None:
    """Whole weeks since :func:`onset`."""
    days = context.days_since(onset(context))
    return None if days is None else max(days, 0) // _DAYS_PER_WEEK


@remembered
def _complaints(context: RuleContext) -> tuple[tuple[date, tuple[Cause, ...]], ...]:
    pains = context.having(ConditionGroup.BACK_PAIN)
    found = [(i.started, items([i])) for i in pains if i.started is not None and i.started <= context.today]
    told = [
        (report.date.date() - timedelta(days=report.reading.onset_days), ())
        for report in (context.lead, *context.joined)
        if report.date is not None and report.reading.onset_days is not None
    ]
    return (*found, *told)


@remembered
def _images(context: RuleContext) -> tuple[tuple[date, tuple[Cause, ...]], ...]:
    found: list[tuple[date, tuple[Cause, ...]]] = []
    for report in (context.lead, *context.joined, *context.earlier):
        if report.date is None:
            continue
        examined = report.date.date()
        edema = _edema_of(report)
        found += [(examined, edema)] if edema else []
        # "Unchanged compared with 12.03.2026" tells that the edema was there on that day, even without that report.
        for cause in edema:
            if cause.finding.trend in _COMPARED:
                found += [(day, (cause,)) for day in compared_days(cause.finding.sentence, examined)]
    return tuple(found)


def _edema_of(report: Report) -> tuple[FindingCause, ...]:
    return tuple([f for f in as_causes(report, EDEMA) if weight(f.finding) >= Weight.POSSIBLE])


def _class(context: RuleContext, day: date) -> str:
    weeks = (context.today - day).days / _DAYS_PER_WEEK
    limits = context.thresholds
    if weeks < limits.weeks_new_below.value:
        return NEW
    return PERSISTENT if weeks > limits.weeks_persistent_above.value else SUBACUTE


@rule("TIME-COMPLAINT", _TIME, TIME, "R-ACRLBP2021")
def complaint(context: RuleContext) -> Outcome:
    """The onset of back pain is charted or stated in the report."""
    known = _complaints(context)
    if not known:
        return quiet("no onset is known", "onset")
    day, causes = min(known, key=lambda pair: pair[0])
    return fired(_class(context, day), causes, f"complaint for {(context.today - day).days} days")


@rule("TIME-FIRST-IMAGE", _TIME, TIME, "R-NAGAO2025")
def first_image(context: RuleContext) -> Outcome:
    """Edema was first imaged on a known day."""
    known = _images(context)
    if not known:
        return quiet("no dated report shows edema", "report_date")
    day, causes = min(known, key=lambda pair: pair[0])
    return fired(_class(context, day), causes, f"edema known for {(context.today - day).days} days")


def combine_time(context: RuleContext, signals: tuple[Signal, ...]) -> tuple[str, tuple[Signal, ...]]:
    """The longest duration that is known. A fresh image alone says nothing about when the complaint began."""
    del context
    spoken = [s for s in signals if s.value != NEW or s.rule_id == complaint.id]
    for value in (PERSISTENT, SUBACUTE, NEW):
        chosen = tuple(s for s in spoken if s.value == value)
        if chosen:
            return value, chosen
    return "u", ()


def _counting_pain(context: RuleContext, *groups: ConditionGroup) -> tuple[HistoryItem, ...]:
    """Pain courses after an earlier examination: on a first report there is nothing yet that could have failed."""
    found = context.having(*groups)
    if not found or context.earlier:
        return found
    day = context.mri_day
    return tuple(i for i in found if i.charted and day and (i.started or i.recorded or date.min) >= day)


@rule("COURSE-PAIN-WORSE", _TIME, COURSE, "R-ACRLBP2021")
def pain_worse(context: RuleContext) -> Outcome:
    """Pain becomes worse, also where the first report says so: a plan must not be the answer to that."""
    told = [i for i in context.having(ConditionGroup.PAIN_WORSE) if not i.charted]
    found = dict.fromkeys((*_counting_pain(context, ConditionGroup.PAIN_WORSE), *told))
    return when(WORSE, items(found), "pain is worse", "not called worse")


@rule("COURSE-PAIN-SAME", _TIME, COURSE, "R-ACRLBP2021")
def pain_same(context: RuleContext) -> Outcome:
    """Pain did not change after an earlier examination."""
    return when(SAME, items(_counting_pain(context, ConditionGroup.PAIN_SAME)), "pain is unchanged", "not so called")


@rule("COURSE-PAIN-BETTER", _TIME, COURSE, "R-NAGAO2025")
def pain_better(context: RuleContext) -> Outcome:
    """Pain became less, or the patient has no complaints, after an earlier examination."""
    found = _counting_pain(context, ConditionGroup.PAIN_BETTER, ConditionGroup.NO_SYMPTOMS)
    return when(BETTER, items(found), "pain is less", "not called better")


@rule("COURSE-SCORE", _TIME, COURSE, "R-ACRLBP2021")
def pain_score(context: RuleContext) -> Outcome:
    """Pain scores at least a week apart differ by two points or more, or stay the same."""
    scores = [
        (lab.collected, lab.value, lab)
        for lab in context.results(Analyte.PAIN_SCORE)
        if lab.value is not None and lab.collected is not None
    ]
    if len(scores) < _PAIR:
        return quiet("fewer than two pain scores", "pain")
    (newest, now, newer), (oldest, before, older) = scores[0], scores[-1]
    if (newest - oldest).days < _DAYS_PER_WEEK:
        return quiet("the pain scores are less than a week apart", "pain")
    change, step = now - before, context.thresholds.pain_score_change.value
    value = WORSE if change >= step else BETTER if change <= -step else SAME
    return fired(value, labs(newer, older), f"pain score {value}")


_PAIR = 2
_BY_TREND = {Trend.WORSE: WORSE, Trend.SAME: SAME, Trend.BETTER: BETTER}


@rule("COURSE-IMAGES", _TIME, COURSE, "R-NAGAO2025")
def image_course(context: RuleContext) -> Outcome:
    """The report calls edema, fracture or infection increasing, unchanged or decreasing."""
    found = [f for f in context.possible(*_ACTIVE) if f.finding.trend in _BY_TREND]
    for trend in (Trend.WORSE, Trend.SAME, Trend.BETTER):
        chosen = [f for f in found if f.finding.trend is trend]
        if chosen:
            return fired(_BY_IMAGES + _BY_TREND[trend], chosen, f"images {_BY_TREND[trend]}")
    return quiet("no change over time is stated", "prior_images")


def _follow_up(context: RuleContext) -> Report | None:
    """Newest earlier examination that showed all of the region that the leading one shows."""
    return next((r for r in context.earlier if covers_region(r.region, context.lead.region)), None)


@rule("COURSE-NEW-LEVEL", _TIME, COURSE, "R-NAGAO2025")
def new_level(context: RuleContext) -> Outcome:
    """Edema, fracture or infection lies apart from every vertebra that an earlier examination found affected."""
    before = _follow_up(context)
    known = levels_of(_affected(before)) if before else ()
    if not known:
        return quiet("no earlier examination names affected levels", "prior_images")
    now = (f for f in _affected(context.lead) if f.finding.levels)
    apart = tuple(f for f in now if not touches(f.finding.levels, known, gap=1))
    return when(_BY_IMAGES + WORSE, apart, "new levels are affected", "no new level is affected")


@rule("COURSE-STILL-THERE", _TIME, COURSE, "R-NAGAO2025")
def still_there(context: RuleContext) -> Outcome:
    """Edema of an examination six weeks or more before is still shown at its level and not called less."""
    before, span = _follow_up(context), context.thresholds.follow_up_mri_days_from.span
    if before is None or before.date is None or context.lead.date is None or context.lead.date - before.date < span:
        return quiet("no examination six weeks or more before is known", "prior_images")
    known = levels_of(_edema_of(before))
    now = [f for f in _edema_of(context.lead) if f.finding.trend is not Trend.BETTER and f.finding.levels]
    same = tuple(f for f in now if known and touches(f.finding.levels, known))
    return when(_BY_IMAGES + SAME, same, "the edema is still there", "no edema at an earlier level")


def _affected(report: Report) -> tuple[FindingCause, ...]:
    found = as_causes(report, _SPREADING)
    return tuple([f for f in found if weight(f.finding) is Weight.PRESENT and not has(f, Qualifier.OLD)])


def combine_course(context: RuleContext, signals: tuple[Signal, ...]) -> tuple[str, tuple[Signal, ...]]:
    """Pain before images; of differing pain statements the worse one."""
    del context
    for prefix in ("", _BY_IMAGES):
        for value in (WORSE, SAME, BETTER):
            chosen = tuple(s for s in signals if s.value == prefix + value)
            if chosen:
                return value, chosen
    return "u", ()


@rule("SEVERE-PERSISTING", _TIME, SEVERE_PERSISTING, "R-ACRLBP2021")
def severe_persisting(context: RuleContext) -> Outcome:
    """Severe pain goes on: scores of 7 or more two weeks apart, or severe pain that did not improve."""
    limits = context.thresholds
    severe = [s for s in context.results(Analyte.PAIN_SCORE) if at_least(s, limits.severe_pain_score.value)]
    dated = [s.collected for s in severe if s.collected is not None]
    if dated and max(dated) - min(dated) >= limits.pain_chart_days.span:
        return fired("1", labs(severe[0], severe[-1]), "severe scores over two weeks")
    charted = context.having(ConditionGroup.SEVERE_PAIN)
    unchanged = context.value(COURSE) in {SAME, WORSE}
    found = (*items(charted), *labs(*severe[:1])) if unchanged else ()
    return when("1", found, "severe pain without improvement", "no severe pain that goes on")


RULES: tuple[Rule, ...] = (
    complaint,
    first_image,
    pain_worse,
    pain_same,
    pain_better,
    pain_score,
    image_course,
    new_level,
    still_there,
    severe_persisting,
)
