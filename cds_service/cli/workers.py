"""The service in several processes that share one socket: Granian takes the connections, each worker runs the service.

Beside a worker that ends, a new one is begun. SIGHUP replaces the workers one by one, SIGTERM lets running calls end.
"""

import gc
import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO
from typing import Any

from granian.constants import Interfaces
from granian.server import MPServer

from cds_service.app import build_clinic, build_service
from cds_service.cli.listening import listen
from cds_service.config import MEBIBYTE, Settings
from cds_service.errors import ConfigError
from cds_service.security.replay import SeenTokens
from cds_service.security.trust import build_trust
from cds_service.store.connection import Database
from cds_service.store.database import load_hash_key
from cds_service.store.records import StoreAway
from cds_service.store.upgrade import open_tables
from cds_service.web.admission import WAITING
from cds_service.web.site import build_site

_log = logging.getLogger("cds_service.serve")
# Bodies on their way do not keep whole ones from being answered: so many calls are received at once by a worker.
# A caller that sends byte by byte holds one of them, so a proxy that takes requests whole stands in front.
_RECEIVING = 256
_BACKLOG = 1024
_DRAIN_SECONDS = 15
# Two workers answer for this long before the old one of them is asked to end.
_OVERLAP_SECONDS = 2.0
_BODY_MARGIN = MEBIBYTE

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Gate:
    """Receives calls whole before they may take one of the places at which they are answered."""

    def __init__(self, application: Application, places: int, max_body_bytes: int) -> None:
        self._application = application
        self._places = threading.Semaphore(places)
        self._most = max_body_bytes + _BODY_MARGIN
        self._waiting = 0
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one call."""
        # What is beyond the limit stays where it is: the service refuses the call by its length.
        body = environ["wsgi.input"].read(self._most)
        environ["wsgi.input"] = BytesIO(body)
        if "CONTENT_LENGTH" not in environ:
            environ["CONTENT_LENGTH"] = str(len(body))
        self._count(1)
        environ[WAITING] = self._waiting - 1
        with self._places:
            self._count(-1)
            return list(self._application(environ, start_response))

    def _count(self, change: int) -> None:
        with self._lock:
            self._waiting += change


def _application(settings: Settings) -> Application:
    """Put the service together in a worker."""
    backend, directory = build_service(settings)
    app = build_site(backend)
    gc.collect()
    # What is loaded now stays for good; the collector need not look at it during calls.
    gc.freeze()
    if directory is not None:
        threading.Thread(target=directory.warm, daemon=True).start()
    return Gate(app, settings.threads, settings.max_body_bytes)


def _prepare(settings: Settings) -> None:
    """Find out here what would end every worker, and load once what all of them share.

    Raises ConfigError, KnowledgeError and StoreError naming what is wrong.
    """
    with listen(settings.host, settings.port):
        build_clinic(settings.knowledge_overlay)
    build_trust(settings, SeenTokens())
    load_hash_key(settings.patient_hash_key, settings.state_path)
    database = Database(settings.database)
    try:
        open_tables(database)
    except StoreAway as reason:
        _log.error("%s; the workers wait for it", reason)
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


def serve_workers(settings: Settings, workers: int) -> None:
    """Answer calls in so many processes until SIGTERM or SIGINT; SIGHUP begins new workers with the registry anew."""
    _prepare(settings)
    server = Replacing(
        partial(build_trust, settings, SeenTokens()),
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=_RECEIVING,
        backpressure=_RECEIVING,
        backlog=_BACKLOG,
        websockets=False,
        log_enabled=False,
        respawn_failed_workers=True,
        respawn_interval=_OVERLAP_SECONDS,
        workers_kill_timeout=_DRAIN_SECONDS,
    )
    gc.collect()
    gc.freeze()
    server.serve(target_loader=partial(_application, settings), wrap_loader=False)
