"""JSON in and out: strict about what is JSON, bounded in size, never cached by anybody."""

from typing import TYPE_CHECKING, Any

import orjson
from flask import Request, Response
from werkzeug.datastructures import Headers
from werkzeug.exceptions import UnsupportedMediaType

from cds_service.errors import RequestError
from cds_service.fhir.bounds import Bounds
from cds_service.hooks.sent import SentCall

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_IDENTITY = {"", "identity"}


class NotJson(RequestError):  # noqa: N818 - named for what it is; the family name is in the base
    """The body is not JSON; ``line`` and ``column`` (from 1) are where it stops being so."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(f"is not JSON: {reason} (line {line}, column {column})", field="body", code="structure")
        self.line = line
        self.column = column


class JsonResponse(Response):
    """An answer whose headers are complete, so that the framework need not copy and look through them at the end."""

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:
        """Return the headers as they are."""
        del environ
        return self.headers


def json_response(body: object, status: int = 200) -> Response:
    """Return ``body``, which may be JSON already, as JSON that nobody may store: answers hold patient data."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(raw))), ("Cache-Control", "no-store")]
    # As a list, because the framework would set the length of bare bytes once more.
    return JsonResponse([raw], status, headers)


def is_json(request: Request) -> bool:
    """Whether the body is labelled as JSON, in any letter case, with or without parameters."""
    return request.mimetype == "application/json" or request.mimetype.endswith("+json")


def read_body(request: Request) -> bytes:
    """Return the bytes of a JSON body. Raises RequestError, and the framework's errors for 413 and 415."""
    if not is_json(request) or request.headers.get("Content-Encoding", "").lower() not in _IDENTITY:
        raise UnsupportedMediaType
    raw = request.get_data(cache=False)
    if not raw:
        raise RequestError("is empty, a JSON object is expected", field="body", code="structure")
    return raw


def _parsed(raw: bytes, bounds: Bounds) -> Any:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise NotJson(error.msg, error.lineno, error.colno) from None
    bounds.check(body)
    return body


def read_json(request: Request, *, max_depth: int, max_entries: int) -> Any:
    """Return the JSON value of the request body.

    Raises RequestError naming line and column when it is not JSON, the framework's errors for 413 and 415.
    """
    return _parsed(read_body(request), Bounds(max_depth, max_entries))


def read_call(raw: bytes, sent: SentCall | None, bounds: Bounds) -> Any:
    """Return the JSON value of a call; taken apart, the Bundles of its prefetch are not parsed. Raises as read_json."""
    body = sent.body(bounds) if sent is not None else None
    return _parsed(raw, bounds) if body is None else body
