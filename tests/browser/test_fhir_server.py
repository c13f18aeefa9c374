"""A report chosen on a real FHIR server."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from cds_service.ehr.calls import Calls
from cds_service.ehr.seeding import Seed
from cds_service.ehr.server import FhirServer
from tests.browser.preview_page import Preview

SECONDS = 600


@pytest.fixture
def patient(hapi: str) -> Iterator[str]:
    """A synthetic patient of this test alone on the server."""
    tag = f"page-{uuid.uuid4().hex[:8]}"
    seed = Seed(FhirServer(hapi, Calls(SECONDS), ""), tag)
    (loaded,) = seed.load(["t11-raised-labs"], datetime.now(UTC))
    yield loaded.patient_id
    seed.remove()


def test_a_report_is_found_and_evaluated(preview: Preview, hapi: str, patient: str) -> None:
    preview.choose("server")
    preview.page.fill("#server", hapi)
    preview.page.fill("#server-query", patient)
    preview.page.click("[data-act=search]")
    found = preview.page.locator(f'[data-patient="{patient}"]')
    expect(found.locator("[data-report]")).to_have_count(1)
    found.locator("[data-report]").click()
    expect(preview.page.locator("#cards")).to_be_visible()
    preview.settled()
    assert [card for card, _, _ in preview.cards()] == ["C11"]
    expect(preview.page.locator(".report-text").first).to_contain_text("BWK 11")


def test_a_server_that_may_not_be_asked_is_refused_in_words(preview: Preview) -> None:
    preview.allow("status of 4")
    preview.choose("server")
    preview.page.fill("#server", "https://fhir.example.org/r4")
    preview.page.click("[data-act=search]")
    expect(preview.page.locator("#patients .problems")).to_be_visible()
