"""Calls that reached the proxy in front over plain HTTP are refused where the public address is https."""

from cds_service.errors import RequestError
from cds_service.web.current import Current

_FORBIDDEN = 403


def refuse_plain(call: Current) -> None:
    """Refuse what the proxy marks as plain HTTP, before the body is read; others can only shut themselves out by it."""
    schemes = call.request.headers.get("X-Forwarded-Proto", "https").split(",")
    if any(scheme.strip().lower() != "https" for scheme in schemes):
        raise RequestError("Calls are answered over https only.", status=_FORBIDDEN, code="security")
