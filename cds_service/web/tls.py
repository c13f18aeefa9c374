"""Calls that reached the proxy in front over plain HTTP are refused where the public address is https."""

from flask import Flask, request

from cds_service.errors import RequestError

_FORBIDDEN = 403


def register_tls(app: Flask, *, https: bool) -> None:
    """Refuse what the proxy marks as plain HTTP, before the body is read; others can only shut themselves out by it."""

    def refuse_plain() -> None:
        schemes = request.headers.get("X-Forwarded-Proto", "https").split(",")
        if any(scheme.strip().lower() != "https" for scheme in schemes):
            raise RequestError("Calls are answered over https only.", status=_FORBIDDEN, code="security")

    if https:
        app.before_request(refuse_plain)
