"""``synth``: synthetic charts and reports whose truth is known, as a Bulk Data export."""

import sys
import time
from pathlib import Path

import click

from cds_service.errors import RequestError
from cds_service.synth.chart import Charts
from cds_service.synth.export import Compression, Export
from cds_service.synth.parameters import lines, values
from cds_service.synth.wording import LANGUAGES


def _languages(written: str) -> tuple[str, ...]:
    chosen = tuple(one.strip() for one in written.split(",") if one.strip())
    unknown = [one for one in chosen if one not in LANGUAGES]
    if unknown or not chosen:
        raise RequestError(f"--languages {written}: there is {', '.join(LANGUAGES)}")
    return chosen


@click.command("synth")
@click.option("--patients", type=click.IntRange(1), default=100, show_default=True, help="How many.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed, the same patients.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="New or empty folder for the files.")
@click.option("--languages", default=",".join(LANGUAGES), show_default=True, help="Languages of the reports.")
@click.option("--set", "changes", metavar="NAME=VALUE", multiple=True, help="Change a parameter.")
@click.option("--compress", type=click.Choice([one.value for one in Compression]), default="none", show_default=True)
@click.option("--files", type=click.IntRange(1, 999), default=1, show_default=True, help="Files of each type.")
@click.option("--parameters", is_flag=True, help="List all parameters with their sources and stop.")
def command(
    *,
    patients: int,
    seed: int,
    out: Path | None,
    languages: str,
    changes: tuple[str, ...],
    compress: str,
    files: int,
    parameters: bool,
) -> None:
    """Write synthetic patients: OUT/fhir in Bulk Data form, OUT/labels.ndjson with what each finished report is of."""
    chosen = values(changes)
    if parameters:
        for line in lines(chosen):
            click.echo(line)
        return
    if out is None:
        raise click.UsageError("Missing option '--out'.")
    export = Export(out, compression=Compression(compress), parts=files)
    started = time.monotonic()
    written = export.write(Charts(seed, chosen, _languages(languages)), patients, chosen, seed)
    with click.progressbar(written, length=patients, label="Patients", file=sys.stderr) as bar:
        for _ in bar:
            pass
    resources = sum(export.counts.values())
    click.echo(f"{patients} patients, {resources} resources, {time.monotonic() - started:.1f} s in {out}")
    for kind, count in sorted(export.counts.items()):
        click.echo(f"{count:>9} {kind}")
