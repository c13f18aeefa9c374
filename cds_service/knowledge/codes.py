"""Code groups and names of conditions, drugs, procedures, devices, orders, laboratory tests and imaging, as data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import TypeVar

import tomli
from pydantic import ValidationError

from cds_service.domain.vocabulary import (
    Analyte,
    ConditionGroup,
    DeviceGroup,
    DrugGroup,
    FindingId,
    Language,
    OrderKind,
    ProcedureGroup,
)
from cds_service.errors import KnowledgeError
from cds_service.knowledge.code_groups import (
    Code,
    CodedFinding,
    CodeGroup,
    ConditionEntry,
    DrugEntry,
    EntryCues,
    GlucocorticoidDose,
    ImagingCode,
    LabEntry,
    StrictModel,
    Terms,
    Text,
    pairs,
    phrases,
)


class _LabFile(StrictModel):
    units: Mapping[Text, Text]
    other_specimen: tuple[Text, ...]
    ignored_loinc: Mapping[Code, Text]
    positive: Terms
    negative: Terms
    indeterminate: Terms
    raised: Terms
    analytes: Mapping[Analyte, LabEntry]


class _DrugFile(StrictModel):
    groups: Mapping[DrugGroup, DrugEntry]
    glucocorticoids: Mapping[Text, GlucocorticoidDose]
    local_forms: Terms


class _ImagingFile(StrictModel):
    codes: tuple[ImagingCode, ...]
    findings: Mapping[FindingId, CodedFinding]
    imaging_categories: tuple[Code, ...]
    laboratory_categories: tuple[Code, ...]


class _ConditionFile(StrictModel):
    groups: Mapping[ConditionGroup, ConditionEntry]


class _ProcedureFile(StrictModel):
    groups: Mapping[ProcedureGroup, CodeGroup]


class _DeviceFile(StrictModel):
    groups: Mapping[DeviceGroup, CodeGroup]


class _OrderFile(StrictModel):
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
    raised: Terms

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
    cues: EntryCues

    def condition_terms(self, language: Language | None = None) -> Mapping[ConditionGroup, tuple[str, ...]]:
        """Contiguous phrases of each condition group, of one language or of all."""
        return {group: phrases(entry.terms.all(language)) for group, entry in self.conditions.items()}

    def condition_pairs(self, language: Language | None = None) -> Mapping[ConditionGroup, tuple[tuple[str, ...], ...]]:
        """Words of each condition group that count when all of a tuple stand in one short sentence."""
        return {group: pairs(entry.terms.all(language)) for group, entry in self.conditions.items()}

    def condition_exceptions(self) -> Mapping[ConditionGroup, tuple[str, ...]]:
        """Phrases that void a match of the group they overlap."""
        return {group: phrases(entry.unless) for group, entry in self.conditions.items() if entry.unless}


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
        cues=_load(root / "entry_cues.toml", EntryCues),
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
        raised=data.raised,
    )


_File = TypeVar("_File", bound=StrictModel)


def _load(source: Traversable, model: type[_File]) -> _File:
    try:
        data = tomli.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise KnowledgeError(f"{source.name}: cannot be read ({type(error).__name__})") from error
    except tomli.TOMLDecodeError as error:
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
