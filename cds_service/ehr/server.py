"""The FHIR server of the EHR: reads, searches with their pages, transactions; what it refuses is said in words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from cds_service.ehr.calls import Answer, CallFailed, Calls, outcome_text
from cds_service.ehr.references import plain_reference

Resource = dict[str, Any]

PAGES = 20
ENTRIES = 5000
# Characters of a query that stay as they are; values put into it were encoded before.
_KEPT = "?&=/:.-_~$%,"
_FHIR_JSON = "application/fhir+json"
_GONE = (404, 410)
_REFUSED = (401, 403)
_CREATED = (200, 201)


class FhirServer:
    """One FHIR R4 server. ``token`` is sent as bearer token when there is one."""

    def __init__(self, base: str, calls: Calls, token: str = "") -> None:
        self.base = base.rstrip("/")
        self._calls = calls
        self._token = token
        self._name = f"FHIR server {self.base}"

    def check(self) -> None:
        """Ask what the server is. Raises CallFailed when it is down, no FHIR server, or of another FHIR version."""
        answer = self._send("GET", "metadata")
        if answer.status in _GONE:
            raise CallFailed(f"{self._name} has no FHIR interface there (HTTP {answer.status}): is the address right?")
        body = self._good(answer, "GET metadata")
        if not isinstance(body, dict) or body.get("resourceType") != "CapabilityStatement":
            raise CallFailed(f"{self._name} is not a FHIR R4 server: /metadata is no CapabilityStatement")
        version = str(body.get("fhirVersion", ""))
        if not version.startswith("4."):
            raise CallFailed(f"{self._name} speaks FHIR {version or 'of an unknown version'}, needed is R4 (4.0)")

    def read(self, reference: str) -> Resource | None:
        """Return the resource ``Type/id``, ``None`` when there is none. Raises CallFailed."""
        answer = self._send("GET", reference)
        if answer.status in _GONE:
            return None
        body = self._good(answer, f"GET {reference}")
        return body if isinstance(body, dict) and body.get("resourceType") == reference.partition("/")[0] else None

    def search(self, query: str, pages: int = PAGES) -> Resource:
        """Return the Bundle of ``Type?…`` with its further pages joined. Raises CallFailed.

        A Bundle with more than ``pages`` keeps its link to the next one, so that its reader knows there is more.
        """
        found = self._bundle(self._send("GET", quote(query, safe=_KEPT)), query)
        for _ in range(pages - 1):
            following = _next_link(found)
            if not following or not self._is_below(following) or len(found["entry"]) >= ENTRIES:
                break
            page = self._bundle(self._send("GET", following), query)
            found["entry"] += page["entry"]
            found["link"] = page.get("link", [])
        return found

    def matches(self, query: str, pages: int = PAGES) -> list[Resource]:
        """Return the resources that a search finds, without what came along with them. Raises CallFailed."""
        kind = query.partition("?")[0]
        resources = [entry.get("resource") for entry in self.search(query, pages)["entry"] if isinstance(entry, dict)]
        return [one for one in resources if isinstance(one, dict) and one.get("resourceType") == kind]

    def transaction(self, entries: Sequence[Mapping[str, Any]]) -> list[str]:
        """Have all ``entries`` done or none; returns ``Type/id`` of each in order, "" where none is told.

        The entries must be such that doing them twice does no harm. Raises CallFailed with the server's reason.
        """
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
        answer = self._send("POST", "", bundle)
        body = self._good(answer, "the transaction")
        done = body.get("entry") if isinstance(body, dict) else None
        if not isinstance(done, list) or len(done) != len(entries):
            raise CallFailed(f"{self._name} answered the transaction with something else than its result")
        return [self._reference(entry) for entry in done]

    def delete(self, reference: str) -> str:
        """Delete ``Type/id``. Returns "" or the reason why it stays. Raises CallFailed when the server is no help."""
        answer = self._send("DELETE", reference)
        if answer.status in (409, 412, 422):
            return outcome_text(answer.body) or f"HTTP {answer.status}"
        if answer.status not in _GONE:
            self._good(answer, f"DELETE {reference}")
        return ""

    def _send(self, method: str, address: str, body: Any = None) -> Answer:
        inside = address.startswith((f"{self.base}/", f"{self.base}?"))
        url = address if inside else f"{self.base}/{address}".rstrip("/")
        # Without "no-cache" servers may answer a search from a list they made minutes ago.
        headers = {"Accept": _FHIR_JSON, "Cache-Control": "no-cache"}
        if body is not None:
            headers |= {"Content-Type": f"{_FHIR_JSON}; charset=utf-8", "Prefer": "return=minimal"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        return self._calls.send(method, url, name=self._name, headers=lambda: headers, body=body)

    def _good(self, answer: Answer, asked: str) -> Any:
        if answer.status in _REFUSED:
            advice = "its token is not accepted" if self._token else "it wants a login, give a token with --fhir-token"
            raise CallFailed(f"{self._name} refuses {asked} (HTTP {answer.status}): {advice}", answer.status)
        if answer.status not in (*_CREATED, 204):
            said = outcome_text(answer.body)
            raise CallFailed(
                f"{self._name} answered {asked} with HTTP {answer.status}{f': {said}' if said else ''}", answer.status
            )
        return answer.body

    def _bundle(self, answer: Answer, query: str) -> Resource:
        body = self._good(answer, f"GET {query}")
        if not isinstance(body, dict) or body.get("resourceType") != "Bundle":
            raise CallFailed(f"{self._name} answered a search with something else than a Bundle")
        entries = body.get("entry")
        body["entry"] = entries if isinstance(entries, list) else []
        return body

    def _is_below(self, address: str) -> bool:
        """Whether a page link stays below the base address: a token must not leave for another server."""
        base, other = urlsplit(self.base), urlsplit(address)
        same = (base.scheme, base.netloc) == (other.scheme, other.netloc)
        return same and (other.path == base.path or other.path.startswith(f"{base.path}/"))

    def _reference(self, entry: Any) -> str:
        response = entry.get("response") if isinstance(entry, dict) else None
        location = response.get("location") if isinstance(response, dict) else None
        if not isinstance(location, str):
            return ""
        return plain_reference(location)


def _next_link(bundle: Resource) -> str:
    links: Iterable[Any] = bundle.get("link") or ()
    found = (one["url"] for one in links if isinstance(one, dict) and one.get("relation") == "next" and one.get("url"))
    return str(next(found, ""))
