"""``preview``: the cards for a file, without a server."""

from pathlib import Path

import click
import orjson
from rich.console import Console

from cds_service.cli.inputs import moment, preview_desk, read_input
from cds_service.cli.shown import show_cards
from cds_service.domain.vocabulary import Language
from cds_service.hooks.reasoning import reasoning


@click.command("preview")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--language", type=click.Choice([one.value for one in Language]), default="en", help="Of the cards.")
@click.option("--as-of", metavar="DATE", help="Look at the file as on that day (default: now).")
@click.option("--json", "as_json", is_flag=True, help="Print cards and reasoning as JSON, one line per file.")
def command(files: tuple[Path, ...], language: str, as_of: str | None, *, as_json: bool) -> None:
    """Print the cards for FILES: a FHIR Bundle, a CDS Hooks request or the text of a report."""
    console = Console()
    with preview_desk() as desk:
        for path in files:
            found = desk.preview(read_input(path), Language(language), moment(as_of))
            cards = [written.card.to_wire() for written in found.written]
            if as_json:
                line = {"file": str(path), "cards": cards, "reasoning": reasoning(found.evaluations)}
                click.echo(orjson.dumps(line).decode())
                continue
            if len(files) > 1:
                console.rule(path.name)
            show_cards(console, cards)
