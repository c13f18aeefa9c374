"""Problem-list entries in three languages, coded or not, with everything that changes what they say."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from cds_service.domain.facts import GapCode, KnownCondition, PatientFacts
from cds_service.domain.vocabulary import ConditionGroup as G
from cds_service.domain.vocabulary import DeviceGroup, DrugGroup, ProcedureGroup, Qualifier, Status

Extract = Callable[..., PatientFacts]
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
GM = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
SNOMED = "http://snomed.info/sct"


def entry(text: str = "", *codes: tuple[str, str], **members: Any) -> dict[str, Any]:
    concept: dict[str, Any] = {"text": text} if text else {}
    if codes:
        concept["coding"] = [{"system": system, "code": code} for system, code in codes]
    return {
        "resourceType": "Condition",
        "id": "c1",
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "code": concept,
        "subject": {"reference": "Patient/p1"},
        "recordedDate": "2026-03-31",
    } | members


def said(facts: PatientFacts, status: Status = Status.PRESENT) -> set[G]:
    return {group for c in facts.conditions if c.status is status for group in c.groups}


def only(facts: PatientFacts) -> KnownCondition:
    (condition,) = facts.conditions
    return condition


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("Type 2 diabetes mellitus", {G.DIABETES}),
        ("Diab. mell. Typ 2, insulinpflichtig", {G.DIABETES}),
        ("Diabet zaharat tip 2", {G.DIABETES}),
        ("Diabetes insipidus", set()),
        ("Prediabetes", set()),
        ("Zustand nach Mammakarzinom", {G.CANCER, G.CANCER_HISTORY}),
        ("Z.n. Prostata-Ca 2015", {G.CANCER, G.CANCER_HISTORY}),
        ("History of breast cancer", {G.CANCER, G.CANCER_HISTORY}),
        ("Neoplasm mamar operat", {G.CANCER, G.CANCER_HISTORY}),
        ("Bronchialkarzinom", {G.CANCER}),
        ("Renal cell carcinoma", {G.CANCER}),
        ("Basal cell carcinoma of nose", {G.SKIN_OR_IN_SITU_CANCER}),
        ("Basaliom Stirn", {G.SKIN_OR_IN_SITU_CANCER}),
        ("Ductal carcinoma in situ", {G.SKIN_OR_IN_SITU_CANCER}),
        ("Malignant melanoma", {G.CANCER}),
        ("Multiples Myelom", {G.CANCER, G.MYELOMA}),
        ("Non-Hodgkin lymphoma", {G.CANCER, G.LYMPHOMA_LEUKEMIA}),
        ("Osseous metastases of prostate cancer", {G.CANCER, G.BONE_METASTASES}),
        ("Metastaze osoase", {G.CANCER, G.BONE_METASTASES}),
        ("MGUS", {G.MGUS}),
        ("Screening for malignant neoplasm of colon", set()),
        ("Family history of breast cancer", set()),
        ("Weakness of both legs", {G.LIMB_WEAKNESS}),
        ("Progressive Schwäche beider Beine", {G.LIMB_WEAKNESS}),
        ("Scăderea forței musculare la membrele inferioare", {G.LIMB_WEAKNESS}),
        ("Foot drop, left", {G.LIMB_WEAKNESS, G.SINGLE_ROOT_PARESIS}),
        ("Fußheberparese rechts", {G.LIMB_WEAKNESS, G.SINGLE_ROOT_PARESIS}),
        ("Fazialisparese", set()),
        ("Gastroparesis", set()),
        ("Generalized weakness", set()),
        ("Urinary retention", {G.URINARY_RETENTION, G.URINARY_RETENTION_INCONTINENCE, G.BLADDER_BOWEL_DYSFUNCTION}),
        ("Stress incontinence", set()),
        ("Reithosenanästhesie", {G.SADDLE_ANESTHESIA}),
        ("Sindrom de coadă de cal", {G.CAUDA_EQUINA_SYNDROME}),
        ("consumator de droguri injectabile", {G.INTRAVENOUS_DRUG_USE}),
        ("i.v.-Drogenabusus", {G.INTRAVENOUS_DRUG_USE}),
        ("Household contacts with febrile illness", set()),
        ("Fever", {G.FEVER}),
        ("Low-grade fever", {G.SUBFEBRILE}),
        ("Hay fever", set()),
        ("Afebrile", set()),
        ("Denies fever", set()),
        ("Kein Fieber", set()),
        ("Fără febră", set()),
        ("Schüttelfrost", {G.CHILLS}),
        ("No fever, chills or night sweats", set()),
        ("Back pain, no fever", {G.BACK_PAIN}),
        ("No fever, back pain", {G.BACK_PAIN}),
        ("Back pain without fever but with chills", {G.BACK_PAIN, G.CHILLS}),
        ("Fieber verneint", set()),
        ("Toe amputation for osteomyelitis", {G.OSTEOMYELITIS_ELSEWHERE}),
        ("Lumbar vertebral osteomyelitis", {G.SPINE_INFECTION}),
        ("Chronic recurrent multifocal osteomyelitis", {G.SAPHO}),
        ("Latent tuberculosis", {G.TUBERCULOSIS_EXPOSURE}),
        ("Tuberkulose-Kontakt in der Familie", {G.TUBERCULOSIS_EXPOSURE}),
        ("Consum de lapte nepasteurizat", {G.BRUCELLA_EXPOSURE}),
        ("Works in a slaughterhouse", {G.BRUCELLA_EXPOSURE}),
        ("Landwirt", {G.BRUCELLA_EXPOSURE}),
        ("Hemodialysis", {G.DIALYSIS}),
        ("Nierentransplantation 2019", {G.IMMUNOSUPPRESSION}),
        ("Aortenklappenersatz", {G.PROSTHETIC_VALVE}),
        ("Unintentional weight loss", {G.WEIGHT_LOSS}),
        ("Intentional weight loss", set()),
        ("Lost 8 kg in 3 months", {G.WEIGHT_LOSS}),
        ("Ankylosierende Spondylitis", {G.AXIAL_SPONDYLOARTHRITIS, G.ANKYLOSED_SPINE}),
        ("Palmoplantare Pustulose", {G.PALMOPLANTAR_PUSTULOSIS}),
        ("Osteoporose", {G.OSTEOPOROSIS}),
        ("Sturz aus 3 m Höhe", {G.FALL, G.TRAUMA, G.HIGH_ENERGY_TRAUMA}),
        ("Recent fall", {G.FALL, G.TRAUMA}),
        ("Peptic ulcer", {G.PEPTIC_ULCER_GI_BLEED}),
        ("Sarcină 24 săptămâni", {G.PREGNANCY}),
        ("Pregnancy test negative", set()),
        ("Epilepsy", {G.SEIZURE}),
        ("Non-alcoholic fatty liver", set()),
        ("Hypertension", set()),
    ],
)
def test_words_tell_the_groups(text: str, groups: set[G], extract: Extract) -> None:
    assert said(extract(entry(text))) == groups


@pytest.mark.parametrize(
    ("system", "code", "groups"),
    [
        (SNOMED, "44054006", {G.DIABETES}),
        (SNOMED, "http://x", set()),
        (ICD, "E11.9", {G.DIABETES}),
        (ICD, "C50.911", {G.CANCER}),
        (ICD, "C44.91", {G.SKIN_OR_IN_SITU_CANCER}),
        (ICD, "C79.51", {G.CANCER, G.BONE_METASTASES}),
        (GM, "C79.5", {G.CANCER, G.BONE_METASTASES}),
        (ICD, "Z85.3", {G.CANCER_HISTORY}),
        (ICD, "Z85.828", {G.SKIN_OR_IN_SITU_CANCER}),
        (ICD, "M46.46", {G.SPINE_INFECTION}),
        (GM, "M46.46", {G.SPINE_INFECTION}),
        (ICD, "M86.3", {G.SAPHO}),
        (ICD, "M86.171", {G.OSTEOMYELITIS_ELSEWHERE}),
        (ICD, "G83.4", {G.CAUDA_EQUINA_SYNDROME}),
        (ICD, "R50.9", {G.FEVER}),
        (ICD, "D57.3", set()),
        (ICD, "I10", set()),
    ],
)
def test_codes_alone_tell_the_groups(system: str, code: str, groups: set[G], extract: Extract) -> None:
    assert said(extract(entry("", (system, code)))) == groups


def test_an_unverified_code_never_counts_alone(extract: Extract) -> None:
    facts = extract(entry("", (SNOMED, "61974008")))
    assert said(facts) == set()
    assert [(gap.code, gap.clinical) for gap in facts.gaps] == [(GapCode.AMBIGUOUS_VALUE, True)]


def test_an_unverified_code_counts_beside_its_words(extract: Extract) -> None:
    facts = extract(entry("Spinal epidural abscess", (SNOMED, "61974008")))
    assert said(facts) == {G.EPIDURAL_ABSCESS}
    assert facts.gaps == ()


def test_a_code_without_system_never_counts_alone(extract: Extract) -> None:
    assert said(extract(entry("", ("", "E11.9")))) == set()


def test_a_display_counts_like_a_text(extract: Extract) -> None:
    concept = {"coding": [{"system": "urn:local", "code": "77", "display": "Spondylodiszitis L4/5"}]}
    condition = only(extract(entry(code=concept)))
    assert (condition.groups, condition.text) == (frozenset({G.SPINE_INFECTION}), "Spondylodiszitis L4/5")


def test_the_body_site_completes_the_words(extract: Extract) -> None:
    facts = extract(entry("Osteomyelitis", bodySite=[{"text": "lumbar vertebra"}]))
    assert said(facts) == {G.SPINE_INFECTION}


@pytest.mark.parametrize(
    ("text", "status", "group"),
    [
        ("V.a. Spondylodiszitis", Status.POSSIBLE, G.SPINE_INFECTION),
        ("Suspected discitis", Status.POSSIBLE, G.SPINE_INFECTION),
        ("Suspiciune de spondilodiscită", Status.POSSIBLE, G.SPINE_INFECTION),
        ("Spondylodiszitis nicht ausgeschlossen", Status.POSSIBLE, G.SPINE_INFECTION),
        ("Z.n. Spondylodiszitis 2015", Status.HISTORICAL, G.SPINE_INFECTION),
        ("History of discitis", Status.HISTORICAL, G.SPINE_INFECTION),
        ("Mutter: Mammakarzinom", Status.OTHER_PERSON, G.CANCER),
        ("Z.n. Vertebroplastie", Status.PRESENT, G.SPINE_PROCEDURE_RECENT),
        ("Former intravenous drug use", Status.PRESENT, G.INTRAVENOUS_DRUG_USE),
    ],
)
def test_cues_change_the_status(text: str, status: Status, group: G, extract: Extract) -> None:
    assert said(extract(entry(text)), status) & {group} == {group}


def test_a_code_beside_a_past_text_is_past(extract: Extract) -> None:
    facts = extract(entry("Z.n. Spondylodiszitis", (GM, "M46.46")))
    assert said(facts, Status.HISTORICAL) == {G.SPINE_INFECTION}


def test_a_denying_text_does_not_erase_a_code(extract: Extract) -> None:
    assert said(extract(entry("No diabetes", (ICD, "E11.9")))) == {G.DIABETES}


@pytest.mark.parametrize(
    ("member", "value", "active"),
    [
        ("clinicalStatus", {"coding": [{"code": "active"}]}, True),
        ("clinicalStatus", {"coding": [{"code": "relapse"}]}, True),
        ("clinicalStatus", {"coding": [{"code": "resolved"}]}, False),
        ("clinicalStatus", ..., None),
        ("abatementDateTime", "2026-01-05", True),
        ("abatementString", "last year", True),
    ],
)
def test_activity_is_three_valued(member: str, value: Any, *, active: bool | None, extract: Extract) -> None:
    resource = entry("Fever")
    if value is ...:
        del resource[member]
    else:
        resource[member] = value
    assert only(extract(resource)).active is active


@pytest.mark.parametrize(
    "members", [{"abatementDateTime": "2026-01-05"}, {"abatementString": "in spring"}, {"abatementBoolean": True}]
)
def test_an_end_without_clinical_status_makes_the_entry_past(members: dict[str, Any], extract: Extract) -> None:
    resource = entry("Fever", **members)
    del resource["clinicalStatus"]
    assert only(extract(resource)).active is False


@pytest.mark.parametrize(
    ("text", "members", "onset"),
    [
        ("Back pain", {"onsetDateTime": "2026-02-01"}, date(2026, 2, 1)),
        ("Back pain", {"onsetDateTime": "2026-02"}, date(2026, 2, 1)),
        ("Back pain", {"onsetPeriod": {"start": "2026-01-15"}}, date(2026, 1, 15)),
        ("Back pain", {"onsetAge": {"value": 60, "unit": "a"}}, date(2016, 5, 4)),
        ("Back pain", {"onsetString": "3 weeks ago"}, date(2026, 3, 10)),
        ("Epidural steroid injection 3 weeks ago", {}, date(2026, 3, 10)),
        ("Rückenschmerzen seit 6 Wochen", {}, date(2026, 2, 17)),
        ("PDA vor ca. 2 Monaten", {}, date(2026, 1, 30)),
        ("Lombalgie de 10 zile", {}, date(2026, 3, 21)),
        ("Infiltrație acum două săptămâni", {}, date(2026, 3, 17)),
        ("Mammakarzinom 2015", {}, date(2015, 1, 1)),
        ("Mammakarzinom ED 05/2019", {}, date(2019, 5, 1)),
        ("Mammakarzinom 2031", {}, None),
        ("Back pain", {}, None),
    ],
)
def test_onset_is_found_in_every_place(
    text: str, members: dict[str, Any], onset: date | None, extract: Extract
) -> None:
    assert only(extract(entry(text, **members))).onset == onset


def test_verification_makes_an_entry_possible(extract: Extract) -> None:
    resource = entry("Discitis", verificationStatus={"coding": [{"code": "provisional"}]})
    assert only(extract(resource)).status is Status.POSSIBLE


@pytest.mark.parametrize(
    ("text", "qualifiers"),
    [
        ("Acute weakness of both legs", {Qualifier.ACUTE, Qualifier.BILATERAL}),
        ("Chronische Paraparese", {Qualifier.OLD}),
        ("Known paraplegia", {Qualifier.KNOWN}),
        ("Leichte Fußheberschwäche", {Qualifier.MILD}),
        ("Deficit motor sever", {Qualifier.SEVERE}),
    ],
)
def test_qualifiers_are_kept(text: str, qualifiers: set[Qualifier], extract: Extract) -> None:
    assert only(extract(entry(text))).qualifiers == qualifiers


def test_an_entry_of_no_group_keeps_its_text(extract: Extract) -> None:
    condition = only(extract(entry("Hypertension")))
    assert (condition.groups, condition.text, condition.status) == (frozenset(), "Hypertension", Status.PRESENT)


def test_an_entry_without_code_is_read_from_its_note(extract: Extract) -> None:
    resource = entry(note=[{"text": "known diabetes"}])
    del resource["code"]
    assert said(extract(resource)) == {G.DIABETES}


# ---- other facts in a problem list ----


def test_long_term_therapy_is_a_drug(extract: Extract) -> None:
    (drug,) = extract(entry("Long-term systemic steroid use", (ICD, "Z79.52"))).medications
    assert (drug.groups, drug.running, drug.daily_dose_mg) == (frozenset({DrugGroup.GLUCOCORTICOID}), True, None)


def test_a_listed_drug_says_it_better_than_the_problem_list(extract: Extract) -> None:
    listed = {
        "resourceType": "MedicationStatement",
        "id": "m1",
        "status": "active",
        "medicationCodeableConcept": {"text": "Prednisolon 5 mg"},
        "subject": {"reference": "Patient/p1"},
    }
    facts = extract(entry("Dauertherapie mit Prednisolon"), listed)
    assert [(drug.text, drug.daily_dose_mg) for drug in facts.medications] == [("Prednisolon 5 mg", 5.0)]


def test_a_disease_by_a_drug_is_no_drug(extract: Extract) -> None:
    assert extract(entry("Ibuprofen-induced gastritis")).medications == ()


@pytest.mark.parametrize(
    ("text", "groups", "severe"),
    [
        ("Allergy to ibuprofen", {DrugGroup.NSAID}, None),
        ("Anaphylaxie auf Gadolinium", {DrugGroup.GADOLINIUM}, True),
        ("Alergie la diclofenac", {DrugGroup.NSAID}, None),
    ],
)
def test_allergies_in_the_problem_list_are_read(
    text: str, groups: set[DrugGroup], *, severe: bool | None, extract: Extract
) -> None:
    facts = extract(entry(text))
    assert [(set(allergy.groups), allergy.severe) for allergy in facts.allergies] == [(groups, severe)]
    assert facts.medications == ()


def test_a_denied_allergy_is_none(extract: Extract) -> None:
    assert extract(entry("No allergy to ibuprofen")).allergies == ()


def test_the_code_of_a_contrast_allergy_counts(extract: Extract) -> None:
    (allergy,) = extract(entry("Contrast allergy status", (ICD, "Z91.041"))).allergies
    assert DrugGroup.GADOLINIUM in allergy.groups


def test_implants_in_the_problem_list_are_devices(extract: Extract) -> None:
    (device,) = extract(entry("Herzschrittmacher", (GM, "Z95.0"))).devices
    assert device.groups == {DeviceGroup.PACEMAKER_ICD}


def test_an_augmentation_in_the_problem_list_is_a_procedure(extract: Extract) -> None:
    (procedure,) = extract(entry("Z.n. Kyphoplastie L1 vor 4 Wochen")).procedures
    assert (procedure.groups, procedure.performed) == (
        frozenset({ProcedureGroup.VERTEBRAL_AUGMENTATION}),
        date(2026, 3, 3),
    )


# ---- observations that state a symptom ----


def observed(text: str, category: str = "exam", **members: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "category": [{"coding": [{"code": category}]}],
        "code": {"text": text},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-03-30",
    } | members


@pytest.mark.parametrize(
    ("resource", "groups"),
    [
        (observed("Injecting drug use", "social-history", valueBoolean=True), {G.INTRAVENOUS_DRUG_USE}),
        (observed("Injecting drug use", "social-history", valueBoolean=False), set()),
        (observed("Foot drop", valueCodeableConcept={"text": "present"}), {G.LIMB_WEAKNESS, G.SINGLE_ROOT_PARESIS}),
        (observed("Foot drop", valueCodeableConcept={"text": "absent"}), set()),
        (observed("Foot drop", valueCodeableConcept={"coding": [{"code": "373067005"}]}), set()),
        (
            observed("Foot drop", valueCodeableConcept={"coding": [{"code": "373066001"}]}),
            {G.LIMB_WEAKNESS, G.SINGLE_ROOT_PARESIS},
        ),
        (observed("Occupation", "social-history", valueString="sheep farmer"), {G.BRUCELLA_EXPOSURE}),
        (observed("Foot drop"), set()),
        (observed("Foot drop", "laboratory", valueBoolean=True), set()),
        (observed("Foot drop", valueBoolean=True, status="entered-in-error"), set()),
    ],
)
def test_findings_of_examination_and_history_are_conditions(
    resource: dict[str, Any], groups: set[G], extract: Extract
) -> None:
    assert said(extract(resource)) == groups


@pytest.mark.parametrize("system", [ICD, GM])
@pytest.mark.parametrize("code", ["K68.12", "M60.88"])
def test_a_code_that_nobody_confirmed_says_nothing_alone(extract: Extract, system: str, code: str) -> None:
    assert said(extract(entry("", (system, code)))) == set()
