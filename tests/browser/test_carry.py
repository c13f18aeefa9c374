"""Taking an evaluation along: curl command, hook request, test case, JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import requests
from playwright.sync_api import expect

from tests.browser.preview_page import Preview
from tests.browser.reports import GERMAN


def menu(preview: Preview) -> None:
    preview.page.locator(".menu summary").click()


def download(preview: Preview, act: str) -> str:
    with preview.page.expect_download() as waiting:
        preview.page.click(f"[data-act={act}]")
    return Path(waiting.value.path()).read_text()


def test_link_and_curl_are_copied(new_preview: Callable[..., Preview]) -> None:
    preview = new_preview(permissions=["clipboard-read", "clipboard-write"]).open()
    preview.paste(GERMAN + " It's quoted.")
    menu(preview)
    preview.page.click("[data-act=copy-curl]")
    expect(preview.page.locator("#input-state")).to_have_text("Copied.")
    copied = preview.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("curl -s 'http://127.0.0.1:")
    assert "It'\\''s quoted." in copied
    # The words of the first copy stand there until those of the second come.
    preview.page.evaluate("document.getElementById('input-state').textContent = ''")
    preview.page.click("[data-act=copy-link]")
    expect(preview.page.locator("#input-state")).to_have_text("Copied.")
    assert preview.page.evaluate("navigator.clipboard.readText()") == preview.page.url


def test_the_downloaded_hook_request_gives_the_same_cards(preview: Preview) -> None:
    preview.paste(GERMAN)
    menu(preview)
    body = json.loads(download(preview, "download-hook"))
    answer = requests.post(f"{preview.address}/cds-services/marrow-edema-patient-view", json=body, timeout=60)
    summaries = preview.page.locator("#cards > .card h3").all_text_contents()
    assert [card["summary"] for card in answer.json()["cards"]] == summaries
    assert GERMAN.split("\n")[0] in json.loads(json.dumps(download(preview, "download-case")))


def test_a_scenario_is_edited_as_json(preview: Preview) -> None:
    preview.fixture("t11-raised-labs")
    cards = preview.cards()
    menu(preview)
    preview.page.click("[data-act=edit-json]")
    expect(preview.page.locator("#json-state")).to_contain_text("Valid JSON")
    preview.page.fill("#as-of", "2026-03-16")
    preview.evaluate()
    assert preview.cards() == cards
