"""The time of one call of the preview: fetching and every evaluation of the call share it."""

import math
import time
from collections.abc import Callable
from typing import Any

from cds_service.hooks.prefetch import ChartAccess, FetchFailed


class CallTime:
    """Begins when it is made. Asked as a function, it says whether some of it is left; ``clock`` is monotonic."""

    def __init__(self, seconds: float = math.inf, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends = clock() + seconds

    def __call__(self) -> bool:
        """Whether some of it is left."""
        return self.left() > 0

    def left(self) -> float:
        """Return the seconds that are left, none below zero."""
        return max(0.0, self._ends - self._clock())


class TimedAccess:
    """A FHIR server that is asked no longer than the call has time."""

    def __init__(self, access: ChartAccess, in_time: CallTime) -> None:
        self._access = access
        self._in_time = in_time

    def get(self, address: str, seconds: float) -> Any:
        """Return the JSON of a query. Raises FetchFailed, also when the time of the call is over."""
        left = min(seconds, self._in_time.left())
        if left <= 0:
            raise FetchFailed("timeout")
        return self._access.get(address, left)
