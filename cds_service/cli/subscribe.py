"""``subscribe``: a FHIR server notifies the service of new reports, or no longer."""

import click

from cds_service.cli.secrets import secret
from cds_service.ehr.calls import Calls
from cds_service.ehr.server import FhirServer
from cds_service.ehr.subscribing import CRITERIA, Subscriber
from cds_service.errors import RequestError


@click.command("subscribe")
@click.option("--fhir", metavar="URL", required=True, help="Base address of the FHIR R4 server.")
@click.option("--fhir-token", metavar="TEXT|@FILE", default="", help="Access token for the FHIR server.")
@click.option("--service", metavar="URL", default="http://127.0.0.1:8000", show_default=True, help="CDS service.")
@click.option("--secret", "shared", metavar="TEXT|@FILE", default="", help="MARROW_RESULTS_SECRET of the service.")
@click.option("--criteria", default=CRITERIA, show_default=True, help="Which resources are told of.")
@click.option("--empty", is_flag=True, help="Notify without content; the service then looks for what is new.")
@click.option("--remove", is_flag=True, help="Delete the Subscription to that service instead.")
@click.option("--seconds", type=click.FloatRange(1, 3600), default=60, show_default=True, help="Limit for everything.")
def command(
    fhir: str, fhir_token: str, service: str, shared: str, criteria: str, seconds: float, *, empty: bool, remove: bool
) -> None:
    """Have a FHIR server tell the service of final reports, so that it writes a Task or Flag for what is serious.

    Once more renews the Subscription. The secret stands in it: whoever may read Subscriptions on the server knows it.
    """
    server = FhirServer(fhir, Calls(seconds), secret(fhir_token))
    subscriber = Subscriber(server, service)
    server.check()
    if remove:
        gone = subscriber.unsubscribe()
        click.echo("\n".join(f"Deleted {reference}" for reference in gone) or "No Subscription notifies that service.")
        return
    if not shared:
        raise RequestError("the service takes no notification without its secret: give --secret @FILE")
    reference = subscriber.subscribe(secret(shared), criteria, empty=empty)
    click.echo(f"{reference} notifies {service.rstrip('/')}/results; status {subscriber.status(reference)}")
