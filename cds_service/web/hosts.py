"""Whom a call was meant for: a service that trusts its own machine answers to the names of this machine only."""

from urllib.parse import urlsplit

from cds_service.config import is_loopback
from cds_service.errors import RequestError
from cds_service.web.current import Before, Current

_MISDIRECTED = 421


def own_names_only(base_url: str) -> Before:
    """Refuse calls for other names than that of ``base_url`` and of this machine, before the body is read.

    A page of the web can let its own name lead to this machine; its calls then count as those of its own origin, and
    what keeps strangers off a trial, that nobody else reaches this machine, no longer holds.
    """
    public = (urlsplit(base_url).hostname or "").lower()

    def refuse_other_names(call: Current) -> None:
        try:
            name = (urlsplit(f"//{call.request.host}").hostname or "").lower()
        except ValueError:
            name = ""
        if name != public and not is_loopback(name):
            raise RequestError("is not a name of this service", field="Host", status=_MISDIRECTED, code="security")

    return refuse_other_names
