"""What is noted of each request for metrics and traces, and the page that Prometheus reads."""

import hmac
from collections.abc import Iterable
from functools import cache

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from cards.catalogue import OVERRIDE_REASON_SYSTEM, override_reasons
from cds_service.hooks.answer import Answer
from cds_service.hooks.results.desk import Outcome
from cds_service.security.tokens import TokenRefused
from cds_service.store.records import Feedback
from cds_service.telemetry.calls import SeenCall
from cds_service.telemetry.desk import Telemetry
from cds_service.telemetry.labels import NO_REASON, SITE_REASON
from cds_service.telemetry.metrics import Series, of_cards
from cds_service.telemetry.page import MIME_TYPE
from cds_service.telemetry.parent import read_parent
from cds_service.web.backend import Backend
from cds_service.web.current import After, Current

_REFUSED = 400
_UNKNOWN_CLIENT = "unknown"


def see_answer(call: SeenCall, answer: Answer) -> None:
    """Note what came of a hook call."""
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


def read_trace(call: Current) -> None:
    """Note the trace that the caller says its request is part of."""
    header = call.request.environ.get("HTTP_TRACEPARENT")
    parent = read_parent(header) if header else None
    if parent is not None:
        seen = call.seen
        seen.trace, seen.parent, seen.sampled = parent.trace, parent.span, parent.sampled


def counting(telemetry: Telemetry) -> After:
    """Take note of each request once it is answered."""

    def finish(call: Current, response: Response) -> None:
        seen, details = call.seen, call.details
        seen.endpoint, seen.status = call.request.endpoint or "none", response.status_code
        seen.service, seen.instance = details.get("service", ""), details.get("instance", "")
        seen.refused = details.get("reason", "")
        seen.client = seen.client or _UNKNOWN_CLIENT
        seen.evaluated = seen.endpoint == "hook.call"
        if seen.status >= _REFUSED:
            # What was refused after all, because it could not be recorded, was never given.
            seen.cards = ()
            seen.held_back = 0
        if not seen.trace:
            seen.trace = call.id.replace("-", "")
        telemetry.called(seen)

    return finish


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
