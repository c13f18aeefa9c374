"""Pasted and dropped JSON: what is wrong with it is said with its line, what is right is evaluated."""

import json

import pytest
from playwright.sync_api import expect

import fhir_fixtures
from cds_service.hooks.services import PATIENT_VIEW
from tests.browser.preview_page import Preview
from tests.browser.reports import ENGLISH

FAULTS = {
    '{\n  "resourceType": "Bundle",\n  "entry": [,]\n}': "Line 3, column 13",
    '{"a": 1': "Line 1, column 8",
    '{\n"a": tru}': "Line 2, column 6",
    '{\n"a": 1,\n}': "Line 3, column 1",
    '["a"\n"b"]': "Line 2, column 1",
    '{"a": 1}}': "Line 1, column 9",
    '{"a": "line\nbreak"}': "Line 1, column 7",
    "[1, 2": "Line 1, column 6",
}


def test_a_fault_is_told_with_its_line(preview: Preview) -> None:
    preview.choose("json")
    for text, place in FAULTS.items():
        preview.page.fill("#json", text)
        expect(preview.page.locator("#json-state")).to_contain_text(place)
        expect(preview.page.locator("#json")).to_have_attribute("aria-invalid", "true")
        expect(preview.page.locator(".numbers .at")).to_have_text(place.split()[1].rstrip(","))
        preview.page.click("#input button.main")
        expect(preview.page.locator("#input-state")).to_contain_text(place)
        expect(preview.page.locator("#json")).to_be_focused()


def test_a_bundle_and_a_hook_request_are_evaluated(preview: Preview) -> None:
    preview.choose("json")
    preview.page.fill("#as-of", "2026-03-16")
    preview.page.fill("#json", json.dumps(fhir_fixtures.bundle("t11-raised-labs"), indent=2))
    expect(preview.page.locator("#json-state")).to_contain_text("Valid JSON: Bundle")
    preview.evaluate()
    assert [card for card, _, _ in preview.cards()] == ["C11"]
    preview.page.fill("#json", json.dumps(fhir_fixtures.hook_request("t11-raised-labs", PATIENT_VIEW.to_wire())))
    expect(preview.page.locator("#json-state")).to_contain_text("request of hook patient-view")
    preview.evaluate()
    assert [card for card, _, _ in preview.cards()] == ["C11"]


def test_what_the_service_cannot_use_is_said_in_its_words(preview: Preview) -> None:
    preview.allow("status of 400")
    preview.choose("json")
    preview.page.fill("#json", '{"resourceType": "Bundle", "entry": {"a": 1}}')
    preview.page.click("#input button.main")
    expect(preview.page.locator("#result .problems")).to_contain_text("entry must be an array")


@pytest.mark.parametrize(
    ("name", "content", "field"),
    [
        ("report.txt", ENGLISH, "#text"),
        ("bundle.json", json.dumps(fhir_fixtures.bundle("t11-before-labs")), "#json"),
    ],
)
def test_a_dropped_file_lands_where_it_belongs(preview: Preview, name: str, content: str, field: str) -> None:
    drop = """([name, content]) => {
        const data = new DataTransfer();
        data.items.add(new File([content], name));
        const event = new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true});
        document.querySelector("#age").dispatchEvent(event);
    }"""
    preview.page.evaluate(drop, [name, content])
    expect(preview.page.locator(field)).to_have_value(content)
    preview.settled()
    assert preview.cards()


def test_a_dropped_picture_is_refused_in_words(preview: Preview) -> None:
    preview.page.evaluate(
        """() => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array([137, 80, 78, 71, 0, 1])], "scan.png"));
        document.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
    }"""
    )
    expect(preview.page.locator("#input-state")).to_contain_text("Only text and JSON")
