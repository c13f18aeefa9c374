"""Makes a FHIR server tell the service of new reports, by a Subscription with rest-hook, and takes it away again."""

import uuid
from urllib.parse import quote

from cds_service.ehr.server import FhirServer, Resource

CRITERIA = "DiagnosticReport?status=final,amended,corrected,appended"
_JSON = "application/fhir+json"


class Subscriber:
    """The Subscription of one service, known by the address that it notifies."""

    def __init__(self, server: FhirServer, service: str) -> None:
        self._server = server
        self._endpoint = f"{service.rstrip('/')}/results"

    def subscribe(self, secret: str, criteria: str = CRITERIA, *, empty: bool = False) -> str:
        """Create the Subscription, or renew the one that is there; returns ``Subscription/id``. Raises CallFailed.

        With ``empty`` the server only rings, and the service then looks for what is new; else it sends the report.
        """
        channel = {"type": "rest-hook", "endpoint": self._endpoint, "header": [f"Authorization: Bearer {secret}"]}
        subscription = {
            "resourceType": "Subscription",
            "status": "requested",
            "reason": "Decision support for spine MRI reports",
            "criteria": criteria,
            "channel": channel | ({} if empty else {"payload": _JSON}),
        }
        known = self._known()
        request = {"method": "PUT", "url": known[0]} if known else {"method": "POST", "url": "Subscription"}
        if known:
            subscription["id"] = known[0].partition("/")[2]
        name = uuid.uuid5(uuid.NAMESPACE_URL, self._endpoint).urn
        (reference,) = self._server.transaction([{"fullUrl": name, "resource": subscription, "request": request}])
        for further in known[1:]:
            self._server.delete(further)
        return reference or (known[0] if known else "Subscription")

    def unsubscribe(self) -> list[str]:
        """Delete the Subscription; returns what was deleted. Raises CallFailed."""
        known = self._known()
        for reference in known:
            self._server.delete(reference)
        return known

    def status(self, reference: str) -> str:
        """Return the status of ``Subscription/id``, "" when it cannot be told. Raises CallFailed."""
        found = self._server.read(reference)
        return str(found.get("status", "")) if found else ""

    def _known(self) -> list[str]:
        found = self._server.matches(f"Subscription?url={quote(self._endpoint, safe='')}&_count=50")
        return [f"Subscription/{one['id']}" for one in found if _endpoint_of(one) == self._endpoint]


def _endpoint_of(subscription: Resource) -> str:
    channel = subscription.get("channel")
    return str(channel.get("endpoint", "")) if isinstance(channel, dict) else ""
