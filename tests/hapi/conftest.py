"""One real FHIR server for all tests of a run, also when several processes run them."""

import os
from collections.abc import Iterator

import pytest

from tests.hapi import server

REQUIRED = "TESTS_REQUIRE_TOOLS"


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
    note = server.BUILD / f"run-{owner}"
    process = None
    try:
        with server.only_one():
            url = note.read_text() if note.exists() else ""
            if not (url and server.answers(url)):
                port = server.free_port()
                url = server.address(port)
                process = server.start(port, owner, server.BUILD / f"server-{owner}.log")
                server.ready(process, url)
                note.write_text(url)
    except server.UnavailableError as reason:
        if os.environ.get(REQUIRED):
            pytest.fail(f"{REQUIRED} is set, and {reason}")
        pytest.skip(str(reason))
    yield url
    # Another worker may still need it; the server ends by itself with the process that started the workers.
    if process is not None and not worker:
        server.stop(process)
        note.unlink()
