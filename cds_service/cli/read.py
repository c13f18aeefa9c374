"""``read``: report texts in, what they state out, line by line."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import click
import orjson
from rich.console import Console
from rich.progress import Progress

from cds_service.config import read_settings
from cds_service.knowledge.load import load_knowledge
from cds_service.reading.corpus import CorpusReader, RowError, read_lines
from cds_service.reading.read import Reader


@contextmanager
def _progress() -> Iterator[Callable[[], None]]:
    """Give a function to call for each line done; it shows something only on a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda: None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("Reading", total=None)
        yield lambda: progress.advance(task)


def answer_lines(source: BinaryIO, sink: BinaryIO, reader: CorpusReader, done: Callable[[], None]) -> int:
    """Answer the lines of ``source`` in order; broken ones are named on stderr. Returns how many were broken."""
    broken = 0
    for answer in read_lines(source, reader):
        if isinstance(answer, RowError):
            click.echo(f"line {answer.line}: {answer.reason}", err=True)
            broken += 1
        else:
            sink.write(orjson.dumps(answer) + b"\n")
            sink.flush()
        done()
    return broken


@click.command("read")
def command() -> None:
    """Read {id, language?, text} lines from stdin and write {id, pred} lines to stdout, in the same order.

    The exit status is 1 when a line could not be read; all other lines are answered nevertheless.
    """
    knowledge = load_knowledge(read_settings().knowledge_overlay)
    reader = Reader(knowledge.findings, knowledge.languages, knowledge.codes.conditions)
    labelled = CorpusReader(reader, knowledge.corpus_labels)
    with _progress() as done:
        broken = answer_lines(sys.stdin.buffer, sys.stdout.buffer, labelled, done)
    sys.exit(1 if broken else 0)
