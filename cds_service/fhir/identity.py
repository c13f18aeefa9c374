"""Tells whose resource it is: facts of another patient must never reach the rules."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import final

from msgspec import Raw

from cds_service.domain.facts import GapCode
from cds_service.fhir.node import Intake, Node, unheard
from cds_service.fhir.outline import NOTHING
from cds_service.fhir.received import ReceivedResource

_SUBJECTS = ("subject", "patient", "for", "beneficiary")
_URN = "urn:"


@final
class PatientCheck:
    """Knows the patient of one call under every form of reference."""

    def __init__(self, patient_id: str, resources: Sequence[ReceivedResource]) -> None:
        self._id = patient_id
        self._resources = resources
        self._listed: dict[str, str] | None = None
        self._known: dict[bytes, bool] = {}
        # the JSON of the Reference that was found to mean the patient last
        self._mine = NOTHING

    def own_among(self, items: Iterable[ReceivedResource], intake: Intake) -> list[ReceivedResource]:
        """Return the resources that may be read, in their order; most of a chart names the patient alike."""
        own: list[ReceivedResource] = []
        for item in items:
            outline = item.outline
            alike = (
                outline is not None
                and outline.subject == self._mine
                and not (outline.patient or outline.recipient or outline.beneficiary)
                and item.kind != "Patient"
            )
            if alike or self.is_own(item, intake):
                own.append(item)
        return own

    def is_own(self, item: ReceivedResource, intake: Intake) -> bool:
        """Tell whether a resource may be read; a foreign one becomes a clinical gap.

        A resource without subject was asked for with the patient's id and is read. A contained subject has no
        identity that could be compared and belongs to the resource it stands in.
        """
        outline = item.outline
        if item.kind == "Patient":
            own = not item.id or item.id == self._id
        elif outline is None or outline.recipient or outline.beneficiary:
            own = self._is_about_patient(item.node(intake))
        else:
            own = self._is_reference(outline.subject) and self._is_reference(outline.patient)
        if not own:
            intake.log.add(GapCode.FOREIGN_PATIENT, item.reference, clinical=True)
        return own

    def _is_reference(self, reference: Raw) -> bool:
        """Tell whether the JSON of a Reference means the patient or is absent; most of a chart write it alike."""
        if not reference or reference == self._mine:
            return True
        written = bytes(reference)
        known = self._known.get(written)
        if known is None:
            node = unheard(b'{"subject":%b}' % written)
            known = self._known[written] = node is not None and self._is_about_patient(node)
        if known:
            self._mine = reference
        return known

    def _is_about_patient(self, node: Node) -> bool:
        return all(self._means_patient(reference) for reference in _subjects(node))

    @property
    def _addresses(self) -> Mapping[str, str]:
        """Type and id of the resources that have a ``urn:`` for an address; listed when such a reference is met."""
        if self._listed is None:
            addressed = [item for item in self._resources if item.full_url.startswith(_URN)]
            self._listed = {item.full_url: f"{item.kind}/{item.id}" for item in addressed}
        return self._listed

    def _means_patient(self, reference: str) -> bool:
        if not reference or reference.startswith("#"):
            return True
        if reference.startswith(_URN):
            return reference.rpartition(":")[2] == self._id or self._addresses.get(reference) == f"Patient/{self._id}"
        parts = reference.partition("/_history/")[0].split("/")
        kind = parts[-2] if len(parts) > 1 else "Patient"
        return kind == "Patient" and parts[-1] == self._id


def _subjects(node: Node) -> list[str]:
    """Return the references to the patient; a Group or Device there is foreign as well."""
    return [node.reference_to(name) for name in _SUBJECTS if node.has(name)]


@final
class ReferenceIndex:
    """Finds resources of one call by what references write: relative, absolute, versioned, ``urn:uuid:``, ``#id``.

    Nothing is listed before somebody looks for a reference.
    """

    def __init__(self, resources: Sequence[ReceivedResource], intake: Intake) -> None:
        self._resources = resources
        self._intake = intake
        self._listed: dict[str, ReceivedResource] | None = None
        self._alone = Links(self, {})

    def around(self, item: ReceivedResource, intake: Intake) -> "Links":
        """Return the references as they read from inside one resource."""
        if "contained" not in item.body:
            return self._alone
        contained = {f"#{node.text('id').removeprefix('#')}": node for node in item.contained(intake) if node.has("id")}
        return Links(self, contained)

    @property
    def listed(self) -> Mapping[str, ReceivedResource]:
        """Resources by ``Type/id`` and by address; of two with one name the first."""
        if self._listed is None:
            self._listed = {}
            for item in self._resources:
                if item.id:
                    self._listed.setdefault(f"{item.kind}/{item.id}", item)
                if item.full_url:
                    self._listed.setdefault(item.full_url, item)
        return self._listed

    def find(self, reference: str) -> Node:
        """Return the target of a reference. Raises KeyError."""
        item = self.listed.get(reference)
        if item is None:
            parts = reference.partition("/_history/")[0].split("/")
            item = self.listed["/".join(parts[-2:])]
        return item.node(self._intake)


class Links(Mapping[str, Node]):
    """References as seen from one resource."""

    def __init__(self, index: ReferenceIndex, contained: Mapping[str, Node]) -> None:
        self._index = index
        self._contained = contained

    def __getitem__(self, reference: str) -> Node:
        """Return the target of a reference."""
        return self._contained[reference] if reference in self._contained else self._index.find(reference)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the known references."""
        return iter((*self._contained, *self._index.listed))

    def __len__(self) -> int:
        """Return the number of known targets."""
        return len(self._contained) + len(self._index.listed)
