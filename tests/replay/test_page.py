"""The report page: what it shows of a synthetic cohort, and how it looks in a real browser."""

import copy
import html
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from cds_service.replay.local import replay
from cds_service.replay.page import LANE_NAMES, page
from cds_service.replay.write_up import write_up
from cds_service.synth.chart import Charts
from cds_service.synth.export import Compression, Export
from cds_service.synth.parameters import values
from cds_service.synth.wording import LANGUAGES
from tests.replay.conftest import KEY, Silent, run_of

_WIDTHS = (360, 768, 1440)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replay of ninety synthetic patients, dangerous conditions more frequent than usual, with labels."""
    folder, out = tmp_path_factory.mktemp("cohort"), tmp_path_factory.mktemp("replayed")
    chosen = values(
        ["share_emergency=0.1", "share_infection=0.15", "share_malignancy=0.15", "report_without_text=0.08"]
    )
    for _ in Export(folder, compression=Compression.GZIP, parts=2).write(Charts(2, chosen, LANGUAGES), 90, chosen, 2):
        pass
    counts = replay(run_of(folder / "fhir", out=out), Silent())
    write_up(out, counts, [str(folder / "labels.ndjson")], KEY, software="test", day=None)
    return out


@pytest.fixture(scope="module")
def summary(result: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((result / "summary.json").read_bytes())
    return found


def _text(document: str) -> str:
    """Return what a reader of the page sees, without marks and styles."""
    body = document[document.index("<body>") :]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def test_the_cohort_has_something_of_everything(summary: dict[str, Any]) -> None:
    assert {one["lane"] for one in summary["lanes"]} >= {"A", "B", "C", "D", "E"}
    assert summary["unread"]
    assert summary["labelled"]["matched"] > 100
    assert summary["counts"]["problems"] == {}


def test_the_page_tells_each_part(summary: dict[str, Any]) -> None:
    text = _text(page(summary))
    for part in (
        "Cards per 100 reports, by lane", "by month", "by ordering department", "Per clinician and week",
        "Most frequent cards", "Rules that fired most", "Reports unread, and evaluations that failed",
        "Facts that were missing", "Outcome against the first card", "Dangerous misses", "What came in",
        "How to read these figures, and their limits", "not seen because they were recorded later",
        *summary["knowledge"],
    ):  # fmt: skip
        assert part in text, part
    for lane in {one["lane"] for one in summary["samples"]}:
        assert f"{LANE_NAMES[lane]}: {sum(one['lane'] == lane for one in summary['samples'])}" in text


def test_the_page_needs_nothing_from_elsewhere(summary: dict[str, Any]) -> None:
    document = page(summary)
    assert "<script" not in document
    assert "url(" not in document
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", document)


def test_texts_of_reports_are_no_markup(summary: dict[str, Any]) -> None:
    hostile = copy.deepcopy(summary)
    hostile["samples"][0]["snippet"] = "<img src=x onerror=alert(1)>"
    hostile["departments"][0]["department"] = "</svg><script>alert(1)</script>"
    document = page(hostile)
    assert "<script>" not in document
    assert "<img" not in document
    assert "&lt;img src=x" in document


def test_an_empty_cohort_has_a_page_as_well(summary: dict[str, Any]) -> None:
    empty = copy.deepcopy(summary) | {
        "knowledge": [], "period": {"first": "", "last": ""}, "reports": 0, "reports_with_card": 0, "cards_total": 0,
        "errors": {}, "unread": {}, "languages": {}, "modalities": {}, "regions": {}, "lanes": [], "cards": [],
        "months": [], "departments": [], "rules": [], "missing_facts": {}, "gaps": [], "samples": [], "labelled": None,
    }  # fmt: skip
    text = _text(page(empty))
    assert "Every report was read and judged." in text
    assert "Against the labels" not in text


def test_failed_evaluations_and_mixed_knowledge_stand_out(summary: dict[str, Any]) -> None:
    broken = copy.deepcopy(summary) | {"errors": {"ValueError": 3}, "knowledge": ["one", "two"]}
    text = _text(page(broken))
    assert "failed: ValueError" in text
    assert "These figures mix 2 knowledge versions." in text


@pytest.fixture
def opened(result: Path, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open the written file with options of the browser; nothing may complain, and nothing may be fetched."""
    pages: list[Page] = []
    faults: list[str] = []

    def make(**options: Any) -> Page:
        opened = chromium.new_context(**options).new_page()
        pages.append(opened)
        opened.on("console", lambda message: faults.append(message.text))
        opened.on("pageerror", lambda error: faults.append(str(error)))
        opened.on("request", lambda one: None if one.url.startswith(("file:", "data:")) else faults.append(one.url))
        opened.goto((result / "report.html").as_uri())
        return opened

    yield make
    for one in pages:
        one.context.close()
    assert faults == []


def test_the_page_opens_in_a_browser_with_its_charts(opened: Callable[..., Page]) -> None:
    page = opened(java_script_enabled=False)
    assert page.title() == "Replay of past reports – Marrow CDS"
    charts = page.locator("svg[role=img]")
    assert charts.count() >= 7
    for index in range(charts.count()):
        box = charts.nth(index).bounding_box()
        assert box is not None
        assert box["width"] > 500
        assert box["height"] > 30
        assert len(charts.nth(index).get_attribute("aria-label") or "") > 40
    samples = page.locator("details", has_text="A Safety:").first
    expect(samples.locator("blockquote").first).to_be_hidden()
    samples.locator("summary").click()
    expect(samples.locator("blockquote").first).to_be_visible()


@pytest.mark.parametrize("width", _WIDTHS)
def test_no_text_of_a_chart_runs_out_of_it_and_no_page_scrolls_sideways(
    opened: Callable[..., Page], width: int
) -> None:
    page = opened(viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    outside = page.evaluate(
        """[...document.querySelectorAll("svg text")].filter(text => {
             const box = text.getBBox(), frame = text.ownerSVGElement.viewBox.baseVal;
             return box.x < -0.5 || box.x + box.width > frame.width + 0.5 || box.y + box.height > frame.height + 0.5;
           }).map(text => text.textContent)"""
    )
    assert outside == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_can_be_read_by_everybody(opened: Callable[..., Page], scheme: str) -> None:
    page = opened(color_scheme=scheme, viewport={"width": 1200, "height": 900})
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == []


def test_a_printed_page_is_light_and_holds_the_tables(opened: Callable[..., Page]) -> None:
    page = opened(color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    style = page.evaluate("getComputedStyle(document.querySelector('figure')).backgroundColor")
    assert style == "rgb(255, 255, 255)"
    hidden = page.evaluate(
        "[...document.querySelectorAll('details')].filter("
        "one => getComputedStyle(one, '::details-content').contentVisibility !== 'visible').length"
    )
    assert hidden == 0
