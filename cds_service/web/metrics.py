"""What is noted of each request for metrics and traces, and the page that Prometheus reads."""

import hmac
from collections.abc import Iterable
from functools import cache

from flask import Blueprint, Flask, Response, g, request
from werkzeug.exceptions import NotFound

from cards.catalogue import OVERRIDE_REASON_SYSTEM, override_reasons
from cds_service.hooks.answer import Answer
from cds_service.hooks.results.desk import Outcome
from cds_service.security.tokens import TokenRefused
from cds_service.store.records import Feedback
from cds_service.telemetry.calls import SeenCall
from cds_service.telemetry.labels import NO_REASON, SITE_REASON
from cds_service.telemetry.metrics import Series, of_cards
from cds_service.telemetry.page import MIME_TYPE
from cds_service.telemetry.parent import read_parent
from cds_service.web.backend import Backend

_REFUSED = 400
_UNKNOWN_CLIENT = "unknown"


def seen() -> SeenCall:
    """Return what is noted of the current request."""
    found: SeenCall = g.seen
    return found


def note_answer(answer: Answer) -> None:
    """Note what came of a hook call."""
    call = seen()
    call.cards, call.gaps = answer.cards, answer.gaps
    call.missing, call.fetched = answer.missing, answer.fetched
    call.held_back = len(answer.locked)


def count_feedback(backend: Backend, service: str, items: Iterable[Feedback], refused: int) -> None:
    """Count what was kept, by reasons of our own list; one of a site counts as such, whatever it is called."""
    changes: list[tuple[Series, float]] = [
        (("marrow_feedback_total", service, item.outcome.value, _reason_of(item)), 1.0) for item in items
    ]
    changes.append((("marrow_feedback_refused_total", service), float(refused)))
    backend.telemetry.count(changes)


def _reason_of(item: Feedback) -> str:
    if not item.reason_code:
        return NO_REASON
    known = item.reason_system == OVERRIDE_REASON_SYSTEM and item.reason_code in _our_reasons()
    return item.reason_code if known else SITE_REASON


@cache
def _our_reasons() -> frozenset[str]:
    return frozenset(reason.code for reasons in override_reasons().values() for reason in reasons)


def count_result(backend: Backend, outcome: Outcome) -> None:
    """Count a report that a FHIR server notified of, and the cards that came of it."""
    backend.telemetry.count([(("marrow_results_total", outcome.word), 1.0)])
    if outcome.answer is not None:
        backend.telemetry.count(of_cards("results", outcome.answer.cards))


def _begin() -> None:
    g.seen = call = SeenCall()
    # The environment is asked, not the headers: this is done for every request.
    header = request.environ.get("HTTP_TRACEPARENT")
    parent = read_parent(header) if header else None
    if parent is not None:
        call.trace, call.parent, call.sampled = parent.trace, parent.span, parent.sampled


def register_telemetry(app: Flask, backend: Backend) -> None:
    """Take note of each request of ``app`` once it is answered."""

    def finish(response: Response) -> Response:
        call, details = seen(), g.get("access", {})
        call.endpoint, call.status = request.endpoint or "none", response.status_code
        call.service, call.instance = details.get("service", ""), details.get("instance", "")
        call.refused = details.get("reason", "")
        call.client = call.client or _UNKNOWN_CLIENT
        call.evaluated = call.endpoint == "hook.call"
        if call.status >= _REFUSED:
            # What was refused after all, because it could not be recorded, was never given.
            call.cards = ()
            call.held_back = 0
        if not call.trace:
            call.trace = g.get("request_id", "").replace("-", "")
        backend.telemetry.called(call)
        return response

    app.before_request(_begin)
    app.after_request(finish)


def metrics_blueprint(backend: Backend) -> Blueprint:
    """Answer ``GET /metrics`` for all processes of the service; where there is no secret, in a trial only."""
    blueprint = Blueprint("metrics", __name__)
    settings = backend.settings

    @blueprint.get("/metrics")
    def metrics() -> Response:
        if not settings.metrics_open:
            raise NotFound
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if settings.metrics_secret and not hmac.compare_digest(given.encode(), settings.metrics_secret.encode()):
            raise TokenRefused("the secret of the metrics is missing or wrong")
        response = Response(backend.telemetry.page.text(), content_type=MIME_TYPE)
        response.headers["Cache-Control"] = "no-store"
        return response

    return blueprint
