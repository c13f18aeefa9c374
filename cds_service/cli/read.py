"""``read``: report texts in, what they state out, line by line."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import click

from cds_service.cli.lines import JOBS, Answerer, answer_stdin
from cds_service.cli.statements import statements
from cds_service.config import read_settings
from cds_service.knowledge.load import load_knowledge
from cds_service.reading.corpus import CorpusReader
from cds_service.reading.read import Reader

Labels = Literal["corpus", "full"]


@dataclass(frozen=True, slots=True)
class RowReader:
    """Answers ``{"id", "text", "language"?, "title"?}`` with ``{"id", "pred"}`` in the labels that are asked for."""

    corpus: CorpusReader
    labels: Labels
    explain: bool

    def __call__(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer to one row with its id as it came; raise ValueError when it has no id or no text."""
        identifier = row.get("id")
        numbered = isinstance(identifier, int) and not isinstance(identifier, bool)
        _, reading = self.corpus.reading({**row, "id": str(identifier)} if numbered else row)
        if self.labels == "full":
            language = reading.language.value if reading.language else None
            return {
                "id": identifier,
                "pred": {"language": language, "findings": statements(reading, places=self.explain)},
            }
        answer = {"id": identifier, "pred": self.corpus.answer(reading)}
        return {**answer, "statements": statements(reading, places=True)} if self.explain else answer


def row_reader(labels: Labels, *, explain: bool) -> Answerer:
    """Load the knowledge and return the function that answers a row; called once in each process."""
    knowledge = load_knowledge(read_settings().knowledge_overlay)
    reader = Reader(knowledge.findings, knowledge.languages, knowledge.codes.conditions)
    return RowReader(CorpusReader(reader, knowledge.corpus_labels), labels, explain)


@click.command("read")
@click.option(
    "--labels",
    type=click.Choice(["corpus", "full"]),
    default="corpus",
    show_default=True,
    help="Labels of the annotation guideline, or all findings with certainty, qualifiers and trend.",
)
@click.option("--explain", is_flag=True, help="Add where each finding stands: section, cue, character ranges.")
@JOBS
def command(labels: Labels, *, explain: bool, jobs: int) -> None:
    """Read {id, language?, title?, text} lines from stdin, write {id, pred} lines to stdout, in the same order.

    A line that cannot be read is named on stderr with its number, all others are answered; the exit status is then 1.
    """
    answer_stdin("Reading", partial(row_reader, labels, explain=explain), jobs)
