"""The request that is being answered, with what is known of it: looked up once by whoever needs it, then passed on."""

import uuid
from collections.abc import Callable
from typing import Any

from flask import Request, Response, g, has_request_context
from flask.globals import request_ctx

from cds_service.hooks.audit import AuditNote
from cds_service.identity import new_uuid
from cds_service.telemetry.calls import SeenCall

_NOTHING = ("", (), None)


class Current:
    """One request. ``details`` are for its line in the log, ``seen`` for metrics and traces, ``audit`` for the record.

    ``id`` is a UUID that a proxy gave it, else a new one.
    """

    __slots__ = ("audit", "details", "id", "request", "seen")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.id = _id(request.environ.get("HTTP_X_REQUEST_ID", ""))
        self.details: dict[str, Any] = {}
        self.seen = SeenCall()
        self.audit: AuditNote | None = None

    def note(self, **details: Any) -> None:
        """Add details to the line of the log."""
        for name, value in details.items():
            if value not in _NOTHING:
                self.details[name] = value


# What is done before every request is answered, and with every answer.
Before = Callable[[Current], None]
After = Callable[[Current, Response], None]


def begin() -> Current:
    """Take up the request that is answered next."""
    found = g.current = Current(request_ctx.request)
    return found


def current() -> Current:
    """Return the request that is being answered."""
    found: Current = g.current
    return found


def current_if_any() -> Current | None:
    """Return the request that is being answered; nothing outside of one."""
    return g.get("current") if has_request_context() else None


def instance_for_log(hook_instance: str) -> str:
    """Return the hook instance when it is a UUID; anything else a client may have filled with what it liked."""
    try:
        return str(uuid.UUID(hook_instance))
    except ValueError:
        return ""


def _id(given: str) -> str:
    # Whatever else stands there could be data of a patient.
    return (instance_for_log(given) if given else "") or new_uuid()
