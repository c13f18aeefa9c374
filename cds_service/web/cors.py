"""Cross-origin headers for browser clients: listed origins, in a trial this machine too, on every answer."""

from urllib.parse import urlsplit

from flask import Response

from cds_service.config import is_loopback, origin_of
from cds_service.web.current import After, Current
from cds_service.web.headers import varies

_METHODS = "GET, POST, OPTIONS"
_HEADERS = "Authorization, Content-Type, Accept-Language"
_PREFLIGHT_SECONDS = "600"


def _allowed(origin: str, listed: frozenset[str], *, local: bool) -> bool:
    if not origin or origin_of(origin) != origin:
        return False
    return origin in listed or (local and is_loopback(urlsplit(origin).hostname or ""))


def sharing(origins: tuple[str, ...], *, local: bool) -> After:
    """Let pages of ``origins`` read the answers, and those of this machine if ``local``.

    It grants reading in a browser, not access.
    """
    listed = frozenset(origins)

    def add_headers(call: Current, response: Response) -> None:
        varies(response, "Origin")
        request = call.request
        origin = request.headers.get("Origin", "")
        if not _allowed(origin, listed, local=local):
            return
        response.headers["Access-Control-Allow-Origin"] = origin
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = _HEADERS
            response.headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
            if request.headers.get("Access-Control-Request-Private-Network"):
                # A page on the web that calls a service on the user's own machine asks for this as well.
                response.headers["Access-Control-Allow-Private-Network"] = "true"

    return add_headers
