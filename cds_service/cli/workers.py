"""The service in several processes that share one socket: Granian takes the connections, each worker runs the service.

Beside a worker that ends, a new one is begun. SIGHUP replaces the workers one by one, SIGTERM lets running calls end.
"""

import logging
import resource
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from io import BytesIO
from multiprocessing import get_context
from typing import Any

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server import MPServer

from cds_service.app import build_clinic, build_service
from cds_service.cli.address import listen
from cds_service.cli.loading import loading_for_good
from cds_service.cli.receiving import Receivers
from cds_service.config import MEBIBYTE, Settings
from cds_service.errors import ConfigError
from cds_service.security.replay import SeenTokens
from cds_service.security.trust import build_trust
from cds_service.store.assembly import hold_reserve
from cds_service.store.connection import Database
from cds_service.store.database import load_hash_key
from cds_service.store.records import StoreAway
from cds_service.store.upgrade import open_tables
from cds_service.telemetry.board import Board
from cds_service.telemetry.metrics import Series, of_places
from cds_service.telemetry.tracing import require_tracing
from cds_service.web.admission import WAITING
from cds_service.web.site import build_site

_log = logging.getLogger("cds_service.serve")
# Bodies on their way do not keep whole ones from being answered: so many calls are received at once by a worker.
_RECEIVING = 256
# Connections of a worker, of which most may be idle; a call waits only for a place to be received.
_CONNECTIONS = 8192
_BACKLOG = 1024
_HEADER_MILLISECONDS = 10_000
_DRAIN_SECONDS = 15
# Two workers answer for this long before the old one of them is asked to end.
_OVERLAP_SECONDS = 2.0
_BODY_MARGIN = MEBIBYTE
# A call whose record is stored comes back to the interpreter after so long at most, while others are worked out. The
# usual five milliseconds, at each of its statements, doubled the slowest times; this costs two hundredths more.
_SWITCH_SECONDS = 0.001
_SPARE_LANES = 2

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Gate:
    """Receives calls whole before they may take one of the places at which they are answered."""

    def __init__(self, application: Application, places: int, max_body_bytes: int, receivers: Receivers) -> None:
        self._application = application
        self._receivers = receivers
        self._places = threading.Semaphore(places)
        self._most = max_body_bytes + _BODY_MARGIN
        self._waiting = 0
        self._used = 0
        self._total = places
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one call."""
        # What is beyond the limit stays where it is: the service refuses the call by its length.
        with self._receivers.receiving():
            body = environ["wsgi.input"].read(self._most)
        environ["wsgi.input"] = BytesIO(body)
        declared = environ.setdefault("CONTENT_LENGTH", str(len(body)))
        if declared.isdigit() and len(body) < min(int(declared), self._most):
            # Whoever sent it is gone or was cut off; half a chart is no call.
            start_response("408 Request Timeout", [])
            return []
        self._count(waiting=1)
        environ[WAITING] = self._waiting - 1
        with self._places:
            self._count(waiting=-1, used=1)
            try:
                return list(self._application(environ, start_response))
            finally:
                self._count(used=-1)

    def numbers(self) -> Iterable[tuple[Series, float]]:
        """Tell how the places are taken."""
        return of_places(self._total, self._used, self._waiting)

    def _count(self, *, waiting: int = 0, used: int = 0) -> None:
        with self._lock:
            self._waiting += waiting
            self._used += used


def _application(settings: Settings, board: Board) -> Application:
    """Put the service together in a worker; what it counts stands on the ``board`` of all workers."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    with loading_for_good():
        backend, directory = build_service(settings, board)
        app = build_site(backend)
    if directory is not None:
        threading.Thread(target=directory.warm, daemon=True).start()
    receivers = Receivers(_RECEIVING, settings.budget_seconds, settings.port)
    receivers.watch()
    gate = Gate(app, settings.threads, settings.max_body_bytes, receivers)
    backend.telemetry.metrics.follow(gate.numbers)
    backend.telemetry.metrics.keep_sampling()
    return gate


def _prepare(settings: Settings) -> None:
    """Find out here what would end every worker, and load once what all of them share.

    Raises ConfigError, KnowledgeError and StoreError naming what is wrong.
    """
    with listen(settings.host, settings.port):
        build_clinic(settings.knowledge_overlay)
    build_trust(settings, SeenTokens())
    load_hash_key(settings.patient_hash_key, settings.state_path)
    if settings.otlp_endpoint:
        require_tracing()
    hold_reserve(settings)
    try:
        # Apart: the steps that lead to the tables load what nobody needs afterwards, and each worker would hold it.
        with ProcessPoolExecutor(1, get_context("fork")) as apart:
            apart.submit(_open_tables, settings.database).result()
    except StoreAway as reason:
        _log.error("%s; the workers wait for it", reason)


def _open_tables(url: str) -> None:
    database = Database(url)
    try:
        open_tables(database)
    finally:
        database.close()


class Replacing(MPServer):
    """Replaces its workers on SIGHUP only when ``check`` raises no ConfigError; new ones would end with it."""

    def __init__(self, check: Callable[[], object], **options: Any) -> None:
        super().__init__("cds_service", **options)
        self._check = check

    def signal_handler_reload(self, *args: Any, **kwargs: Any) -> None:
        """Check away from the loop that looks after the workers."""
        threading.Thread(target=self._replace, args=(args, kwargs), daemon=True).start()

    def _replace(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            self._check()
        except ConfigError as error:
            _log.error("registry not read again, the old workers stay: %s", error)
            return
        _log.info("workers are replaced")
        super().signal_handler_reload(*args, **kwargs)  # type: ignore[no-untyped-call]


def _allow_connections() -> None:
    """Let each worker hold as many connections as the system allows at most; usual is a limit of a thousand files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def serve_workers(settings: Settings, workers: int) -> None:
    """Answer calls in so many processes until SIGTERM or SIGINT; SIGHUP begins new workers with the registry anew."""
    with loading_for_good():
        _prepare(settings)
    _allow_connections()
    server = Replacing(
        partial(build_trust, settings, SeenTokens()),
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=_RECEIVING,
        backpressure=_CONNECTIONS,
        backlog=_BACKLOG,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MILLISECONDS),
        websockets=False,
        log_enabled=False,
        respawn_failed_workers=True,
        respawn_interval=_OVERLAP_SECONDS,
        workers_kill_timeout=_DRAIN_SECONDS,
    )
    # Old and new workers run beside each other while they are replaced.
    board = Board(lanes=2 * workers + _SPARE_LANES)
    server.serve(target_loader=partial(_application, settings, board), wrap_loader=False)
