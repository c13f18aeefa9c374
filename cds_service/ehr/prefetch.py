"""Answers the prefetch templates of a service from the FHIR server, as an EHR does before it calls."""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from cds_service.ehr.calls import CallFailed
from cds_service.ehr.fhirpath import Resolve
from cds_service.ehr.references import plain_reference
from cds_service.ehr.server import FhirServer, Resource
from cds_service.ehr.templates import Known, Unfilled, earlier_keys, fill

_AT_ONCE = 4
_READ = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64}")


@dataclass(slots=True)
class Prefetched:
    """Answers by key, and for keys that were left out the reason. ``None`` means looked for and nothing found."""

    values: dict[str, Resource | None] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def prefetch(templates: Mapping[str, str], server: FhirServer, known: Known) -> Prefetched:
    """Ask for every template, those that build upon others after them; what fails is left out, never sent empty."""
    result = Prefetched()
    open_keys = dict(templates)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while open_keys:
            waiting = {key for key, template in open_keys.items() if earlier_keys(template) & open_keys.keys()}
            ready = {key: template for key, template in open_keys.items() if key not in waiting}
            if not ready:
                result.left_out |= dict.fromkeys(open_keys, "builds upon itself")
                break
            now = replace(known, earlier=result.values)
            jobs = {key: pool.submit(_answer, template, server, now) for key, template in ready.items()}
            for key, job in jobs.items():
                try:
                    result.values[key] = job.result()
                except (CallFailed, Unfilled) as failure:
                    result.left_out[key] = str(failure)
                del open_keys[key]
    return result


def _answer(template: str, server: FhirServer, known: Known) -> Resource | None:
    query = fill(template, known)
    if "?" in query:
        return server.search(query)
    return server.read(query)


def resolver(context: Mapping[str, Any], server: FhirServer) -> Resolve:
    """Return the function that follows references of a call: drafts of the context first, then the FHIR server."""
    drafts = context.get("draftOrders")
    entries = drafts.get("entry", []) if isinstance(drafts, dict) else []
    known = {f"{one['resource']['resourceType']}/{one['resource']['id']}": one["resource"] for one in entries}

    def resolve(reference: str) -> Resource | None:
        plain = plain_reference(reference)
        if plain in known:
            draft: Resource = known[plain]
            return draft
        # What is left without version and own base address is Type/id, or leads to another place.
        relative = reference.removeprefix(f"{server.base}/").partition("/_history/")[0]
        if not _READ.fullmatch(relative):
            return None
        return server.read(plain)

    return resolve
