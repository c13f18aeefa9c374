"""Turns the drafts of a card into suggestions with FHIR R4 resources that a clinician may accept, never signed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any, Final

from cards.changes import CHANGES, changed
from cards.model import Action, Suggestion, is_reference
from cards.order_file import OrderCode, read_order_file
from cards.phrases import levels_text
from cards.wording import ORDERS_BESIDE_KINDS, Wording
from cds_service.domain.assessment import Draft, DraftKind, PlannedCard, Priority
from cds_service.errors import KnowledgeError

_UNKNOWN_REGION = "unknown"
_NO_DRAFTS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})
_ONE_REGION_EACH = frozenset({DraftKind.CT_REGION})
_LEVELS = 4
_CURRENT = (Priority.URGENT, Priority.ASAP, Priority.STAT)
_REFERRALS = frozenset(
    {
        DraftKind.SPINE_SURGERY_REFERRAL,
        DraftKind.INFECTIOUS_DISEASE_REFERRAL,
        DraftKind.ONCOLOGY_REFERRAL,
        DraftKind.RHEUMATOLOGY_REFERRAL,
    }
)
_VISITS = frozenset({DraftKind.FOLLOW_UP_VISIT})
_LATER_MRI = frozenset({DraftKind.MRI_FOLLOW_UP, DraftKind.MRI_FOLLOW_UP_NATIVE})

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OrderSpec:
    """One sort of draft order: resource type, category and codings; ``regions`` has the coding by spine region."""

    resource: str
    category: Mapping[str, str] | None
    codings: tuple[Mapping[str, str], ...]
    regions: Mapping[str, Mapping[str, str]]
    also: tuple[str, ...]


def load_orders(directory: Traversable | None = None) -> Mapping[str, OrderSpec]:
    """All sorts of draft order by id, checked. Raises KnowledgeError naming the key of any flaw."""
    raw = read_order_file((directory or files("cards")) / "orders.toml")
    wanted = (frozenset(DraftKind) | ORDERS_BESIDE_KINDS) - {DraftKind.DELETE_ORDER} - CHANGES
    if frozenset(raw.kinds) != wanted:
        raise KnowledgeError(
            f"cards/orders.toml: kinds: missing or unknown {sorted(map(str, frozenset(raw.kinds) ^ wanted))}"
        )

    def coding(code: OrderCode) -> Mapping[str, str]:
        parts = {"system": raw.systems[code.system], "code": code.code, "display": code.display}
        return MappingProxyType({key: value for key, value in parts.items() if value})

    specs: dict[str, OrderSpec] = {}
    for key, kind in raw.kinds.items():
        unknown = [other for other in kind.also if other not in raw.kinds]
        if unknown or (kind.category is not None and kind.category not in raw.categories):
            raise KnowledgeError(f"cards/orders.toml: kinds.{key}: names an unknown order or category")
        specs[key] = OrderSpec(
            resource=kind.resource,
            category=coding(raw.categories[kind.category]) if kind.category else None,
            codings=tuple(coding(code) for code in kind.codes),
            regions=MappingProxyType({region: coding(code) for region, code in kind.regions.items()}),
            also=tuple(kind.also),
        )
    return MappingProxyType(specs)


@cache
def orders() -> Mapping[str, OrderSpec]:
    """Return the shipped draft orders, loaded once."""
    return load_orders()


class OrderWriting:
    """Everything the suggestions of one card are written from; what all its orders say is worded once."""

    __slots__ = ("_note", "_reason", "card", "drafts", "patient_id", "recommended", "specs", "text_id", "wording")

    def __init__(
        self,
        card: PlannedCard,
        text_id: str,
        wording: Wording,
        specs: Mapping[str, OrderSpec],
        recommended: frozenset[DraftKind],
        patient_id: str,
        drafts: Mapping[str, Mapping[str, Any]] = _NO_DRAFTS,
    ) -> None:
        self.card: Final = card
        self.text_id: Final = text_id
        self.wording: Final = wording
        self.specs: Final = specs
        self.recommended: Final = recommended
        self.patient_id: Final = patient_id
        self.drafts: Final = drafts
        self._reason = ""
        self._note = ""

    @property
    def reason(self) -> str:
        """Why the orders are offered, without patient details beyond the level."""
        if not self._reason:
            levels = levels_text(self.card.levels, self.wording, _LEVELS)
            title = self.wording.cards[self.text_id].title
            self._reason = f"{title} ({levels})" if levels else title
        return self._reason

    @property
    def note(self) -> str:
        """What every order says of where it comes from."""
        if not self._note:
            title = self.wording.cards[self.text_id].title
            self._note = self.wording.phrase("draft_from", card=self.text_id, title=title)
        return self._note


def regions_of(levels: tuple[str, ...]) -> tuple[str, ...]:
    """Spine regions of vertebrae and segments, in order: a segment belongs to its upper vertebra."""
    found = [level[0].upper() for level in levels if level]
    return tuple(dict.fromkeys(letter for letter in found if letter in "CTLS"))


def _window(draft: Draft) -> Resource:
    """When it falls due; nothing when it is due now."""
    if draft.occurrence is None:
        return {}
    start, end = draft.occurrence, draft.occurrence_end
    if end is None or end == start:
        return {"occurrenceDateTime": start.isoformat()}
    return {"occurrencePeriod": {"start": start.isoformat(), "end": end.isoformat()}}


def _concept(codings: tuple[Mapping[str, str], ...], text: str) -> Resource:
    return {"coding": [dict(coding) for coding in codings], "text": text} if codings else {"text": text}


def _notes(writing: OrderWriting, draft: Draft) -> list[Resource]:
    notes: list[Resource] = [{"text": writing.note}]
    if draft.note:
        notes.append({"text": writing.wording.names["notes"][draft.note]})
    return notes


def _service_request(writing: OrderWriting, draft: Draft, key: str, region: str) -> Resource:
    spec = writing.specs[key]
    by_region = spec.regions.get(region)
    codings = (by_region,) if by_region else spec.codings
    words = writing.wording.drafts[key].text
    text = words.constant or words.fill({"region": writing.wording.name("regions", region)}) or words.source
    resource: Resource = {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "priority": draft.priority.value,
        "code": _concept(codings, text),
        "subject": {"reference": f"Patient/{writing.patient_id}"},
        **_window(draft),
        "reasonCode": [{"text": writing.reason}],
        "note": _notes(writing, draft),
    }
    if spec.category:
        resource["category"] = [{"coding": [dict(spec.category)]}]
    if draft.quantity > 1:
        resource["quantityQuantity"] = {"value": draft.quantity, "unit": writing.wording.phrase("sets")}
    return resource


def _medication_request(writing: OrderWriting, draft: Draft, key: str) -> Resource:
    """Name a drug and no dose: the service proposes none."""
    spec = writing.specs[key]
    return {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "proposal",
        "priority": draft.priority.value,
        "medicationCodeableConcept": _concept(spec.codings, writing.wording.drafts[key].text.source),
        "subject": {"reference": f"Patient/{writing.patient_id}"},
        "reasonCode": [{"text": writing.reason}],
        "note": _notes(writing, draft),
    }


def _task(writing: OrderWriting, draft: Draft, key: str) -> Resource:
    text = writing.wording.drafts[key].text.source
    return {
        "resourceType": "Task",
        "status": "draft",
        "intent": "proposal",
        "priority": draft.priority.value,
        "code": {"text": text},
        "description": f"{text}: {writing.reason}",
        "for": {"reference": f"Patient/{writing.patient_id}"},
        "reasonCode": {"text": writing.reason},
        "note": _notes(writing, draft),
    }


def _period_of(writing: OrderWriting, kinds: frozenset[DraftKind], start: str, end: str) -> Resource:
    """Dates of a step of the plan: from the card's params, else from its own dated drafts."""
    params = writing.card.params
    first, last = params.get(start), params.get(end)
    if not isinstance(first, date):
        dated = [draft for draft in writing.card.drafts if draft.kind in kinds and draft.occurrence]
        first, last = (dated[0].occurrence, dated[0].occurrence_end) if dated else (None, None)
    if not isinstance(first, date):
        return {}
    period = {"start": first.isoformat(), "end": (last if isinstance(last, date) else first).isoformat()}
    return {"scheduledPeriod": period}


