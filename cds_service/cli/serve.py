"""``serve``: the service over HTTP, with an optional demonstration on synthetic data."""

import importlib
import logging
import socket
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import click
import requests
from rich.console import Console

import fhir_fixtures
from cds_service.app import build_service
from cds_service.cli.listening import listen, serve
from cds_service.cli.loading import loading_for_good
from cds_service.cli.shown import show_cards
from cds_service.config import Settings, read_settings
from cds_service.errors import ConfigError
from cds_service.hooks.services import PATIENT_VIEW
from cds_service.security.clients import SANDBOX_ISSUER, ClientDirectory
from cds_service.store.assembly import hold_reserve
from cds_service.web.logs import log_as_json
from cds_service.web.site import build_site

DEMO_CASE = "t11-before-labs"
_READY_SECONDS = 30.0


_log = logging.getLogger("cds_service.serve")


def _log_to_stderr() -> None:
    log_as_json(sys.stderr)
    # A queue of a few calls is ordinary and said in the access times.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def _addresses(base: str) -> str:
    pages = {"Discovery": "/cds-services", "Preview": "/preview", "Knowledge": "/about/knowledge", "Health": "/health"}
    return "\n".join(f"{name:<10} {base}{path}" for name, path in pages.items())


def _wait_until_ready(base: str) -> bool:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{base}/readyz", timeout=2).ok:
                return True
        except requests.RequestException:
            time.sleep(0.1)
    return False


def _demonstrate(base: str, console: Console) -> None:
    """Post the demonstration patient like an EHR would and print what comes back."""
    if not _wait_until_ready(base):
        console.print("The service did not become ready; no demonstration.")
        return
    case = fhir_fixtures.hook_request(DEMO_CASE, PATIENT_VIEW.to_wire(), datetime.now(UTC))
    address = f"{base}/cds-services/{PATIENT_VIEW.id}"
    answer = requests.post(address, json=case, timeout=30)
    console.print(f"\nDemonstration: {DEMO_CASE} (synthetic) to {address}: HTTP {answer.status_code}\n")
    if answer.ok:
        show_cards(console, answer.json()["cards"])
    else:
        console.print_json(answer.text)
    console.print(f"\n{_addresses(base)}\n\nServing until Ctrl-C.")


def _reload(directory: ClientDirectory | None) -> None:
    """Read the registry again, away from the loop that answers; a faulty file changes nothing."""

    def read(clients: ClientDirectory) -> None:
        try:
            clients.reload()
        except ConfigError as error:
            _log.error("registry not read again, the old one stays: %s", error)
            return
        _log.info("registry read again: %d clients", len(clients.current.clients))
        clients.warm()

    if directory is not None:
        threading.Thread(target=read, args=(directory,), daemon=True).start()


def _serve(settings: Settings, listening: socket.socket, *, demo: bool, console: Console) -> None:
    hold_reserve(settings)
    with loading_for_good():
        backend, directory = build_service(settings)
        app = build_site(backend)
    host, port = listening.getsockname()[:2]
    local = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    local = local.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    if demo:
        threading.Thread(target=_demonstrate, args=(local, console), daemon=True).start()
    else:
        console.print(_addresses(local))
    if directory is not None:
        threading.Thread(target=directory.warm, daemon=True).start()
    serve(
        app,
        listening,
        threads=settings.threads,
        max_body_bytes=settings.max_body_bytes,
        reload=lambda: _reload(directory),
        follow=backend.telemetry.metrics.follow,
    )


@click.command("serve")
@click.option("--host", help="Address to listen on (default: MARROW_HOST or 127.0.0.1).")
@click.option("--port", help="Port to listen on, 0 for any (default: MARROW_PORT or 8000).")
@click.option("--workers", type=click.IntRange(1), help="Processes that answer (default: MARROW_WORKERS or this one).")
@click.option("--allow-open", is_flag=True, help="Answer anybody without token; synthetic data only.")
@click.option("--demo", is_flag=True, help="Answer a bundled synthetic case first and print its cards.")
def command(host: str | None, port: str | None, workers: int | None, *, allow_open: bool, demo: bool) -> None:
    """Answer CDS Hooks calls until interrupted. Settings come from MARROW_* variables and these options."""
    settings = read_settings(host=host, port=port, allow_open=allow_open or None, workers=workers)
    settings.check_exposure()
    if demo:
        settings = replace(settings, cors_origins=(*settings.cors_origins, SANDBOX_ISSUER))
    _log_to_stderr()
    if settings.workers and not demo:
        # Loaded only here: one process needs no server of its own kind.
        serve_workers = importlib.import_module("cds_service.cli.workers").serve_workers
        serve_workers(settings, settings.workers)
        return
    with listen(settings.host, settings.port) as listening:
        bound = replace(settings, port=listening.getsockname()[1])
        _serve(bound, listening, demo=demo, console=Console())
