"""Documents from outside that are the report of a spine MRI, read like a DiagnosticReport with an attachment."""

from collections.abc import Callable, Mapping
from typing import Any

from cds_service.domain.facts import Report
from cds_service.domain.vocabulary import BodyRegion, Modality
from cds_service.fhir.gaps import GapLog
from cds_service.fhir.node import Intake, Node
from cds_service.fhir.received import ReceivedResource
from cds_service.fhir.reports import ReportReader

_SPINE = frozenset(BodyRegion) - {BodyRegion.OTHER, BodyRegion.UNKNOWN, BodyRegion.PELVIS}
# What the state of a document says of the report in it. One that another replaced is not read at all.
_STATES = {"preliminary": "preliminary", "final": "final", "amended": "amended"}
_WITHDRAWN = frozenset({"entered-in-error", "superseded"})


def _concepts(document: Node) -> list[Any]:
    listed = document.body.get("category")
    return listed if isinstance(listed, list) else []


def _title(document: Node) -> str:
    """Words that name the document: description, type and the titles of what is attached."""
    titles = [form.text("title") for form in _attachments(document)]
    words = (document.text("description"), *document.concept("type").words, *titles)
    return " · ".join(dict.fromkeys(filter(None, words)))


def _attachments(document: Node) -> list[Node]:
    return [form for content in document.children("content") if (form := content.child("attachment")) is not None]


def _examined(document: Node) -> dict[str, Any]:
    """Time of the examination where the document tells it, else the day on which the document was made."""
    context = document.child("context")
    period = context.child("period") if context else None
    if period is not None and (period.has("start") or period.has("end")):
        return {"effectivePeriod": dict(period.body)}
    return {"effectiveDateTime": document.body["date"]} if document.has("date") else {}


def as_report(document: Node) -> dict[str, Any] | None:
    """Return the document in the form of a DiagnosticReport; ``None`` when it was withdrawn or nothing is attached."""
    states = {document.code("status").lower(), document.code("docStatus").lower()}
    attached = _attachments(document)
    if states & _WITHDRAWN or not attached:
        return None
    state = _STATES.get(document.code("docStatus").lower(), "final")
    return {
        "resourceType": "DiagnosticReport",
        "status": state,
        "code": {"text": _title(document)},
        "category": _concepts(document),
        "presentedForm": [dict(form.body) for form in attached],
        **({"language": document.code("language")} if document.has("language") else {}),
        **_examined(document),
    }


def read_document(
    reader: ReportReader,
    item: ReceivedResource,
    links: Mapping[str, Node],
    intake: Intake,
    in_time: Callable[[], bool],
) -> Report | None:
    """Return the report in a document that names itself an MRI of the spine, else ``None``.

    Letters and reports of other examinations are not read: a mention of an old infection there is no finding. Their
    flaws are nobody's concern, so gaps are kept only of a document that was read.
    """
    body = as_report(item.node(intake))
    if body is None:
        return None
    log = GapLog()
    report = reader.read(Node(body, item.reference, Intake(log, intake.as_of)), links, links, in_time)
    if report is None or report.modality is not Modality.MR or report.region not in _SPINE:
        return None
    for gap in log.all():
        intake.log.add(gap.code, gap.resource, gap.element, clinical=gap.clinical, **dict(gap.params))
    return report
