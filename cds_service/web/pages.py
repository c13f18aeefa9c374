"""Pages and parts of pages: nothing is loaded from elsewhere, nothing is stored."""

from typing import Any

from flask import Response, make_response, render_template

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Return a page, or a part of one, that loads from this service alone and is not stored."""
    response = make_response(render_template(template, **values), status)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cache-Control"] = "no-store"
    return response
