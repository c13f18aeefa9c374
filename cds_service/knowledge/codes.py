"""Code groups and names of conditions, drugs, procedures, devices, orders, laboratory tests and imaging, as data."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Annotated, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints, ValidationError, model_validator

from cds_service.domain.vocabulary import (
    Analyte,
    BodyRegion,
    ConditionGroup,
    DeviceGroup,
    DrugGroup,
    FindingId,
    Language,
    Modality,
    OrderKind,
    ProcedureGroup,
)
from cds_service.errors import KnowledgeError

Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=120, pattern=r"^\S(.*\S)?$")]
Code = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=24, pattern=r"^[A-Za-z0-9.\-]+$")]
Factor = Annotated[float, Field(gt=0, allow_inf_nan=False)]

PAIR_SIGN = " & "


def _refuse_repeats(values: tuple[str, ...], key: str) -> None:
    repeated = next((value for value in values if values.count(value) > 1), None)
    if repeated is not None:
        raise ValueError(f"{key}: {repeated!r} is listed twice")


class _Strict(BaseModel):
    """Refuses misspelt keys, so that no entry of a data file is lost without a word."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Terms(_Strict):
    """Words of one entry in each language. ``stem*`` and ``*tail`` as in ``PhraseMatcher``.

    A term with `` & `` names words that must all stand in the same short text, in any order.
    """

    en: tuple[Text, ...] = Field(min_length=1)
    de: tuple[Text, ...] = Field(min_length=1)
    ro: tuple[Text, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _no_repeats(self) -> Self:
        for language in Language:
            _refuse_repeats(self.of(language), f"terms.{language}")
        return self

    def of(self, language: Language) -> tuple[str, ...]:
        """Terms of one language as written in the file."""
        return {Language.EN: self.en, Language.DE: self.de, Language.RO: self.ro}[language]

    def all(self, language: Language | None = None) -> tuple[str, ...]:
        """Terms of one language, or of all three without repeats."""
        if language is not None:
            return self.of(language)
        return tuple(dict.fromkeys((*self.en, *self.de, *self.ro)))


class CodeList(_Strict):
    """Codes of one system: ``verified`` ones count alone, ``additive`` ones never without a word beside them."""

    verified: tuple[Code, ...] = ()
    additive: tuple[Code, ...] = ()

    @model_validator(mode="after")
    def _no_repeats(self) -> Self:
        _refuse_repeats((*self.verified, *self.additive), "codes")
        return self


class CodeSystem(StrEnum):
    """Code systems that groups use; ICD-10, ATC and OPS entries are prefixes, all others whole codes."""

    SNOMED = "snomed"
    ICD10 = "icd10"
    LOINC = "loinc"
    RXNORM = "rxnorm"
    ATC = "atc"
    CPT = "cpt"
    OPS = "ops"


PREFIX_SYSTEMS = frozenset({CodeSystem.ICD10, CodeSystem.ATC, CodeSystem.OPS})

_SYSTEM_MARKS: tuple[tuple[str, CodeSystem], ...] = (
    ("snomed.info", CodeSystem.SNOMED),
    ("2.16.840.1.113883.6.96", CodeSystem.SNOMED),
    ("loinc", CodeSystem.LOINC),
    ("rxnorm", CodeSystem.RXNORM),
    ("2.16.840.1.113883.6.88", CodeSystem.RXNORM),
    ("icd-10", CodeSystem.ICD10),
    ("icd10", CodeSystem.ICD10),
    ("2.16.840.1.113883.6.90", CodeSystem.ICD10),
    ("whocc.no/atc", CodeSystem.ATC),
    ("/atc", CodeSystem.ATC),
    ("2.16.840.1.113883.6.73", CodeSystem.ATC),
    ("go/cpt", CodeSystem.CPT),
    ("bfarm/ops", CodeSystem.OPS),
    ("dimdi/ops", CodeSystem.OPS),
)


def system_of(uri: str) -> CodeSystem | None:
    """Code system that a FHIR ``Coding.system`` means, or None for local and unknown systems."""
    lowered = uri.lower()
    return next((system for mark, system in _SYSTEM_MARKS if mark in lowered), None)


def bare(code: str) -> str:
    """Code as it is compared in prefix systems: upper case, without dots, dashes and dagger or asterisk marks."""
    return "".join(sign for sign in code.upper() if sign.isalnum())


class CodeGroup(_Strict):
    """One group: codes by system and words. ``unless`` are words that look like the group and are something else."""

    terms: Terms
    unless: tuple[Text, ...] = ()
    snomed: CodeList = CodeList()
    icd10: CodeList = CodeList()
    icd10_except: tuple[Code, ...] = ()
    loinc: CodeList = CodeList()
    rxnorm: CodeList = CodeList()
    atc: CodeList = CodeList()
    atc_except: tuple[Code, ...] = ()
    cpt: CodeList = CodeList()
    ops: CodeList = CodeList()

    def codes(self, system: CodeSystem) -> CodeList:
        """Codes of this group in one system."""
        found: CodeList = getattr(self, system.value)
        return found

    def exceptions(self, system: CodeSystem) -> tuple[str, ...]:
        """Prefixes taken out of the group again, in their comparable form."""
        listed = {CodeSystem.ICD10: self.icd10_except, CodeSystem.ATC: self.atc_except}.get(system, ())
        return tuple(bare(code) for code in listed)


class ConditionEntry(CodeGroup):
    """A condition group. With ``history`` a past event still counts as a fact ("status post vertebroplasty")."""

    history: StrictBool = False


class DrugEntry(CodeGroup):
    """A drug group."""


class LabEntry(_Strict):
    """One analyte: LOINC codes, canonical UCUM unit, plausible range in it, and what may be taken without a unit."""

    terms: Terms
    loinc: CodeList = CodeList()
    snomed: CodeList = CodeList()
    unit: Text
    plausible: tuple[float, float]
    molar_mass: Factor | None = None
    activity: Factor | None = None
    unitless: StrictBool = False
    qualitative: StrictBool = False
    unless: tuple[Text, ...] = ()
    units: Mapping[Text, Text] = Field(default_factory=dict)
    only_units: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.plausible[0] >= self.plausible[1]:
            raise ValueError("plausible: the lower limit is not below the upper limit")
        return self


class ImagingCode(_Strict):
    """What one imaging code means; ``contrast`` is three-valued, absent means that the code does not say."""

    modality: Modality
    region: BodyRegion
    contrast: StrictBool | None = None
    loinc: tuple[Code, ...] = ()
    snomed: tuple[Code, ...] = ()
    cpt: tuple[Code, ...] = ()


class CodedFinding(_Strict):
    """Codes of a report's conclusion that state a finding."""

    snomed: tuple[Code, ...] = ()
    icd10: tuple[Code, ...] = ()


class GlucocorticoidDose(_Strict):
    """Milligrams of a glucocorticoid that equal 5 mg of prednisone, with the names it goes by."""

    equals_5_mg_prednisone: Factor
    names: tuple[Text, ...] = Field(min_length=1)


class _LabFile(_Strict):
    units: Mapping[Text, Text]
    other_specimen: tuple[Text, ...]
    ignored_loinc: Mapping[Code, Text]
    positive: Terms
    negative: Terms
    indeterminate: Terms
    analytes: Mapping[Analyte, LabEntry]


class _DrugFile(_Strict):
    groups: Mapping[DrugGroup, DrugEntry]
    glucocorticoids: Mapping[Text, GlucocorticoidDose]
    local_forms: Terms


class _ImagingFile(_Strict):
    codes: tuple[ImagingCode, ...]
    findings: Mapping[FindingId, CodedFinding]
    imaging_categories: tuple[Code, ...]
    laboratory_categories: tuple[Code, ...]


class _ConditionFile(_Strict):
    groups: Mapping[ConditionGroup, ConditionEntry]


class _ProcedureFile(_Strict):
    groups: Mapping[ProcedureGroup, CodeGroup]


class _DeviceFile(_Strict):
    groups: Mapping[DeviceGroup, CodeGroup]


class _OrderFile(_Strict):
    groups: Mapping[OrderKind, CodeGroup]
    drug_kinds: Mapping[DrugGroup, OrderKind]


@dataclass(frozen=True)
class Labs:
    """Everything about laboratory results: analytes, unit spellings, and the words of qualitative results.

    ``units`` maps spellings of laboratories to UCUM; ``ignored_loinc`` are codes that look like an analyte and must
    never be read as one, with the reason.
    """

    analytes: Mapping[Analyte, LabEntry]
    units: Mapping[str, str]
    other_specimen: tuple[str, ...]
    ignored_loinc: Mapping[str, str]
    positive: Terms
    negative: Terms
    indeterminate: Terms

    @cached_property
    def by_loinc(self) -> Mapping[str, Analyte]:
        """Analyte of each LOINC code, additive codes included: a result also needs a fitting unit or value."""
        return MappingProxyType(
            {code: name for name, lab in self.analytes.items() for code in (*lab.loinc.verified, *lab.loinc.additive)}
        )


@dataclass(frozen=True)
class Codes:
    """All code groups of the service, loaded once at start."""

    conditions: Mapping[ConditionGroup, ConditionEntry]
    drugs: Mapping[DrugGroup, DrugEntry]
    glucocorticoids: Mapping[str, GlucocorticoidDose]
    local_forms: Terms
    procedures: Mapping[ProcedureGroup, CodeGroup]
    devices: Mapping[DeviceGroup, CodeGroup]
    orders: Mapping[OrderKind, CodeGroup]
    drug_orders: Mapping[DrugGroup, OrderKind]
    labs: Labs
    imaging: tuple[ImagingCode, ...]
    findings: Mapping[FindingId, CodedFinding]
    imaging_categories: frozenset[str]
    laboratory_categories: frozenset[str]

    def condition_terms(self, language: Language | None = None) -> Mapping[ConditionGroup, tuple[str, ...]]:
        """Contiguous phrases of each condition group, of one language or of all."""
        return {group: phrases(entry.terms.all(language)) for group, entry in self.conditions.items()}

    def condition_pairs(self, language: Language | None = None) -> Mapping[ConditionGroup, tuple[tuple[str, ...], ...]]:
        """Words of each condition group that count when all of a tuple stand in one short sentence."""
        return {group: pairs(entry.terms.all(language)) for group, entry in self.conditions.items()}

    def condition_exceptions(self) -> Mapping[ConditionGroup, tuple[str, ...]]:
        """Phrases that void a match of the group they overlap."""
        return {group: phrases(entry.unless) for group, entry in self.conditions.items() if entry.unless}


def phrases(terms: Iterable[str]) -> tuple[str, ...]:
    """Return the contiguous phrases among terms."""
    return tuple(term for term in terms if PAIR_SIGN not in term)


def pairs(terms: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return the word sets among terms (those written with `` & ``)."""
    return tuple(tuple(term.split(PAIR_SIGN)) for term in terms if PAIR_SIGN in term)


def load_codes(folder: Traversable | None = None) -> Codes:
    """Read and check every code file. Raises KnowledgeError naming file and key on any flaw."""
    root = folder or files("cds_service.knowledge")
    conditions = _load_conditions(root / "conditions")
    drugs = _load(root / "drugs.toml", _DrugFile)
    procedures = _load(root / "procedures.toml", _ProcedureFile)
    devices = _load(root / "devices.toml", _DeviceFile)
    orders = _load(root / "order_kinds.toml", _OrderFile)
    imaging = _load(root / "imaging.toml", _ImagingFile)
    _require_all("drugs.toml", DrugGroup, drugs.groups)
    _require_all("procedures.toml", ProcedureGroup, procedures.groups)
    _require_all("devices.toml", DeviceGroup, devices.groups)
    _require_all("order_kinds.toml", set(OrderKind) - {OrderKind.OTHER}, orders.groups)
    _refuse_shared_imaging(imaging)
    return Codes(
        conditions=conditions,
        drugs=MappingProxyType(dict(drugs.groups)),
        glucocorticoids=MappingProxyType(dict(drugs.glucocorticoids)),
        local_forms=drugs.local_forms,
        procedures=MappingProxyType(dict(procedures.groups)),
        devices=MappingProxyType(dict(devices.groups)),
        orders=MappingProxyType(dict(orders.groups)),
        drug_orders=MappingProxyType(dict(orders.drug_kinds)),
        labs=_load_labs(root / "labs.toml"),
        imaging=imaging.codes,
        findings=MappingProxyType(dict(imaging.findings)),
        imaging_categories=frozenset(imaging.imaging_categories),
        laboratory_categories=frozenset(imaging.laboratory_categories),
    )


def _load_conditions(folder: Traversable) -> Mapping[ConditionGroup, ConditionEntry]:
    found: dict[ConditionGroup, ConditionEntry] = {}
    sources = sorted((item for item in folder.iterdir() if item.name.endswith(".toml")), key=lambda item: item.name)
    for source in sources:
        for group, entry in _load(source, _ConditionFile).groups.items():
            if group in found:
                raise KnowledgeError(f"{source.name}: groups.{group}: the group stands in another file as well")
            found[group] = entry
    _require_all("conditions", ConditionGroup, found)
    return MappingProxyType(found)


def _load_labs(source: Traversable) -> Labs:
    data = _load(source, _LabFile)
    _require_all(source.name, Analyte, data.analytes)
    seen: dict[str, Analyte] = {}
    for name, lab in data.analytes.items():
        for code in (*lab.loinc.verified, *lab.loinc.additive):
            if code in seen:
                raise KnowledgeError(f"{source.name}: analytes.{name}.loinc: {code} belongs to {seen[code]} as well")
            if code in data.ignored_loinc:
                raise KnowledgeError(f"{source.name}: analytes.{name}.loinc: {code} is listed as ignored")
            seen[code] = name
    return Labs(
        analytes=MappingProxyType(dict(data.analytes)),
        units=MappingProxyType(dict(data.units)),
        other_specimen=data.other_specimen,
        ignored_loinc=MappingProxyType(dict(data.ignored_loinc)),
        positive=data.positive,
        negative=data.negative,
        indeterminate=data.indeterminate,
    )


_File = TypeVar("_File", bound=_Strict)


def _load(source: Traversable, model: type[_File]) -> _File:
    try:
        data = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise KnowledgeError(f"{source.name}: cannot be read ({type(error).__name__})") from error
    except tomllib.TOMLDecodeError as error:
        raise KnowledgeError(f"{source.name}: not valid TOML ({error})") from error
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise KnowledgeError(f"{source.name}: {key}: {first['msg']}") from error


def _require_all(source: str, wanted: Iterable[StrEnum], found: Iterable[StrEnum]) -> None:
    missing = sorted(set(wanted) - set(found))
    if missing:
        raise KnowledgeError(f"{source}: groups.{missing[0]}: the group is missing")


def _refuse_shared_imaging(imaging: _ImagingFile) -> None:
    seen: set[str] = set()
    for position, entry in enumerate(imaging.codes):
        for code in (*entry.loinc, *entry.snomed, *entry.cpt):
            if code in seen:
                raise KnowledgeError(f"imaging.toml: codes.{position}: {code} stands in two entries")
            seen.add(code)
