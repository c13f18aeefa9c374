"""Answers prefetch templates from a list of resources the way a FHIR server would."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

Resource = dict[str, Any]

_TEMPLATE = re.compile(r"([A-Z][A-Za-z]+)([/?])(.*)", re.DOTALL)
_TOKEN_PARAMETERS = ("category", "code")


def filled(templates: Mapping[str, str], resources: Iterable[Resource], context: Mapping[str, Any]) -> dict[str, Any]:
    """Answer every template: one resource (or ``None``) for a read, a searchset Bundle for a search."""
    held = list(resources)
    return {key: _answer(_resolved(template, context), held) for key, template in templates.items()}


def _resolved(template: str, context: Mapping[str, Any]) -> str:
    return re.sub(r"\{\{context\.(\w+)\}\}", lambda match: str(context.get(match[1], "")), template)


def _answer(query: str, resources: list[Resource]) -> Resource | None:
    match = _TEMPLATE.fullmatch(query)
    if not match:
        raise ValueError(f"not a FHIR read or search: {query}")
    kind, separator, rest = match.groups()
    of_kind = [resource for resource in resources if resource["resourceType"] == kind]
    if separator == "/":
        return next((resource for resource in of_kind if resource["id"] == rest), None)
    for parameter, value in parse_qsl(rest):
        if parameter in _TOKEN_PARAMETERS:
            wanted = {token.rpartition("|")[2] for token in value.split(",")}
            of_kind = [resource for resource in of_kind if wanted & _codes(resource, parameter)]
    return _searchset(of_kind)


def _codes(resource: Resource, element: str) -> set[str]:
    concepts = resource.get(element) or []
    if isinstance(concepts, dict):
        concepts = [concepts]
    return {coding["code"] for concept in concepts for coding in concept.get("coding", []) if "code" in coding}


def _searchset(resources: list[Resource]) -> Resource:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(resources),
        "entry": [
            {
                "fullUrl": f"https://fhir.example.org/r4/{resource['resourceType']}/{resource['id']}",
                "resource": resource,
                "search": {"mode": "match"},
            }
            for resource in resources
        ],
    }
