"""The browser of this machine: Debian's Chromium, started by Playwright with a profile that is thrown away."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.servers.fixtures import made_or_skipped
from tests.servers.processes import MissingError

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Nothing but the page under test may reach the network, and no graphics card is needed.
_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str:
    """Path of the browser; ``TESTS_CHROMIUM`` names another one."""
    given = os.environ.get("TESTS_CHROMIUM")
    found = [given] if given else [path for name in _NAMES if (path := shutil.which(name))]
    if not found:
        raise MissingError("chromium was not found; the tests of the pages need it (Debian: chromium)")
    return found[0]


@contextmanager
def browser() -> Iterator[Browser]:
    """Start the browser without a window. Raises MissingError where there is none."""
    path = executable()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(_FLAGS), chromium_sandbox=False)
        yield started
        started.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser for a whole run of a worker: Playwright takes no second one in a process."""
    made_or_skipped(executable)
    with browser() as started:
        yield started
