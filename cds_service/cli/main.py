"""The command line: one module per command, loaded only when it is used."""

import importlib
import os
import sys
from functools import partial

import click

from cds_service.cli.loading import without_collecting
from cds_service.errors import MarrowError

_COMMANDS = {
    "serve": "Answer CDS Hooks calls over HTTP.",
    "preview": "Print the cards for files: FHIR Bundle, hook request or report text.",
    "explain": "Print which rules fired for a file, which did not, and why.",
    "knowledge": "Print the whole catalogue of rules, thresholds and references as Markdown.",
    "read": "Read report texts as NDJSON and write what they state as NDJSON.",
    "invoke": "Be the EHR: look a patient up on a FHIR server, call the service, follow its cards or not.",
    "seed": "Load the synthetic patients into a FHIR server, or take them away.",
    "subscribe": "Have a FHIR server notify the service of new reports, or no longer.",
    "clients": "Check a registry of callers: what it would accept.",
    "synth": "Write synthetic charts and reports whose truth is known, as a FHIR Bulk Data export.",
    "replay": "Tell for the reports of a FHIR Bulk Data export what would have been shown.",
    "report": "Print how often cards were accepted or overridden, by rule, client and month.",
    "audit": "Export or purge the record of calls.",
    "store": "Upgrade, check, back up, restore or clean the database.",
    "assertion": "Tell for any phrase of a sentence whether it is denied, past or somebody else's, as NDJSON.",
}


class _Commands(click.Group):
    """Commands by name; help needs no import of the service."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of use."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        with without_collecting():
            command: click.Command = importlib.import_module(f"cds_service.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands)
@click.pass_context
def cli(context: click.Context) -> None:
    """Clinical decision support for spine MRI reports with marrow edema."""
    # Database, its journals, the key and results are for this user only, also in a directory that others may read.
    context.call_on_close(partial(os.umask, os.umask(0o077)))


def run() -> None:
    """Run the command line; a fault of settings, knowledge or input is one line on stderr and status 2."""
    try:
        cli()
    except MarrowError as error:
        click.echo(f"marrow-cds: {error}", err=True)
        sys.exit(2)
