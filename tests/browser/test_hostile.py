"""Hostile text in every field: it stays text, readable, and moves nothing around it."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.preview_page import MILLISECONDS, Preview

TRICKS = (
    "<script>window.hit = 1</script><img src=x onerror='window.hit = 2'><svg onload=window.hit=3>"
    "<a href='javascript:window.hit=4'>x</a> [link](javascript:window.hit=5) ![i](https://evil.example/x.png) "
    "<style>body{display:none}</style> </textarea></mark></script> {{ 7*7 }} ${7*7} \"' onmouseover=window.hit=6 "
    "`code` **bold** | a | b | &lt;b&gt; \u202eevil\u202c \u2066x\u2069"
)
REPORT = f"MRI thoracic spine. {TRICKS} Bone marrow edema of T11 {TRICKS}. No fracture."


def inert(preview: Preview) -> None:
    page = preview.page
    assert page.evaluate("window.hit") is None
    strange = page.eval_on_selector_all(
        "#result script, #result img, #result style, #result [style], #result iframe, #result [onmouseover], "
        "#result a[href^='javascript'], #result a[href*='evil']",
        "all => all.map(e => e.outerHTML)",
    )
    assert strange == []
    shown = page.locator("#result").inner_text()
    assert "\u202e" not in shown
    assert "\u2066" not in shown


def test_a_report_of_tricks_stays_a_text(preview: Preview) -> None:
    preview.paste(REPORT)
    inert(preview)
    text = preview.page.locator(".report-text").first
    expect(text).to_contain_text("<script>window.hit = 1</script>")
    expect(text).to_contain_text("[U+202E]evil[U+202C]")
    expect(text).to_contain_text("{{ 7*7 }}")
    assert any("edema" in one for one in preview.marks("present"))
    for mark in preview.page.locator("mark").all()[:4]:
        mark.focus()
    for tab in ("course", "decision", "evidence", "changes"):
        preview.choose(tab)
    expect(preview.page.locator(".matrix")).to_be_visible()
    inert(preview)


def test_tricks_in_every_other_field_stay_text(preview: Preview) -> None:
    preview.allow("status of 400")
    page = preview.page
    page.fill("#text", "Bone marrow edema of T11.")
    for rows in ("history", "medications", "orders"):
        page.click(f'[data-add="{rows}"]')
        page.locator(f".entry-{rows} [data-part=name]").fill(TRICKS)
    page.click('[data-add="labs"]')
    for part, value in {"name": TRICKS, "value": TRICKS, "unit": TRICKS}.items():
        page.locator(f".entry-labs [data-part={part}]").fill(value)
    page.click('[data-add="reports"]')
    page.locator(".entry-reports [data-part=text]").fill(REPORT)
    preview.evaluate()
    inert(preview)
    assert preview.cards()
    preview.choose("compare")
    page.select_option("#compare-what", "report")
    page.fill("#compare-report", REPORT)
    page.click("#compare button")
    expect(page.locator(".sides")).to_be_visible()
    inert(preview)
    page.select_option("#compare-what", "overlay")
    page.fill("#compare-overlay", TRICKS)
    page.click("#compare button")
    expect(page.locator("#comparison .problems")).to_be_visible()
    inert(preview)
    page.fill("#age", TRICKS)
    page.click("#input button.main")
    expect(page.locator("#result .problems")).to_be_visible()
    inert(preview)


def test_tricks_in_json_and_in_a_search_stay_text(preview: Preview) -> None:
    preview.allow("status of 4")
    page = preview.page
    report = {
        "resourceType": "DiagnosticReport",
        "id": TRICKS,
        "status": "final",
        "code": {"text": TRICKS},
        "subject": {"reference": f"Patient/{TRICKS}"},
        "conclusion": REPORT,
        "effectiveDateTime": TRICKS,
    }
    preview.choose("json")
    page.fill("#json", json.dumps({"resourceType": "Bundle", "type": TRICKS, "entry": [{"resource": report}]}))
    preview.evaluate()
    inert(preview)
    page.fill("#json", TRICKS)
    page.click("#input button.main")
    expect(page.locator("#input-state")).to_contain_text("Line 1")
    preview.choose("server")
    page.fill("#server", f"http://127.0.0.1:1/{TRICKS}")
    page.fill("#server-query", TRICKS)
    page.click("[data-act=search]")
    expect(page.locator("#patients .problems")).to_be_visible()
    assert page.evaluate("window.hit") is None


@pytest.mark.parametrize("unit", ["Keine Fraktur. " * 60 + "\n", "\u202e\u0000<b>" + "( [ { * _ ` edema " * 50 + "\n"])
def test_a_megabyte_is_answered_in_words(preview: Preview, unit: str) -> None:
    preview.allow("status of 4")
    text = (unit * (1_000_000 // len(unit)))[:1_000_000]
    preview.page.evaluate("text => { document.querySelector('#text').value = text }", text)
    preview.page.click("#input button.main")
    preview.page.wait_for_selector("#result[aria-busy=false] #cards, #result .problems", timeout=4 * MILLISECONDS)
    inert(preview)
    reached, window = preview.widths()
    assert reached <= window