def _care_plan(writing: OrderWriting, draft: Draft) -> Resource:
    """Advice and dated steps in one plan; nothing in it is ordered."""
    words = writing.wording.names["careplan"]
    dates: Mapping[str, Resource] = {
        "visit": _period_of(writing, _VISITS, "visit", "visit_end"),
        "mri": _period_of(writing, _LATER_MRI, "mri", "mri_end"),
    }
    activities = [
        {"detail": {"status": "not-started", "description": words[step], **dates.get(step, {})}}
        for step in ("activity", "relief", "visit", "mri", "alarm")
    ]
    return {
        "resourceType": "CarePlan",
        "status": "draft",
        "intent": "proposal",
        "title": words["title"],
        "description": words["description"],
        "subject": {"reference": f"Patient/{writing.patient_id}"},
        "activity": activities,
        "note": _notes(writing, draft),
    }


def resources(writing: OrderWriting, draft: Draft) -> list[Resource]:
    """Return the resources of one draft: usually one, more when one step needs several orders."""
    spec = writing.specs[draft.kind]
    if spec.resource == "MedicationRequest":
        return [_medication_request(writing, draft, draft.kind)]
    if spec.resource == "Task":
        return [_task(writing, draft, draft.kind)]
    if spec.resource == "CarePlan":
        return [_care_plan(writing, draft)]
    found = regions_of(writing.card.levels)
    if draft.kind in _ONE_REGION_EACH:
        return [_service_request(writing, draft, draft.kind, region) for region in found or (_UNKNOWN_REGION,)]
    region = found[0] if len(found) == 1 else _UNKNOWN_REGION
    return [_service_request(writing, draft, key, region) for key in (draft.kind, *spec.also)]


