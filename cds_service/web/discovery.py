"""Discovery: what is offered and what each service asks for."""

from flask import Blueprint, Response, request

from cds_service.hooks.profiles import discovery_in_version
from cds_service.hooks.services import discovery
from cds_service.security.tokens import TokenRefused
from cds_service.web.backend import Backend
from cds_service.web.bodies import json_response

# What a caller that nobody knows is assumed to understand.
_USUAL = "2.0"


def discovery_blueprint(backend: Backend) -> Blueprint:
    """Answer ``GET /cds-services``, with and without a slash at the end, to anybody; a token only tells the version."""
    blueprint = Blueprint("discovery", __name__)

    def version() -> str:
        """Return the version of the caller. The token is not used up: what is offered is no secret."""
        if not request.headers.getlist("Authorization"):
            return _USUAL
        try:
            return backend.reader(request).client.version
        except TokenRefused:
            return _USUAL

    @blueprint.get("/cds-services")
    @blueprint.get("/cds-services/")
    def services() -> Response:
        response = json_response(discovery_in_version(discovery(), version()))
        response.headers["Cache-Control"] = "no-cache"
        response.vary.add("Authorization")
        return response

    return blueprint
