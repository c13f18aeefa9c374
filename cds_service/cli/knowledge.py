"""``knowledge``: the catalogue that a clinician reviews and signs, as Markdown."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import click

from cds_service.config import read_settings
from cds_service.domain.assessment import Citation
from cds_service.hooks.catalogue import cited
from cds_service.knowledge.load import Knowledge, load_knowledge
from cds_service.knowledge.thresholds import Parameter, Parameters
from cds_service.rules.catalogue import CatalogueEntry, EntryKind, catalogue

_TITLES = {
    EntryKind.RULE: "Rules",
    EntryKind.ROW: "Rows of the decision table",
    EntryKind.ORDER: "Advice on draft orders",
}


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _rules(entries: Iterable[CatalogueEntry]) -> Iterator[str]:
    for (kind, field), members in groupby(entries, key=lambda entry: (entry.kind, entry.field)):
        yield f"## {_TITLES[kind]}: {field}\n"
        for entry in members:
            yield f"### {entry.id}\n"
            yield f"{entry.sentence}\n"
            yield f"- leads to: {entry.outcome}"
            yield f"- references: {', '.join(entry.evidence) or 'none'}\n"


def _thresholds(knowledge: Knowledge) -> Iterator[str]:
    yield "## Thresholds\n"
    yield "| Name | Value | Unit | Range | Since | Basis | References |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for name in Parameters.model_fields:
        number: Parameter = getattr(knowledge.thresholds, name)
        value = f"{number.value:g}" + (" (site)" if number.overridden else "")
        allowed = f"{number.lowest:g} to {number.highest:g}"
        cells = (name, value, number.unit, allowed, number.since, number.basis, ", ".join(number.evidence))
        yield f"| {' | '.join(_cell(cell) for cell in cells)} |"
    yield ""


def _references(references: Iterable[Citation]) -> Iterator[str]:
    yield "## References\n"
    for one in references:
        link = f" <{one.url}>" if one.url else ""
        yield f"- **{one.id}** {one.title}. {one.source} {one.year}.{link} ({one.provenance})"


def document(knowledge: Knowledge) -> str:
    """Return the whole catalogue as Markdown."""
    entries = catalogue()
    lines = [
        "# Clinical knowledge of Marrow CDS\n",
        f"Version {knowledge.version}. {len(entries)} entries.\n",
        *_rules(entries),
        *_thresholds(knowledge),
        *_references(cited(entries, knowledge.evidence)),
    ]
    return "\n".join(lines)


@click.command("knowledge")
def command() -> None:
    """Print rules with their sentences and references, and thresholds with values and sources."""
    click.echo(document(load_knowledge(read_settings().knowledge_overlay)))
