"""Liveness and readiness for whoever runs the service."""

from flask import Blueprint, Response

from cds_service.store.records import StoreError
from cds_service.web.backend import Backend
from cds_service.web.bodies import json_response
from cds_service.web.problems import RETRY_SECONDS


def health_blueprint(backend: Backend) -> Blueprint:
    """Answer ``/livez`` (the process answers), ``/readyz`` (it can do its work) and ``/health`` (both, in words)."""
    blueprint = Blueprint("health", __name__)

    def keys() -> str:
        """Whether callers can be told apart; keys that are not known are fetched soon, whoever asks."""
        if backend.directory is None:
            return "none"
        known, needed = backend.directory.keys_known()
        if known < needed:
            backend.directory.warm_soon()
        return "ok" if known == needed else "incomplete" if known else "missing"

    def state() -> dict[str, object]:
        try:
            backend.store.check()
            store = "ok"
        except StoreError:
            # Answers go on as long as what belongs to them is kept on this machine.
            store = "spooling" if backend.store.can_write() else "failed"
        callers = keys()
        return {
            "status": "ok" if store == "ok" and callers in {"ok", "none"} else "degraded",
            "store": store,
            "keys": callers,
            "knowledge": backend.knowledge_version,
            "unrecordedCards": backend.audit.unrecorded_cards,
            "unrecordedCalls": backend.audit.unrecorded_calls,
        }

    @blueprint.get("/livez")
    def live() -> Response:
        return json_response({"status": "ok"})

    @blueprint.get("/readyz")
    def ready() -> Response:
        found = state()
        # The keys of one caller that are away must not take the service from the others.
        able = found["store"] != "failed" and found["keys"] != "missing"
        response = json_response(found, 200 if able else 503)
        if response.status_code != 200:  # noqa: PLR2004 - HTTP
            response.headers["Retry-After"] = RETRY_SECONDS
        return response

    @blueprint.get("/health")
    def health() -> Response:
        return json_response(state())

    return blueprint
