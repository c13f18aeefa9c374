"""Everything together on this machine, without containers: the service with two workers, PostgreSQL, Redis, HAPI FHIR.

``python -m tests.servers.stack PORT HAPI_PORT`` (``make stack``) serves until it is interrupted.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.hapi import server as hapi
from tests.servers.postgresql import PostgreSQL
from tests.servers.processes import MissingError
from tests.servers.redis import Redis
from tests.servers.service import Service


@contextmanager
def service_with_stores(
    state: Path, postgresql: PostgreSQL, redis: Redis, settings: Mapping[str, str], port: int | None = None
) -> Iterator[Service]:
    """Start the service over a new database; further settings as in the environment, without their prefix."""
    given = {"DATABASE_URL": postgresql.new_database(), "REDIS_URL": redis.url} | dict(settings)
    service = Service(state, given, port)
    service.server.start()
    try:
        yield service
    finally:
        service.stop()


@contextmanager
def stack(port: int, hapi_port: int) -> Iterator[str]:
    """Start all of it and yield what runs where, in words."""
    with ExitStack() as running:
        state = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="marrow-stack-")))
        postgresql, redis = PostgreSQL(), Redis()
        for made in (postgresql, redis):
            running.callback(made.remove)
            made.server.start()
        with hapi.only_one():
            process = hapi.start(hapi_port, hapi.BUILD / f"port-{hapi_port}.log", owner=os.getpid())
        running.callback(hapi.stop, process)
        hapi.ready(process, hapi.address(hapi_port))
        fhir = hapi.address(hapi_port)
        origins = {"FHIR_ORIGINS": fhir.removesuffix("/fhir")}
        service = running.enter_context(service_with_stores(state, postgresql, redis, origins, port))
        yield f"service {service.url}\nFHIR server {fhir}\nPostgreSQL {postgresql.port}, Redis {redis.port}"


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Serve until interrupted."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _interrupted)
    try:
        with stack(*map(int, sys.argv[1:3])) as words:
            sys.stdout.write(f"{words}\nSynthetic data only; interrupt to end.\n")
            sys.stdout.flush()
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except (MissingError, hapi.UnavailableError) as reason:
        sys.stderr.write(f"{reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
