"""References between resources: whom one is about, and the same resource with references under new names."""

from collections.abc import Mapping
from typing import Any

_SUBJECTS = ("subject", "patient", "for", "beneficiary")


def plain_reference(reference: str) -> str:
    """Return ``Type/id`` of a reference, without base address and version."""
    return "/".join(reference.partition("/_history/")[0].split("/")[-2:])


def subject_of(resource: Mapping[str, Any]) -> str:
    """Return ``Type/id`` of whom a resource is about, "" when it names nobody."""
    for name in _SUBJECTS:
        holder = resource.get(name)
        reference = holder.get("reference") if isinstance(holder, dict) else None
        if isinstance(reference, str):
            return plain_reference(reference)
    return ""


def referring(value: Any, names: Mapping[str, str]) -> Any:
    """Return a copy of ``value`` whose references lead to their new names."""
    if isinstance(value, dict):
        return {
            key: names.get(item, item) if key == "reference" and isinstance(item, str) else referring(item, names)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [referring(item, names) for item in value]
    return value
