"""The page in three languages, and the state of the page in its address."""

import base64
import json
import zlib

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


@pytest.mark.parametrize(
    "state",
    [
        {"tab": "server", "body": {"server": "https://fhir.example.org/r4", "patient": "p1"}},
        {"tab": "json", "body": {"text": GERMAN, "overlay": "[switches]\nesr_enabled = false\n"}},
        {"tab": "json", "body": {"server": "https://fhir.example.org/r4", "patient": "p1"}},
    ],
)
def test_a_link_that_names_a_server_or_site_values_waits_for_the_person(preview: Preview, state: object) -> None:
    sent: list[str] = []
    preview.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    preview.page.goto("about:blank")
    squeezed = zlib.compress(json.dumps(state).encode(), wbits=-15)
    preview.open("en", f"#s={base64.urlsafe_b64encode(squeezed).decode().rstrip('=')}")
    expect(preview.page.locator("#input-state")).to_contain_text("press Evaluate")
    expect(preview.page.locator(".welcome")).to_be_visible()
    assert sent == []
    preview.allow("status of 4")
    preview.evaluate()
    assert sent


def test_nothing_of_the_patient_leaves_in_an_address(preview: Preview) -> None:
    addresses: list[str] = []
    preview.page.on("request", lambda request: addresses.append(request.url))
    preview.page.fill("#age", "63")
    preview.paste(GERMAN)
    assert addresses
    assert {one.partition("?")[2] for one in addresses} <= {"", "language=en"}
