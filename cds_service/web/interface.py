"""The OpenAPI document of everything that the service answers, at ``GET /openapi.json``."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response

import cds_service
from cds_service.domain.vocabulary import Language
from cds_service.hooks.services import SERVICES, Service
from cds_service.web.backend import Backend
from cds_service.web.bodies import json_response
from cds_service.web.interface_schemas import call_name, ref, schemas

Part = dict[str, Any]

_JSON = "application/json"
_HTML = "text/html"
_LANGUAGES = ", ".join(Language)
_REFUSALS = {
    400: "A member is missing or wrong; each is named.",
    401: "The caller is not authenticated; the reason is in the log of the service only.",
    403: "The hook was not agreed with this caller, or the call did not come over https.",
    404: "There is no such service or page, or it is closed here.",
    412: "Required prefetch keys are missing and could not be fetched.",
    413: "The body is larger, or holds more, than is accepted.",
    415: "The body is not labelled as JSON.",
    421: "The call was meant for another name than that of this service.",
    429: "More calls than agreed; Retry-After tells when to come again.",
    500: "The service failed; no advice was computed.",
    503: "Too many calls at once, or the record cannot be kept; Retry-After tells when to come again.",
}
_ACCEPT_LANGUAGE: Part = {
    "name": "Accept-Language",
    "in": "header",
    "description": f"Language of the cards ({_LANGUAGES}) where the registration of the caller does not decide.",
    "schema": {"type": "string"},
}


def _content(schema: Part, label: str = _JSON) -> Part:
    return {"content": {label: {"schema": schema}}}


def _answers(description: str, schema: Part, *refusals: int, label: str = _JSON, status: int = 200) -> Part:
    answers: Part = {str(status): {"description": description, **_content(schema, label)}}
    for code in (*refusals, 421, 500):
        answers[str(code)] = {"description": _REFUSALS[code], **_content(ref("OperationOutcome"))}
    return answers


def _body(schema: Part, *forms: str) -> Part:
    content = {_JSON: {"schema": schema}} | {label: {"schema": ref("PreviewForm")} for label in forms}
    return {"required": True, "content": content}


def _call(service: Service) -> Part:
    return {
        "operationId": f"call-{service.id}",
        "summary": service.title,
        "description": service.description,
        "tags": ["CDS Hooks"],
        "security": [{"token": []}, {}],
        "parameters": [_ACCEPT_LANGUAGE],
        "requestBody": _body(ref(call_name(service))),
        "responses": _answers(
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
        "requestBody": _body(ref("Feedback")),
        "responses": _answers(
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
        "responses": _answers("The services.", ref("Discovery"), 403),
    }


def _examples() -> Part:
    return {
        "typed": {
            "summary": "A report with a result",
            "value": {
                "text": "MRI lumbar spine. Marrow edema of L4 and L5 with fluid signal in the disc between.",
                "patient": {"age": 61, "sex": "male"},
                "labs": [{"name": "CRP", "value": 84, "unit": "mg/L"}],
                "orders": ["vertebroplasty L4"],
            },
        }
    }


def _preview() -> Part:
    body = _body(
        {"anyOf": [ref("TypedReport"), {"type": "object", "required": ["resourceType"]}, *_any_call()]},
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    )
    body["content"][_JSON]["examples"] = _examples()
    answers = _answers("Cards with the reasoning behind them.", ref("Preview"), *(400, 403, 404, 412, 413, 415, 503))
    for code in ("200", "400"):
        answers[code]["content"][_HTML] = {"schema": {"type": "string"}}
    as_of = {
        "name": "asOf",
        "in": "query",
        "description": "Look at the chart as on that day.",
        "schema": {"type": "string", "format": "date"},
    }
    return {
        "operationId": "preview",
        "summary": "Evaluate a Bundle, a call or a typed report; nothing is fetched or kept",
        "tags": ["For people"],
        "parameters": [as_of, _ACCEPT_LANGUAGE],
        "requestBody": body,
        "responses": answers,
    }


def _any_call() -> list[Part]:
    return [ref(call_name(service)) for service in SERVICES]


def _page(name: str, summary: str) -> Part:
    page = {"type": "string"}
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["For people"],
        "responses": _answers("The page.", page, 403, label=_HTML),
    }


def _knowledge(name: str) -> Part:
    wanted = {"format": ["html", "json"], "lang": [language.value for language in Language]}
    part = _page(name, "What the service knows and what it is for")
    part["parameters"] = [{"name": n, "in": "query", "schema": {"enum": values}} for n, values in wanted.items()]
    part["responses"]["200"]["content"][_JSON] = {"schema": ref("Knowledge")}
    part["responses"]["400"] = {"description": _REFUSALS[400], **_content(ref("OperationOutcome"))}
    return part


def _state(name: str, summary: str, schema: str) -> Part:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["For operators"],
        "responses": _answers("The state.", ref(schema), 403),
    }


def _ready() -> Part:
    part = _state("ready", "Whether the service can do its work", "Health")
    part["responses"]["503"] = {
        "description": "It cannot; Retry-After tells when to ask again.",
        **_content(ref("Health")),
    }
    return part


def _static() -> Part:
    part = _page("static", "Style sheets and pictures of the pages")
    part["parameters"] = [{"name": "filename", "in": "path", "required": True, "schema": {"type": "string"}}]
    part["responses"] = _answers("The file.", {}, 403, 404, label="*/*")
    return part


def _start() -> Part:
    return {
        "operationId": "start",
        "summary": "Leads to the preview",
        "tags": ["For people"],
        "responses": _answers("To the preview.", {"type": "string"}, 403, label=_HTML, status=302),
    }


def _paths() -> Mapping[str, Part]:
    paths: Part = {"/cds-services": {"get": _discovery()}}
    for service in SERVICES:
        paths[f"/cds-services/{service.id}"] = {"post": _call(service)}
        paths[f"/cds-services/{service.id}/feedback"] = {"post": _feedback(service)}
    return paths | {
        "/preview": {"get": _page("preview-form", "Form for a report"), "post": _preview()},
        "/": {"get": _start()},
        "/about": {"get": _knowledge("about")},
        "/about/knowledge": {"get": _knowledge("knowledge")},
        "/livez": {"get": _state("alive", "Whether the process answers", "Alive")},
        "/readyz": {"get": _ready()},
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
            "securitySchemes": {"token": token},
        },
    }


def interface_blueprint(backend: Backend) -> Blueprint:
    """Answer ``GET /openapi.json``."""
    blueprint = Blueprint("interface", __name__)
    document = interface(backend.settings.base_url)

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        response = json_response(document)
        response.headers["Cache-Control"] = "no-cache"
        return response

    return blueprint
