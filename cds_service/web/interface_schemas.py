"""Schemas of what goes in and out, for the OpenAPI document: cards come from their models, the rest stands here."""

from cards.protocol import Card
from cds_service.hooks.services import SERVICES, Hook, Service
from cds_service.store.records import Outcome
from cds_service.web.interface_forms import COUNT, TEXT, Schema, record, ref
from cds_service.web.interface_parts import call_name
from cds_service.web.interface_preview_schemas import preview_schemas
from cds_service.web.interface_usage import usage_schemas

_RESOURCE: Schema = {"type": "object", "properties": {"resourceType": TEXT}, "required": ["resourceType"]}
_ID = r"^[A-Za-z0-9_.~-]{1,256}$"
_REFERENCE = r"^[A-Z][A-Za-z]{1,63}/[A-Za-z0-9_.~-]{1,256}$"


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
    service = record(
        {
            "hook": {"enum": [hook.value for hook in Hook]},
            "id": {"enum": [one.id for one in SERVICES]},
            "title": TEXT,
            "description": TEXT,
            "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
            "usageRequirements": TEXT,
            "prefetch": {"type": "object", "minProperties": 1, "additionalProperties": TEXT},
        },
        optional=("version", "usageRequirements"),
    )
    return {"Service": service, "Discovery": record({"services": {"type": "array", "items": ref("Service")}})}


def _errors() -> dict[str, Schema]:
    issue = record(
        {
            "severity": {"const": "error"},
            "code": TEXT,
            "details": record({"text": TEXT}),
            "expression": {"type": "array", "items": TEXT, "minItems": 1},
            "diagnostics": TEXT,
        },
        optional=("expression", "diagnostics"),
    )
    issues = {"type": "array", "items": issue, "minItems": 1}
    return {"OperationOutcome": record({"resourceType": {"const": "OperationOutcome"}, "issue": issues})}


def _feedback() -> dict[str, Schema]:
    reason = record({"code": TEXT, "system": TEXT, "display": {"type": "string"}}, optional=("system", "display"))
    override = record({"reason": reason, "userComment": {"type": "string"}}, optional=("reason", "userComment"))
    item = record(
        {
            "card": {"type": "string", "minLength": 1, "maxLength": 200},
            "outcome": {"enum": [outcome.value for outcome in Outcome]},
            "outcomeTimestamp": {"type": "string", "format": "date-time"},
            "acceptedSuggestions": {"type": "array", "items": record({"id": TEXT}), "minItems": 1},
            "overrideReason": override,
        },
        optional=("acceptedSuggestions", "overrideReason"),
        closed=False,
    )
    return {
        "Feedback": record({"feedback": {"type": "array", "items": item}}, closed=False),
        "FeedbackKept": record({"kept": COUNT}),
    }


def _health() -> dict[str, Schema]:
    health = record(
        {
            "status": {"enum": ["ok", "degraded"]},
            "store": {"enum": ["ok", "spooling", "failed"]},
            "keys": {"enum": ["none", "ok", "incomplete", "missing"]},
            "knowledge": TEXT,
            "unrecordedCards": COUNT,
            "unrecordedCalls": COUNT,
        }
    )
    return {"Health": health, "Alive": record({"status": {"const": "ok"}})}


def _context(service: Service) -> Schema:
    drafts = record(
        {
            "resourceType": {"const": "Bundle"},
            "entry": {"type": "array", "items": record({"resource": _RESOURCE}, closed=False)},
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
        members["selections"] = {"type": "array", "items": TEXT}
    return record(members, optional=("encounterId",), closed=False)


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
        "access_token": TEXT,
        "token_type": {"const": "Bearer"},
        "expires_in": {"type": "integer"},
        "scope": {"type": "string"},
        "subject": TEXT,
        "patient": TEXT,
    }
    return record(members, optional=("patient",), closed=False)


def _calls() -> dict[str, Schema]:
    return {
        call_name(service): record(
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
        "Answer": record({"cards": {"type": "array", "items": ref("Card")}}),
        "Knowledge": {"type": "object", "required": ["name", "version", "rules", "references"]},
        **_cards(),
        **_discovery(),
        **_calls(),
        **_feedback(),
        **_errors(),
        **preview_schemas(),
        **_health(),
        **usage_schemas(),
    }
