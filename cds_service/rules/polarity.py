"""How far a stated finding counts: the polarity rule of the finding classes in one place."""

from enum import IntEnum

from cds_service.domain.facts import TextFinding
from cds_service.domain.vocabulary import Certainty, FindingId, Status


class Weight(IntEnum):
    """How far a finding counts; probable counts as present, unlikely as absent for images of infection and tumour."""

    NOT_STATED = 0
    ABSENT = 1
    UNLIKELY = 2
    POSSIBLE = 3
    PRESENT = 4


# A possible abscess or compression is treated as present, because waiting for certainty costs function or life.
COUNTS_WHEN_POSSIBLE = frozenset(
    {
        FindingId.ABSCESS_EPIDURAL,
        FindingId.ABSCESS_PARASPINAL,
        FindingId.CORD,
        FindingId.CORD_SIGNAL,
        FindingId.CAUDA,
    }
)


def weight(finding: TextFinding) -> Weight:
    """Weight of one statement. Historical findings, questions, relatives and "not assessable" never count."""
    if finding.status is Status.ABSENT:
        return Weight.ABSENT
    if finding.status not in {Status.PRESENT, Status.POSSIBLE}:
        return Weight.NOT_STATED
    if finding.certainty is Certainty.UNLIKELY:
        return Weight.UNLIKELY
    if finding.certainty is Certainty.PROBABLE:
        return Weight.PRESENT
    certain = finding.status is Status.PRESENT and finding.certainty is Certainty.CERTAIN
    return Weight.PRESENT if certain or finding.finding in COUNTS_WHEN_POSSIBLE else Weight.POSSIBLE
