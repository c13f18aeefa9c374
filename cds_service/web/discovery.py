"""Discovery: what is offered and what each service asks for."""

from flask import Blueprint, Response

from cds_service.hooks.services import discovery
from cds_service.web.backend import Backend
from cds_service.web.bodies import json_response


def discovery_blueprint(_backend: Backend) -> Blueprint:
    """Answer ``GET /cds-services``, with and without a slash at the end."""
    blueprint = Blueprint("discovery", __name__)
    document = discovery()

    @blueprint.get("/cds-services")
    @blueprint.get("/cds-services/")
    def services() -> Response:
        response = json_response(document)
        response.headers["Cache-Control"] = "no-cache"
        return response

    return blueprint
