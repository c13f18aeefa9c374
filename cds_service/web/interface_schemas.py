"""Schemas of what goes in and out, for the OpenAPI document: cards come from their models, the rest stands here."""

from typing import Any

from cards.model import Card
from cds_service.domain.vocabulary import Language
from cds_service.hooks.services import SERVICES, Hook, Service
from cds_service.store.records import Outcome

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "minLength": 1}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_RESOURCE: Schema = {"type": "object", "properties": {"resourceType": _TEXT}, "required": ["resourceType"]}
_ID = r"^[A-Za-z0-9_.~-]{1,256}$"
_REFERENCE = r"^[A-Z][A-Za-z]{1,63}/[A-Za-z0-9_.~-]{1,256}$"


def ref(name: str) -> Schema:
    """Point at a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def _record(properties: Schema, *, optional: tuple[str, ...] = (), closed: bool = True) -> Schema:
    made: Schema = {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }
    return made | ({"additionalProperties": False} if closed else {})


def _cards() -> dict[str, Schema]:
    """Schemas of cards and their parts, from the models that the writer fills; ``null`` is never sent."""
    made = Card.model_json_schema(mode="serialization", by_alias=True, ref_template="#/components/schemas/{model}")
    parts: dict[str, Schema] = {"Card": {k: v for k, v in made.items() if k != "$defs"}, **made["$defs"]}
    for schema in parts.values():
        schema["properties"] = {name: _without_null(one) for name, one in schema["properties"].items()}
    # What clients of 1.0 get has fewer members, and a delete names its target there under ``resource``.
    parts["Card"]["required"] = ["summary", "indicator", "detail", "source"]
    parts["Action"]["properties"]["resource"] = {"anyOf": [_RESOURCE, {"type": "string", "pattern": _REFERENCE}]}
    return parts


def _without_null(schema: Schema) -> Schema:
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if not kinds:
        return schema
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    return rest | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds})


def _discovery() -> dict[str, Schema]:
    service = _record(
        {
            "hook": {"enum": [hook.value for hook in Hook]},
            "id": {"enum": [one.id for one in SERVICES]},
            "title": _TEXT,
            "description": _TEXT,
            "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
            "usageRequirements": _TEXT,
            "prefetch": {"type": "object", "minProperties": 1, "additionalProperties": _TEXT},
        },
        optional=("version", "usageRequirements"),
    )
    return {"Service": service, "Discovery": _record({"services": {"type": "array", "items": ref("Service")}})}


def _errors() -> dict[str, Schema]:
    issue = _record(
        {
            "severity": {"const": "error"},
            "code": _TEXT,
            "details": _record({"text": _TEXT}),
            "expression": {"type": "array", "items": _TEXT, "minItems": 1},
            "diagnostics": _TEXT,
        },
        optional=("expression", "diagnostics"),
    )
    issues = {"type": "array", "items": issue, "minItems": 1}
    return {"OperationOutcome": _record({"resourceType": {"const": "OperationOutcome"}, "issue": issues})}


def _feedback() -> dict[str, Schema]:
    reason = _record({"code": _TEXT, "system": _TEXT, "display": {"type": "string"}}, optional=("system", "display"))
    override = _record({"reason": reason, "userComment": {"type": "string"}}, optional=("reason", "userComment"))
    item = _record(
        {
            "card": {"type": "string", "minLength": 1, "maxLength": 200},
            "outcome": {"enum": [outcome.value for outcome in Outcome]},
            "outcomeTimestamp": {"type": "string", "format": "date-time"},
            "acceptedSuggestions": {"type": "array", "items": _record({"id": _TEXT}), "minItems": 1},
            "overrideReason": override,
        },
        optional=("acceptedSuggestions", "overrideReason"),
        closed=False,
    )
    return {
        "Feedback": _record({"feedback": {"type": "array", "items": item}}, closed=False),
        "FeedbackKept": _record({"kept": _COUNT}),
    }


def _preview() -> dict[str, Schema]:
    lab = _record(
        {"name": _TEXT, "code": _TEXT, "value": {"type": ["number", "string"]}, "unit": _TEXT, "date": _TEXT},
        optional=("name", "code", "unit", "date"),
    )
    patient = {
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "sex": {"enum": ["female", "male"]},
        "pregnant": {"type": "boolean"},
    }
    texts: Schema = {"type": "array", "items": _TEXT}
    typed: Schema = {
        "text": _TEXT,
        "language": {"enum": [language.value for language in Language]},
        "reportDate": {"type": "string", "format": "date"},
        "patient": _record(patient, optional=tuple(patient)),
        "labs": {"type": "array", "items": lab},
        "conditions": texts,
        "medications": texts,
        "orders": texts,
    }
    fields: Schema = {name: {"type": "string"} for name in (*typed, "age", "sex", "pregnant", "cards")}
    for name in ("patient", "reportDate"):
        del fields[name]
    return {
        "TypedReport": _record(typed, optional=tuple(name for name in typed if name != "text")),
        "PreviewForm": _record(fields, optional=tuple(name for name in fields if name != "text"), closed=False),
        "Preview": _record({"cards": {"type": "array", "items": ref("Card")}, "reasoning": {"type": "object"}}),
    }


def _health() -> dict[str, Schema]:
    health = _record(
        {
            "status": {"enum": ["ok", "degraded"]},
            "store": {"enum": ["ok", "spooling", "failed"]},
            "knowledge": _TEXT,
            "unrecordedCards": _COUNT,
            "unrecordedCalls": _COUNT,
        }
    )
    return {"Health": health, "Alive": _record({"status": {"const": "ok"}})}


def _context(service: Service) -> Schema:
    drafts = _record(
        {
            "resourceType": {"const": "Bundle"},
            "entry": {"type": "array", "items": _record({"resource": _RESOURCE}, closed=False)},
        },
        closed=False,
    )
    members: Schema = {
        "userId": {"type": "string", "pattern": _REFERENCE},
        "patientId": {"type": "string", "pattern": _ID},
        "encounterId": {"type": "string", "pattern": _ID},
    }
    if service.hook is not Hook.PATIENT_VIEW:
        members["draftOrders"] = drafts
    if service.hook is Hook.ORDER_SELECT:
        members["selections"] = {"type": "array", "items": _TEXT}
    return _record(members, optional=("encounterId",), closed=False)


def _prefetched(service: Service) -> Schema:
    keys = {
        key.name: {
            "description": key.template,
            "anyOf": [_RESOURCE, {"type": "null"}],
        }
        for key in service.prefetch
    }
    return {"type": "object", "properties": keys}


def _grant() -> Schema:
    members: Schema = {
        "access_token": _TEXT,
        "token_type": {"const": "Bearer"},
        "expires_in": {"type": "integer"},
        "scope": {"type": "string"},
        "subject": _TEXT,
        "patient": _TEXT,
    }
    return _record(members, optional=("patient",), closed=False)


def call_name(service: Service) -> str:
    """Name of the schema of a call of ``service``."""
    return "".join(word.capitalize() for word in service.hook.value.split("-")) + "Call"


def _calls() -> dict[str, Schema]:
    return {
        call_name(service): _record(
            {
                "hook": {"const": service.hook.value},
                "hookInstance": {"type": "string", "minLength": 1, "maxLength": 200},
                "context": _context(service),
                "fhirServer": {"type": "string", "format": "uri"},
                "fhirAuthorization": _grant(),
                "prefetch": _prefetched(service),
            },
            optional=("fhirServer", "fhirAuthorization", "prefetch"),
            closed=False,
        )
        for service in SERVICES
    }


def schemas() -> dict[str, Schema]:
    """Return all schemas by name."""
    return {
        "Answer": _record({"cards": {"type": "array", "items": ref("Card")}}),
        "Knowledge": {"type": "object", "required": ["name", "version", "rules", "references"]},
        **_cards(),
        **_discovery(),
        **_calls(),
        **_feedback(),
        **_errors(),
        **_preview(),
        **_health(),
    }
