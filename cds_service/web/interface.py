"""The OpenAPI document of everything that the service answers, at ``GET /openapi.json``."""

from collections.abc import Mapping
from functools import cache, partial

from flask import Blueprint, Response

import cds_service
from cds_service.domain.vocabulary import Language
from cds_service.hooks.services import SERVICES, Service
from cds_service.web.backend import Backend
from cds_service.web.bodies import json_response
from cds_service.web.interface_forms import ref
from cds_service.web.interface_parts import (
    ACCEPT_LANGUAGE,
    HTML,
    JSON,
    REFUSALS,
    Part,
    answers,
    body,
    call_name,
    content,
)
from cds_service.web.interface_preview import preview_paths
from cds_service.web.interface_schemas import schemas
from cds_service.web.interface_usage import usage_path


def _call(service: Service) -> Part:
    return {
        "operationId": f"call-{service.id}",
        "summary": service.title,
        "description": service.description,
        "tags": ["CDS Hooks"],
        "security": [{"token": []}, {}],
        "parameters": [ACCEPT_LANGUAGE],
        "requestBody": body(ref(call_name(service))),
        "responses": answers(
            "The cards, in the form of the version that the caller is registered for; an empty list says that there is "
            "nothing to say.",
            ref("Answer"),
            *(400, 401, 403, 412, 413, 415, 429, 503),
        ),
    }


def _feedback(service: Service) -> Part:
    return {
        "operationId": f"feedback-{service.id}",
        "summary": "What a clinician did with cards",
        "tags": ["CDS Hooks"],
        "security": [{"token": []}, {}],
        "requestBody": body(ref("Feedback")),
        "responses": answers(
            "Everything is kept; with 400 the good items are kept and the others named.",
            ref("FeedbackKept"),
            *(400, 401, 403, 413, 415, 429, 503),
        ),
    }


def _discovery() -> Part:
    return {
        "operationId": "discovery",
        "summary": "Which services there are and what each asks for",
        "tags": ["CDS Hooks"],
        "security": [{"token": []}, {}],
        "responses": answers("The services.", ref("Discovery"), 403),
    }


def _page(name: str, summary: str) -> Part:
    page = {"type": "string"}
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["For people"],
        "responses": answers("The page.", page, 403, label=HTML),
    }


def _knowledge(name: str) -> Part:
    wanted = {"format": ["html", "json"], "lang": [language.value for language in Language]}
    part = _page(name, "What the service knows and what it is for")
    part["parameters"] = [{"name": n, "in": "query", "schema": {"enum": values}} for n, values in wanted.items()]
    part["responses"]["200"]["content"][JSON] = {"schema": ref("Knowledge")}
    part["responses"]["400"] = {"description": REFUSALS[400], **content(ref("OperationOutcome"))}
    return part


def _state(name: str, summary: str, schema: str) -> Part:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["For operators"],
        "responses": answers("The state.", ref(schema), 403),
    }


def _ready() -> Part:
    part = _state("ready", "Whether the service can do its work", "Health")
    part["responses"]["503"] = {
        "description": "It cannot; Retry-After tells when to ask again.",
        **content(ref("Health")),
    }
    return part


def _metrics() -> Part:
    """Describe ``GET /metrics``, which is text for Prometheus."""
    return {
        "operationId": "metrics",
        "summary": "What the service does, as Prometheus reads it; in a trial, elsewhere behind the operator's secret",
        "tags": ["For operators"],
        "security": [{"secret": []}, {}],
        "responses": answers("The metrics.", {"type": "string"}, 401, 403, 404, label="text/plain"),
    }


def _static() -> Part:
    part = _page("static", "Style sheets and pictures of the pages")
    part["parameters"] = [{"name": "filename", "in": "path", "required": True, "schema": {"type": "string"}}]
    part["responses"] = answers("The file.", {}, 403, 404, label="*/*")
    return part


def _start() -> Part:
    return {
        "operationId": "start",
        "summary": "Leads to the preview",
        "tags": ["For people"],
        "responses": answers("To the preview.", {"type": "string"}, 403, label=HTML, status=302),
    }


def _paths() -> Mapping[str, Part]:
    paths: Part = {"/cds-services": {"get": _discovery()}}
    for service in SERVICES:
        paths[f"/cds-services/{service.id}"] = {"post": _call(service)}
        paths[f"/cds-services/{service.id}/feedback"] = {"post": _feedback(service)}
    return paths | {
        **preview_paths(),
        "/": {"get": _start()},
        "/about": {"get": _knowledge("about")},
        "/about/knowledge": {"get": _knowledge("knowledge")},
        "/about/usage": {"get": usage_path()},
        "/livez": {"get": _state("alive", "Whether the process answers", "Alive")},
        "/readyz": {"get": _ready()},
        "/metrics": {"get": _metrics()},
        "/health": {"get": _state("health", "State of the service in words", "Health")},
        "/openapi.json": {"get": _state("interface", "This document", "Interface")},
        "/static/{filename}": {"get": _static()},
    }


def interface(base_url: str) -> Part:
    """Return the document for the service at ``base_url``."""
    token = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Signed by the caller for the address called; where no registry is kept, none is asked for.",
    }
    secret = {"type": "http", "scheme": "bearer", "description": "Of the page, where the operator set one."}
    password = {"type": "http", "scheme": "basic", "description": "Any name, and the secret of the page."}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Marrow CDS",
            "version": cds_service.__version__,
            "description": "CDS Hooks service for spine MRI reports with vertebral bone marrow edema.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_url}],
        "paths": _paths(),
        "components": {
            "schemas": schemas() | {"Interface": {"type": "object", "required": ["openapi", "info", "paths"]}},
            "securitySchemes": {"token": token, "secret": secret, "password": password},
        },
    }


def interface_blueprint(backend: Backend) -> Blueprint:
    """Answer ``GET /openapi.json``."""
    blueprint = Blueprint("interface", __name__)
    # Made when it is asked for first, since a start would be longer by it.
    document = cache(partial(interface, backend.settings.base_url))

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        response = json_response(document())
        response.headers["Cache-Control"] = "no-cache"
        return response

    return blueprint
