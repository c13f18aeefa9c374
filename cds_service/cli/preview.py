"""``preview``: the cards for a file, without a server; on demand with the whole chain of reasons, or beside another."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console

import fhir_fixtures
from cds_service.cli.explained import show_compared, show_explained
from cds_service.cli.inputs import moment, preview_desk, read_input
from cds_service.cli.shown import show_cards
from cds_service.domain.vocabulary import Language
from cds_service.errors import RequestError
from cds_service.hooks.preview.changes import Changes
from cds_service.hooks.preview.compare import compared
from cds_service.hooks.preview.desk import Preview, PreviewDesk
from cds_service.hooks.preview.view import answer

_COMPARE = "Another file, a language (en, de, ro) or a site overlay (*.toml) to hold each file against."


def _other_side(wanted: str) -> dict[str, Any]:
    """Return the right side of a comparison: a language, an overlay or another file. Raises RequestError."""
    if wanted in tuple(Language):
        return {"language": wanted}
    path = Path(wanted)
    if path.suffix != ".toml":
        return {"input": read_input(path)}
    try:
        return {"overlay": path.read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError):
        raise RequestError(f"{path}: cannot be read as a site overlay") from None


class _Printer:
    """Prints previews as asked for."""

    def __init__(self, desk: PreviewDesk, language: Language, as_of: str | None) -> None:
        self._desk = desk
        self._language = language
        self._as_of = as_of
        self._console = Console()

    def _preview(self, body: Any, language: Language, _as_of: str | None = None) -> Preview:
        at: datetime = moment(self._as_of)
        return self._desk.preview(body, language, at, dated=self._as_of is not None)

    def compare(self, body: Any, other: str) -> None:
        """Print what differs between an input and another side."""
        sides = {"left": {"input": body}, "right": _other_side(other)}
        show_compared(self._console, compared(sides, self._language, self._preview))

    def as_json(self, name: str, body: Any, *, explain: bool) -> None:
        """Print the answer as one line of JSON."""
        found = self._preview(body, self._language)
        line = {"file": name, **answer(found)}
        if explain:
            line["changes"] = Changes(self._desk, found).answer(lambda: True)
        else:
            del line["view"]
        click.echo(orjson.dumps(line).decode())

    def show(self, name: str, body: Any, *, explain: bool, titled: bool) -> None:
        """Print the cards, and with ``explain`` everything behind them."""
        found = self._preview(body, self._language)
        if titled:
            self._console.rule(name)
        told = answer(found)
        show_cards(self._console, told["cards"])
        if explain:
            changes = Changes(self._desk, found).answer(lambda: True)
            show_explained(self._console, told["view"], changes)


@click.command("preview")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--fixture", type=click.Choice(fhir_fixtures.scenarios()), help="A synthetic patient instead of a file.")
@click.option("--language", type=click.Choice([one.value for one in Language]), default="en", help="Of the cards.")
@click.option("--as-of", metavar="DATE", help="Look at the file as on that day (default: now).")
@click.option("--explain", is_flag=True, help="Also what was read where, the rules, and what would change the answer.")
@click.option("--compare", "other", metavar="OTHER", help=_COMPARE)
@click.option("--json", "as_json", is_flag=True, help="Print cards and reasoning as JSON, one line per file.")
def command(
    files: tuple[Path, ...],
    fixture: str | None,
    language: str,
    as_of: str | None,
    other: str | None,
    *,
    explain: bool,
    as_json: bool,
) -> None:
    """Print the cards for FILES: a FHIR Bundle, a CDS Hooks request or the text of a report."""
    if not files and fixture is None:
        raise click.UsageError("Name a file, or a synthetic patient with --fixture.")
    inputs: list[tuple[str, Any]] = [] if fixture is None else [(fixture, {"fixture": fixture})]
    inputs += [(str(path), read_input(path)) for path in files]
    with preview_desk() as desk:
        printer = _Printer(desk, Language(language), as_of)
        for name, body in inputs:
            if other is not None:
                printer.compare(body, other)
            elif as_json:
                printer.as_json(name, body, explain=explain)
            else:
                printer.show(Path(name).name, body, explain=explain, titled=len(inputs) > 1)
