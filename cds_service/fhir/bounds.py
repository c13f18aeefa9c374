"""How deep and how long JSON may be that is read: what no chart has is refused before anything follows it."""

from dataclasses import dataclass
from typing import Any

from cds_service.errors import RequestError

# what the parser makes of objects and arrays, exactly
_CONTAINERS = frozenset({dict, list})


@dataclass(frozen=True, slots=True)
class Bounds:
    """Most levels of nesting of a body, and most entries of a list and resources of it."""

    depth: int
    entries: int

    def check(self, value: Any, above: int = 0) -> None:
        """Refuse a value that stands ``above`` levels below the top of its body. Raises RequestError.

        It goes level by level, without recursion of our own.
        """
        level = [value] if type(value) in _CONTAINERS else []
        depth, resources = above, 0
        while level:
            depth += 1
            if depth > self.depth:
                raise RequestError(f"is nested deeper than {self.depth} levels", field="body", code="structure")
            if max(map(len, level)) > self.entries:
                self.refuse_list()
            resources += sum([type(one) is dict and "resourceType" in one for one in level])
            if resources > self.entries:
                self.refuse_resources()
            children = [one.values() if type(one) is dict else one for one in level]
            level = [child for group in children for child in group if type(child) in _CONTAINERS]

    def refuse_list(self) -> None:
        """Say that a list is too long. Raises RequestError."""
        raise RequestError(f"has a list of more than {self.entries} entries", field="body", status=413, code="too-long")

    def refuse_resources(self) -> None:
        """Say that there are too many resources. Raises RequestError."""
        raise RequestError(f"holds more than {self.entries} resources", field="body", status=413, code="too-long")


@dataclass(frozen=True, slots=True)
class Room:
    """What is left of the bounds for values that stand ``above`` levels below the top of a body."""

    bounds: Bounds
    above: int

    def check(self, raw: bytes, value: Any) -> None:
        """Refuse a value parsed from ``raw``; so few brackets as most resources have are neither deep nor long."""
        brackets = raw.count(b"{") + raw.count(b"[")
        if brackets > self.bounds.depth - self.above or raw.count(b",") >= self.bounds.entries:
            self.bounds.check(value, self.above)
