"""Tells whose resource it is: facts of another patient must never reach the rules."""

from collections.abc import Iterable, Iterator, Mapping

from cds_service.domain.facts import GapCode
from cds_service.fhir.node import Intake, Node
from cds_service.fhir.received import ReceivedResource

_SUBJECTS = ("subject", "patient", "for", "beneficiary")
_URN = "urn:"


class PatientCheck:
    """Knows the patient of one call under every form of reference."""

    def __init__(self, patient_id: str, resources: Iterable[ReceivedResource]) -> None:
        self._id = patient_id
        self._addresses = {
            item.full_url: f"{item.kind}/{item.id}" for item in resources if item.full_url.startswith(_URN)
        }

    def is_own(self, item: ReceivedResource, intake: Intake) -> bool:
        """Tell whether a resource may be read; a foreign one becomes a clinical gap.

        A resource without subject was asked for with the patient's id and is read. A contained subject has no
        identity that could be compared and belongs to the resource it stands in.
        """
        node = item.node(intake)
        if item.kind == "Patient":
            own = not item.id or item.id == self._id
        else:
            own = all(self._means_patient(reference) for reference in _subjects(node))
        if not own:
            intake.log.add(GapCode.FOREIGN_PATIENT, item.reference, clinical=True)
        return own

    def _means_patient(self, reference: str) -> bool:
        if not reference or reference.startswith("#"):
            return True
        if reference.startswith(_URN):
            known = self._addresses.get(reference, "")
            return known == f"Patient/{self._id}" or reference.rpartition(":")[2] == self._id
        parts = reference.partition("/_history/")[0].split("/")
        kind = parts[-2] if len(parts) > 1 else "Patient"
        return kind == "Patient" and parts[-1] == self._id


def _subjects(node: Node) -> list[str]:
    """Return the references to the patient; a Group or Device there is foreign as well."""
    return [node.reference_to(name) for name in _SUBJECTS if node.has(name)]


class ReferenceIndex:
    """Finds resources of one call by what references write: relative, absolute, versioned, ``urn:uuid:``, ``#id``."""

    def __init__(self, resources: Iterable[ReceivedResource], intake: Intake) -> None:
        self._nodes: dict[str, Node] = {}
        for item in resources:
            node = item.node(intake)
            if item.id:
                self._nodes.setdefault(f"{item.kind}/{item.id}", node)
            if item.full_url:
                self._nodes.setdefault(item.full_url, node)
        self._alone = Links(self._nodes, {})

    def around(self, item: ReceivedResource, intake: Intake) -> "Links":
        """Return the references as they read from inside one resource."""
        if "contained" not in item.body:
            return self._alone
        contained = {f"#{node.text('id').removeprefix('#')}": node for node in item.contained(intake) if node.has("id")}
        return Links(self._nodes, contained)


class Links(Mapping[str, Node]):
    """References as seen from one resource."""

    def __init__(self, nodes: Mapping[str, Node], contained: Mapping[str, Node]) -> None:
        self._nodes = nodes
        self._contained = contained

    def __getitem__(self, reference: str) -> Node:
        """Return the target of a reference."""
        if reference in self._contained:
            return self._contained[reference]
        if reference in self._nodes:
            return self._nodes[reference]
        parts = reference.partition("/_history/")[0].split("/")
        return self._nodes["/".join(parts[-2:])]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the known references."""
        return iter((*self._contained, *self._nodes))

    def __len__(self) -> int:
        """Return the number of known targets."""
        return len(self._contained) + len(self._nodes)
