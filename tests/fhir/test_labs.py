"""Observations in every unit and form to canonical values."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.domain.facts import Comparator, GapCode, LabValue, PatientFacts
from cds_service.domain.vocabulary import Analyte

Extract = Callable[..., PatientFacts]
LOINC = "http://loinc.org"


def observation(code: str = "", text: str = "", **members: Any) -> dict[str, Any]:
    concept: dict[str, Any] = {"text": text} if text else {}
    if code:
        concept["coding"] = [{"system": LOINC, "code": code}]
    return {
        "resourceType": "Observation",
        "id": f"o-{code}-{len(text)}",
        "status": "final",
        "code": concept,
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-03-30T08:00:00+02:00",
    } | members


def measured(value: float, unit: str, code: str = "", text: str = "") -> dict[str, Any]:
    return observation(code, text, valueQuantity={"value": value, "unit": unit})


def only(facts: PatientFacts) -> LabValue:
    (lab,) = facts.labs
    return lab


@pytest.mark.parametrize(
    ("code", "value", "unit", "expected"),
    [
        ("1988-5", 5, "mg/dL", 50),
        ("1988-5", 5, "mg/dl", 50),
        ("1988-5", 12, "ug/mL", 12),
        ("1988-5", 12, "µg/ml", 12),
        ("76485-2", 100, "nmol/L", 10.5),
        ("30341-2", 20, "mm/hr", 20),
        ("30341-2", 20, "mm/1h", 20),
        ("6690-2", 7.2, "10*3/uL", 7.2),
        ("6690-2", 7200, "/uL", 7.2),
        ("6690-2", 7.2, "K/uL", 7.2),
        ("6690-2", 7.2, "10^9/L", 7.2),
        ("6690-2", 7.2, "x10³/µl", 7.2),
        ("6690-2", 7.2, "G/l", 7.2),
        ("777-3", 250, "Tsd./µl", 250),
        ("718-7", 120, "g/L", 12),
        ("718-7", 7.5, "mmol/L", 12.085875),
        ("17861-6", 10.02, "mg/dL", 2.500124757),
        ("2000-8", 2.5, "mmol/L", 2.5),
        ("2160-0", 88.4, "umol/L", 0.9999808),
        ("62292-8", 20, "ng/mL", 49.920127796),
        ("2731-8", 10, "pmol/L", 94.25),
        ("8310-5", 100.4, "[degF]", 38),
        ("8310-5", 37.2, "Cel", 37.2),
        ("8310-5", 37.2, "°C", 37.2),
        ("6768-6", 2, "ukat/L", 120),
        ("6768-6", 98, "IU/L", 98),
        ("2345-7", 180, "mg/dL", 9.991341797),
        ("33958-9", 0, "", None),
        ("62238-1", 55, "mL/min/1.73m2", 55),
        ("33959-8", 0.5, "ug/L", 0.5),
        ("2885-2", 7.5, "g/dL", 75),
        ("6301-6", 1.2, "{INR}", 1.2),
        ("6301-6", 1.2, "", 1.2),
        ("48378-4", 2.1, "", 2.1),
        ("8867-4", 88, "beats/min", 88),
    ],
)
def test_units_are_converted(code: str, value: float, unit: str, expected: float | None, extract: Extract) -> None:
    facts = extract(measured(value, unit, code))
    if expected is None:
        assert facts.labs == ()
    else:
        assert only(facts).value == pytest.approx(expected, rel=1e-6)
        assert only(facts).provenance.reference == f"Observation/o-{code}-0"


@pytest.mark.parametrize(
    ("code", "unit"),
    [
        ("1988-5", "mm/h"),
        ("1988-5", "g"),
        ("30341-2", "mm"),
        ("30341-2", "mm/15min"),
        ("17861-6", "meq/L"),
        ("6690-2", "mg/L"),
        ("8310-5", "K/uL"),
        ("6301-6", "mg/L"),
        ("1988-5", "m" * 60),
        ("1988-5", "{abc}"),
    ],
)
def test_units_that_do_not_measure_the_analyte_are_refused(code: str, unit: str, extract: Extract) -> None:
    facts = extract(measured(20, unit, code))
    assert facts.labs == ()
    assert [(gap.code, gap.clinical) for gap in facts.gaps] == [(GapCode.UNKNOWN_UNIT, True)]


def test_a_molar_value_with_an_approximate_mass_is_marked(extract: Extract) -> None:
    facts = extract(measured(100, "nmol/L", "76485-2"))
    assert only(facts).converted is True
    assert [gap.code for gap in facts.gaps] == [GapCode.CONVERTED_VALUE]


def test_an_exact_molar_conversion_is_not_marked(extract: Extract) -> None:
    facts = extract(measured(10, "mg/dL", "17861-6"))
    assert only(facts).converted is False
    assert facts.gaps == ()


@pytest.mark.parametrize(
    ("text", "analyte"),
    [
        ("C-reactive protein", Analyte.CRP),
        ("CRP hochsensitiv", Analyte.CRP),
        ("Proteina C reactivă", Analyte.CRP),
        ("PCR", Analyte.CRP),
        ("C-reaktives Protein", Analyte.CRP),
        ("BSG 1 h", Analyte.ESR),
        ("VSH", Analyte.ESR),
        ("Leukozyten", Analyte.WBC),
        ("Leucocite", Analyte.WBC),
        ("Hämoglobin", Analyte.HEMOGLOBIN),
        ("Trombocite", Analyte.PLATELETS),
        ("Lactate dehydrogenase", Analyte.LDH),
        ("Lactate", Analyte.LACTATE),
        ("Ionisiertes Kalzium", Analyte.CALCIUM_IONISED),
        ("Calciu total", Analyte.CALCIUM),
        ("Kreatinin i. S.", Analyte.CREATININE),
        ("25-OH-Vitamin D", Analyte.VITAMIN_D),
        ("Kappa/lambda ratio", Analyte.FLC_RATIO),
        ("Kappa free light chains", Analyte.FLC_KAPPA),
        ("Körpertemperatur", Analyte.TEMPERATURE),
    ],
)
def test_names_in_three_languages_tell_the_analyte(text: str, analyte: Analyte, extract: Extract) -> None:
    canonical = {
        Analyte.CRP: "mg/L",
        Analyte.ESR: "mm/h",
        Analyte.LDH: "U/L",
        Analyte.CREATININE: "mg/dL",
        Analyte.HEMOGLOBIN: "g/dL",
        Analyte.VITAMIN_D: "nmol/L",
        Analyte.FLC_RATIO: "",
        Analyte.FLC_KAPPA: "mg/L",
        Analyte.TEMPERATURE: "Cel",
    }
    unit = canonical.get(analyte, "10*9/L" if analyte in {Analyte.WBC, Analyte.PLATELETS} else "mmol/L")
    value = 37 if analyte in {Analyte.TEMPERATURE, Analyte.LDH} else 3
    assert only(extract(measured(value, unit, text=text))).analyte is analyte


@pytest.mark.parametrize(
    "text",
    [
        "Hemoglobin A1c",
        "Urine creatinine",
        "CRP in CSF",
        "Mean corpuscular hemoglobin",
        "Creatinine clearance",
        "1,25-dihydroxyvitamin D",
        "Liquor-Laktat",
        "Leukocyte esterase",
        "Albumin/creatinine ratio",
        "Fetal heart rate",
        "Sodium",
    ],
)
def test_other_tests_with_similar_names_are_not_read(text: str, extract: Extract) -> None:
    assert extract(measured(3, "mg/L", text=text)).labs == ()


@pytest.mark.parametrize("code", ["43402-7", "4539-3", "71774-4", "11039-5", "4548-4"])
def test_codes_that_only_resemble_an_analyte_are_not_read(code: str, extract: Extract) -> None:
    assert extract(measured(3, "mm/h", code, text="Erythrocyte sedimentation rate")).labs == ()


@pytest.mark.parametrize(
    ("written", "value", "comparator"),
    [
        ("<4 mg/L", 4, Comparator.LT),
        ("< 0,5 mg/dl", 5, Comparator.LT),
        (">300 mg/L", 300, Comparator.GT),
        ("≥ 12 mg/L", 12, Comparator.GE),
        ("<= 3 mg/L", 3, Comparator.LE),
        ("12.5 mg/L", 12.5, None),
    ],
)
def test_numbers_in_text_count_with_their_unit(
    written: str, value: float, comparator: Comparator | None, extract: Extract
) -> None:
    lab = only(extract(observation("1988-5", valueString=written)))
    assert (lab.value, lab.comparator) == (value, comparator)


def test_a_comparator_inside_the_value_is_understood(extract: Extract) -> None:
    lab = only(extract(observation("1988-5", valueQuantity={"value": "<5", "unit": "mg/L"})))
    assert (lab.value, lab.comparator) == (5.0, Comparator.LT)


def test_words_instead_of_a_number_are_a_gap(extract: Extract) -> None:
    facts = extract(observation("1988-5", valueString="see comment"))
    assert facts.labs == ()
    assert [(gap.code, gap.clinical) for gap in facts.gaps] == [(GapCode.INVALID_VALUE, True)]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"high": {"value": 5, "unit": "mg/L"}}, (None, 5.0)),
        ({"high": {"value": 0.5, "unit": "mg/dL"}}, (None, 5.0)),
        ({"high": {"value": 0.5}}, (None, 5.0)),
        ({"low": {"value": 0}, "high": {"value": 0.5}}, (0.0, 5.0)),
        ({"text": "< 0.5"}, (None, 5.0)),
        ({"text": "0,1 - 0,5 mg/dl"}, (1.0, 5.0)),
        ({"text": "none"}, (None, None)),
        ({"high": {"value": 5, "unit": "blobs"}}, (None, None)),
        ({"type": {"coding": [{"code": "treatment"}]}, "high": {"value": 9}}, (None, None)),
    ],
)
def test_reference_ranges_come_in_the_canonical_unit(
    limits: dict[str, Any], expected: tuple[float | None, float | None], extract: Extract
) -> None:
    lab = only(extract(measured(1.2, "mg/dL", "1988-5") | {"referenceRange": [limits]}))
    assert (lab.lower_normal, lab.upper_normal) == expected


def test_components_are_read_with_the_date_of_their_panel(extract: Extract) -> None:
    panel = observation("85354-9", text="Blood pressure panel") | {
        "component": [
            {
                "code": {"coding": [{"system": LOINC, "code": "8480-6"}]},
                "valueQuantity": {"value": 96, "unit": "mm[Hg]"},
            },
            {
                "code": {"coding": [{"system": LOINC, "code": "8462-4"}]},
                "valueQuantity": {"value": 60, "unit": "mm[Hg]"},
            },
        ]
    }
    lab = only(extract(panel))
    assert (lab.analyte, lab.value) == (Analyte.SYSTOLIC_PRESSURE, 96)
    assert lab.collected == datetime(2026, 3, 30, 6, tzinfo=UTC)
    assert lab.provenance.element == "component[0]"


@pytest.mark.parametrize(
    ("member", "day"),
    [
        ({"effectiveInstant": "2026-03-20T01:00:00Z"}, 20),
        ({"effectivePeriod": {"start": "2026-03-18T01:00:00Z", "end": "2026-03-19T01:00:00Z"}}, 19),
        ({"effectivePeriod": {"start": "2026-03-18T01:00:00Z"}}, 18),
        ({"issued": "2026-03-17T01:00:00Z"}, 17),
        ({}, None),
    ],
)
def test_the_time_of_collection_is_found_in_every_place(
    member: dict[str, Any], day: int | None, extract: Extract
) -> None:
    resource = measured(1, "mg/L", "1988-5") | member
    del resource["effectiveDateTime"]
    facts = extract(resource)
    collected = only(facts).collected
    assert (collected.day if collected else None) == day
    assert (GapCode.MISSING_DATE in {gap.code for gap in facts.gaps}) is (day is None)


@pytest.mark.parametrize(
    ("code", "members", "positive"),
    [
        ("600-7", {"valueCodeableConcept": {"text": "No growth (2 sets)"}}, False),
        ("600-7", {"valueCodeableConcept": {"text": "Staphylococcus aureus"}}, True),
        ("600-7", {"valueString": "Kein Wachstum nach 5 Tagen"}, False),
        ("600-7", {"valueString": "Fără creștere bacteriană"}, False),
        ("600-7", {"valueString": "E. coli 4/4 Flaschen"}, True),
        ("600-7", {"valueString": "ausstehend"}, None),
        ("600-7", {"valueString": "no growth in bottle 1, positive in bottle 2"}, None),
        ("4821-5", {"valueCodeableConcept": {"text": "positiv"}}, True),
        ("4821-5", {"valueCodeableConcept": {"text": "negativ"}}, False),
        ("4821-5", {"valueBoolean": True}, True),
        ("4821-5", {"valueString": "type B44"}, None),
        ("71773-6", {"valueCodeableConcept": {"coding": [{"code": "10828004"}]}}, True),
        ("71773-6", {"valueCodeableConcept": {"text": "indeterminate"}}, None),
        (
            "71773-6",
            {"valueQuantity": {"value": 3.1, "unit": "[iU]/mL"}, "interpretation": [{"coding": [{"code": "POS"}]}]},
            True,
        ),
        ("19053-8", {"valueString": "1:320"}, True),
        ("19053-8", {"valueString": "1:40"}, None),
        ("24351-9", {"valueString": "No monoclonal band"}, False),
        ("24351-9", {"valueString": "M-Gradient in der Gammafraktion"}, True),
        ("33358-3", {"valueQuantity": {"value": 0, "unit": "g/dL"}}, False),
        ("33358-3", {"valueQuantity": {"value": 1.2, "unit": "g/dL"}}, True),
    ],
)
def test_qualitative_results_are_three_valued(
    code: str, members: dict[str, Any], *, positive: bool | None, extract: Extract
) -> None:
    assert only(extract(observation(code, **members))).positive is positive


def test_the_organism_is_found_in_a_member_of_the_culture(extract: Extract) -> None:
    culture = observation("600-7", hasMember=[{"reference": "Observation/organism"}])
    organism = {
        "resourceType": "Observation",
        "id": "organism",
        "status": "final",
        "code": {"text": "Organism"},
        "subject": {"reference": "Patient/p1"},
        "valueCodeableConcept": {"text": "Streptococcus mitis"},
    }
    lab = next(lab for lab in extract(culture, organism).labs if lab.analyte is Analyte.BLOOD_CULTURE)
    assert (lab.text, lab.positive) == ("Streptococcus mitis", True)


def test_a_culture_that_came_as_laboratory_report_is_read(extract: Extract) -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "id": "bc",
        "status": "final",
        "category": [{"coding": [{"code": "MB"}]}],
        "code": {"text": "Blood culture"},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-03-28",
        "conclusion": "Enterococcus faecalis",
    }
    facts = extract(report)
    assert (only(facts).analyte, only(facts).positive) == (Analyte.BLOOD_CULTURE, True)
    assert facts.reports == ()


def test_corrected_and_preliminary_results_are_kept_with_their_status(extract: Extract) -> None:
    corrected = measured(1, "mg/L", "1988-5") | {"status": "corrected"}
    early = measured(2, "mm/h", "30341-2") | {"status": "preliminary"}
    assert [lab.status for lab in extract(corrected, early).labs] == ["corrected", "preliminary"]


def test_a_result_that_came_twice_counts_once(extract: Extract) -> None:
    first, second = measured(1, "mg/L", "1988-5"), measured(1, "mg/L", "1988-5") | {"id": "again"}
    assert only(extract(first, second)).provenance.reference == "Observation/o-1988-5-0"


def test_a_pending_result_is_no_clinical_gap(extract: Extract) -> None:
    facts = extract(observation("1988-5", status="registered"))
    assert [(gap.code, gap.clinical) for gap in facts.gaps] == [(GapCode.MISSING_VALUE, False)]


@pytest.mark.parametrize(
    "other",
    [{"valueString": "12 mg/L"}, {"valueString": "<86 mg/L"}, {"valueInteger": 12}, {"valueString": "86 furlong"}],
)
def test_two_values_that_disagree_are_both_left_out_and_said(extract: Extract, other: dict[str, Any]) -> None:
    facts = extract(measured(86, "mg/L", "1988-5") | other)
    assert facts.labs == ()
    said = [(gap.clinical, dict(gap.params)) for gap in facts.gaps if gap.code is GapCode.AMBIGUOUS_VALUE]
    assert (True, {"analyte": "CRP"}) in said


@pytest.mark.parametrize("other", [{"valueString": "86"}, {"valueString": "8.6 mg/dL"}, {"valueDecimal": 86.0}])
def test_two_values_that_agree_are_one(extract: Extract, other: dict[str, Any]) -> None:
    facts = extract(measured(86, "mg/L", "1988-5") | other)
    assert only(facts).value == 86
    assert not [gap for gap in facts.gaps if gap.clinical and gap.code is GapCode.AMBIGUOUS_VALUE]


def test_a_unit_that_no_laboratory_uses_for_the_test_is_not_understood(extract: Extract) -> None:
    facts = extract(measured(12, "mmol/L", "1988-5"))
    assert facts.labs == ()
    assert GapCode.UNKNOWN_UNIT in {gap.code for gap in facts.gaps}


def test_a_code_that_nobody_confirmed_is_no_result_and_no_sign_of_pregnancy(extract: Extract) -> None:
    facts = extract(observation("3145-0", valueDateTime="2026-01-10"))
    assert facts.labs == ()
    assert not facts.pregnancy.pregnant


@pytest.mark.parametrize(
    ("note", "value"), [("44 mg/L", 44), ("<0.6 mg/dL", 6), ("44", None), ("44 mg/L, before 12", None), ("later", None)]
)
def test_a_number_with_its_unit_in_the_note_alone_is_the_result(
    note: str, value: float | None, extract: Extract
) -> None:
    facts = extract(observation("1988-5", note=[{"text": note}]))
    assert [lab.value for lab in facts.labs] == ([] if value is None else [value])
    assert any(gap.clinical and gap.resource.startswith("Observation") for gap in facts.gaps) is (value is None)


def test_a_note_beside_a_value_changes_nothing(extract: Extract) -> None:
    result = measured(3, "mg/L", "1988-5") | {"note": [{"text": "90 mg/L"}]}
    assert only(extract(result)).value == 3
