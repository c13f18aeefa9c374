"""Collects what could not be read, each gap once and in the order in which it was met."""

from collections.abc import Iterable

from cds_service.domain.facts import Gap, GapCode

# A hostile resource may hold thousands of flaws; the first ones of each resource say enough.
_MOST_FOR_ONE_RESOURCE = 40


class GapLog:
    """Gaps of one extraction. No text of the record may go into ``params``, only names, units and counts."""

    def __init__(self, known: Iterable[Gap] = ()) -> None:
        self._gaps: dict[Gap, None] = dict.fromkeys(known)
        self._count: dict[str, int] = {}

    def add(self, code: GapCode, resource: str, element: str = "", *, clinical: bool = False, **params: str) -> None:
        """Note a gap; clinical gaps are always kept, others only up to a bound for each resource."""
        details = tuple(sorted((name, str(value)) for name, value in params.items()))
        gap = Gap(code, resource, element, clinical=clinical, params=details)
        count = self._count.get(resource, 0)
        if gap in self._gaps or (count >= _MOST_FOR_ONE_RESOURCE and not clinical):
            return
        self._count[resource] = count + 1
        self._gaps[gap] = None

    def all(self) -> tuple[Gap, ...]:
        """Every gap, in the order in which they were met."""
        return tuple(self._gaps)
