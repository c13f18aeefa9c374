"""How much of an attachment is read, and how one is refused that cannot be."""

from dataclasses import dataclass

from cds_service.domain.facts import GapCode

MOST_BYTES = 8_000_000
MOST_CHARACTERS = 200_000


@dataclass(slots=True, eq=False)
class Failure(Exception):  # noqa: N818 - carries the gap, is no fault of the program
    """An attachment that cannot be read, and why."""

    code: GapCode
    reason: str
