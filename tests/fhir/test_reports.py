"""DiagnosticReports: what was examined, which texts count, and which reports are left out."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cds_service.domain.facts import GapCode, PatientFacts, Reading, ReportText
from cds_service.domain.vocabulary import BodyRegion, FindingId, Language, Modality
from cds_service.fhir.extract import FactExtractor
from cds_service.knowledge.codes import Codes

from .conftest import AS_OF, PATIENT, Holder

Extract = Callable[..., PatientFacts]
LOINC = "http://loinc.org"


def report(title: str = "", *codes: str, **members: Any) -> dict[str, Any]:
    concept: dict[str, Any] = {"text": title} if title else {}
    if codes:
        concept["coding"] = [{"system": LOINC, "code": code} for code in codes]
    return {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "code": concept,
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-03-29T08:00:00Z",
        "conclusion": "Edema.",
    } | members


@pytest.mark.parametrize(
    ("title", "code", "modality", "region"),
    [
        ("", "24968-0", Modality.MR, BodyRegion.LUMBAR),
        ("", "36531-2", Modality.MR, BodyRegion.SPINE),
        ("", "30855-1", Modality.MR, BodyRegion.WHOLE_SPINE),
        ("", "36031-3", Modality.MR, BodyRegion.SACROILIAC),
        ("", "36521-3", Modality.MR, BodyRegion.SACRUM),
        ("", "24963-1", Modality.CT, BodyRegion.LUMBAR),
        ("", "81555-5", Modality.PET, BodyRegion.OTHER),
        ("MRT LWS", "", Modality.MR, BodyRegion.LUMBAR),
        ("IRM coloană lombară", "", Modality.MR, BodyRegion.LUMBAR),
        ("MRI thoracic and lumbar spine", "24980-5", Modality.MR, BodyRegion.THORACOLUMBAR),
        ("MRI lumbar spine", "36067-7", Modality.MR, BodyRegion.LUMBAR),
        ("MRI lumbar spine", "24963-1", Modality.MR, BodyRegion.LUMBAR),
        ("MR Knee", "", Modality.MR, BodyRegion.OTHER),
        ("Chest radiograph", "", Modality.RADIOGRAPH, BodyRegion.OTHER),
    ],
)
def test_modality_and_region(title: str, code: str, modality: Modality, region: BodyRegion, extract: Extract) -> None:
    (found,) = extract(report(title, *([code] if code else []))).reports
    assert (found.modality, found.region) == (modality, region)


@pytest.mark.parametrize(
    ("members", "kept"),
    [
        ({"category": [{"coding": [{"code": "LAB"}]}]}, False),
        ({"category": [{"coding": [{"code": "HM"}]}]}, False),
        ({"category": [{"coding": [{"code": "LAB"}]}, {"coding": [{"code": "RAD"}]}]}, True),
        (
            {"category": [{"coding": [{"code": "LAB"}]}], "code": {"coding": [{"system": LOINC, "code": "24968-0"}]}},
            True,
        ),
        ({"category": [{"text": "odd"}]}, True),
        ({"status": "cancelled"}, False),
        ({"status": "entered-in-error"}, False),
        ({"status": "amended"}, True),
    ],
)
def test_reports_of_a_laboratory_and_withdrawn_ones_are_left_out(
    members: dict[str, Any], *, kept: bool, extract: Extract
) -> None:
    assert bool(extract(report("MRI lumbar spine", **members)).reports) is kept


def test_a_preliminary_report_gives_way_to_the_final_one(extract: Extract) -> None:
    early = report("MRI lumbar spine", status="preliminary", id="early")
    final = report("MRI lumbar spine", id="final")
    assert [found.status for found in extract(early, final).reports] == ["final"]


def test_a_preliminary_report_of_another_day_stays(extract: Extract) -> None:
    early = report("MRI lumbar spine", status="preliminary", id="early", effectiveDateTime="2026-03-30T08:00:00Z")
    assert len(extract(early, report("MRI lumbar spine")).reports) == 2


@pytest.mark.parametrize(
    ("members", "effective", "issued"),
    [
        ({}, 29, None),
        ({"effectiveDateTime": None, "effectivePeriod": {"start": "2026-03-28"}}, 28, None),
        ({"effectiveDateTime": None, "effectivePeriod": {"end": "2026-03-27"}}, 27, None),
        ({"effectiveDateTime": None, "issued": "2026-03-26T10:00:00Z"}, None, 26),
        ({"effectiveDateTime": None}, None, None),
    ],
)
def test_times_of_a_report(
    members: dict[str, Any], effective: int | None, issued: int | None, extract: Extract
) -> None:
    facts = extract(report("MRI lumbar spine", **members))
    (found,) = facts.reports
    assert (found.effective.day if found.effective else None) == effective
    assert (found.issued.day if found.issued else None) == issued
    undated = effective is None and issued is None
    assert (GapCode.MISSING_DATE in {gap.code for gap in facts.gaps if gap.clinical}) is undated


def test_coded_conclusions_are_findings(extract: Extract) -> None:
    codes = [
        {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M46.46"}], "text": "Discitis, lumbar"},
        {"coding": [{"system": "http://snomed.info/sct", "code": "94222008"}]},
        {"coding": [{"system": "http://snomed.info/sct", "code": "999"}]},
    ]
    (found,) = extract(report("MRI lumbar spine", conclusionCode=codes)).reports
    assert [(f.finding, f.sentence) for f in found.coded] == [
        (FindingId.INFECTION_STATED, "Discitis, lumbar"),
        (FindingId.METASTASIS, "94222008"),
    ]


class RecordingReader:
    """Remembers what it was given and says that it knows no language."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], str, Language | None]] = []

    def read(
        self,
        texts: Sequence[ReportText],
        *,
        title: str = "",
        declared: Language | None = None,
        in_time: Callable[[], bool] = lambda: True,
    ) -> Reading:
        del in_time
        self.calls.append(([text.text for text in texts], title, declared))
        return Reading(None)


