"""Report texts that a server keeps in Binary resources: which links there are, and what they lead to."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cds_service.fhir.received import ReceivedResource
from cds_service.hooks.entries import Entry

# More would be an archive; the newest reports come first.
MOST_LINKS = 8
_LINK = re.compile(r"(?:https?://\S+/)?Binary/[A-Za-z0-9_.~-]{1,256}")


def _links_of(report: Mapping[str, Any]) -> Iterator[str]:
    forms = report.get("presentedForm")
    for form in forms if isinstance(forms, list) else []:
        url = form.get("url") if isinstance(form, dict) and not form.get("data") else None
        if isinstance(url, str) and _LINK.fullmatch(url):
            yield url


def linked_texts(entries: Sequence[Entry | ReceivedResource]) -> tuple[str, ...]:
    """Return the addresses of report texts that did not come with the reports, without repeats, at most eight."""
    present = {entry.identity for entry in entries if entry.kind == "Binary"}
    links = dict.fromkeys(link for entry in entries for link in _links_of(entry.body))
    wanted = [link for link in links if ("Binary", link.rpartition("/")[2]) not in present]
    return tuple(wanted[:MOST_LINKS])
