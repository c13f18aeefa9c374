"""A share with the interval that the number of cases allows; without it, two of three looks like a finding."""

import math
from typing import Final

_Z: Final = 1.959963984540054  # normal quantile of a two-sided interval of 95 %


def wilson(hits: int, of: int) -> dict[str, float | int | None]:
    """Return the share ``hits`` of ``of`` with its 95 % Wilson score interval; of nothing there is no share."""
    if not of:
        return {"hits": hits, "of": of, "value": None, "low": None, "high": None}
    share, square = hits / of, _Z * _Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = _Z * math.sqrt(share * (1 - share) / of + square / (4 * of * of)) / (1 + square / of)
    # Rounding must not leave 1.0 outside of an interval that ends there.
    low, high = (0.0 if hits == 0 else middle - half), (1.0 if hits == of else middle + half)
    return {"hits": hits, "of": of, "value": round(share, 6), "low": round(low, 6), "high": round(high, 6)}
