"""Code and word groups: complete, in three languages, and refused with file and key when broken."""

import re
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from cds_service.domain.vocabulary import (
    Analyte,
    ConditionGroup,
    DeviceGroup,
    DrugGroup,
    Language,
    OrderKind,
    ProcedureGroup,
)
from cds_service.errors import KnowledgeError
from cds_service.knowledge.code_groups import CodeGroup, CodeSystem, Terms, bare, pairs, phrases, system_of
from cds_service.knowledge.codes import Codes, load_codes
from cds_service.reading.phrases import PhraseMatcher

SOURCE = Path(str(files("cds_service.knowledge")))
CODES = load_codes()
GROUPS: dict[str, CodeGroup] = {
    **{f"condition {name}": group for name, group in CODES.conditions.items()},
    **{f"drug {name}": group for name, group in CODES.drugs.items()},
    **{f"procedure {name}": group for name, group in CODES.procedures.items()},
    **{f"device {name}": group for name, group in CODES.devices.items()},
    **{f"order {name}": group for name, group in CODES.orders.items()},
}
LISTED: dict[str, Terms] = {
    **{name: group.terms for name, group in GROUPS.items()},
    **{f"lab {name}": lab.terms for name, lab in CODES.labs.analytes.items()},
}


def test_every_group_of_the_vocabulary_has_an_entry() -> None:
    assert set(CODES.conditions) == set(ConditionGroup)
    assert set(CODES.drugs) == set(DrugGroup)
    assert set(CODES.procedures) == set(ProcedureGroup)
    assert set(CODES.devices) == set(DeviceGroup)
    assert set(CODES.orders) == set(OrderKind) - {OrderKind.OTHER}
    assert set(CODES.labs.analytes) == set(Analyte)


@pytest.mark.parametrize("name", sorted(LISTED))
@pytest.mark.parametrize("language", list(Language))
def test_every_term_finds_itself(name: str, language: Language) -> None:
    terms = LISTED[name].of(language)
    assert terms
    matcher = PhraseMatcher({"x": phrases(terms)} if phrases(terms) else {"x": ["none at all"]})
    for term in phrases(terms):
        written = " ".join(word.strip("*") for word in term.split() if word != "~")
        assert matcher.find(written), term
    for pair in pairs(terms):
        for word in pair:
            assert PhraseMatcher({"x": [word]}).find(word.strip("*")), pair


def test_the_reader_gets_phrases_pairs_and_exceptions() -> None:
    german = CODES.condition_terms(Language.DE)[ConditionGroup.FEVER]
    assert "fieber" in german
    assert "fever" not in german
    assert "fever" in CODES.condition_terms()[ConditionGroup.FEVER]
    assert ("weak*", "leg*") in CODES.condition_pairs(Language.EN)[ConditionGroup.LIMB_WEAKNESS]
    assert all(" & " not in term for terms in CODES.condition_terms().values() for term in terms)
    assert "hay fever" in CODES.condition_exceptions()[ConditionGroup.FEVER]


def test_codes_have_the_form_of_their_system() -> None:
    forms = {
        CodeSystem.SNOMED: r"\d{6,18}",
        CodeSystem.LOINC: r"[\dL]{2,6}-\d",
        CodeSystem.ICD10: r"[A-Z](\d[\dA-Z]?)?(\.[\dA-Z]{1,4})?",
        CodeSystem.RXNORM: r"\d{2,8}",
        CodeSystem.ATC: r"[A-Z]\d\d[A-Z]{0,2}(\d\d)?",
        CodeSystem.CPT: r"\d{4}[\dT]",
        CodeSystem.OPS: r"\d-\d[\da-z]{1,2}(\.[\da-z])?",
    }
    wrong = [
        (name, system, code)
        for name, group in GROUPS.items()
        for system, form in forms.items()
        for code in (*group.codes(system).verified, *group.codes(system).additive)
        if not re.fullmatch(form, code)
    ]
    assert wrong == []


def test_snomed_codes_have_a_valid_check_digit() -> None:
    wrong = [
        (name, code)
        for name, group in GROUPS.items()
        for code in (*group.snomed.verified, *group.snomed.additive)
        if not verhoeff(code)
    ]
    assert wrong == []


def test_loinc_codes_have_a_valid_check_digit() -> None:
    listed = [code for lab in CODES.labs.analytes.values() for code in (*lab.loinc.verified, *lab.loinc.additive)]
    listed += [code for group in GROUPS.values() for code in (*group.loinc.verified, *group.loinc.additive)]
    listed += [code for entry in CODES.imaging for code in entry.loinc]
    listed += list(CODES.labs.ignored_loinc)
    assert [code for code in listed if not mod10(code)] == []


