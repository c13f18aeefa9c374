"""``serve``: the service over HTTP, with an optional demonstration on synthetic data."""

import importlib
import logging
import sys

import click

from cds_service.cli.loading import without_collecting
from cds_service.config import read_settings
from cds_service.web.logs import log_as_json


def _log_to_stderr() -> None:
    log_as_json(sys.stderr)
    # A queue of a few calls is ordinary and said in the access times.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


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
    _log_to_stderr()
    # Loaded only here: either way needs a server of its own kind, and workers nothing that prints cards.
    together = bool(settings.workers) and not demo
    with without_collecting():
        server = importlib.import_module(f"cds_service.cli.{'workers' if together else 'alone'}")
    if together:
        server.serve_workers(settings, settings.workers)
    else:
        server.serve_alone(settings, demo=demo)
