"""Audit records in the forms that others read: one JSON object a line, or FHIR R4 AuditEvents."""

from dataclasses import asdict
from typing import Any

from cds_service.store.audit import AuditedCard, AuditRecord

_EVENT_TYPES = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_OPERATIONS = "http://hl7.org/fhir/restful-interaction"
_ENTITY_TYPES = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ENTITY_ROLES = "http://terminology.hl7.org/CodeSystem/object-role"
_FIRST_SERVER_FAULT = 500
_FIRST_REFUSAL = 400


def to_json(record: AuditRecord) -> dict[str, Any]:
    """Return the record as a plain object; members without a value are left out."""
    return {
        name: value for name, value in (asdict(record) | {"at": record.at.isoformat()}).items() if value not in ("", ())
    }


def _outcome(status: int) -> str:
    """Return 0 for success, 4 for a call that was refused, 8 for a failure of the service."""
    if status >= _FIRST_SERVER_FAULT:
        return "8"
    return "4" if status >= _FIRST_REFUSAL else "0"


def _agents(record: AuditRecord) -> list[dict[str, Any]]:
    who = {"identifier": {"value": record.issuer}} if record.issuer else {"display": "caller without token"}
    client: dict[str, Any] = {"who": who, "requestor": not record.user}
    if record.tenant:
        client["altId"] = record.tenant
    if not record.user:
        return [client]
    return [client, {"who": {"identifier": {"value": record.user}}, "requestor": True}]


def _entities(record: AuditRecord) -> list[dict[str, Any]]:
    said = {
        "httpStatus": str(record.status),
        "requestId": record.request_id,
        "hookInstance": record.hook_instance,
        "knowledgeVersion": record.knowledge_version,
        "language": record.language,
    }
    service: dict[str, Any] = {
        "what": {"display": record.service},
        "type": {"system": _ENTITY_TYPES, "code": "2", "display": "System Object"},
        "detail": [{"type": name, "valueString": value} for name, value in said.items() if value],
    }
    entities = [service]
    if record.patient:
        entities.append(
            {
                "what": {"identifier": {"value": record.patient}},
                "type": {"system": _ENTITY_TYPES, "code": "1", "display": "Person"},
                "role": {"system": _ENTITY_ROLES, "code": "1", "display": "Patient"},
            }
        )
    entities.extend(_card(card) for card in record.cards)
    return entities


def _card(card: AuditedCard) -> dict[str, Any]:
    entity: dict[str, Any] = {
        "what": {"identifier": {"value": card.uuid}},
        "type": {"system": _ENTITY_TYPES, "code": "2", "display": "System Object"},
        "name": card.card_id,
    }
    if card.rules:
        entity["detail"] = [{"type": "rule", "valueString": rule} for rule in card.rules]
    return entity


def to_audit_event(record: AuditRecord) -> dict[str, Any]:
    """Return the record as a FHIR R4 AuditEvent. User and patient are keyed hashes here as well."""
    return {
        "resourceType": "AuditEvent",
        "type": {"system": _EVENT_TYPES, "code": "rest", "display": "RESTful Operation"},
        "subtype": [{"system": _OPERATIONS, "code": "operation", "display": record.hook or record.action}],
        "action": "E",
        "recorded": record.at.isoformat(),
        "outcome": _outcome(record.status),
        "agent": _agents(record),
        "source": {"observer": {"display": "Marrow CDS"}},
        "entity": _entities(record),
    }
