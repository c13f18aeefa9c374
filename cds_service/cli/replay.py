"""``replay``: what would have been shown for the reports of a Bulk Data export."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import cds_service
from cds_service.app import build_clinic
from cds_service.config import Settings, read_settings
from cds_service.errors import MarrowError
from cds_service.fhir.moments import read_moment
from cds_service.store.database import load_hash_key

try:
    from cds_service.replay.compare import compare
    from cds_service.replay.local import ReplayError, Run, replay
    from cds_service.replay.patient import PatientReplay, Questions
    from cds_service.replay.sources import list_sources
    from cds_service.replay.write_up import write_up
except ModuleNotFoundError as error:
    if str(error.name).partition(".")[0] not in {"fsspec", "pyarrow", "zstandard"}:
        raise
    raise MarrowError(f"replay needs marrow-cds[replay], of it the package {error.name}") from None


def patient_replay(settings: Settings, hash_key: bytes, day: datetime | None) -> PatientReplay:
    """Return the judge of one process; the knowledge is loaded once in it."""
    clinic = build_clinic(settings.knowledge_overlay)
    questions = Questions(hash_key, frozenset(clinic.knowledge.codes.laboratory_categories), day)
    return PatientReplay(clinic.evaluator, questions)


class _Bar:
    """Stages of a run on the terminal, or nothing where stderr is none."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._task = None if bar is None else bar.add_task("", total=None)

    def begin(self, title: str, total: int | None) -> None:
        """Begin a stage."""
        if self._bar is not None and self._task is not None:
            self._bar.reset(self._task, description=title, total=total)

    def advance(self, steps: int = 1) -> None:
        """Take steps forward."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, steps)


@contextmanager
def _progress() -> Iterator[_Bar]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Bar(None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True) as bar:
        yield _Bar(bar)


def _moment(context: click.Context, parameter: click.Parameter, value: str) -> datetime | None:
    del context, parameter
    if value == "report":
        return None
    read = read_moment(value, UTC)
    if read is None:
        raise click.BadParameter("must be 'report', a date or a date-time")
    return read.value


@click.command("replay")
@click.argument("inputs", nargs=-1, metavar="INPUT…")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the results.")
@click.option(
    "--as-of",
    "day",
    default="report",
    show_default=True,
    callback=_moment,
    help="Judge each finished report when it was there, or each patient's last one at a date.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "spark"]),
    default="local",
    show_default=True,
    help="Processes of this machine, or Apache Spark (extra marrow-cds[spark]).",
)
@click.option(
    "--jobs", type=click.IntRange(1, 256), default=os.cpu_count() or 1, show_default="cores", help="Local processes."
)
@click.option("--labels", multiple=True, help="What the patients had: NDJSON or CSV of patient, report, outcome.")
@click.option(
    "--compare",
    "compared",
    nargs=2,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="BASE NEW",
    help="Compare two results instead: who changes lane or indicator, and why.",
)
def command(
    inputs: tuple[str, ...],
    out: Path | None,
    day: datetime | None,
    engine: str,
    jobs: int,
    labels: tuple[str, ...],
    compared: tuple[Path, Path] | None,
) -> None:
    """Judge the finished imaging reports of FHIR Bulk Data files (NDJSON), each on the chart as it stood then.

    INPUT is a file, a folder, a pattern or a URL; plain, gzip or zstd. OUT gets Parquet tables, summary.json,
    report.html and problems.ndjson. A stopped run goes on when it is started again with the same words.
    """
    if compared:
        click.echo(json.dumps(compare(*compared), indent=2, ensure_ascii=False))
        return
    if not inputs or out is None:
        raise click.UsageError("give INPUT and --out, or --compare BASE NEW")
    if (out / "summary.json").exists():
        raise ReplayError(f"{out}: holds the results of a replay already; choose another --out")
    settings = read_settings()
    hash_key = load_hash_key(settings.patient_hash_key, settings.state_path)
    knowledge = build_clinic(settings.knowledge_overlay).knowledge.version
    run = Run(
        sources=list_sources(inputs),
        out=out,
        build=partial(patient_replay, settings, hash_key, day),
        hash_key=hash_key,
        marks=(cds_service.__version__, knowledge, engine),
        jobs=jobs,
        day=day,
    )
    with _progress() as progress:
        if engine == "spark":
            from cds_service.replay.spark import replay_on_spark  # noqa: PLC0415 - an extra of its own

            counts = replay_on_spark(run, progress)
        else:
            counts = replay(run, progress)
        progress.begin("Writing up", None)
        summary = write_up(out, counts, labels, hash_key, software=cds_service.__version__, day=day)
    _tell(out, summary)


def _tell(out: Path, summary: dict[str, object]) -> None:
    counts = summary["counts"]
    problems = sum(counts["problems"].values()) if isinstance(counts, dict) else 0
    click.echo(f"{summary['reports']} reports, {summary['cards_total']} cards: {out / 'report.html'}")
    if problems:
        click.echo(f"{problems} lines could not be read: {out / 'problems.ndjson'}", err=True)
