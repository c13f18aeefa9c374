"""``assertion``: sentences with a phrase in, whether the phrase is denied, past or somebody else's out."""

from collections.abc import Mapping
from typing import Any

import click

from cds_service.cli.lines import JOBS, Answerer, answer_stdin
from cds_service.config import read_settings
from cds_service.knowledge.load import load_knowledge
from cds_service.reading.phrase_assertion import PhraseReader


def row_judge() -> Answerer:
    """Load the knowledge and return the function that answers a row; called once in each process."""
    knowledge = load_knowledge(read_settings().knowledge_overlay)
    reader = PhraseReader(knowledge.findings, knowledge.languages)

    def judge(row: Mapping[str, Any]) -> Mapping[str, Any]:
        identifier, sentence, phrase = row.get("id"), row.get("sentence"), row.get("phrase")
        named = isinstance(identifier, str | int) and not isinstance(identifier, bool)
        if not (named and isinstance(sentence, str) and isinstance(phrase, str)):
            raise ValueError("a row needs an id, a sentence and a phrase")
        language = row.get("language")
        said = reader.read(sentence, phrase, language if isinstance(language, str) else None)
        return {
            "id": identifier,
            "negation": said.negation.value,
            "temporality": said.temporality.value,
            "experiencer": said.experiencer.value,
        }

    return judge


@click.command("assertion")
@JOBS
def command(jobs: int) -> None:
    """Read {id, sentence, phrase, language?} lines from stdin, write {id, negation, temporality, experiencer} lines.

    The phrase may be any words of the sentence. A line that cannot be judged, for instance because its phrase is not
    in its sentence, is named on stderr with its number, all others are answered; the exit status is then 1.
    """
    answer_stdin("Judging", row_judge, jobs)
