"""How far a stated finding counts: the polarity rule of the finding classes in one place."""

from collections.abc import Mapping
from enum import IntEnum
from itertools import product
from types import MappingProxyType
from typing import Final

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


def _said(status: Status, certainty: Certainty) -> Weight:
    """Weight of what is said so of any finding. Historical ones, questions, relatives, "not assessable" never count."""
    if status is Status.ABSENT:
        return Weight.ABSENT
    if status not in {Status.PRESENT, Status.POSSIBLE}:
        return Weight.NOT_STATED
    if certainty is Certainty.UNLIKELY:
        return Weight.UNLIKELY
    certain = status is Status.PRESENT and certainty is Certainty.CERTAIN
    return Weight.PRESENT if certain or certainty is Certainty.PROBABLE else Weight.POSSIBLE


_WEIGHTS: Final[Mapping[tuple[Status, Certainty], Weight]] = MappingProxyType(
    {(status, certainty): _said(status, certainty) for status, certainty in product(Status, Certainty)}
)


def weight(finding: TextFinding) -> Weight:
    """Weight of one statement."""
    said = _WEIGHTS[finding.status, finding.certainty]
    if said is Weight.POSSIBLE and finding.finding in COUNTS_WHEN_POSSIBLE:
        return Weight.PRESENT
    return said
