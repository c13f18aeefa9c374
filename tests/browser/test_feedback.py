"""Accepting and overriding on the page: the resource is shown, and the service keeps the feedback as from an EHR."""

from playwright.sync_api import expect

from tests.browser.conftest import Site
from tests.browser.preview_page import Preview
from tests.browser.reports import ENGLISH, GERMAN


def test_accepting_shows_the_resource_and_the_feedback_is_kept(preview: Preview, site: Site) -> None:
    before = len(site.store.feedback())
    preview.paste(ENGLISH)
    step = preview.card().locator("[data-suggestion]").first
    step.get_by_role("button").click()
    expect(step.locator("pre").first).to_contain_text('"resourceType": "ServiceRequest"')
    expect(preview.card().locator(".outcome")).to_contain_text("Accepted")
    expect(step.get_by_role("button")).to_be_disabled()
    kept = site.store.feedback()[before:]
    assert [(one.feedback.outcome, len(one.feedback.accepted_suggestions)) for one in kept] == [("accepted", 1)]
    assert kept[0].feedback.service == "marrow-edema-patient-view"


def test_overriding_asks_for_a_reason_and_the_feedback_is_kept(preview: Preview, site: Site) -> None:
    before = len(site.store.feedback())
    preview.paste(GERMAN)
    card = preview.card()
    card.locator("[data-act=override]").click()
    card.locator("select[name=reason]").select_option("other")
    card.locator("form.override button[type=submit]").click()
    expect(card.locator(".outcome")).to_contain_text("Please comment")
    card.locator("input[name=comment]").fill("seen by the spine team")
    card.locator("form.override button[type=submit]").click()
    expect(card.locator(".outcome")).to_contain_text("Overridden")
    expect(card.locator("[data-act=override]")).to_be_disabled()
    (kept,) = site.store.feedback()[before:]
    assert (kept.feedback.outcome, kept.feedback.reason_code) == ("overridden", "other")
    assert kept.feedback.comment == "seen by the spine team"


def test_nothing_is_reported_before_something_is_done(preview: Preview, site: Site) -> None:
    before = len(site.store.feedback())
    asked: list[str] = []
    preview.paste(GERMAN)
    preview.page.on("request", lambda request: asked.append(request.url))
    preview.card().locator("[data-act=override]").click()
    preview.card().locator("[data-act=cancel-override]").click()
    expect(preview.card().locator("form.override")).to_be_hidden()
    # Nor is anything on its way.
    assert asked == []
    assert len(site.store.feedback()) == before
