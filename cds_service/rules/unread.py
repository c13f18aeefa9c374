"""Reports that could not be used: what is said where silence would read as all-clear, and the gaps that cards name."""

from collections.abc import Iterable

from cds_service.domain.assessment import ParamValue, PlannedCard
from cds_service.domain.facts import Gap, GapCode, PatientFacts, Report
from cds_service.domain.vocabulary import Indicator, Lane
from cds_service.rules.reports import PRELIMINARY, CurrentReports

# The list of reports did not come whole.
_INCOMPLETE = frozenset({GapCode.FETCH_INCOMPLETE, GapCode.PREFETCH_MISSING, GapCode.OPERATION_OUTCOME})
_REPORT_TYPES = ("DiagnosticReport", "DocumentReference")
OUTDATED = "C92-O"
_DAYS_PER_WEEK = 7
FOREIGN_CARD = PlannedCard("C92", "C92-F", Lane.UNREAD, "UNREAD", Indicator.INFO, missing=("report_text",))
INCOMPLETE_CARD = PlannedCard("C92", "C92-L", Lane.UNREAD, "UNREAD", Indicator.INFO, missing=("report_text",))
UNREAD_CARD = PlannedCard("C92", "C92", Lane.UNREAD, "UNREAD", Indicator.INFO, missing=("report_text",))


def unread_cards(facts: PatientFacts, reports: CurrentReports) -> tuple[PlannedCard, ...]:
    """One card for spine MRI reports that could not be read: silence would read as all-clear."""
    return (UNREAD_CARD,) if reports.unread or _lost_reports(facts) else ()


def _lost_reports(facts: PatientFacts) -> bool:
    return any(g.code is GapCode.RESOURCE_UNREADABLE and g.resource.startswith("DiagnosticReport") for g in facts.gaps)


def newest_is_unread(facts: PatientFacts, reports: CurrentReports, lead: Report) -> bool:
    """Tell whether a spine MRI as new as the leading one, or the end of it or of another current one, was not read."""
    current = {report.provenance.reference for report in (lead, *reports.candidates)}
    cut_short = any(g.code is GapCode.REPORT_TRUNCATED and g.resource in current for g in facts.gaps)
    newer = any(r.date is None or lead.date is None or r.date >= lead.date for r in reports.unread)
    return cut_short or newer or _lost_reports(facts)


def incomplete_cards(facts: PatientFacts) -> tuple[PlannedCard, ...]:
    """Say where nothing else is said that reports are missing: the one that matters may be among them."""
    if not any(g.code in _INCOMPLETE and g.resource == "DiagnosticReport" for g in facts.gaps):
        return ()
    return (INCOMPLETE_CARD,)


def foreign_cards(facts: PatientFacts) -> tuple[PlannedCard, ...]:
    """Say where nothing else is said that a report of another patient was left out: this patient's may be missing."""
    filed = (g.resource for g in facts.gaps if g.code is GapCode.FOREIGN_PATIENT)
    return (FOREIGN_CARD,) if any(name.startswith(_REPORT_TYPES) for name in filed) else ()


def outdated_card(report: Report, facts: PatientFacts) -> PlannedCard:
    """Say that the latest spine MRI is too old to be used, and how old it is in weeks."""
    params: dict[str, ParamValue] = {}
    if report.date is not None:
        day = report.date.date()
        params = {"date": day, "weeks": (facts.as_of.date() - day).days // _DAYS_PER_WEEK}
    return PlannedCard("C92", OUTDATED, Lane.UNREAD, "UNREAD", Indicator.INFO, params=params)


def gaps_of(facts: PatientFacts, lead: Report | None, unread: Iterable[Report]) -> tuple[Gap, ...]:
    """Gaps of the data, with those that only the evaluation knows: unknown age, preliminary, undated, unread report."""
    known = {(gap.code, gap.resource) for gap in facts.gaps}
    named = {gap.resource for gap in facts.gaps}
    more = [_unread_gap(report) for report in unread if report.provenance.reference not in named]
    if facts.demographics.age is None:
        more.append(Gap(GapCode.AGE_UNKNOWN, "Patient", "birthDate", clinical=True))
    if facts.demographics.sex is None:
        more.append(Gap(GapCode.SEX_UNKNOWN, "Patient", "gender", clinical=True))
    if lead is not None:
        place = lead.provenance.reference
        if lead.status in PRELIMINARY:
            more.append(Gap(GapCode.REPORT_PRELIMINARY, place, "status", clinical=True))
        if lead.date is None:
            more.append(Gap(GapCode.MISSING_DATE, place, "effectiveDateTime", clinical=True))
    codes = {gap.code for gap in facts.gaps}
    new = [g for g in more if (g.code, g.resource) not in known and not (g.resource == "Patient" and g.code in codes)]
    return (*facts.gaps, *new)


def _unread_gap(report: Report) -> Gap:
    code = GapCode.REPORT_LANGUAGE_UNKNOWN if report.texts else GapCode.REPORT_WITHOUT_TEXT
    return Gap(code, report.provenance.reference, "presentedForm", clinical=True)
