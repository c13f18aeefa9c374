"""One round of an EHR with a CDS service: look at a patient, see cards, follow them or not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cds_service.ehr.actions import Acceptance, accepted, chosen, descriptions, marks_of, overridden
from cds_service.ehr.calls import CallFailed
from cds_service.ehr.prefetch import prefetch, resolver
from cds_service.ehr.seeding import TAG_SYSTEM
from cds_service.ehr.server import FhirServer, Resource
from cds_service.ehr.service import Card, CdsService, Offer
from cds_service.ehr.templates import Known
from cds_service.ehr.visit import Grant, Visit, hook_request
from cds_service.errors import RequestError


@dataclass(frozen=True, slots=True)
class Seen:
    """Cards of one call; ``left_out`` are prefetch keys that were not sent, with the reason."""

    offer: Offer
    patient: Resource
    cards: tuple[Card, ...]
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """What an accepted suggestion did on the FHIR server: method, ``Type/id``, and the words of the action."""

    method: str
    reference: str
    words: str


class Round:
    """Calls ``service`` about patients of ``server``. ``clock`` gives now with its zone, ``new_id`` unused ids."""

    def __init__(
        self, server: FhirServer, service: CdsService, clock: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self._server = server
        self._service = service
        self._clock = clock
        self._new_id = new_id

    def look(self, visit: Visit, grant: Grant | None, *, service_id: str = "", with_prefetch: bool = True) -> Seen:
        """Call the service for a visit. Raises CallFailed, and RequestError for a patient who is not there."""
        self._server.check()
        patient = self._server.read(f"Patient/{visit.patient_id}")
        if patient is None:
            raise RequestError(f"{self._server.base} has no Patient/{visit.patient_id}; --list-patients finds some")
        context = visit.context()
        offer = self._service.offer(visit.hook, service_id)
        known = Known(context, self._clock().date(), resolve=resolver(context, self._server))
        fetched = prefetch(offer.prefetch if with_prefetch else {}, self._server, known)
        request = hook_request(visit, grant, fetched.values, self._new_id)
        return Seen(offer, patient, tuple(self._service.cards(offer, request)), fetched.left_out)

    def accept(self, seen: Seen, numbers: Sequence[int]) -> list[Done]:
        """Do what the suggestions called by ``numbers`` say, all or nothing, and tell the service afterwards.

        Raises RequestError and CallFailed; when only the feedback failed, the message says that all was done.
        """
        taken = chosen(seen.cards, numbers)
        acceptance = Acceptance(seen.patient["id"], self._server, marks_of(seen.patient, TAG_SYSTEM))
        entries = acceptance.entries(taken)
        references = self._server.transaction(entries) if entries else []
        items = accepted(taken, self._clock())
        if items:
            try:
                self._service.feedback(seen.offer, items)
            except CallFailed as failure:
                raise CallFailed(f"the FHIR server took all changes, but the feedback failed: {failure}") from None
        return [
            Done(entry["request"]["method"], reference or entry["request"]["url"], words)
            for entry, reference, words in zip(entries, references, descriptions(taken), strict=True)
        ]

    def override(self, seen: Seen, numbers: Sequence[int], reason: str, comment: str = "") -> int:
        """Tell the service that cards are not followed. Returns how many. Raises RequestError and CallFailed."""
        items = overridden(seen.cards, numbers, reason, comment, self._clock())
        self._service.feedback(seen.offer, items)
        return len(items)
