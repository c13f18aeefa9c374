"""``invoke``: an EHR in a command. Looks a patient up, calls the service, shows the cards, follows them or not."""

import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console

from cds_service.cli.secrets import secret
from cds_service.cli.shown import show_candidates, show_numbered_cards
from cds_service.config import read_settings
from cds_service.ehr.actions import choices
from cds_service.ehr.calls import Calls
from cds_service.ehr.patients import SpineReports
from cds_service.ehr.rounds import Done, Round, Seen
from cds_service.ehr.server import FhirServer
from cds_service.ehr.service import CdsService
from cds_service.ehr.signing import Signer, load_key
from cds_service.ehr.visit import Drafts, Grant, Visit, read_drafts
from cds_service.errors import ConfigError, RequestError
from cds_service.knowledge.load import load_knowledge

_HOOKS = ("patient-view", "order-select", "order-sign")
_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)


@dataclass(frozen=True, slots=True, repr=False)
class _Options:
    """The options as given; tokens are among them, so this has no repr."""

    fhir: str
    patient: str
    hook: str
    draft: Path | None
    service: str
    service_id: str
    public_url: str
    token: str
    client_key: Path | None
    key_id: str
    issuer: str
    jku: str
    tenant: str
    fhir_token: str
    user: str
    encounter: str
    language: str
    accept: tuple[int, ...]
    override: tuple[int, ...]
    reason: str
    comment: str
    seconds: float
    no_prefetch: bool
    no_access: bool
    list_patients: bool
    public_key: bool
    as_json: bool


def _authorization(options: _Options) -> Callable[[str], str]:
    """Return what signs calls: a key, a ready token, or nothing."""
    if options.client_key and options.token:
        raise ConfigError("--token and --client-key are two ways of saying who calls: give one of them")
    if options.client_key:
        if not options.issuer:
            raise ConfigError("--client-key needs --issuer, the address that the registry of the service has for it")
        key = load_key(options.client_key, options.key_id)
        signer = Signer(key, options.issuer, time.time, lambda: str(uuid.uuid4()), options.jku, options.tenant)
        return signer.authorization
    ready = f"Bearer {secret(options.token)}" if options.token else ""

    def same_for_all(audience: str) -> str:
        del audience
        return ready

    return same_for_all


def _show_public_key(options: _Options) -> None:
    if options.client_key is None:
        raise ConfigError("--public-key needs --client-key")
    keys = {"keys": [load_key(options.client_key, options.key_id).public()]}
    click.echo(orjson.dumps(keys, option=orjson.OPT_INDENT_2).decode())


def _list_patients(options: _Options, server: FhirServer, console: Console) -> None:
    server.check()
    reports = SpineReports(load_knowledge(read_settings().knowledge_overlay).codes.imaging)
    found, failures = reports.find(server)
    for failure in failures:
        click.echo(f"marrow-cds: not everything could be asked: {failure}", err=True)
    if options.as_json:
        click.echo(orjson.dumps([asdict(one) for one in found]).decode())
    else:
        show_candidates(console, found, server.base)


def _visit(options: _Options) -> Visit:
    if not options.patient:
        raise RequestError("whom? Give --patient ID, or --list-patients")
    drafts = read_drafts(options.draft, options.patient) if options.draft else Drafts()
    return Visit(options.hook, options.patient, options.user, options.encounter, drafts)


def _show(options: _Options, seen: Seen, console: Console) -> None:
    if not options.as_json:
        show_numbered_cards(console, seen.cards, choices(seen.cards))
    for key, reason in seen.left_out.items():
        click.echo(f"marrow-cds: prefetch key {key} left out: {reason}", err=True)


def _tell(options: _Options, seen: Seen, done: list[Done], refused: int) -> None:
    """Say what was done, in words or as one JSON object."""
    if options.as_json:
        told = {
            "service": seen.offer.id,
            "hook": seen.offer.hook,
            "patient": seen.patient["id"],
            "cards": seen.cards,
            "leftOut": seen.left_out,
            "done": [asdict(one) for one in done],
            "overridden": refused,
        }
        click.echo(orjson.dumps(told).decode())
        return
    words = {"POST": "Created", "PUT": "Updated", "DELETE": "Deleted"}
    for one in done:
        click.echo(f"{words[one.method]} {one.reference}: {one.words}")
    if options.accept:
        click.echo("Feedback: accepted.")
    if refused:
        click.echo(f"Feedback: {refused} overridden.")


