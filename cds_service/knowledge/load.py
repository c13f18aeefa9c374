"""Loads all clinical knowledge once, refuses any flaw, and gives the whole a version."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from cds_service.domain.assessment import Citation
from cds_service.domain.vocabulary import Language
from cds_service.errors import KnowledgeError
from cds_service.knowledge.codes import Codes, load_codes
from cds_service.knowledge.evidence import load_evidence
from cds_service.knowledge.findings import (
    CorpusLabel,
    FindingsKnowledge,
    LanguageKnowledge,
    load_corpus_labels,
    load_findings,
    load_languages,
)
from cds_service.knowledge.organisms import Organisms, load_organisms
from cds_service.knowledge.thresholds import (
    Parameters,
    Thresholds,
    load_thresholds,
    parse_thresholds,
    shipped_thresholds,
)

# The day of the last clinical change; knowledge/CHANGES.md says what changed. A test compares both.
KNOWLEDGE_DATE = date(2026, 11, 22)
_HASH_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Everything the service knows of medicine and language; read-only and shared by all requests."""

    findings: FindingsKnowledge
    languages: Mapping[Language, LanguageKnowledge]
    corpus_labels: Mapping[str, CorpusLabel]
    codes: Codes
    organisms: Organisms
    thresholds: Thresholds
    evidence: Mapping[str, Citation]
    version: str


def load_knowledge(overlay: Path | None = None) -> Knowledge:
    """Read and check all knowledge files, with an optional site overlay of thresholds (TOML).

    Raises :class:`KnowledgeError` naming file and key on the first flaw.
    """
    thresholds = load_thresholds(overlay)
    evidence = load_evidence()
    _check_references(thresholds, evidence)
    return Knowledge(
        findings=load_findings(),
        languages=load_languages(),
        corpus_labels=load_corpus_labels(),
        codes=load_codes(),
        organisms=load_organisms(),
        thresholds=thresholds,
        evidence=evidence,
        version=knowledge_version(overlay),
    )


def knowledge_version(overlay: Path | None = None) -> str:
    """Date of the last clinical change and a short hash over every data file, for example ``2026-11-21+1f2e3d4c5b6a``.

    A site overlay changes the hash, so that two sites with different thresholds never show the same version.
    """
    digest = hashlib.sha256()
    for name, content in _data_files(resources.files("cds_service.knowledge")):
        digest.update(name.encode() + b"\0" + content + b"\0")
    if overlay is not None:
        digest.update(b"overlay\0" + overlay.read_bytes())
    return f"{KNOWLEDGE_DATE.isoformat()}+{digest.hexdigest()[:_HASH_LENGTH]}"


def with_overlay(knowledge: Knowledge, overlay: str) -> Knowledge:
    """Return the same knowledge with the values of a site, given as TOML text, instead of those in force.

    Raises :class:`KnowledgeError` naming the key on the first flaw.
    """
    thresholds = parse_thresholds(shipped_thresholds(), overlay)
    digest = hashlib.sha256(overlay.encode()).hexdigest()[:_HASH_LENGTH]
    return replace(knowledge, thresholds=thresholds, version=f"{knowledge_version()}+{digest}")


def _data_files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _data_files(entry, f"{name}/")
        elif name.endswith(".toml"):
            yield name, entry.read_bytes()


def _check_references(thresholds: Thresholds, evidence: Mapping[str, Citation]) -> None:
    for name in Parameters.model_fields:
        unknown = sorted(set(getattr(thresholds, name).evidence) - set(evidence))
        if unknown:
            raise KnowledgeError(f"thresholds.toml: parameters.{name}.evidence: unknown: {', '.join(unknown)}")
