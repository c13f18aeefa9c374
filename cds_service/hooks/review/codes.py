"""Every code that can reach an answer or make the service act, in one table: meaning, use, and how far confirmed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from cards.catalogue import OVERRIDE_REASON_SYSTEM, TOPIC_SYSTEM, override_reasons
from cards.orders import orders
from cards.wording import wordings
from cds_service.domain.vocabulary import Analyte, Language
from cds_service.knowledge.code_groups import CodeGroup, CodeList, CodeSystem, LabEntry
from cds_service.knowledge.code_sources import CodeSources, load_code_sources
from cds_service.knowledge.codes import Codes

_SYSTEM_NAMES = {
    CodeSystem.LOINC: "LOINC",
    CodeSystem.SNOMED: "SNOMED CT",
    CodeSystem.ICD10: "ICD-10",
    CodeSystem.RXNORM: "RxNorm",
    CodeSystem.ATC: "ATC",
    CodeSystem.CPT: "CPT",
    CodeSystem.OPS: "OPS",
}
_OWN = "own"
_Name = TypeVar("_Name", bound=str)
_URIS = {
    "http://loinc.org": CodeSystem.LOINC,
    "http://snomed.info/sct": CodeSystem.SNOMED,
    "http://www.nlm.nih.gov/research/umls/rxnorm": CodeSystem.RXNORM,
    "http://www.whocc.no/atc": CodeSystem.ATC,
}


class CodeStatus(StrEnum):
    """How far a code is confirmed and what it may do."""

    VERIFIED = "verified"
    KNOWN = "known"
    ADDITIVE = "additive"
    NEVER_READ = "never read"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code. ``display`` is that of the code system where it is known here, ``used_in`` says by whom it is used.

    ``source`` is the page where the code system publishes it, and public documents in which it was read.
    """

    system: str
    code: str
    display: str
    used_in: tuple[str, ...]
    status: CodeStatus
    source: str


@dataclass(frozen=True, slots=True)
class _Use:
    system: CodeSystem
    code: str
    used_in: str
    certain: bool = True
    display: str = ""
    never: bool = False


def _words(name: str) -> str:
    return name.replace("_", " ").lower()


def _listed(system: CodeSystem, codes: CodeList, used_in: str) -> Iterator[_Use]:
    yield from (_Use(system, code, used_in) for code in codes.verified)
    yield from (_Use(system, code, used_in, certain=False) for code in codes.additive)


def _group_uses(kind: str, groups: Mapping[_Name, CodeGroup]) -> Iterator[_Use]:
    for name, group in groups.items():
        for system in CodeSystem:
            yield from _listed(system, group.codes(system), f"{kind}: {_words(name)}")
        taken_out = ((CodeSystem.ICD10, group.icd10_except), (CodeSystem.ATC, group.atc_except))
        for system, codes in taken_out:
            yield from (_Use(system, code, f"{kind}: not {_words(name)}", never=True) for code in codes)


def _lab_uses(analytes: Mapping[Analyte, LabEntry], never: Mapping[str, str]) -> Iterator[_Use]:
    for name, entry in analytes.items():
        yield from _listed(CodeSystem.LOINC, entry.loinc, f"result: {_words(name)}")
        yield from _listed(CodeSystem.SNOMED, entry.snomed, f"result: {_words(name)}")
    for code, why in never.items():
        yield _Use(CodeSystem.LOINC, code, f"result: {why}", never=True)


def _imaging_uses(codes: Codes) -> Iterator[_Use]:
    contrast = {True: " with contrast", False: " without contrast", None: ""}
    for entry in codes.imaging:
        used_in = f"examination: {entry.modality.value} {_words(entry.region.value)}{contrast[entry.contrast]}"
        listed = ((CodeSystem.LOINC, entry.loinc), (CodeSystem.SNOMED, entry.snomed), (CodeSystem.CPT, entry.cpt))
        yield from (_Use(system, code, used_in) for system, found in listed for code in found)
    for finding, coded in codes.findings.items():
        used_in = f"conclusion of a report: {finding.value}"
        yield from (_Use(CodeSystem.SNOMED, code, used_in) for code in coded.snomed)
        yield from (_Use(CodeSystem.ICD10, code, used_in) for code in coded.icd10)


def _wire_uses() -> Iterator[_Use]:
    for name, spec in orders().items():
        category = (spec.category,) if spec.category else ()
        for coding in (*category, *spec.codings, *spec.regions.values()):
            used_in = f"draft order: {_words(name)}" + (" (category)" if coding is spec.category else "")
            yield _Use(_URIS[coding["system"]], coding["code"], used_in, display=coding.get("display", ""))


def _program_uses(sources: CodeSources) -> Iterator[_Use]:
    for group in sources.in_program:
        for code, display in group.codes.items():
            yield _Use(group.system, code, group.taken_as, display=display)


def _status(uses: list[_Use], sources: CodeSources) -> CodeStatus:
    first = uses[0]
    if all(use.never for use in uses):
        return CodeStatus.NEVER_READ
    if not any(use.certain for use in uses if not use.never):
        return CodeStatus.ADDITIVE
    return CodeStatus.VERIFIED if sources.is_seen(first.system, first.code) else CodeStatus.KNOWN


def _own() -> Iterator[CodeRow]:
    for reason in override_reasons()[Language.EN]:
        yield CodeRow(_OWN, reason.code, reason.display, ("override reason",), CodeStatus.OWN, OVERRIDE_REASON_SYSTEM)
    for text_id, card in wordings()[Language.EN].cards.items():
        topic = "".join(sign for sign in text_id if sign.isalnum())
        yield CodeRow(_OWN, topic, card.title, ("card topic",), CodeStatus.OWN, TOPIC_SYSTEM)


def _all_uses(codes: Codes, sources: CodeSources) -> Iterator[_Use]:
    yield from _wire_uses()
    yield from _lab_uses(codes.labs.analytes, codes.labs.ignored_loinc)
    yield from _imaging_uses(codes)
    yield from _group_uses("condition", codes.conditions)
    yield from _group_uses("procedure", codes.procedures)
    yield from _group_uses("device", codes.devices)
    yield from _group_uses("drug", codes.drugs)
    yield from _group_uses("order", codes.orders)
    yield from _program_uses(sources)


def code_table(codes: Codes) -> tuple[CodeRow, ...]:
    """All codes by system, each once with all its uses; categories of feeds are no codes of this table."""
    sources = load_code_sources()
    found: dict[tuple[CodeSystem, str], list[_Use]] = {}
    for use in _all_uses(codes, sources):
        found.setdefault((use.system, use.code), []).append(use)
    rows = [
        CodeRow(
            _SYSTEM_NAMES[system],
            code,
            next((use.display for use in uses if use.display), ""),
            tuple(dict.fromkeys(use.used_in + ("" if use.certain else " (additive)") for use in uses)),
            _status(uses, sources),
            sources.source_of(system, code),
        )
        for (system, code), uses in found.items()
    ]
    order = list(_SYSTEM_NAMES.values())
    rows.sort(key=lambda row: (order.index(row.system), len(row.code), row.code))
    return (*rows, *_own())
