"""One real FHIR server for all tests of a run, also when several processes run them."""

import os
from collections.abc import Iterator
from typing import NoReturn
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from cds_service.app import build_backend
from cds_service.config import Settings
from cds_service.store.database import SqlStore
from cds_service.web.site import build_site
from tests.hapi import server

REQUIRED = "TESTS_REQUIRE_TOOLS"


def skip_or_fail(reason: Exception, *, required: bool) -> NoReturn:
    """Skip what needs a missing tool; where all tools must be there, its absence is a failure."""
    if required:
        pytest.fail(f"{REQUIRED} is set, but {reason}")
    pytest.skip(str(reason))


def _forget_ended_runs() -> None:
    for path in server.BUILD.glob("run-*"):
        try:
            os.kill(int(path.stem.removeprefix("run-")), 0)
        except ProcessLookupError:
            path.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def hapi() -> Iterator[str]:
    """Base URL of an R4 server that validates and notifies; other tests write to it too, so name what you write.

    ``TESTS_FHIR_SERVER`` names one that runs already.
    """
    if given := os.environ.get("TESTS_FHIR_SERVER"):
        yield given.rstrip("/")
        return
    worker = "PYTEST_XDIST_WORKER" in os.environ
    owner = os.getppid() if worker else os.getpid()
    note = server.BUILD / f"run-{owner}.url"
    process = None
    try:
        with server.only_one():
            _forget_ended_runs()
            url = note.read_text() if note.exists() else ""
            if not (url and server.answers(url)):
                port = server.free_port()
                url = server.address(port)
                process = server.start(port, server.BUILD / f"run-{owner}.log", owner)
                server.ready(process, url)
                note.write_text(url)
    except server.UnavailableError as reason:
        skip_or_fail(reason, required=bool(os.environ.get(REQUIRED)))
    yield url
    # Another worker may still need it; the server ends by itself with the process that started the workers.
    if process is not None and not worker:
        server.stop(process)
        note.unlink()


@pytest.fixture(scope="session")
def settings(hapi: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A service that may ask the server; with time for a machine that is busy with other tests."""
    return Settings(
        state_dir=tmp_path_factory.mktemp("state"),
        fhir_origins=("{0.scheme}://{0.netloc}".format(urlsplit(hapi)),),
        budget_seconds=60.0,
        repeat_lock=False,
    )


@pytest.fixture(scope="session")
def client(settings: Settings) -> FlaskClient:
    """The whole service, nothing replaced."""
    return build_site(build_backend(settings)).test_client()


@pytest.fixture(scope="session")
def store(settings: Settings) -> Iterator[SqlStore]:
    """What that service keeps of the cards it issued."""
    opened = SqlStore(settings.database)
    opened.open()
    yield opened
    opened.close()
