"""Draft orders, complete or not, to what they ask for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from cds_service.domain.facts import GapCode, OrderFact
from cds_service.domain.vocabulary import BodyRegion, DrugGroup, Modality, OrderKind
from cds_service.fhir.imaging import ImagingIndex
from cds_service.fhir.matching import GroupFinder
from cds_service.fhir.medications import DrugNames, drug_concept, reason_text
from cds_service.fhir.moments import read_moment
from cds_service.fhir.node import Concept, Node
from cds_service.fhir.received import ReceivedResource
from cds_service.reading.examination import examination

ORDER_TYPES = frozenset(
    {
        "ServiceRequest",
        "MedicationRequest",
        "DeviceRequest",
        "NutritionOrder",
        "CommunicationRequest",
        "SupplyRequest",
        "VisionPrescription",
        "Appointment",
        "Task",
        "CarePlan",
        "ImmunizationRecommendation",
        "ReferralRequest",
        "ProcedureRequest",
        "DiagnosticOrder",
    }
)
_SPINE = frozenset(BodyRegion) - {BodyRegion.OTHER, BodyRegion.UNKNOWN, BodyRegion.PELVIS}
_REVOKED = frozenset({"entered-in-error", "revoked", "cancelled"})
_DAYS = {
    "d": 1.0,
    "day": 1.0,
    "days": 1.0,
    "wk": 7.0,
    "week": 7.0,
    "weeks": 7.0,
    "mo": 30.0,
    "h": 1 / 24,
    "tage": 1.0,
    "zile": 1.0,
    "a": 365.0,
}
_CONCEPTS = (
    "code",
    "codeCodeableConcept",
    "concept",
    "description",
    "orderableItem",
    "serviceType",
    "itemCodeableConcept",
)
_LONGEST_COURSE_DAYS = 3650.0
_MRI_NAMED = frozenset({OrderKind.MRI_SPINE, OrderKind.MRI_ANY})
_MRI = _MRI_NAMED | {OrderKind.MRI_CONTRAST}


class OrderReader:
    """Reads draft orders of any request type."""

    def __init__(
        self, finder: GroupFinder, drugs: DrugNames, drug_orders: Mapping[DrugGroup, OrderKind], imaging: ImagingIndex
    ) -> None:
        self._finder = finder
        self._drugs = drugs
        self._drug_orders = drug_orders
        self._imaging = imaging

    def read_all(
        self, resources: Iterable[tuple[ReceivedResource, Node, Mapping[str, Node]]], selections: Sequence[str]
    ) -> tuple[OrderFact, ...]:
        """Return the draft orders; those among ``selections`` are marked, and all of them when none is found there."""
        orders = [order for item, node, links in resources if (order := self._read(item, node, links)) is not None]
        wanted = {selection.rpartition("/")[2] for selection in selections if selection}
        chosen = [order.provenance.reference.rpartition("/")[2] in wanted for order in orders]
        # a selection that matches no draft must not silence the advice on all of them
        everything = not any(chosen)
        return tuple(
            replace(order, selected=everything or picked) for order, picked in zip(orders, chosen, strict=True)
        )

    def _read(self, item: ReceivedResource, node: Node, others: Mapping[str, Node]) -> OrderFact | None:
        if node.code("status").lower() in _REVOKED or node.flag("doNotPerform"):
            node.note(GapCode.WITHDRAWN, "status")
            return None
        concept = drug_concept(node, others) if item.kind == "MedicationRequest" else _asked(node)
        if not concept:
            node.note(GapCode.MISSING_CODE, "code")
        place = " ".join(part.label for part in node.concepts("bodySite"))
        details = [part.label for part in node.concepts("orderDetail")]
        beside = " ".join([place, *details, *_targets(node)]).strip()
        groups = self._drugs.groups(concept) if concept else frozenset()
        if item.kind == "MedicationRequest" and self._drugs.local(*_routes(node)):
            groups = frozenset(group for group in groups if group is DrugGroup.ANTIPLATELET)
        return OrderFact(
            provenance=node.provenance(),
            resource_type=item.kind,
            kinds=self._kinds(concept, beside, groups),
            text=concept.label,
            codes=concept.codings,
            reason_text=_reason(node),
            drug_groups=groups,
            body_text=beside,
            duration_days=_duration(node),
            priority=node.code("priority").lower(),
        )

    def _kinds(self, concept: Concept, beside: str, groups: frozenset[DrugGroup]) -> frozenset[OrderKind]:
        joined = tuple(f"{text} {beside}" for text in concept.words) if beside else ()
        kinds = {OrderKind(name) for name in self._finder.groups(concept, *joined)}
        kinds |= {self._drug_orders[group] for group in groups if group in self._drug_orders}
        kinds |= self._imaged(concept, joined, kinds)
        if OrderKind.EPIDURAL_STEROID in kinds:
            kinds.add(OrderKind.GLUCOCORTICOID)
        if not kinds & _MRI_NAMED:
            # "with contrast" alone may as well be a CT
            kinds.discard(OrderKind.MRI_CONTRAST)
        if kinds & _MRI:
            kinds.add(OrderKind.MRI_ANY)
        return frozenset(kinds) or frozenset({OrderKind.OTHER})

    def _imaged(self, concept: Concept, joined: tuple[str, ...], kinds: set[OrderKind]) -> set[OrderKind]:
        """Kinds of an MRI order from its code, else from the examination that its words name."""
        found: set[OrderKind] = set()
        coded = self._imaging.find(concept.codings)
        for text in (*concept.words, *joined):
            modality, region = examination(text, "")
            if coded is not None:
                modality = coded.modality
                region = coded.region if coded.region is not BodyRegion.UNKNOWN else region
            if modality is Modality.MR or kinds & _MRI_NAMED:
                found.add(OrderKind.MRI_ANY)
                found |= {OrderKind.MRI_SPINE} if region in _SPINE else set()
        if coded is not None and coded.modality is Modality.MR:
            found.add(OrderKind.MRI_ANY)
            found |= {OrderKind.MRI_SPINE} if coded.region in _SPINE else set()
            found |= {OrderKind.MRI_CONTRAST} if coded.contrast else set()
        return found


def _asked(node: Node) -> Concept:
    """Concept of a request of any type."""
    for name in _CONCEPTS:
        if name in node.body:
            found = node.concept(name)
            if found:
                return found
    link = node.child("codeReference")
    if link is not None and link.text("display"):
        return Concept(link.text("display"))
    for payload in node.children("payload"):
        if payload.text("contentString"):
            return Concept(payload.text("contentString"))
    diet = node.child("oralDiet")
    kinds = diet.concepts("type") if diet else []
    if kinds:
        return kinds[0]
    category = node.concepts("category")
    return category[0] if category else Concept(node.notes_text())


def _targets(node: Node) -> list[str]:
    """Who is asked: a referral may say so only by the kind of performer."""
    names = [node.concept("performerType").label, *(link.text("display") for link in node.children("performer"))]
    return [name for name in names if name]


def _routes(node: Node) -> tuple[str, ...]:
    dosages = list(node.children("dosageInstruction"))
    return tuple(
        text
        for dosage in dosages
        for text in (dosage.concept("route").label, dosage.concept("site").label, dosage.text("text"))
        if text
    )


def _reason(node: Node) -> str:
    parts = [reason_text(node), node.notes_text(), node.text("patientInstruction")]
    return "; ".join(dict.fromkeys(part for part in parts if part))


def _duration(node: Node) -> int | None:
    """Days that an order is meant to last, from supply, timing or period."""
    dispense = node.child("dispenseRequest")
    quantity = dispense.child("expectedSupplyDuration") if dispense else None
    days = _in_days(quantity)
    for dosage in node.children("dosageInstruction"):
        timing = dosage.child("timing")
        repeat = timing.child("repeat") if timing else None
        bounds = repeat.child("boundsDuration") if repeat else None
        days = _in_days(bounds) or days
    return days or _period_days(node, "occurrencePeriod") or _in_days(_bounds(node))


def _bounds(node: Node) -> Node | None:
    timing = node.child("occurrenceTiming")
    repeat = timing.child("repeat") if timing else None
    return repeat.child("boundsDuration") if repeat else None


def _in_days(quantity: Node | None) -> int | None:
    value = quantity.number("value") if quantity else None
    if quantity is None or value is None:
        return None
    factor = _DAYS.get((quantity.text("code") or quantity.text("unit")).lower())
    days = value * factor if factor else None
    return max(1, round(days)) if days is not None and 0 < days <= _LONGEST_COURSE_DAYS else None


def _period_days(node: Node, name: str) -> int | None:
    period = node.child(name)
    if period is None:
        return None
    ends: list[date] = []
    for end in ("start", "end"):
        read = read_moment(period.text(end), node.intake.zone)
        if read is not None:
            ends.append(read.value.date())
    return max(1, (ends[1] - ends[0]).days) if len(ends) == 2 and ends[1] >= ends[0] else None  # noqa: PLR2004
