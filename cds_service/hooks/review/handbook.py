"""Everything a reviewer sees of the knowledge, gathered once: statements, catalogue, numbers, words and references."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from cards.wording import CardText, Wording, wordings
from cds_service import __version__
from cds_service.domain.assessment import Citation
from cds_service.domain.vocabulary import Language
from cds_service.hooks.review.codes import CodeRow, code_table
from cds_service.knowledge.coverage import Coverage, load_coverage
from cds_service.knowledge.load import KNOWLEDGE_DATE, Knowledge
from cds_service.knowledge.statements import Statements, load_statements
from cds_service.knowledge.thresholds import Parameter, Parameters, Thresholds
from cds_service.rules.catalogue import CatalogueEntry, EntryKind, catalogue


@dataclass(frozen=True, slots=True)
class NamedParameter:
    """A number of the rules with its name."""

    name: str
    number: Parameter


@dataclass(frozen=True, slots=True)
class ShownText:
    """The words of one card as they stand in the text file: {placeholders}, [optional parts]."""

    id: str
    title: str
    summary: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Handbook:
    """The knowledge of one running service, ready to be shown. ``overlaid`` are the numbers that the site changed."""

    version: str
    software: str
    revised: date
    statements: Statements
    entries: tuple[CatalogueEntry, ...]
    parameters: tuple[NamedParameter, ...]
    switches: Mapping[str, bool]
    overlaid: tuple[NamedParameter, ...]
    citations: Mapping[str, Citation]
    references: tuple[Citation, ...]
    coverage: Coverage
    codes: tuple[CodeRow, ...]

    def of_kind(self, kind: EntryKind) -> tuple[CatalogueEntry, ...]:
        """Entries of one kind in their order."""
        return tuple(entry for entry in self.entries if entry.kind is kind)


def _line(parts: tuple[str, ...]) -> str:
    return " ".join(parts)


def _shown(identifier: str, card: CardText) -> ShownText:
    lines = tuple(_line(tuple(part.source for part in parts)) for parts in card.lines)
    return ShownText(identifier, card.title, card.summary.source, lines)


def card_texts(language: Language) -> tuple[ShownText, ...]:
    """Words of every card in one language."""
    return tuple(_shown(name, card) for name, card in wordings()[language].cards.items())


def added_lines(language: Language) -> Mapping[str, str]:
    """Words of the lines that several cards may carry."""
    words: Wording = wordings()[language]
    return {name: template.source for name, template in words.extra.items()}


def _parameters(thresholds: Thresholds) -> tuple[NamedParameter, ...]:
    return tuple(NamedParameter(name, getattr(thresholds, name)) for name in Parameters.model_fields)


def _cited(
    entries: Iterable[CatalogueEntry], parameters: Iterable[NamedParameter], statements: Statements
) -> frozenset[str]:
    wanted = {reference for entry in entries for reference in entry.evidence}
    wanted.update(reference for each in parameters for reference in each.number.evidence)
    wanted.update(reference for refusal in statements.refusals for reference in refusal.evidence)
    wanted.update(reference for each in statements.background for reference in each.evidence)
    return frozenset(wanted)


def build_handbook(knowledge: Knowledge) -> Handbook:
    """Gather the knowledge of a service. Raises KnowledgeError when a file of statements or coverage is flawed."""
    statements, entries = load_statements(), catalogue()
    parameters = _parameters(knowledge.thresholds)
    wanted = _cited(entries, parameters, statements)
    return Handbook(
        version=knowledge.version,
        software=__version__,
        revised=KNOWLEDGE_DATE,
        statements=statements,
        entries=entries,
        parameters=parameters,
        switches=knowledge.thresholds.switches.model_dump(),
        overlaid=tuple(each for each in parameters if each.number.overridden),
        citations=knowledge.evidence,
        references=tuple(knowledge.evidence[name] for name in sorted(wanted & set(knowledge.evidence))),
        coverage=load_coverage(),
        codes=code_table(knowledge.codes),
    )
