"""The service in one process, with an optional demonstration on synthetic data."""

import logging
import socket
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import requests
from rich.console import Console

import fhir_fixtures
from cds_service.app import build_service
from cds_service.cli.address import listen
from cds_service.cli.listening import serve
from cds_service.cli.loading import loading_for_good
from cds_service.cli.shown import show_cards
from cds_service.config import Settings
from cds_service.errors import ConfigError
from cds_service.hooks.services import PATIENT_VIEW
from cds_service.security.clients import SANDBOX_ISSUER, ClientDirectory
from cds_service.store.assembly import hold_reserve
from cds_service.web.site import build_site

DEMO_CASE = "t11-before-labs"
_READY_SECONDS = 30.0
_log = logging.getLogger("cds_service.serve")


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


def serve_alone(settings: Settings, *, demo: bool) -> None:
    """Answer calls until SIGTERM or SIGINT; with ``demo`` a bundled case first, and what it led to is printed."""
    if demo:
        settings = replace(settings, cors_origins=(*settings.cors_origins, SANDBOX_ISSUER))
    with listen(settings.host, settings.port) as listening:
        bound = replace(settings, port=listening.getsockname()[1])
        _serve(bound, listening, demo=demo, console=Console())
