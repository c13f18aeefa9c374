"""Answers NDJSON line by line: order is kept, memory is bounded, a broken line is named and stops nothing."""

import itertools
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, BinaryIO

import click
import orjson
from rich.console import Console
from rich.progress import Progress

from cds_service.errors import MarrowError

Answerer = Callable[[Mapping[str, Any]], Mapping[str, Any]]
Numbered = tuple[int, bytes]

BROKEN_STATUS = 1
_BATCH_LINES = 16
# lines that wait for a process or for their turn to be written, in batches for each process
_BATCHES_AHEAD = 4
_LONGEST_REASON = 160


@dataclass(frozen=True, slots=True)
class LineError:
    """A line that could not be answered: its number from 1, and why, without its content."""

    line: int
    reason: str


def answer_lines(
    source: Iterable[bytes], sink: BinaryIO, build: Callable[[], Answerer], done: Callable[[], None], *, jobs: int = 1
) -> int:
    """Write one answer a line of ``source`` to ``sink``, in order; empty lines give none. Returns how many were broken.

    ``build`` makes the function that answers a row and raises ValueError for a row it cannot read; with ``jobs`` above
    one it is called once in each of so many processes, which get the lines in batches. Broken lines are named on
    stderr. Raises MarrowError when a process dies.
    """
    numbered = ((number, line) for number, line in enumerate(source, 1) if line.strip())
    broken = 0
    with closing(_in_processes(numbered, build, jobs) if jobs > 1 else _here(numbered, build)) as answers:
        for answer in answers:
            if isinstance(answer, LineError):
                click.echo(f"line {answer.line}: {answer.reason}", err=True)
                broken += 1
            else:
                sink.write(answer)
                sink.flush()
            done()
    return broken


def _here(numbered: Iterable[Numbered], build: Callable[[], Answerer]) -> Generator[bytes | LineError, None, None]:
    answer = build()
    for number, line in numbered:
        yield _answered(number, line, answer)


def _in_processes(
    numbered: Iterator[Numbered], build: Callable[[], Answerer], jobs: int
) -> Generator[bytes | LineError, None, None]:
    waiting: deque[Future[list[bytes | LineError]]] = deque()
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _start, (build,))
    try:
        while batch := list(itertools.islice(numbered, _BATCH_LINES)):
            waiting.append(pool.submit(_batch, batch))
            if len(waiting) >= jobs * _BATCHES_AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    except BrokenProcessPool:
        raise MarrowError("a reading process died; fewer --jobs need less memory") from None
    finally:
        pool.shutdown(cancel_futures=True)


_ANSWERERS: list[Answerer] = []


def _start(build: Callable[[], Answerer]) -> None:
    _ANSWERERS[:] = [build()]


def _batch(lines: Sequence[Numbered]) -> list[bytes | LineError]:
    return [_answered(number, line, _ANSWERERS[0]) for number, line in lines]


def _answered(number: int, line: bytes, answer: Answerer) -> bytes | LineError:
    try:
        row = orjson.loads(line)
        if not isinstance(row, dict):
            return LineError(number, "a row is a JSON object")
        return orjson.dumps(answer(row), option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONDecodeError as error:
        return LineError(number, f"is not JSON: {error.msg} (column {error.colno})")
    except ValueError as error:
        return LineError(number, str(error)[:_LONGEST_REASON])


@contextmanager
def progress(title: str) -> Iterator[Callable[[], None]]:
    """Give a function to call for each line done; it shows something only when stderr is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda: bar.advance(task)


def answer_stdin(title: str, build: Callable[[], Answerer], jobs: int) -> None:
    """Answer stdin to stdout and leave with status 0, or 1 when a line was broken."""
    with progress(title) as done:
        broken = answer_lines(sys.stdin.buffer, sys.stdout.buffer, build, done, jobs=jobs)
    sys.exit(BROKEN_STATUS if broken else 0)


JOBS = click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Processes; above one, lines are taken in batches.",
)
