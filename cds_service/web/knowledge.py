"""What the service knows, for people and programs: rules with their sentences and references, version, services."""

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from cds_service.hooks.catalogue import cited
from cds_service.hooks.reasoning import plain
from cds_service.hooks.services import SERVICES
from cds_service.web.backend import Backend
from cds_service.web.bodies import json_response
from cds_service.web.preview import page


def knowledge_blueprint(backend: Backend) -> Blueprint:
    """Answer ``GET /about/knowledge`` as a page or, when JSON is preferred, as JSON; ``/`` leads there."""
    blueprint = Blueprint("knowledge", __name__)
    references = cited(backend.catalogue, backend.citations)

    @blueprint.get("/")
    def start() -> AnyResponse:
        return redirect("/preview")

    @blueprint.get("/about")
    @blueprint.get("/about/knowledge")
    def knowledge() -> Response:
        best = request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html")
        if best == "application/json":
            document = {
                "version": backend.knowledge_version,
                "rules": [plain(entry) for entry in backend.catalogue],
                "references": [plain(reference) for reference in references],
            }
            return json_response(document)
        return page(
            "knowledge.html",
            version=backend.knowledge_version,
            rules=backend.catalogue,
            references=references,
            services=SERVICES,
        )

    return blueprint
