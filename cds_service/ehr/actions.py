"""What a clinician does with cards: suggestions become a transaction of the FHIR server, and both ways feedback."""

import copy
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cds_service.ehr.references import referring, subject_of
from cds_service.ehr.server import FhirServer, Resource
from cds_service.ehr.service import Card
from cds_service.errors import RequestError

_URN = "urn:ietf:rfc:3986"
_AT_MOST_ONE = "at-most-one"
# Types of orders and plans that can carry several identifiers; by ours a repeated acceptance is recognised.
_IDENTIFIED = frozenset(
    {"Appointment", "CarePlan", "Communication", "CommunicationRequest", "DeviceRequest", "Flag", "Goal"}
    | {"MedicationRequest", "NutritionOrder", "Procedure", "ServiceRequest", "SupplyRequest", "Task"}
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One suggestion as numbered for the user, over all cards from 1."""

    number: int
    card: Card
    suggestion: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Words of the suggestion."""
        return str(self.suggestion.get("label", "without words"))

    @property
    def actions(self) -> list[Mapping[str, Any]]:
        """What it does, all of it together."""
        return [one for one in self.suggestion.get("actions") or () if isinstance(one, dict)]


def choices(cards: Iterable[Card]) -> list[Choice]:
    """Return all suggestions in the order shown."""
    pairs = [(card, one) for card in cards for one in card.get("suggestions") or () if isinstance(one, dict)]
    return [Choice(number, card, suggestion) for number, (card, suggestion) in enumerate(pairs, 1)]


def chosen(cards: Sequence[Card], numbers: Iterable[int]) -> list[Choice]:
    """Return the suggestions called by ``numbers``. Raises RequestError for one that is not there or not allowed."""
    offered = {choice.number: choice for choice in choices(cards)}
    taken = []
    for number in dict.fromkeys(numbers):
        if number not in offered:
            raise RequestError(f"--accept {number}: there are {len(offered)} suggestions")
        taken.append(offered[number])
    for card in cards:
        of_card = [str(choice.number) for choice in taken if choice.card is card]
        if len(of_card) > 1 and card.get("selectionBehavior") == _AT_MOST_ONE:
            raise RequestError(f"--accept {', '.join(of_card)}: the card lets one of them be taken")
    return taken


def _kind(resource: Any) -> str:
    return str(resource.get("resourceType", "")) if isinstance(resource, dict) else ""


class Acceptance:
    """Turns accepted suggestions of one patient into entries of a transaction.

    ``marks`` are tags and security labels of the patient that new resources take over, so that what is created for a
    synthetic patient is known as synthetic as well.
    """

    def __init__(self, patient_id: str, server: FhirServer, marks: Mapping[str, Any]) -> None:
        self._patient = f"Patient/{patient_id}"
        self._server = server
        self._marks = marks

    def entries(self, taken: Iterable[Choice]) -> list[Resource]:
        """Return one entry for each action. Raises RequestError for one that is about somebody else, or unreadable."""
        found: list[Resource] = []
        for choice in taken:
            names = {
                f"{_kind(one.get('resource'))}/{one['resource']['id']}": self._urn(choice, place)
                for place, one in enumerate(choice.actions)
                if one.get("type") == "create" and isinstance(one.get("resource"), dict) and one["resource"].get("id")
            }
            for place, action in enumerate(choice.actions):
                entry = self._entry(choice, action, self._urn(choice, place))
                found.append(referring(entry, names))
        return found

    @staticmethod
    def _urn(choice: Choice, place: int) -> str:
        """Name a new resource by its suggestion, so that the same acceptance sent twice creates it once."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{choice.suggestion.get('uuid')}#{place}").urn

    def _entry(self, choice: Choice, action: Mapping[str, Any], urn: str) -> Resource:
        kind, resource = action.get("type"), action.get("resource")
        if kind == "delete":
            # Before CDS Hooks 2.0 the target stood in "resource".
            target = action.get("resourceId") or resource
            if not isinstance(target, str) or target.count("/") != 1:
                raise RequestError(f"suggestion {choice.number}: a delete names no Type/id")
            self._refuse_stranger(choice, self._server.read(target))
            return {"request": {"method": "DELETE", "url": target}}
        if kind not in {"create", "update"} or not isinstance(resource, dict) or not _kind(resource):
            raise RequestError(f"suggestion {choice.number}: an action is neither create, update nor delete")
        self._refuse_stranger(choice, resource)
        if kind == "update":
            return self._update(choice, resource)
        return self._create(resource, urn)

    def _create(self, resource: Resource, urn: str) -> Resource:
        new = copy.deepcopy(resource)
        new.pop("id", None)
        request = {"method": "POST", "url": _kind(new)}
        if _kind(new) in _IDENTIFIED:
            new["identifier"] = [*new.get("identifier", ()), {"system": _URN, "value": urn}]
            request["ifNoneExist"] = f"identifier={_URN}|{urn}"
        if self._marks:
            meta = new.get("meta", {})
            new["meta"] = meta | {name: [*meta.get(name, ()), *added] for name, added in self._marks.items()}
        return {"fullUrl": urn, "resource": new, "request": request}

    def _update(self, choice: Choice, resource: Resource) -> Resource:
        target = f"{_kind(resource)}/{resource.get('id')}"
        self._refuse_stranger(choice, self._server.read(target))
        request = {"method": "PUT", "url": target}
        version = resource.get("meta", {}).get("versionId")
        if version:
            request["ifMatch"] = f'W/"{version}"'
        return {"fullUrl": f"{self._server.base}/{target}", "resource": resource, "request": request}

    def _refuse_stranger(self, choice: Choice, resource: Resource | None) -> None:
        if resource is not None and subject_of(resource) not in {"", self._patient}:
            raise RequestError(f"suggestion {choice.number}: {_kind(resource)} of another patient, nothing was done")


def descriptions(taken: Iterable[Choice]) -> list[str]:
    """Return the words of each action, in the order of the entries made from them."""
    return [str(action.get("description", choice.label)) for choice in taken for action in choice.actions]


def marks_of(patient: Resource, tag_system: str) -> dict[str, Any]:
    """Return the tags of ``tag_system`` and the label of test data that a patient carries."""
    meta = patient.get("meta") or {}
    tags = [one for one in meta.get("tag", ()) if one.get("system") == tag_system]
    labels = [one for one in meta.get("security", ()) if one.get("code") == "HTEST"]
    return {name: found for name, found in (("tag", tags), ("security", labels)) if found}


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def accepted(taken: Sequence[Choice], moment: datetime) -> list[dict[str, Any]]:
    """Return the feedback for accepted suggestions, one item for each card."""
    items: dict[str, list[dict[str, Any]]] = {}
    for choice in taken:
        if choice.card.get("uuid") and choice.suggestion.get("uuid"):
            items.setdefault(choice.card["uuid"], []).append({"id": choice.suggestion["uuid"]})
    return [
        {"card": card, "outcome": "accepted", "acceptedSuggestions": ids, "outcomeTimestamp": _stamp(moment)}
        for card, ids in items.items()
    ]


def overridden(
    cards: Sequence[Card], numbers: Iterable[int], reason: str, comment: str, moment: datetime
) -> list[dict[str, Any]]:
    """Return the feedback for cards that are not followed, counted from 1. Raises RequestError for an unknown one."""
    items = []
    for number in dict.fromkeys(numbers):
        if not 0 < number <= len(cards):
            raise RequestError(f"--override {number}: there are {len(cards)} cards")
        card = cards[number - 1]
        if not card.get("uuid"):
            raise RequestError(f"--override {number}: the card has no uuid, so nothing can be told about it")
        why: dict[str, Any] = {"userComment": comment} if comment else {}
        if reason:
            why["reason"] = _reason(card, number, reason)
        item = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": _stamp(moment)}
        items.append(item | ({"overrideReason": why} if why else {}))
    return items


def _reason(card: Card, number: int, code: str) -> dict[str, str]:
    offered = {str(one.get("code")): one for one in card.get("overrideReasons") or ()}
    if code not in offered:
        listed = ", ".join(f"{one} ({coding.get('display', '')})" for one, coding in offered.items()) or "none"
        raise RequestError(f"--reason {code}: card {number} offers {listed}")
    return {name: offered[code][name] for name in ("system", "code", "display") if name in offered[code]}
