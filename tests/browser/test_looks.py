"""Looks: nothing for axe-core to find in light and dark, no sideways scrolling at 360 px, a light page by weight."""

import gzip
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.preview_page import Preview
from tests.browser.reports import GERMAN

NARROW = {"width": 360, "height": 740}
BYTES = 150_000


@pytest.mark.parametrize(("scheme", "language"), [("light", "en"), ("dark", "de")])
def test_axe_finds_nothing_in_any_state(new_preview: Callable[..., Preview], scheme: str, language: str) -> None:
    preview = new_preview(color_scheme=scheme).open(language)
    page, found = preview.page, preview.violations()
    for tab in ("gallery", "json", "server", "report"):
        preview.choose(tab)
        found += preview.violations()
    for rows in ("labs", "history", "orders", "reports"):
        page.click(f'[data-add="{rows}"]')
    found += preview.violations()
    for row in range(4):
        del row
        page.locator(".remove").first.click()
    preview.paste(GERMAN)
    page.click("[data-act=override] >> nth=0")
    page.locator(".menu summary").click()
    page.locator("details.resource summary").first.click()
    page.locator("mark").first.focus()
    found += preview.violations()
    for tab in ("course", "decision", "evidence", "changes", "compare"):
        preview.choose(tab)
        if tab == "changes":
            expect(page.locator(".matrix")).to_be_visible()
        if tab == "compare":
            page.click("#compare button")
            expect(page.locator(".sides")).to_be_visible()
        found += preview.violations()
    preview.allow("status of 400")
    preview.choose("json")
    page.fill("#json", '{"resourceType": "Bundle", "entry": {"a": 1}}')
    page.click("#input button.main")
    expect(page.locator("#result .problems")).to_be_visible()
    assert found + preview.violations() == []


def test_dark_follows_the_system_and_the_switch_wins(new_preview: Callable[..., Preview]) -> None:
    preview = new_preview(color_scheme="dark").open()
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = preview.page.evaluate(ground)
    preview.page.select_option("#theme", "light")
    light = preview.page.evaluate(ground)
    assert dark != light
    preview.page.reload()
    preview.ready()
    assert preview.page.evaluate(ground) == light
    preview.page.select_option("#theme", "")
    assert preview.page.evaluate(ground) == dark


@pytest.mark.parametrize("language", ["en", "de", "ro"])
def test_at_360_pixels_nothing_is_cut_off(new_preview: Callable[..., Preview], language: str) -> None:
    preview = new_preview(viewport=NARROW).open(language)
    preview.paste(GERMAN)
    for tab in ("findings", "course", "decision", "changes", "compare"):
        preview.choose(tab)
        if tab == "changes":
            expect(preview.page.locator(".matrix")).to_be_visible()
        reached, window = preview.widths()
        assert reached <= window, tab
    assert preview.violations() == []


def test_on_a_wide_screen_the_panes_scroll_and_the_page_does_not(preview: Preview) -> None:
    preview.paste(GERMAN)
    for tab in ("findings", "course", "decision", "evidence", "changes"):
        preview.choose(tab)
        if tab == "changes":
            expect(preview.page.locator(".matrix")).to_be_visible()
        reached, window = preview.page.evaluate("[document.documentElement.scrollHeight, innerHeight]")
        assert reached <= window, tab


def test_the_side_bar_of_an_ehr_is_narrow(preview: Preview) -> None:
    preview.paste(GERMAN)
    wide = preview.card().bounding_box()
    preview.page.check("#narrow")
    narrow = preview.card().bounding_box()
    assert wide
    assert narrow
    assert narrow["width"] < 320 < wide["width"]
    reached, window = preview.widths()
    assert reached <= window


def test_motion_is_left_out_for_who_does_not_want_it(new_preview: Callable[..., Preview]) -> None:
    preview = new_preview(reduced_motion="reduce").open()
    moving = "[...document.querySelectorAll('*')].filter(e => getComputedStyle(e).transitionDuration !== '0s').length"
    assert preview.page.evaluate(moving) == 0


def test_the_page_is_light(new_preview: Callable[..., Preview]) -> None:
    preview = new_preview()
    loaded: dict[str, int] = {}
    preview.page.on("requestfinished", lambda request: loaded.update({request.url: 0}))
    preview.open("de")
    for address in loaded:
        answer = preview.page.request.get(address)
        loaded[address] = len(gzip.compress(answer.body()))
    assert len(loaded) > 10
    assert sum(loaded.values()) <= BYTES, loaded
