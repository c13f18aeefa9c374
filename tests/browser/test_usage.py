"""The page on usage in a real browser: nothing for axe-core to find, no script needed, nothing cut off."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from werkzeug.serving import make_server

from cds_service.app import build_backend
from cds_service.config import Settings
from cds_service.store.database import SqlStore
from cds_service.web.site import build_site
from tests.browser.preview_page import Preview
from tests.browser.test_screenshots import IMAGES, PNG
from tests.servers.in_thread import in_thread
from tests.usage import cohort

PERIOD = "from=2025-12-01&to=2026-11-30"
Open = Callable[..., Preview]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service over a year of made-up cards."""
    server = make_server("127.0.0.1", 0, lambda _environ, _start: [], threaded=True)
    settings = Settings(port=server.server_port, state_dir=tmp_path_factory.mktemp("state"), budget_seconds=60.0)
    store = SqlStore(settings.database)
    store.open()
    cohort.fill(store)
    store.close()
    server.app = build_site(build_backend(settings))
    with in_thread(server):
        yield settings.base_url


@pytest.fixture
def look(chromium: Browser, address: str) -> Iterator[Open]:
    """Open the page in a language with options of the browser."""
    opened: list[Preview] = []

    def make(language: str, **options: object) -> Preview:
        given: dict[str, object] = {"viewport": {"width": 1200, "height": 900}, "locale": "en-GB"}
        context = chromium.new_context(**given | options)  # type: ignore[arg-type]  # options of the browser by name
        opened.append(Preview(context.new_page(), address))
        opened[-1].page.goto(f"{address}/about/usage?language={language}&{PERIOD}")
        return opened[-1]

    yield make
    problems = [problem for one in opened for problem in one.unexpected()]
    for one in opened:
        one.page.context.close()
    assert problems == []


@pytest.mark.parametrize(("scheme", "language"), [("light", "en"), ("dark", "de"), ("light", "ro")])
def test_axe_finds_nothing_and_nothing_is_cut_off(look: Open, scheme: str, language: str) -> None:
    seen = look(language, color_scheme=scheme)
    assert seen.violations() == []
    narrow = look(language, color_scheme=scheme, viewport={"width": 360, "height": 740})
    reached, window = narrow.widths()
    assert reached <= window
    assert narrow.violations() == []


def test_it_is_whole_without_scripts(look: Open) -> None:
    page = look("en", java_script_enabled=False).page
    expect(page.locator("svg .rate")).to_have_count(6)
    expect(page.locator("svg .rate.stands-out")).to_have_count(2)
    page.fill("#client", cohort.WEST)
    page.click("form.period button")
    expect(page.locator("main")).to_contain_text(f"Only cards for {cohort.WEST}.")


def test_bars_and_words_do_not_cover_each_other(look: Open) -> None:
    page = look("en").page
    boxes = [
        (one.locator("text.name").bounding_box(), one.locator("rect").bounding_box())
        for one in page.locator("svg .rate").all()
    ]
    assert boxes
    for name, bar in boxes:
        assert name
        assert bar
        assert name["x"] >= 0
        assert name["x"] + name["width"] <= bar["x"]


@pytest.mark.parametrize(("name", "scheme"), [("usage", "light"), ("usage-dark", "dark")])
def test_a_picture_is_taken(look: Open, tmp_path: Path, request: pytest.FixtureRequest, name: str, scheme: str) -> None:
    page = look("en", color_scheme=scheme, viewport={"width": 1200, "height": 1000}).page
    path = (IMAGES if request.config.getoption("--screenshots") else tmp_path) / f"{name}.png"
    page.screenshot(path=path, animations="disabled", caret="hide")
    assert path.read_bytes().startswith(PNG)