def verhoeff(number: str) -> bool:
    """SNOMED identifiers end with a Verhoeff check digit."""
    steps = [
        "0123456789",
        "1576283094",
        "5803796142",
        "8916043527",
        "9453126870",
        "4286573901",
        "2793806415",
        "7046913258",
    ]
    table = [
        "0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043",
        "8765932104", "9876543210",
    ]  # fmt: skip
    check = 0
    for position, digit in enumerate(reversed(number)):
        check = int(table[check][int(steps[position % 8][int(digit)])])
    return check == 0


def mod10(code: str) -> bool:
    """LOINC codes end with a Luhn check digit."""
    body, _, digit = code.partition("-")
    total = 0
    for position, sign in enumerate(reversed(body)):
        value = int(sign) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str((10 - total % 10) % 10) == digit


@pytest.mark.parametrize(
    ("uri", "system"),
    [
        ("http://snomed.info/sct", CodeSystem.SNOMED),
        ("http://snomed.info/sct/900000000000207008/version/20240101", CodeSystem.SNOMED),
        ("urn:oid:2.16.840.1.113883.6.96", CodeSystem.SNOMED),
        ("http://loinc.org", CodeSystem.LOINC),
        ("http://hl7.org/fhir/sid/icd-10-cm", CodeSystem.ICD10),
        ("http://fhir.de/CodeSystem/bfarm/icd-10-gm", CodeSystem.ICD10),
        ("http://hl7.org/fhir/sid/icd-9-cm", None),
        ("http://fhir.de/CodeSystem/bfarm/atc", CodeSystem.ATC),
        ("urn:local", None),
        ("", None),
    ],
)
def test_code_systems_are_told_by_their_address(uri: str, system: CodeSystem | None) -> None:
    assert system_of(uri) is system


def test_prefix_codes_are_compared_without_marks() -> None:
    assert bare("M49.0-*") == "M490"
    assert bare("a18.01†") == "A1801"


# ---- broken files ----


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "knowledge"
    copy.mkdir()
    for name in ("labs", "drugs", "procedures", "devices", "order_kinds", "imaging", "entry_cues"):
        shutil.copy(SOURCE / f"{name}.toml", copy)
    shutil.copytree(SOURCE / "conditions", copy / "conditions")
    return copy


def test_a_sound_copy_loads(folder: Path) -> None:
    assert isinstance(load_codes(folder), Codes)


@pytest.mark.parametrize(
    ("name", "old", "new", "file", "key"),
    [
        ("devices.toml", "[groups.CENTRAL_LINE]", "[groups.CENTRAL_LIME]", "devices.toml", "groups.CENTRAL_LIME"),
        (
            "devices.toml",
            'terms.ro = ["implant cohlear"',
            'term.ro = ["implant cohlear"',
            "devices.toml",
            "COCHLEAR_IMPLANT",
        ),
        ("devices.toml", "terms.de", "terms.fr", "devices.toml", "terms"),
        ("labs.toml", "plausible = [0, 1000]", "plausible = [1000, 0]", "labs.toml", "analytes.CRP"),
        ("labs.toml", '"1988-5", "71426-1"', '"1988-5", "1988-5"', "labs.toml", "analytes.CRP"),
        ("labs.toml", '"1988-5", "71426-1"', '"1988-5", "30341-2"', "labs.toml", "30341-2"),
        ("labs.toml", '"1988-5", "71426-1"', '"1988-5", "43402-7"', "labs.toml", "43402-7"),
        ("labs.toml", 'unit = "mg/L"', "unit = 5", "labs.toml", "analytes.CRP.unit"),
        ("labs.toml", 'unit = "mg/L"', 'unit = "mg/L', "labs.toml", "TOML"),
        ("imaging.toml", '"24935-9"', '"24968-0"', "imaging.toml", "24968-0"),
        ("imaging.toml", 'modality = "MR"', 'modality = "MRI"', "imaging.toml", "codes.0.modality"),
        ("entry_cues.toml", "[bilateral]", "[bilaterall]", "entry_cues.toml", "bilateral"),
        ("drugs.toml", 'terms.en = ["morphine"', 'terms.en = [" morphine"', "drugs.toml", "MORPHINE"),
        ("conditions/course.toml", "[groups.BACK_PAIN]", "[groups.FEVER]", "infection.toml", "FEVER"),
        ("conditions/general.toml", "[groups.SEIZURE]", "[groups.SEIZURES]", "general.toml", "SEIZURES"),
    ],
)
def test_a_broken_file_is_refused_with_file_and_key(
    name: str, old: str, new: str, file: str, key: str, folder: Path
) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(KnowledgeError) as caught:
        load_codes(folder)
    assert file in str(caught.value)
    assert key in str(caught.value)


def test_a_missing_group_is_refused(folder: Path) -> None:
    path = folder / "devices.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("[groups.PROSTHETIC_VALVE]")], encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"devices\.toml: groups\.PROSTHETIC_VALVE"):
        load_codes(folder)


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "imaging.toml").unlink()
    with pytest.raises(KnowledgeError, match=r"imaging\.toml: cannot be read"):
        load_codes(folder)
