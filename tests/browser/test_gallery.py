"""Every synthetic patient of the gallery gives the cards that its scenario says."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

import fhir_fixtures
from tests.browser.conftest import Site
from tests.browser.preview_page import Preview


@pytest.fixture(scope="module")
def gallery(chromium: Browser, site: Site) -> Iterator[Preview]:
    """One page for all scenarios, as somebody clicks through them."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    yield Preview(context.new_page(), site.address).open()
    context.close()


@pytest.mark.parametrize("name", fhir_fixtures.scenarios())
def test_a_scenario_gives_its_cards(gallery: Preview, name: str) -> None:
    gallery.fixture(name)
    expected = [(card.card, card.text, card.indicator) for card in fhir_fixtures.scenario(name).cards]
    shown = gallery.cards()
    assert [one for one in shown if one in expected] == expected
    if not expected:
        expect(gallery.page.locator(".nothing")).to_contain_text("No card is no reassurance")
    assert gallery.page.evaluate("location.hash") == f"#fixture={name}"
    assert gallery.unexpected() == []


def test_the_gallery_is_searched(new_preview: Callable[..., Preview]) -> None:
    preview = new_preview().open("de")
    preview.choose("gallery")
    expect(preview.page.locator("#gallery button")).to_have_count(len(fhir_fixtures.scenarios()))
    preview.page.fill("#gallery-filter", "kyphoplast")
    visible = preview.page.locator("#gallery li:visible button")
    expect(visible).to_have_count(1)
    expect(visible).to_have_attribute("data-fixture", "kyphoplasty-raised-crp")


def test_a_scenario_can_be_linked(new_preview: Callable[..., Preview]) -> None:
    preview = new_preview().open("ro", "#fixture=t11-raised-labs")
    preview.settled()
    assert preview.cards()[0][0] == "C11"
    assert preview.page.locator("html").get_attribute("lang") == "ro"
