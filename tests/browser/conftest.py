"""A running service and a real browser; each test ends with a look at what the browser had to complain about."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser
from werkzeug.serving import make_server

from cds_service.app import build_backend
from cds_service.config import Settings
from cds_service.store.records import Store
from cds_service.web.site import build_site
from tests.browser.preview_page import Preview

# The real FHIR server of the other tests.
from tests.hapi.conftest import hapi  # noqa: F401 - used by name
from tests.servers.in_thread import in_thread


@dataclass(frozen=True, slots=True)
class Site:
    """A service on this machine and what it keeps."""

    address: str
    store: Store


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The whole service, nothing replaced, with time for a machine that is busy with other tests."""
    server = make_server("127.0.0.1", 0, lambda _environ, _start: [], threaded=True)
    settings = Settings(port=server.server_port, state_dir=tmp_path_factory.mktemp("state"), budget_seconds=60.0)
    backend = build_backend(settings)
    server.app = build_site(backend)
    with in_thread(server):
        yield Site(settings.base_url, backend.store)


@pytest.fixture
def new_preview(chromium: Browser, site: Site) -> Iterator[Callable[..., Preview]]:
    """Open preview pages with options of the browser (``viewport``, ``color_scheme``, ``java_script_enabled``)."""
    opened: list[Preview] = []

    def make(**options: Any) -> Preview:
        context = chromium.new_context(**({"viewport": {"width": 1440, "height": 900}, "locale": "en-GB"} | options))
        opened.append(Preview(context.new_page(), site.address))
        return opened[-1]

    yield make
    problems = [problem for one in opened for problem in one.unexpected()]
    for one in opened:
        one.page.context.close()
    assert problems == []


@pytest.fixture
def preview(new_preview: Callable[..., Preview]) -> Preview:
    """One page in English, ready to be used."""
    return new_preview().open()
