"""How long the stages of one call took: each is noted when it is over, and begins where the one before it ended."""

import time
from enum import StrEnum


class Stage(StrEnum):
    """The stages of a hook call, in their order."""

    ADMIT = "admit"
    PARSE = "parse"
    COMPLETE = "complete"
    EXTRACT = "extract"
    ASSESS = "assess"
    SCREEN = "screen"
    WRITE = "write"
    HOLD = "hold"
    RECORD = "record"


class Laps:
    """The times of one call. ``done`` costs a fraction of a microsecond, so it is always on."""

    __slots__ = ("begun", "begun_at", "times")

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        # A trace wants the time of day as well, in nanoseconds since 1970.
        self.begun_at = time.time_ns()
        self.times: list[tuple[Stage, float]] = []

    def done(self, stage: Stage) -> None:
        """Note that ``stage`` ends now."""
        self.times.append((stage, time.perf_counter()))

    def spans(self) -> list[tuple[Stage, float, float]]:
        """Return each stage with the seconds from the beginning of the call to its own beginning and to its end."""
        found = []
        start = 0.0
        for stage, at in self.times:
            end = at - self.begun
            found.append((stage, start, end))
            start = end
        return found


class Unwatched(Laps):
    """Keeps nothing: for evaluations that are no hook call. One is enough for all of them."""

    __slots__ = ()

    def done(self, stage: Stage) -> None:
        """Forget it."""


UNWATCHED = Unwatched()
