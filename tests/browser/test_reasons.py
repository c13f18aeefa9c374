"""Behind the cards: course, decision, evidence, what would change it, and comparing."""

from playwright.sync_api import expect

from tests.browser.preview_page import Preview
from tests.browser.reports import ENGLISH, GERMAN


def test_course_decision_and_evidence_are_shown(preview: Preview) -> None:
    preview.fixture("t11-week-14")
    preview.choose("course")
    expect(preview.page.locator(".report-mark")).to_have_count(2)
    expect(preview.page.locator(".course-drawing .threshold-name").first).to_be_visible()
    expect(preview.page.locator("#course-table")).to_contain_text("2.2 mg/L")
    preview.choose("decision")
    expect(preview.page.locator(".lanes li")).to_have_count(5)
    expect(preview.page.locator(".lanes .shown")).to_have_count(2)
    expect(preview.page.locator("#panel-decision")).to_contain_text("IMG-SOFT-TISSUE")
    preview.choose("evidence")
    addresses = preview.page.eval_on_selector_all(".evidence a", "all => all.map(a => a.href)")
    assert addresses
    assert all(one.startswith("https://") for one in addresses)


def test_the_matrix_says_which_cards_a_missing_fact_would_bring(preview: Preview) -> None:
    preview.fixture("t11-before-labs")
    preview.choose("changes")
    matrix = preview.page.locator(".matrix")
    expect(matrix).to_be_visible()
    expect(matrix).to_contain_text("CRP")
    row = preview.page.locator("[data-option=crp-raised]")
    expect(row.locator(".mini.added")).not_to_have_count(0)
    expect(row.locator(".mini.removed, .mini.changed, .mini.same")).not_to_have_count(0)


def test_two_languages_are_compared(preview: Preview) -> None:
    preview.fixture("t11-raised-labs")
    preview.choose("compare")
    preview.page.select_option("#compare-language", "de")
    preview.page.click("#compare button")
    sides = preview.page.locator(".sides > section")
    expect(sides.nth(0)).to_contain_text("Warning")
    expect(sides.nth(1)).to_contain_text("Warnung")


def test_another_report_is_compared_and_differences_are_marked(preview: Preview) -> None:
    preview.paste(GERMAN)
    preview.choose("compare")
    preview.page.select_option("#compare-what", "report")
    preview.page.fill("#compare-report", ENGLISH)
    preview.page.click("#compare button")
    expect(preview.page.locator(".sides .tag").first).to_be_visible()
    expect(preview.page.locator("#comparison")).to_contain_text("only on the right")
    expect(preview.page.locator("#comparison")).to_contain_text("Findings that differ")


def test_site_values_are_compared(preview: Preview) -> None:
    preview.fixture("t11-raised-labs")
    preview.choose("compare")
    preview.page.select_option("#compare-what", "overlay")
    # What the field holds at first is a working example.
    preview.page.click("#compare button")
    expect(preview.page.locator("#comparison")).to_contain_text("crp_raised: 10 mg/L → 6 mg/L")
    preview.allow("status of 400")
    preview.page.fill("#compare-overlay", "[parameters]\ncrp_raised = 900\n")
    preview.page.click("#compare button")
    expect(preview.page.locator("#comparison .problems")).to_contain_text("crp_raised")


def test_another_day_is_compared(preview: Preview) -> None:
    preview.fixture("t11-normal-labs")
    preview.choose("compare")
    preview.page.select_option("#compare-what", "day")
    preview.page.fill("#compare-day", "2026-06-30")
    preview.page.click("#compare button")
    expect(preview.page.locator("#comparison")).to_contain_text("2026-06-30")
    expect(preview.page.locator("#comparison .tag").first).to_be_visible()
