"""Pictures of the main states; kept in docs/images when they are asked for, else only taken."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.preview_page import Preview
from tests.browser.reports import GERMAN

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PNG = b"\x89PNG"


def empty(preview: Preview) -> None:
    expect(preview.page.locator(".welcome")).to_be_visible()


def report(preview: Preview) -> None:
    preview.page.fill("#age", "63")
    preview.page.select_option("#sex", "male")
    preview.paste(GERMAN)
    preview.page.locator("mark.possible").first.hover()
    expect(preview.page.locator("#finding-detail")).to_be_visible()


def gallery(preview: Preview) -> None:
    preview.fixture("spondylodiscitis-l4-l5")
    preview.choose("decision")


def course(preview: Preview) -> None:
    preview.fixture("treated-spondylodiscitis")
    preview.choose("course")


def what_if(preview: Preview) -> None:
    preview.fixture("t11-before-labs")
    preview.choose("changes")
    expect(preview.page.locator(".matrix")).to_be_visible()


def compared(preview: Preview) -> None:
    preview.fixture("t11-raised-labs")
    preview.choose("compare")
    preview.page.click("#compare button")
    expect(preview.page.locator(".sides")).to_be_visible()


def fault(preview: Preview) -> None:
    preview.choose("json")
    preview.page.fill("#json", '{\n  "resourceType": "Bundle",\n  "type": "collection",\n  "entry": [,]\n}\n')
    expect(preview.page.locator(".numbers .at")).to_be_visible()


def accepted(preview: Preview) -> None:
    preview.fixture("epidural-abscess-weakness")
    preview.page.check("#narrow")
    preview.card().locator("details.detail > summary").click()
    step = preview.card().locator("[data-suggestion]").first
    step.get_by_role("button").click()
    expect(preview.card().locator(".outcome")).not_to_be_empty()


def phone(preview: Preview) -> None:
    preview.paste(GERMAN)


PICTURES: dict[str, tuple[Callable[[Preview], None], str, dict[str, Any]]] = {
    "preview": (report, "en", {}),
    "preview-empty": (empty, "en", {}),
    "preview-decision": (gallery, "en", {}),
    "preview-course": (course, "ro", {}),
    "preview-what-if": (what_if, "en", {"color_scheme": "dark"}),
    "preview-compare": (compared, "en", {}),
    "preview-json": (fault, "en", {}),
    "preview-accepted": (accepted, "de", {}),
    "preview-dark": (report, "de", {"color_scheme": "dark"}),
    "preview-phone": (phone, "de", {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_taken(
    new_preview: Callable[..., Preview], tmp_path: Path, request: pytest.FixtureRequest, name: str
) -> None:
    state, language, options = PICTURES[name]
    preview = new_preview(**options).open(language)
    state(preview)
    # The words on the time it took differ from picture to picture.
    preview.page.evaluate("document.getElementById('took')?.replaceChildren()")
    folder = IMAGES if request.config.getoption("--screenshots") else tmp_path
    path = folder / f"{name}.png"
    preview.page.screenshot(path=path, animations="disabled", caret="hide")
    assert path.read_bytes().startswith(PNG)