def _round(options: _Options, server: FhirServer, calls: Calls, console: Console) -> None:
    if options.reason and not options.override:
        raise RequestError("--reason belongs to --override")
    visit = _visit(options)
    service = CdsService(
        options.service, calls, _authorization(options), public=options.public_url, language=options.language
    )
    grant = None if options.no_access else Grant(server.base, secret(options.fhir_token))
    one_round = Round(server, service, lambda: datetime.now(UTC), lambda: str(uuid.uuid4()))
    seen = one_round.look(visit, grant, service_id=options.service_id, with_prefetch=not options.no_prefetch)
    _show(options, seen, console)
    done = one_round.accept(seen, options.accept) if options.accept else []
    refused = one_round.override(seen, options.override, options.reason, options.comment) if options.override else 0
    _tell(options, seen, done, refused)


@click.command("invoke")
@click.option("--fhir", metavar="URL", default="", help="Base address of the FHIR R4 server.")
@click.option("--patient", metavar="ID", default="", help="Patient to look at.")
@click.option("--hook", type=click.Choice(_HOOKS), default="patient-view", show_default=True)
@click.option("--draft", type=_EXISTING, help="Draft orders: a resource, a Bundle, or the context of an order hook.")
@click.option("--service", metavar="URL", default="http://127.0.0.1:8000", show_default=True, help="CDS service.")
@click.option("--service-id", metavar="ID", default="", help="Service to call (default: the first for the hook).")
@click.option("--public-url", metavar="URL", default="", help="Address that tokens are made out to, if it differs.")
@click.option("--token", metavar="TEXT|@FILE", default="", help="Ready token for the CDS service; good for one call.")
@click.option("--client-key", type=_EXISTING, help="Private key that signs calls: PEM or JWK, P-384 or RSA.")
@click.option("--key-id", metavar="ID", default="", help="Id of the key (default: its own, else its thumbprint).")
@click.option("--issuer", metavar="URL", default="", help="Who signs, as in the registry of the service.")
@click.option("--jku", metavar="URL", default="", help="Where the public keys can be fetched.")
@click.option("--tenant", default="", help="Tenant that tokens name.")
@click.option("--fhir-token", metavar="TEXT|@FILE", default="", help="Access token for the FHIR server.")
@click.option("--user", metavar="TYPE/ID", default="Practitioner/example", show_default=True)
@click.option("--encounter", metavar="ID", default="", help="Visit during which it happens.")
@click.option("--language", type=click.Choice(["en", "de", "ro"]), default="en", show_default=True, help="Of cards.")
@click.option("--accept", metavar="N", type=int, multiple=True, help="Take suggestion N; may be given several times.")
@click.option("--override", metavar="N", type=int, multiple=True, help="Do not follow card N.")
@click.option("--reason", metavar="CODE", default="", help="Why, by a code of the card's reasons.")
@click.option("--comment", metavar="TEXT", default="", help="Why, in words.")
@click.option("--seconds", type=click.FloatRange(1, 3600), default=60, show_default=True, help="Limit for everything.")
@click.option("--no-prefetch", is_flag=True, help="Leave all looking up to the service.")
@click.option("--no-access", is_flag=True, help="Do not name the FHIR server to the service.")
@click.option("--list-patients", is_flag=True, help="List patients with a report of a spine MRI instead.")
@click.option("--public-key", is_flag=True, help="Print the public part of --client-key for the registry instead.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(**options: Any) -> None:
    """Look at a patient of a FHIR server as an EHR does, and show the cards of the service.

    Suggestions and cards are numbered. --accept applies a suggestion to the FHIR server and tells the service;
    --override tells the service only. For trials with synthetic data.
    """
    given = _Options(**options)
    console = Console()
    if given.public_key:
        _show_public_key(given)
        return
    if not given.fhir:
        raise RequestError("which FHIR server? Give --fhir URL")
    calls = Calls(given.seconds)
    server = FhirServer(given.fhir, calls, secret(given.fhir_token))
    if given.list_patients:
        _list_patients(given, server, console)
    else:
        _round(given, server, calls, console)
