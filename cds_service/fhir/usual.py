"""Reads results that differ from one met before in nothing but time and patient: most results of a chart do.

What a quantity with its limits says of a test, or a panel of its tests, is worked out once, by the reader of all
results, and kept by the JSON of these elements. A result that has any flaw, or states more, is not usual and is read as
any other.
"""

from datetime import datetime
from typing import final

from msgspec import Raw

from cds_service.domain.facts import LabValue, Provenance
from cds_service.fhir.labs import STATUSES, LabReader
from cds_service.fhir.moments import read_moment
from cds_service.fhir.node import CLOCK_SKEW, Intake, unheard
from cds_service.fhir.outline import joined
from cds_service.fhir.pregnancy import is_about_pregnancy
from cds_service.fhir.received import ReceivedResource

# A result takes some 500 bytes; no text of a report is among them.
_MOST_REMEMBERED = 4_096
_LONGEST_REMEMBERED = 1_000


@final
class UsualResults:
    """Results by the JSON of code, quantity, limits, interpretation and parts, bounded in number and length."""

    def __init__(self, labs: LabReader) -> None:
        self._labs = labs
        self._known: dict[bytes, tuple[LabValue, ...]] = {}

    def read(self, item: ReceivedResource, intake: Intake, times: dict[str, datetime | None]) -> list[LabValue]:
        """Return the values of an Observation, or nothing when it has to be read in full.

        ``times`` are those met in this call, with what they mean in it.
        """
        outline = item.outline
        if outline is None or outline.status not in STATUSES:
            return []
        parts = outline.numbers
        if not parts:
            return []
        written = outline.effective
        collected = times[written] if written in times else _collected(written, intake, times)
        if collected is None:
            return []
        key = joined(parts)
        found = self._known.get(key)
        if found is None:
            found = self._worked_out(parts, key)
        if not found:
            return []
        reference, status = item.reference, outline.status
        return [
            LabValue(
                known.analyte,
                known.value,
                known.unit,
                collected,
                Provenance(reference, known.provenance.element),
                known.comparator,
                known.upper_normal,
                known.lower_normal,
                known.reported,
                known.text,
                known.positive,
                status,
                known.converted,
            )
            for known in found
        ]

    def _worked_out(self, parts: tuple[Raw, ...], key: bytes) -> tuple[LabValue, ...]:
        """Read a result without patient and time; remember what it says when no flaw was met."""
        node = unheard(
            b'{"code":%b,"valueQuantity":%b,"referenceRange":%b,"interpretation":%b,"component":%b}'
            % tuple(bytes(part) or b"null" for part in parts)
        )
        found: tuple[LabValue, ...] = ()
        if node is not None:
            concept = node.concept("code")
            if not is_about_pregnancy(concept):
                found = self._labs.read_timeless(node, concept)
            if node.intake.log.all():
                found = ()
        if len(key) <= _LONGEST_REMEMBERED:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = found
        return found


def _collected(written: str, intake: Intake, times: dict[str, datetime | None]) -> datetime | None:
    """Return the time of a result when it is written as it should be and not in the future."""
    moment = read_moment(written, intake.zone)
    usual = moment is not None and not moment.flaw and moment.value <= intake.as_of + CLOCK_SKEW
    collected = times[written] = moment.value if moment is not None and usual else None
    return collected
