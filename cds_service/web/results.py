"""The endpoint that a FHIR server notifies of new reports, by rest-hook of a Subscription. Off unless it is set up."""

import hmac
from collections.abc import Iterable

from flask import Blueprint, Response, request

from cds_service.errors import RequestError
from cds_service.hooks.audit import AuditNote
from cds_service.hooks.results.desk import Outcome, ResultDesk
from cds_service.hooks.results.notification import is_report_id, report_ids
from cds_service.hooks.services import PATIENT_VIEW
from cds_service.security.clients import Client
from cds_service.security.tokens import Caller, TokenRefused
from cds_service.web.admission import refuse_when_full
from cds_service.web.backend import Backend
from cds_service.web.bodies import json_response, read_json
from cds_service.web.current import current
from cds_service.web.metrics import count_result

_CALLER = Caller(Client(issuer="subscription", name="FHIR server"))


def _check(secret: str) -> None:
    """Compare the shared secret in constant time. Raises TokenRefused."""
    given = request.headers.getlist("Authorization")
    wanted = f"Bearer {secret}".encode()
    if len(given) != 1 or not hmac.compare_digest(given[0].encode("utf-8", "surrogateescape"), wanted):
        raise TokenRefused("the secret of the subscription is missing or wrong")


def _answered(reports: int, written: int) -> Response:
    """Answer in FHIR: a server that sends the report as if to another server takes any other content for a failure."""
    told = f"reports: {reports}, written: {written}"
    issue = {"severity": "information", "code": "informational", "diagnostics": told}
    response = json_response({"resourceType": "OperationOutcome", "issue": [issue]})
    response.mimetype = "application/fhir+json"
    return response


def results_blueprint(backend: Backend) -> Blueprint:
    """Answer ``/results`` (ping, or content with ids) and ``/results/DiagnosticReport/{id}``.

    2xx means that everything is written; 503 that the server is to notify again.
    """
    blueprint = Blueprint("results", __name__)
    desk, settings = backend.results, backend.settings
    if desk is None:
        return blueprint

    def done(outcomes: Iterable[Outcome], desk: ResultDesk) -> Response:
        words, call = [], current()
        for outcome in outcomes:
            words.append(outcome.word)
            count_result(backend, outcome)
            call.note(results=words)
            if outcome.request is not None:
                audited = AuditNote("result", _CALLER, PATIENT_VIEW, call.id, language=desk.language.value)
                audited.request, audited.answer = outcome.request, outcome.answer
                audited.hook_instance = outcome.request.hook_instance
                backend.audit.record(audited, 200)
        return _answered(len(words), words.count("written"))

    @blueprint.route("/results", methods=["POST", "PUT"])
    def notified() -> Response:
        refuse_when_full(backend)
        _check(settings.results_secret)
        if not request.get_data(cache=True):
            return done(desk.recent(backend.clock()), desk)
        body = read_json(request, max_depth=settings.max_depth, max_entries=settings.max_entries)
        return done(desk.reports(report_ids(body, desk.server.base), backend.clock()), desk)

    @blueprint.route("/results/DiagnosticReport/<name>", methods=["POST", "PUT"])
    def named(name: str) -> Response:
        refuse_when_full(backend)
        _check(settings.results_secret)
        if not is_report_id(name):
            raise RequestError("is no id", field="id")
        return done(desk.reports([name], backend.clock()), desk)

    return blueprint
