"""The feedback endpoint: what clinicians did with the cards, kept before the call is answered."""

from flask import Blueprint, Response

from cds_service.hooks.feedback import read_feedback
from cds_service.web.admission import admitted
from cds_service.web.backend import Backend
from cds_service.web.bodies import json_response, read_json
from cds_service.web.current import current, instance_for_log
from cds_service.web.hook import known_service
from cds_service.web.metrics import count_feedback
from cds_service.web.problems import problem_response


def feedback_blueprint(backend: Backend) -> Blueprint:
    """Answer ``POST /cds-services/{id}/feedback``. A failed store is a 503, so that the client sends it again."""
    blueprint = Blueprint("feedback", __name__)
    settings = backend.settings

    @blueprint.post("/cds-services/<service_id>/feedback")
    @blueprint.post("/cds-services//<service_id>/feedback")
    def report(service_id: str) -> Response:
        call = current()
        service = known_service(call, service_id)
        with admitted(call, backend, service, "feedback"):
            body = read_json(call.request, max_depth=settings.max_depth, max_entries=settings.max_entries)
            items, problems = read_feedback(body, service.id, backend.clock())
            backend.store.record_feedback(items)
            count_feedback(backend, service.id, items, len(problems))
            cards = [card for card in (instance_for_log(item.card) for item in items) if card]
            call.note(cards=cards, kept=len(items), refused=len(problems))
        if problems:
            return problem_response(400, problems, f"{len(items)} other items were kept.")
        return json_response({"kept": len(items)})

    return blueprint
