"""A pasted report: cards, highlights, spine, rows with type-ahead, and all of it by keyboard alone."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.preview_page import Preview
from tests.browser.reports import ENGLISH, GERMAN


def test_a_german_report_gives_cards_and_highlights(preview: Preview) -> None:
    preview.open("de").paste(GERMAN)
    assert preview.cards()
    expect(preview.card().locator("h3")).to_contain_text("Th11")
    assert any("Knochenmarködem" in text for text in preview.marks("present"))
    assert any("Spondylodiszitis" in text for text in preview.marks("possible"))
    assert "Fraktur" in preview.marks("absent")
    assert "".join(preview.page.locator(".report-text").first.all_text_contents()) == GERMAN
    levels = preview.page.eval_on_selector_all(".vertebra.present", "all => all.map(v => v.dataset.level)")
    assert levels == ["T11"]


def test_a_highlight_tells_what_was_read_on_hover_and_on_focus(preview: Preview) -> None:
    preview.paste(ENGLISH)
    mark = preview.page.locator("mark.absent", has_text="abscess").first
    box = preview.page.locator("#finding-detail")
    mark.hover()
    expect(box).to_be_visible()
    expect(box).to_contain_text("“No”")
    preview.page.mouse.move(5, 5)
    expect(box).to_be_hidden()
    mark.focus()
    expect(box).to_be_visible()
    preview.page.keyboard.press("Escape")
    expect(box).to_be_hidden()


def test_a_vertebra_lights_up_what_the_report_says_of_it(preview: Preview) -> None:
    preview.paste(ENGLISH)
    preview.page.locator('.vertebra[data-level="L4"] rect').hover()
    expect(preview.page.locator("mark.linked").first).to_be_visible()
    assert all("abscess" not in text for text in preview.page.locator("mark.linked").all_text_contents())


def test_rows_with_type_ahead_change_the_answer(preview: Preview) -> None:
    preview.paste(GERMAN)
    before = preview.cards()
    page = preview.page
    page.click('[data-add="labs"]')
    page.keyboard.type("cr")
    expect(page.locator(".entry-labs [role=option]").first).to_have_text("CRP")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".entry-labs [data-part=unit]")).to_have_value("mg/L")
    page.locator(".entry-labs [data-part=value]").fill("84")
    page.click('[data-add="history"]')
    # A word of another language than that of the page finds the group as well.
    page.locator(".entry-history [data-part=name]").fill("Krebs")
    expect(page.locator(".entry-history [role=option]").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.click('[data-add="orders"]')
    page.locator(".entry-orders [data-part=name]").fill("cement")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#order-hook")).to_be_visible()
    preview.evaluate()
    after = preview.cards()
    assert after != before
    assert any(indicator in {"warning", "critical"} for _, _, indicator in after)
    expect(page.locator("#course-table")).to_contain_text("84 mg/L")
    page.locator(".entry-labs .remove").click()
    expect(page.locator(".entry-labs")).to_have_count(0)


def test_everything_can_be_done_by_keyboard(preview: Preview) -> None:
    page, press = preview.page, preview.page.keyboard.press
    press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    press("Enter")
    while page.evaluate("document.activeElement.id") != "tab-report":
        press("Tab")
    press("ArrowRight")
    expect(page.locator("#tab-gallery")).to_be_focused()
    expect(page.locator("#panel-gallery")).to_be_visible()
    press("ArrowLeft")
    while page.evaluate("document.activeElement.id") != "text":
        press("Tab")
    page.keyboard.insert_text(ENGLISH)
    press("Control+Enter")
    preview.settled()
    assert preview.cards()
    while page.evaluate("document.activeElement.dataset.act") != "override":
        press("Tab")
    press("Enter")
    expect(page.locator("form.override select").first).to_be_focused()
    while page.evaluate("document.activeElement.id") != "tab-findings":
        press("Tab")
    press("End")
    expect(page.locator("#tab-compare")).to_be_focused()
    expect(page.locator("#panel-compare")).to_be_visible()
    press("Home")
    while page.evaluate("document.activeElement.tagName") != "MARK":
        press("Tab")
    expect(page.locator("#finding-detail")).to_be_visible()


def test_an_empty_report_is_asked_for_and_nothing_is_sent(preview: Preview) -> None:
    preview.page.click("#input button.main")
    expect(preview.page.locator("#input-state")).to_contain_text("report first")


def test_the_page_works_without_scripts(new_preview: Callable[..., Preview]) -> None:
    plain = new_preview(java_script_enabled=False)
    plain.page.goto(f"{plain.address}/preview?language=de")
    plain.page.fill("#text", GERMAN)
    plain.page.fill("#age", "63")
    plain.page.fill("#labs", "CRP 84 mg/L")
    plain.page.click("button.main")
    # A form sent without scripts brings another document, and the click does not wait for it.
    expect(plain.page.locator("#cards > .card")).not_to_have_count(0)
    assert plain.page.locator("html").get_attribute("lang") == "de"
    expect(plain.page.locator("#panel-decision")).to_be_visible()
    expect(plain.page.locator("#labs")).to_have_value("CRP 84 mg/L")
    plain.allow("status of 400")
    plain.page.fill("#labs", "CRP")
    plain.page.click("button.main")
    expect(plain.page.locator(".problems")).to_contain_text("labs")
