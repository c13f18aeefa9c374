"""One structured line for each call: which service, which rules, how long; no body, no query, no patient."""

import logging
import time
from typing import Any

import orjson
from flask import Response

from cds_service.web.current import Current

_log = logging.getLogger("cds_service.access")


class _Line:
    """A line that is put into words only where somebody reads them: the log as JSON takes the details."""

    __slots__ = ("_details",)

    def __init__(self, details: dict[str, Any]) -> None:
        self._details = details

    def __str__(self) -> str:
        return orjson.dumps(self._details).decode()


def log_call(current: Current, response: Response) -> None:
    """Log a call that is answered."""
    line = {
        "request": current.id,
        "method": current.request.method,
        "endpoint": current.request.endpoint or "none",
        "status": response.status_code,
        "ms": round((time.perf_counter() - current.seen.laps.begun) * 1000, 1),
        **current.details,
    }
    _log.info("%s", _Line(line), extra={"details": line})
