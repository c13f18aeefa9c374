"""The preview page as a person uses it, and everything that must never happen meanwhile."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Locator, Page, Request, expect

MILLISECONDS = 60_000
expect.set_options(timeout=MILLISECONDS)


@dataclass
class Preview:
    """One open page. ``problems`` collects console errors, refused content and calls to other places."""

    page: Page
    address: str
    problems: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(MILLISECONDS)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.address}/", "blob:", "data:")):
            self.problems.append(f"request: {request.url}")

    def allow(self, pattern: str) -> None:
        """Say that a message of this kind is expected, such as the line of the browser on an answer of 400."""
        self.expected.append(pattern)

    def unexpected(self) -> list[str]:
        """Return what happened and should not have."""
        return [one for one in self.problems if not any(re.search(pattern, one) for pattern in self.expected)]

    def open(self, language: str = "en", fragment: str = "") -> "Preview":
        """Open the page and wait until its scripts are ready."""
        self.page.goto(f"{self.address}/preview?language={language}{fragment}")
        self.ready()
        return self

    def ready(self) -> None:
        """Wait until the scripts of the page run and a state of the address is restored."""
        self.page.wait_for_selector("html[data-ready]")

    def choose(self, tab: str) -> None:
        """Open a tab of the input or of the reasons."""
        self.page.click(f"#tab-{tab}")

    def evaluate(self) -> None:
        """Send what stands in the input pane and wait for what comes."""
        self.page.click("#input button.main")
        self.settled()

    def settled(self) -> None:
        """Wait until no answer is awaited and the cards are there."""
        expect(self.page.locator("#result")).to_have_attribute("aria-busy", "false")
        expect(self.page.locator("#result #cards, #result .problems").first).to_be_attached()

    def paste(self, text: str) -> None:
        """Put a report into its field and evaluate it."""
        self.page.fill("#text", text)
        self.evaluate()

    def fixture(self, name: str) -> None:
        """Click a scenario of the gallery."""
        if self.page.locator("#panel-gallery").is_hidden():
            self.choose("gallery")
        with self.page.expect_response(lambda answer: answer.request.method == "POST" and "/preview" in answer.url):
            self.page.click(f'[data-fixture="{name}"]')
        self.settled()

    def cards(self) -> list[tuple[str, str, str]]:
        """Card, variant and indicator of each card shown, in order."""
        found: list[tuple[str, str, str]] = self.page.eval_on_selector_all(
            "#cards > .card",
            "all => all.map(c => [c.dataset.card, c.dataset.text, "
            "['info', 'warning', 'critical'].find(i => c.classList.contains(i))])",
        )
        return [(card, text, indicator) for card, text, indicator in found]

    def marks(self, kind: str) -> list[str]:
        """Texts of the report that are highlighted as ``kind``."""
        return self.page.locator(f".report-text mark.{kind}").all_text_contents()

    def card(self, number: int = 0) -> Locator:
        """One of the cards."""
        return self.page.locator("#cards > .card").nth(number)

    def violations(self) -> list[str]:
        """What axe-core finds wrong with the page as it is now."""
        found: dict[str, Any] = Axe().run(self.page).response
        assert found["passes"], "axe-core checked nothing"
        return [
            f"{one['id']}: {one['help']}: {node['html'][:200]}" for one in found["violations"] for node in one["nodes"]
        ]

    def widths(self) -> Iterable[int]:
        """Width of what can be scrolled to, and of the window."""
        both: list[int] = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        return both
