"""Statements of reports that contradict each other, and which of them leave a serious question open."""

from cds_service.domain.facts import Conflict, ConflictKind
from cds_service.domain.vocabulary import FindingId
from cds_service.rules.context import BACKGROUND, RuleContext
from cds_service.rules.polarity import Weight, weight
from cds_service.rules.reports import covers_region, findings_of

# Contradictions on these change no advice.
_HARMLESS = BACKGROUND | {
    FindingId.POSTOPERATIVE,
    FindingId.IMPLANT,
    FindingId.CEMENT,
    FindingId.RADIATION,
    FindingId.ENHANCEMENT,
}
# A contradiction on one of these leaves open what a conservative plan takes for settled.
SERIOUS = frozenset(
    {
        FindingId.FRACTURE,
        FindingId.FRACTURE_LINE,
        FindingId.RETROPULSION,
        FindingId.UNSTABLE,
        FindingId.LIGAMENT_INJURY,
        FindingId.MALALIGNMENT,
        FindingId.INFECTION_STATED,
        FindingId.ABSCESS_EPIDURAL,
        FindingId.ABSCESS_PARASPINAL,
        FindingId.PARAVERTEBRAL_EDEMA,
        FindingId.PSOAS,
        FindingId.DISC_FLUID,
        FindingId.DISC_DESTROYED,
        FindingId.DISC_ENHANCEMENT,
        FindingId.ENDPLATE_EROSION,
        FindingId.METASTASIS,
        FindingId.TUMOR,
        FindingId.MALIGNANCY_STATED,
        FindingId.LYSIS,
        FindingId.SOFT_MASS,
        FindingId.EXPANSILE,
        FindingId.T1_REPLACED,
        FindingId.SPINAL_HEMATOMA,
        FindingId.CORD,
        FindingId.CORD_SIGNAL,
        FindingId.CAUDA,
        FindingId.CAUDA_MILD,
    }
)


def contradictions(context: RuleContext) -> tuple[Conflict, ...]:
    """Contradictions that may change the advice: those on long-standing findings are left out."""
    reports = (context.lead, *context.joined)
    found = [c for r in reports for c in r.reading.conflicts if c.finding not in _HARMLESS]
    return (*found, *_between_reports(context))


def _between_reports(context: RuleContext) -> tuple[Conflict, ...]:
    """Two reports of one day and region that state and deny the same finding at the same level."""
    lead = context.lead
    same_day = [
        r
        for r in (*context.joined, *context.earlier)
        if r.date and lead.date and r.date.date() == lead.date.date() and covers_region(r.region, lead.region)
    ]
    return tuple(
        Conflict(ConflictKind.REPORTS, one.finding, (one.sentence, other.sentence), one.levels)
        for report in same_day
        for one in findings_of(lead)
        for other in findings_of(report)
        if one.finding is other.finding
        and one.finding not in _HARMLESS
        and one.levels == other.levels
        and {weight(one), weight(other)} == {Weight.PRESENT, Weight.ABSENT}
    )
