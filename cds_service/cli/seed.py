"""``seed``: the synthetic patients into a FHIR server, and out again."""

import sys
from datetime import UTC, datetime

import click

import fhir_fixtures
from cds_service.cli.secrets import secret
from cds_service.ehr.calls import Calls
from cds_service.ehr.seeding import DEFAULT_TAG, Seed
from cds_service.ehr.server import FhirServer
from cds_service.errors import RequestError

_KEPT_STATUS = 1


def _load(seed: Seed, names: tuple[str, ...]) -> None:
    unknown = sorted(set(names) - set(fhir_fixtures.scenarios()))
    if unknown:
        raise RequestError(f"--scenario {unknown[0]}: there is {', '.join(fhir_fixtures.scenarios())}")
    for one in seed.load(names or fhir_fixtures.scenarios(), datetime.now(UTC)):
        hook = fhir_fixtures.scenario(one.scenario).hook
        click.echo(f"{one.scenario:<30} {hook:<13} {one.resources:>3} resources  Patient/{one.patient_id}")


def _remove(seed: Seed) -> None:
    gone, kept = seed.remove()
    for kind, count in gone.items():
        click.echo(f"Deleted {count} {kind}")
    if not gone and not kept:
        click.echo("Nothing carries that tag.")
    for reference, reason in kept.items():
        click.echo(f"marrow-cds: {reference} stays: {reason}", err=True)
    if kept:
        sys.exit(_KEPT_STATUS)


@click.command("seed")
@click.option("--fhir", metavar="URL", required=True, help="Base address of the FHIR R4 server.")
@click.option("--fhir-token", metavar="TEXT|@FILE", default="", help="Access token for the FHIR server.")
@click.option("--tag", default=DEFAULT_TAG, show_default=True, help="Tag on everything loaded; one for each trial.")
@click.option("--scenario", metavar="NAME", multiple=True, help="Load this one only; may be given several times.")
@click.option("--remove", is_flag=True, help="Delete what carries the tag, with orders accepted for these patients.")
@click.option("--seconds", type=click.FloatRange(1, 3600), default=300, show_default=True, help="Limit for everything.")
def command(fhir: str, fhir_token: str, tag: str, scenario: tuple[str, ...], seconds: float, *, remove: bool) -> None:
    """Load the synthetic patients, dates moved to today; once more updates them. For servers without real patients."""
    server = FhirServer(fhir, Calls(seconds), secret(fhir_token))
    seed = Seed(server, tag)
    server.check()
    if remove:
        _remove(seed)
    else:
        _load(seed, scenario)
