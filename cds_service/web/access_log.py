"""One structured line for each call: which service, which rules, how long; no body, no query, no patient."""

import logging
import time
import uuid
from typing import Any

import orjson
from flask import Flask, Response, g, request

_log = logging.getLogger("cds_service.access")


class _Line:
    """A line that is put into words only where somebody reads them: the log as JSON takes the details."""

    __slots__ = ("_details",)

    def __init__(self, details: dict[str, Any]) -> None:
        self._details = details

    def __str__(self) -> str:
        return orjson.dumps(self._details).decode()


def note(**details: Any) -> None:
    """Add details to the line of the current call."""
    g.setdefault("access", {}).update({name: value for name, value in details.items() if value not in ("", (), None)})


def instance_for_log(hook_instance: str) -> str:
    """Return the hook instance when it is a UUID; anything else a client may have filled with what it liked."""
    try:
        return str(uuid.UUID(hook_instance))
    except ValueError:
        return ""


def _start() -> None:
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    line = {
        "request": g.get("request_id", ""),
        "method": request.method,
        "endpoint": request.endpoint or "none",
        "status": response.status_code,
        "ms": round((time.perf_counter() - g.started) * 1000, 1),
        **g.get("access", {}),
    }
    _log.info("%s", _Line(line), extra={"details": line})
    return response


def register_access_log(app: Flask) -> None:
    """Log each call of ``app`` once it is answered."""
    app.before_request(_start)
    app.after_request(_finish)
