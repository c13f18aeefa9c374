"""Documents from outside: the report of a spine MRI is read like any report, every other document is named."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from cds_service.domain.facts import GapCode, PatientFacts
from cds_service.domain.vocabulary import BodyRegion, Modality

TEXT = "MRI of the lumbar spine. Findings: marrow edema of L3. Impression: acute fracture of L3."

Extract = Callable[..., PatientFacts]


def attachment(text: str = TEXT, kind: str = "text/plain", **more: Any) -> dict[str, Any]:
    return {"contentType": kind, "data": base64.b64encode(text.encode()).decode(), **more}


def document(*attachments: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "subject": {"reference": "Patient/p1"},
        "description": "Outside MRI lumbar spine",
        "date": "2026-03-20T08:00:00Z",
        "content": [{"attachment": one} for one in attachments or (attachment(),)],
        **members,
    }


def named(facts: PatientFacts) -> bool:
    return any(
        gap.code is GapCode.UNEXPECTED_RESOURCE and gap.clinical and gap.resource == "DocumentReference/d"
        for gap in facts.gaps
    )


def test_report_of_an_outside_spine_mri_is_read(extract: Extract) -> None:
    facts = extract(document())
    (report,) = facts.reports
    assert report.provenance.reference == "DocumentReference/d"
    assert (report.modality, report.region, report.status) == (Modality.MR, BodyRegion.LUMBAR, "final")
    assert report.effective is not None
    assert report.effective.date().isoformat() == "2026-03-20"
    assert [text.text for text in report.texts] == [TEXT]
    assert not named(facts)


def test_html_and_a_linked_binary_are_read_as_in_a_report(extract: Extract) -> None:
    html = attachment(f"<p>{TEXT}</p><script>alert(1)</script>", "text/html; charset=utf-8")
    assert [t.text for t in extract(document(html)).reports[0].texts] == [TEXT]
    binary = {"resourceType": "Binary", "id": "b", **attachment()}
    linked = document({"contentType": "text/plain", "url": "Binary/b"})
    assert [t.text for t in extract(linked, binary).reports[0].texts] == [TEXT]


def test_the_examination_is_dated_by_its_own_period(extract: Extract) -> None:
    dated = document(context={"period": {"start": "2026-03-02T10:00:00Z"}})
    effective = extract(dated).reports[0].effective
    assert effective is not None
    assert effective.date().isoformat() == "2026-03-02"


@pytest.mark.parametrize(
    "members",
    [
        {"description": "Discharge letter", "content": [{"attachment": attachment("Dear colleague, known discitis.")}]},
        {"description": "MRI knee", "content": [{"attachment": attachment("MRI of the right knee. Effusion.")}]},
        {"description": "CT lumbar spine", "content": [{"attachment": attachment("CT of the lumbar spine.")}]},
        {"status": "superseded"},
        {"status": "entered-in-error"},
        {"content": []},
    ],
)
def test_other_and_withdrawn_documents_are_named_and_not_read(extract: Extract, members: dict[str, Any]) -> None:
    facts = extract(document(**members))
    assert facts.reports == ()
    assert named(facts)


def test_a_document_that_repeats_a_report_is_not_a_second_one(extract: Extract) -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "code": {"text": "MRI lumbar spine"},
        "effectiveDateTime": "2026-03-20T08:00:00Z",
        "conclusion": TEXT,
    }
    assert [r.provenance.reference for r in extract(document(), report).reports] == ["DiagnosticReport/r"]
    other = {**report, "conclusion": "No marrow edema."}
    assert len(extract(document(), other).reports) == 2


def test_an_unreadable_attachment_of_an_outside_mri_is_a_clinical_gap(extract: Extract) -> None:
    facts = extract(document({"contentType": "application/dicom", "data": "AAAA"}))
    assert facts.reports[0].texts == ()
    assert any(gap.clinical and gap.resource.startswith("DocumentReference/d") for gap in facts.gaps)


def test_a_preliminary_document_is_a_preliminary_report(extract: Extract) -> None:
    assert extract(document(docStatus="preliminary")).reports[0].status == "preliminary"
