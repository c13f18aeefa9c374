"""How schemas of the OpenAPI document are written: references, and records with their required members."""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
WORDS: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}


def ref(name: str) -> Schema:
    """Point at a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(properties: Schema, *, optional: tuple[str, ...] = (), closed: bool = True) -> Schema:
    """Describe an object: its members, those that may be left out, and whether it may have others."""
    made: Schema = {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }
    return made | ({"additionalProperties": False} if closed else {})


def listed(items: Schema) -> Schema:
    """Describe an array."""
    return {"type": "array", "items": items}


def or_null(schema: Schema) -> Schema:
    """Describe a value that may be unknown."""
    return {"anyOf": [schema, {"type": "null"}]}
