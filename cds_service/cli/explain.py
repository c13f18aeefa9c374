"""``explain``: every rule for one file, fired or not, and why."""

from pathlib import Path

import click
import orjson
from rich.console import Console

from cds_service.cli.inputs import moment, preview_desk, read_input
from cds_service.cli.shown import show_rules
from cds_service.domain.vocabulary import Language
from cds_service.hooks.reasoning import reasoning


@click.command("explain")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--as-of", metavar="DATE", help="Look at the file as on that day (default: now).")
@click.option("--json", "as_json", is_flag=True, help="Print the whole reasoning as JSON.")
def command(file: Path, as_of: str | None, *, as_json: bool) -> None:
    """Print which rules fired for FILE, which did not, why, and what could not be used."""
    with preview_desk() as desk:
        found = desk.preview(read_input(file), Language.EN, moment(as_of))
    explained = reasoning(found.evaluations)
    if as_json:
        click.echo(orjson.dumps(explained, option=orjson.OPT_INDENT_2).decode())
    else:
        show_rules(Console(), explained)
