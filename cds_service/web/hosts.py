"""Whom a call was meant for: a service that trusts its own machine answers to the names of this machine only."""

from urllib.parse import urlsplit

from flask import Flask, request

from cds_service.config import is_loopback
from cds_service.errors import RequestError

_MISDIRECTED = 421


def register_hosts(app: Flask, base_url: str, *, local: bool) -> None:
    """In a trial refuse calls for other names, before the body is read.

    A page of the web can let its own name lead to this machine; its calls then count as those of its own origin, and
    what keeps strangers off a trial, that nobody else reaches this machine, no longer holds.
    """
    public = (urlsplit(base_url).hostname or "").lower()

    def refuse_other_names() -> None:
        try:
            name = (urlsplit(f"//{request.host}").hostname or "").lower()
        except ValueError:
            name = ""
        if name != public and not is_loopback(name):
            raise RequestError("is not a name of this service", field="Host", status=_MISDIRECTED, code="security")

    if local:
        app.before_request(refuse_other_names)
