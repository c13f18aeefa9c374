"""Parts of the OpenAPI document that all paths share: bodies, answers and what each refusal means."""

from typing import Any

from cds_service.domain.vocabulary import Language
from cds_service.hooks.services import Service
from cds_service.web.interface_forms import ref

Part = dict[str, Any]

JSON = "application/json"
HTML = "text/html"
LANGUAGES = ", ".join(Language)
REFUSALS = {
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
ACCEPT_LANGUAGE: Part = {
    "name": "Accept-Language",
    "in": "header",
    "description": f"Language of the cards ({LANGUAGES}) where the registration of the caller does not decide.",
    "schema": {"type": "string"},
}


def content(schema: Part, label: str = JSON) -> Part:
    """Describe what a body or answer holds."""
    return {"content": {label: {"schema": schema}}}


def answers(description: str, schema: Part, *refusals: int, label: str = JSON, status: int = 200) -> Part:
    """Describe the answers: the good one, and the refusals that may come instead."""
    described: Part = {str(status): {"description": description, **content(schema, label)}}
    for code in (*refusals, 421, 500):
        described[str(code)] = {"description": REFUSALS[code], **content(ref("OperationOutcome"))}
    return described


def body(schema: Part, *forms: str) -> Part:
    """Describe a request body; ``forms`` are the labels of a form that may be sent instead."""
    held = {JSON: {"schema": schema}} | {label: {"schema": ref("PreviewForm")} for label in forms}
    return {"required": True, "content": held}


def call_name(service: Service) -> str:
    """Name of the schema of a call of ``service``."""
    return "".join(word.capitalize() for word in service.hook.value.split("-")) + "Call"
