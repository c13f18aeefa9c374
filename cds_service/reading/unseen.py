"""Reads that cord, cauda equina or spinal canal could not be assessed, where nothing else is said of them."""

from collections.abc import Iterable
from typing import Final

from cds_service.domain.vocabulary import FindingId
from cds_service.reading.lexicon import Hits
from cds_service.reading.mentions import Mention

# What lies in the canal, and the finding that stays unknown when it was not seen.
_CONTENT: Final = {"cord": FindingId.CORD, "canal": FindingId.CORD, "cauda": FindingId.CAUDA}
_NOT_ASSESSED: Final = "unassessable"
# words between the part and what is said of it
_REACH: Final = 10


def unseen(here: Hits, said: Iterable[Mention]) -> list[Mention]:
    """Return a mention for each part of the canal near a word of not being assessable.

    Whether that word acts on the part is decided as for every mention; only an unknown status may be kept of these.
    """
    known = {mention.finding for mention in said}
    found: dict[FindingId, Mention] = {}
    cues = [hit for hit in here.cue if hit.name.startswith(_NOT_ASSESSED)]
    for part in here.anatomy if cues else ():
        finding = _CONTENT.get(part.name)
        near = any(max(part.first - c.last, c.first - part.last, 0) <= _REACH for c in cues)
        if finding is not None and finding not in known and near:
            whole = Mention(finding, part.first, part.last, part.first, part.last, literal=False)
            found.setdefault(finding, whole)
    return list(found.values())
