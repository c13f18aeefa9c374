"""The page in three languages, and the state of the page in its address."""

import pytest
from playwright.sync_api import expect

from tests.browser.preview_page import Preview
from tests.browser.reports import GERMAN


def test_another_language_keeps_what_was_entered(preview: Preview) -> None:
    page = preview.page
    page.fill("#age", "63")
    page.select_option("#sex", "male")
    page.click('[data-add="medications"]')
    page.keyboard.type("Apixaban 5 mg")
    preview.paste(GERMAN)
    assert "language=en#s=" in page.url
    assert "Apixaban" not in page.url
    page.click(".languages [hreflang=de]")
    page.wait_for_url("**language=de#s=*")
    preview.ready()
    preview.settled()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("#text")).to_have_value(GERMAN)
    expect(page.locator("#age")).to_have_value("63")
    expect(page.locator(".entry-medications [data-part=name]")).to_have_value("Apixaban 5 mg")
    expect(preview.card().locator("h3")).to_contain_text("Th11")
    expect(page.locator("#cards-heading")).to_contain_text("Karten")


@pytest.mark.parametrize(("language", "heading"), [("en", "Cards"), ("de", "Karten"), ("ro", "Carduri")])
def test_page_and_cards_speak_the_same_language(preview: Preview, language: str, heading: str) -> None:
    preview.open(language).page.click(".line [data-act=example]")
    preview.settled()
    expect(preview.page.locator("#cards-heading")).to_contain_text(heading)
    assert preview.cards()
    assert preview.marks("present")
    assert preview.marks("possible")
    assert preview.marks("absent")


def test_a_broken_fragment_is_an_empty_page(preview: Preview) -> None:
    preview.page.goto("about:blank")
    preview.open("en", "#s=AAAA")
    expect(preview.page.locator(".welcome")).to_be_visible()


def test_nothing_of_the_patient_leaves_in_an_address(preview: Preview) -> None:
    addresses: list[str] = []
    preview.page.on("request", lambda request: addresses.append(request.url))
    preview.page.fill("#age", "63")
    preview.paste(GERMAN)
    assert addresses
    assert {one.partition("?")[2] for one in addresses} <= {"", "language=en"}
