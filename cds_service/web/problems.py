"""Every error as an OperationOutcome: what was wrong with the call, never a traceback, never data of a patient."""

import logging
import traceback
from collections.abc import Mapping, Sequence

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from cds_service.errors import PrefetchError, RequestError
from cds_service.hooks.request import FieldProblem, InvalidRequest
from cds_service.security.quota import Throttled
from cds_service.security.tokens import TokenRefused
from cds_service.store.records import StoreError
from cds_service.telemetry.labels import of_refused_token
from cds_service.web.bodies import json_response
from cds_service.web.current import current

_log = logging.getLogger("cds_service.errors")

# FHIR issue types of the HTTP errors that the framework itself raises.
_HTTP_CODES = {
    400: ("invalid", "The request cannot be read."),
    404: ("not-found", "There is no such service or page."),
    405: ("not-supported", "This address does not answer that method."),
    413: ("too-long", "The request body is larger than this service accepts."),
    415: ("not-supported", "Send the body as application/json."),
}
RETRY_SECONDS = "30"
_UNAVAILABLE = 503


def outcome(problems: Sequence[FieldProblem], diagnostics: str = "") -> dict[str, object]:
    """Return an OperationOutcome with one error issue for each problem."""
    issues = []
    for problem in problems:
        named = f"{problem.field}: {problem.text}" if problem.field else problem.text
        issue: dict[str, object] = {"severity": "error", "code": problem.code, "details": {"text": named}}
        if problem.field:
            issue["expression"] = [problem.field]
        if diagnostics:
            issue["diagnostics"] = diagnostics
        issues.append(issue)
    return {"resourceType": "OperationOutcome", "issue": issues}


def problem_response(
    status: int, problems: Sequence[FieldProblem], diagnostics: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """Return the error answer with its OperationOutcome."""
    if problems:
        current().note(reason=problems[0].code)
    response = json_response(outcome(problems, diagnostics), status)
    response.headers.update(headers or {})
    return response


def _invalid(error: InvalidRequest) -> Response:
    return problem_response(error.status, error.problems)


def _prefetch(error: PrefetchError) -> Response:
    problems = [
        FieldProblem(f"prefetch.{key}", "is needed and could not be obtained.", error.code) for key in error.keys
    ]
    return problem_response(error.status, problems, f"{str(error)[:1].upper()}{str(error)[1:]}.")


def _request(error: RequestError) -> Response:
    later = {"Retry-After": RETRY_SECONDS} if error.status == _UNAVAILABLE else {}
    return problem_response(error.status, [FieldProblem(error.field, str(error), error.code)], headers=later)


def _refused(error: TokenRefused) -> Response:
    # The reason helps the operator; told to the caller it would help to guess.
    _log.warning("caller refused: %s", error)
    problem = FieldProblem("", "The caller is not authenticated.", "login")
    response = problem_response(401, [problem], headers={"WWW-Authenticate": "Bearer"})
    current().note(reason=of_refused_token(str(error)))
    return response


def _throttled(error: Throttled) -> Response:
    problem = FieldProblem("", f"There were {error}; wait and send it again.", "throttled")
    return problem_response(error.status, [problem], headers={"Retry-After": str(error.retry_seconds)})


def not_kept(error: StoreError) -> Response:
    """Return the refusal of a call of which no record can be kept."""
    _log.error("store: %s", error)
    problem = FieldProblem("", "The record could not be kept now; send it again later.", "transient")
    return problem_response(503, [problem], headers={"Retry-After": RETRY_SECONDS})


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    code, text = _HTTP_CODES.get(status, ("processing", error.name))
    headers = {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After", "Location"}}
    return problem_response(status, [FieldProblem("", text, code)], headers=headers)


def describe_crash(error: BaseException) -> str:
    """Return type and places of an exception; its message is left out, it may repeat what a patient's record says."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames[-6:]))
    return f"{type(error).__name__} at {places}"


def _crash(error: Exception) -> Response:
    _log.error("unexpected error: %s", describe_crash(error))
    problem = FieldProblem("", "The service failed; no advice was computed for this call.", "exception")
    return problem_response(500, [problem])


def register_problems(app: Flask) -> None:
    """Answer every error of ``app`` in the forms of this module."""
    app.register_error_handler(InvalidRequest, _invalid)
    app.register_error_handler(PrefetchError, _prefetch)
    app.register_error_handler(RequestError, _request)
    app.register_error_handler(TokenRefused, _refused)
    app.register_error_handler(Throttled, _throttled)
    app.register_error_handler(StoreError, not_kept)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _crash)
