"""What a Subscription notification says: which reports are new. Only their ids are believed; all else is fetched."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cds_service.errors import RequestError
from cds_service.hooks.entries import entries_of

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_KIND = "DiagnosticReport"
# More in one notification would be an import, for which replay is there.
_MOST = 100


def is_report_id(text: str) -> bool:
    """Whether ``text`` can be the id of a resource."""
    return _ID.fullmatch(text) is not None


def report_ids(body: Any, base: str) -> tuple[str, ...]:
    """Return the ids of the reports that a notification with content names, each once.

    The content is a report, or a Bundle of them by resource or by address. Raises RequestError for anything else, and
    for an address that is not below ``base``, the one server that this service listens to.
    """
    kind = body.get("resourceType") if isinstance(body, dict) else None
    if kind == "Bundle":
        found = tuple(dict.fromkeys(_of_bundle(body, base)))
    elif kind == _KIND:
        found = tuple(_of_report(body))
    else:
        raise RequestError("is neither a DiagnosticReport nor a Bundle", field="body", code="structure")
    if len(found) > _MOST:
        raise RequestError(f"names more than {_MOST} reports", field="body", status=413, code="too-long")
    return found


def _of_report(report: Mapping[str, Any]) -> Iterator[str]:
    name = report.get("id")
    if not isinstance(name, str) or not is_report_id(name):
        raise RequestError("names no report by its id", field="body.id", code="required")
    yield name


def _of_bundle(bundle: Mapping[str, Any], base: str) -> Iterator[str]:
    listed = bundle.get("entry")
    for entry in entries_of(bundle)[0]:
        if entry.kind == _KIND:
            yield from _of_report(entry.resource)
    for entry in listed if isinstance(listed, list) else []:
        # Notifications by id only carry the address and no resource.
        address = entry.get("fullUrl") if isinstance(entry, dict) and "resource" not in entry else None
        if isinstance(address, str) and f"/{_KIND}/" in address:
            yield _below(address, base)


def _below(address: str, base: str) -> str:
    name = address.removeprefix(f"{base}/{_KIND}/").partition("/_history/")[0]
    if not is_report_id(name):
        raise RequestError("names a report of another server", field="body.entry", code="forbidden", status=403)
    return name
