"""The browser of this machine: Debian's Chromium, started by Playwright with a profile that is thrown away."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

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


class MissingBrowserError(Exception):
    """There is no Chromium on this machine; the text says so."""


def executable() -> str:
    """Path of the browser; ``TESTS_CHROMIUM`` names another one."""
    given = os.environ.get("TESTS_CHROMIUM")
    found = [given] if given else [path for name in _NAMES if (path := shutil.which(name))]
    if not found:
        raise MissingBrowserError("chromium was not found; the tests of the pages need it (Debian: chromium)")
    return found[0]


@contextmanager
def browser() -> Iterator[Browser]:
    """Start the browser without a window."""
    path = executable()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(_FLAGS), chromium_sandbox=False)
        yield started
        started.close()
