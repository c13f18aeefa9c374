"""``clients check``: what a registry of callers would accept, in words, before the service uses it."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from cds_service.config import Settings, read_settings
from cds_service.errors import ConfigError
from cds_service.hooks.services import SERVICES
from cds_service.security.clients import SANDBOX_ISSUER, Client, ClientRegistry, load_clients
from cds_service.security.keys import FetchedKeys
from cds_service.security.tokens import LEEWAY_SECONDS, MAX_LIFE_SECONDS, TokenRefused, TokenVerifier


def _listed(items: frozenset[str] | None, nothing: str, otherwise: str) -> str:
    if items is None:
        return otherwise
    return ", ".join(sorted(items)) or nothing


def _tokens(client: Client) -> Iterator[str]:
    if client.keys is None:
        yield "Tokens: none are accepted, no keys are listed"
        return
    yield f"Tokens: {', '.join(client.algorithms)}, at most {MAX_LIFE_SECONDS} s of life, {LEEWAY_SECONDS} s tolerance"
    yield f"Keys {client.keys.describe()}"
    yield f"Key addresses in the token (jku): {_listed(client.jku, 'none; a token that names one is refused', '')}"
    yield f"Tenants: {_listed(client.tenants, 'any', '')}"


def explain(client: Client, settings: Settings) -> Iterator[str]:
    """Yield what is accepted from one client, line by line."""
    yield f"{client.name} ({client.issuer})"
    for line in _tokens(client):
        yield f"  {line}"
    everybody = ", ".join(settings.fhir_origins) or "none"
    servers = _listed(client.fhir_servers, "none", f"those of MARROW_FHIR_ORIGINS: {everybody}")
    yield f"  FHIR servers that may be asked: {servers}"
    yield f"  Access tokens made out to: {client.fhir_client_id or 'any client id'}"
    for service in SERVICES:
        if service.hook.value in client.hooks:
            yield f"  {service.hook.value}: aud must be {settings.base_url}/cds-services/{service.id}"
        else:
            yield f"  {service.hook.value}: refused with 403"
    language = client.language.value if client.language else "what each request accepts"
    yield f"  Answers: CDS Hooks {client.version}, language: {language}"
    yield f"  Rate: {client.rate or 'no limit'}, at once: {client.concurrent or 'no limit'}"


def warnings(client: Client, settings: Settings) -> Iterator[str]:
    """Yield what an operator should think about once more."""
    if not client.tokens_required:
        yield "calls WITHOUT any token are answered as calls of this client"
    if client.issuer == SANDBOX_ISSUER:
        yield "the private key of this issuer is public: anybody can sign in its name"
    if isinstance(client.keys, FetchedKeys) and client.keys.url.startswith("http:"):
        yield "keys are fetched without https"
    if not settings.base_url.startswith("https://"):
        yield f"the audience {settings.base_url} is not https; set MARROW_PUBLIC_URL to what the client calls"


def _try_token(registry: ClientRegistry, token: str, audience: str) -> None:
    """Say whether a token would be accepted now. Exits with status 1 when it would not."""
    try:
        caller = TokenVerifier(registry, time.time).examine([f"Bearer {token}"], audience)
    except TokenRefused as refused:
        click.echo(f"The token would be refused: {refused}.")
        sys.exit(1)
    except ConfigError:
        raise ConfigError("MARROW_CLIENTS: keys are not fetched here; pin them in a file to try a token") from None
    click.echo(f"The token would be accepted as {caller.client.name}.")


@click.group("clients")
def command() -> None:
    """Look at the registry of callers."""


@command.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--token", "token_file", type=click.File("r"), help="File with a token to try (- for standard input).")
@click.option("--audience", default="", help="URL for which the token was made (default: patient-view).")
def check(file: Path, token_file: TextIO | None, audience: str) -> None:
    """Say what the registry FILE would accept; nobody is called and no token is used up."""
    settings = read_settings()
    registry = load_clients(file)
    for client in registry.clients:
        for line in explain(client, settings):
            click.echo(line)
        for warning in warnings(client, settings):
            click.echo(f"  Note: {warning}")
    if token_file is not None:
        _try_token(
            registry, token_file.read().strip(), audience or f"{settings.base_url}/cds-services/{SERVICES[0].id}"
        )