@pytest.mark.parametrize(
    ("members", "declared"),
    [
        ({"language": "de-AT"}, Language.DE),
        ({"language": "fr"}, None),
        ({}, None),
        ({"presentedForm": [{"contentType": "text/plain", "language": "ro", "data": "RWRlbSBMMw=="}]}, Language.RO),
    ],
)
def test_the_reader_is_told_title_and_declared_language(
    members: dict[str, Any], declared: Language | None, codes: Codes
) -> None:
    reader = RecordingReader()
    extractor = FactExtractor(Holder(codes), reader)
    facts = extractor.extract([PATIENT, report("MRI lumbar spine", **members)], patient_id="p1", as_of=AS_OF)
    ((texts, title, language),) = reader.calls
    assert texts[0] == "Edema."
    assert (title, language) == ("MRI lumbar spine", declared)
    assert (GapCode.REPORT_LANGUAGE_UNKNOWN, True) in {(gap.code, gap.clinical) for gap in facts.gaps}


def test_a_report_without_text_is_not_read(codes: Codes) -> None:
    reader = RecordingReader()
    extractor = FactExtractor(Holder(codes), reader)
    facts = extractor.extract([PATIENT, report("MRI", conclusion="")], patient_id="p1", as_of=AS_OF)
    assert reader.calls == []
    assert [found.texts for found in facts.reports] == [()]


def test_observations_inside_a_report_are_read(extract: Extract) -> None:
    inner = {
        "resourceType": "Observation",
        "id": "crp",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "1988-5"}]},
        "effectiveDateTime": "2026-03-29",
        "valueQuantity": {"value": 9, "unit": "mg/L"},
    }
    facts = extract(report("MRI lumbar spine", contained=[inner], result=[{"reference": "#crp"}]))
    assert [lab.value for lab in facts.labs] == [9.0]


YES = {"coding": [{"system": "http://snomed.info/sct", "code": "52101004"}], "text": "Present"}


def result(**members: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "z1",
        "status": "final",
        "subject": {"reference": "Patient/p1"},
    } | members


def coded_discitis() -> dict[str, Any]:
    return {"coding": [{"system": "http://snomed.info/sct", "code": "444760002"}], "text": "Spondylodiscitis"}


@pytest.mark.parametrize(
    ("members", "stated"),
    [
        ({"code": coded_discitis(), "valueBoolean": True}, True),
        ({"code": coded_discitis(), "valueCodeableConcept": YES}, True),
        ({"code": coded_discitis(), "valueString": "vorhanden"}, True),
        ({"code": {"text": "Diagnosis"}, "valueCodeableConcept": coded_discitis()}, True),
        ({"code": coded_discitis(), "valueBoolean": False}, False),
        ({"code": coded_discitis(), "valueBoolean": True, "status": "entered-in-error"}, False),
        ({"code": coded_discitis()}, False),
    ],
)
@pytest.mark.parametrize("contained", [True, False])
def test_coded_results_of_a_report_are_findings(
    members: dict[str, Any], extract: Extract, *, stated: bool, contained: bool
) -> None:
    observation = result(**members)
    link = {"reference": "#z1" if contained else "Observation/z1"}
    made = report("MRI lumbar spine", "24968-0", result=[link, {"reference": "Observation/lost"}])
    facts = extract(made | {"contained": [observation]}) if contained else extract(made, observation)
    (found,) = facts.reports
    assert [f.finding for f in found.coded] == ([FindingId.INFECTION_STATED] if stated else [])


def test_confirmed_result_is_read_by_its_name_and_site(extract: Extract) -> None:
    observation = result(code={"text": "Epidural abscess"}, valueBoolean=True, bodySite={"text": "T8"})
    made = report("MRI", contained=[observation], result=[{"reference": "#z1"}], conclusion="")
    (found,) = extract(made).reports
    assert [text.text for text in found.texts] == ["Epidural abscess T8"]
