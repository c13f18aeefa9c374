"""The preview page in a real browser: weight, time to the first picture, and the way of an evaluation in the page."""

import gzip
import statistics
import sys
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

import fhir_fixtures
from cds_service.app import build_backend
from cds_service.config import Settings
from cds_service.web.site import build_site
from tests.browser.chromium import browser, executable
from tests.servers.processes import MissingError

ROUNDS = 15
LIMITS = {"weight_kb": 150, "first_picture_ms": 300, "evaluation_ms": 50}
_PICTURES = "performance.getEntriesByName('first-contentful-paint')"
# From sending the input to the new cards being laid out.
_EVALUATION = """async body => {
    const began = performance.now();
    const answer = await fetch("/preview?language=de", {method: "POST", body: JSON.stringify(body),
        headers: {"Content-Type": "application/json", "Accept": "text/html"}});
    document.getElementById("result").innerHTML = await answer.text();
    document.getElementById("result").getBoundingClientRect();
    return performance.now() - began;
}"""


def _weight(page: Page, address: str) -> float:
    """Everything that the page loads, compressed, in kilobytes."""
    loaded: set[str] = set()
    page.on("requestfinished", lambda request: loaded.add(request.url))
    page.goto(f"{address}/preview")
    page.wait_for_selector("html[data-ready]")
    return sum(len(gzip.compress(page.request.get(one).body())) for one in loaded) / 1000


def _first_picture(chromium: Browser, address: str) -> float:
    page = chromium.new_page()
    page.goto(f"{address}/preview")
    page.wait_for_selector("html[data-ready]")
    page.wait_for_function(f"{_PICTURES}.length > 0")
    shown = float(page.evaluate(f"{_PICTURES}[0].startTime"))
    page.close()
    return shown


def _longest() -> str:
    return max(fhir_fixtures.scenarios(), key=lambda name: len(str(fhir_fixtures.bundle(name))))


def _measure(chromium: Browser, address: str) -> dict[str, float]:
    page = chromium.new_page()
    measured = {"weight_kb": _weight(page, address)}
    measured["first_picture_ms"] = statistics.median(_first_picture(chromium, address) for _ in range(5))
    body = {"fixture": _longest()}
    times = [float(page.evaluate(_EVALUATION, body)) for _ in range(ROUNDS)]
    measured["evaluation_ms"] = statistics.median(times[2:])
    return measured


def main() -> int:
    """Print what was measured beside what is wanted."""
    try:
        executable()
    except MissingError as reason:
        sys.stdout.write(f"The page was not measured: {reason}\n")
        return 0
    with (
        tempfile.TemporaryDirectory() as state,
        make_server("127.0.0.1", 0, lambda _e, _s: [], threaded=True) as server,
    ):
        settings = Settings(port=server.server_port, state_dir=Path(state))
        server.app = build_site(build_backend(settings))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with browser() as chromium:
            for name, value in _measure(chromium, settings.base_url).items():
                sys.stdout.write(f"{name:<18} {value:8.1f}   wanted at most {LIMITS[name]}\n")
        server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
