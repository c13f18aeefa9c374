"""What is open in the EHR at the moment of a call: user, patient, visit and draft orders, as a hook request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from cds_service.ehr.references import subject_of
from cds_service.errors import RequestError

Json = dict[str, Any]

_ORDER_HOOKS = frozenset({"order-select", "order-sign"})
_SELECTING = "order-select"


@dataclass(frozen=True, slots=True)
class Drafts:
    """Draft orders and those of them chosen just now, as ``Type/id``."""

    orders: tuple[Json, ...] = ()
    selections: tuple[str, ...] = ()

    @property
    def bundle(self) -> Json:
        """Return the orders as the hook sends them."""
        return {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": order} for order in self.orders],
        }


def read_drafts(path: Path, patient_id: str) -> Drafts:
    """Read a draft order, a Bundle of them, or the context of an order hook. Raises RequestError naming the file.

    Without selections of its own every order counts as selected.
    """
    try:
        held = orjson.loads(path.read_bytes())
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror})") from None
    except orjson.JSONDecodeError as error:
        raise RequestError(f"{path}: is not JSON: {error.msg}") from None
    context = held if isinstance(held, dict) else {}
    bundle = context.get("draftOrders", context)
    entries = bundle.get("entry") if isinstance(bundle, dict) else None
    orders: list[Any] = [one.get("resource") for one in entries if isinstance(one, dict)] if entries else [bundle]
    for order in orders:
        if not isinstance(order, dict) or not order.get("resourceType") or not order.get("id"):
            raise RequestError(f"{path}: holds something that is no draft order with resourceType and id")
        if subject_of(order) not in {"", f"Patient/{patient_id}"}:
            raise RequestError(f"{path}: {order['resourceType']}/{order['id']} is an order for another patient")
    named = tuple(f"{order['resourceType']}/{order['id']}" for order in orders)
    chosen = context.get("selections")
    selections = tuple(one for one in chosen if isinstance(one, str)) if isinstance(chosen, list) else named
    return Drafts(tuple(orders), selections)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks at whom: ``user`` is ``Type/id``, ``patient_id`` and ``encounter_id`` are bare ids."""

    hook: str
    patient_id: str
    user: str
    encounter_id: str = ""
    drafts: Drafts = Drafts()

    def context(self) -> Json:
        """Return the context of the hook. Raises RequestError for an order hook without orders."""
        context: Json = {"userId": self.user, "patientId": self.patient_id}
        if self.encounter_id:
            context["encounterId"] = self.encounter_id
        if self.hook in _ORDER_HOOKS:
            if not self.drafts.orders:
                raise RequestError(f"{self.hook} is about draft orders: give them with --draft FILE")
            context["draftOrders"] = self.drafts.bundle
        if self.hook == _SELECTING:
            context["selections"] = list(self.drafts.selections)
        return context


@dataclass(frozen=True, slots=True, repr=False)
class Grant:
    """The FHIR server that the service may ask, with the token of the EHR if it has one. Has no repr."""

    base: str
    token: str = ""
    seconds: int = 300
    subject: str = "marrow-cds"

    def members(self, patient_id: str) -> Json:
        """Return the members of a hook request that give access."""
        members: Json = {"fhirServer": self.base}
        if self.token:
            members["fhirAuthorization"] = {
                "access_token": self.token,
                "token_type": "Bearer",
                "expires_in": self.seconds,
                "scope": "patient/*.rs",
                "subject": self.subject,
                "patient": patient_id,
            }
        return members


def hook_request(visit: Visit, grant: Grant | None, prefetched: Mapping[str, Any], new_id: Callable[[], str]) -> Json:
    """Return the body of the call; without ``grant`` the service has to do with what was prefetched."""
    request: Json = {"hook": visit.hook, "hookInstance": new_id(), "context": visit.context()}
    if grant is not None:
        request |= grant.members(visit.patient_id)
    if prefetched:
        request["prefetch"] = dict(prefetched)
    return request