def _when(draft: Draft, wording: Wording) -> str:
    """Return the days in which a draft falls due; empty when it is due now."""
    if draft.occurrence is None:
        return ""
    start, end = draft.occurrence.isoformat(), draft.occurrence_end
    if end is None or end == draft.occurrence:
        return start
    return wording.phrase("period", start=start, end=end.isoformat())


def _label(draft: Draft, wording: Wording) -> str:
    """Name the button: the step, its date or its urgency. An urgent test is worded unlike an urgent referral."""
    label = wording.drafts[draft.kind].label
    if draft.kind is not DraftKind.DELETE_ORDER and _replaced(draft):
        label = wording.phrase("replacing", title=label)
    hurried = "priorities" if draft.kind in _REFERRALS else "test_priorities"
    urgency = wording.name(hurried, draft.priority) if draft.priority in _CURRENT else ""
    detail = _when(draft, wording) or urgency
    return f"{label} ({detail})" if detail else label


def _replaced(draft: Draft) -> str:
    """Return ``Type/id`` of the order that a draft takes the place of; empty when it names none that can be deleted."""
    target = draft.target.reference if draft.target else ""
    return target if target and draft.kind not in CHANGES and is_reference(target) else ""


def _actions(writing: OrderWriting, draft: Draft, label: str) -> tuple[Action, ...]:
    """Actions of one step; an exchange takes back one order and drafts the other in the same step."""
    if draft.kind in CHANGES:
        resource = changed(draft, writing.drafts, writing.wording)
        return (Action("update", label, resource),) if resource else ()
    target, words = _replaced(draft), writing.wording.drafts[DraftKind.DELETE_ORDER].label
    taken_back = (Action("delete", words, resource_id=target),) if target else ()
    if draft.kind is DraftKind.DELETE_ORDER:
        return taken_back
    return (*taken_back, *_created(writing, draft, label))


def _created(writing: OrderWriting, draft: Draft, label: str) -> tuple[Action, ...]:
    created = resources(writing, draft)
    if len(created) == 1:
        return (Action("create", label, created[0]),)
    return tuple(Action("create", f"{label}: {resource['code']['text']}", resource) for resource in created)


def suggestions(writing: OrderWriting, new_uuid: Callable[[], str]) -> tuple[Suggestion, ...]:
    """One suggestion for each draft, in the order of the card; a draft whose target is unknown is left out."""
    built = []
    for draft in writing.card.drafts:
        label = _label(draft, writing.wording)
        actions = _actions(writing, draft, label)
        if actions:
            built.append(Suggestion(label, new_uuid(), actions, is_recommended=draft.kind in writing.recommended))
    return tuple(built)
