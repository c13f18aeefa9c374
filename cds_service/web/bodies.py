"""JSON in and out: strict about what is JSON, bounded in size, never cached by anybody."""

from typing import Any

import orjson
from flask import Request, Response
from werkzeug.exceptions import UnsupportedMediaType

from cds_service.errors import RequestError

_IDENTITY = {"", "identity"}
# what the parser makes of objects and arrays, exactly
_CONTAINERS = frozenset({dict, list})


class NotJson(RequestError):  # noqa: N818 - named for what it is; the family name is in the base
    """The body is not JSON; ``line`` and ``column`` (from 1) are where it stops being so."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(f"is not JSON: {reason} (line {line}, column {column})", field="body", code="structure")
        self.line = line
        self.column = column


def json_response(body: object, status: int = 200) -> Response:
    """Return ``body``, which may be JSON already, as JSON that nobody may store: answers hold patient data."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    response = Response(raw, status=status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def is_json(request: Request) -> bool:
    """Whether the body is labelled as JSON, in any letter case, with or without parameters."""
    return request.mimetype == "application/json" or request.mimetype.endswith("+json")


def _check_shape(body: Any, max_depth: int, max_entries: int) -> None:
    """Refuse nesting and lists that no chart has, level by level, without recursion of our own."""
    level = [body] if type(body) in _CONTAINERS else []
    depth = resources = 0
    while level:
        depth += 1
        if depth > max_depth:
            raise RequestError(f"is nested deeper than {max_depth} levels", field="body", code="structure")
        if max(map(len, level)) > max_entries:
            raise RequestError(
                f"has a list of more than {max_entries} entries", field="body", status=413, code="too-long"
            )
        resources += sum([type(one) is dict and "resourceType" in one for one in level])
        if resources > max_entries:
            raise RequestError(f"holds more than {max_entries} resources", field="body", status=413, code="too-long")
        children = [one.values() if type(one) is dict else one for one in level]
        level = [child for group in children for child in group if type(child) in _CONTAINERS]


def read_json(request: Request, *, max_depth: int, max_entries: int) -> Any:
    """Return the JSON value of the request body.

    Raises RequestError naming line and column when it is not JSON, the framework's errors for 413 and 415.
    """
    if not is_json(request) or request.headers.get("Content-Encoding", "").lower() not in _IDENTITY:
        raise UnsupportedMediaType
    raw = request.get_data(cache=False)
    if not raw:
        raise RequestError("is empty, a JSON object is expected", field="body", code="structure")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise NotJson(error.msg, error.lineno, error.colno) from None
    _check_shape(body, max_depth, max_entries)
    return body
