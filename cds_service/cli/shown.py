"""Cards and rules on a terminal."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cds_service.ehr.actions import Choice
from cds_service.ehr.patients import Candidate

_NO_CARD = "No card. Missing data are not negative findings."
_COLOURS = {"info": "blue", "warning": "yellow", "critical": "red"}


def card_panel(card: Mapping[str, Any]) -> Panel:
    """Return one wire card as a panel: summary, detail, what may be ordered, where it comes from."""
    colour = _COLOURS[card["indicator"]]
    parts: list[RenderableType] = [
        Text(card["summary"], style="bold"),
        Markdown(card.get("detail", ""), hyperlinks=False),
    ]
    steps = [step["label"] for step in card.get("suggestions", ())]
    if steps:
        parts.append(Text("\n".join(f"[ ] {label}" for label in steps), style="cyan"))
    parts.append(Text(f"Source: {card['source']['label']}", style="dim"))
    return Panel(Group(*parts), title=card["indicator"].upper(), title_align="left", border_style=colour)


def show_cards(console: Console, cards: Iterable[Mapping[str, Any]]) -> None:
    """Print cards, the most urgent first as they come; say so when there are none."""
    listed = list(cards)
    for card in listed:
        console.print(card_panel(card))
    if not listed:
        console.print(_NO_CARD)


def _printable(text: Any) -> str:
    """Return words of another program without characters that a terminal would take for commands."""
    return "".join(c for c in str(text) if c in "\n\t" or unicodedata.category(c) != "Cc")


def numbered_panel(number: int, card: Mapping[str, Any], offered: Iterable[Choice]) -> Panel:
    """Return card ``number`` of any service as a panel, its suggestions with the numbers they are called by."""
    parts: list[RenderableType] = [Text(_printable(card["summary"]), style="bold")]
    if card.get("detail"):
        parts.append(Markdown(_printable(card["detail"]), hyperlinks=False))
    for choice in offered:
        mark = " (recommended)" if choice.suggestion.get("isRecommended") else ""
        parts.append(Text(f"[{choice.number}] {_printable(choice.label)}{mark}", style="cyan"))
    if card.get("selectionBehavior") == "at-most-one":
        parts.append(Text("One of them at most.", style="dim"))
    links = [f"{_printable(link.get('label'))}: {_printable(link.get('url'))}" for link in card.get("links") or ()]
    parts.extend(Text(link, style="blue") for link in links)
    reasons = [_printable(reason.get("code")) for reason in card.get("overrideReasons") or ()]
    if reasons:
        parts.append(Text(f"Reasons for not following: {', '.join(reasons)}", style="dim"))
    parts.append(Text(f"Source: {_printable(card['source'].get('label', 'not named'))}", style="dim"))
    title = f"{number} {card['indicator'].upper()}"
    return Panel(Group(*parts), title=title, title_align="left", border_style=_COLOURS[card["indicator"]])


def show_numbered_cards(console: Console, cards: Sequence[Mapping[str, Any]], offered: Sequence[Choice]) -> None:
    """Print the cards of a call with numbers for cards and suggestions; say so when there are none."""
    for number, card in enumerate(cards, 1):
        console.print(numbered_panel(number, card, [choice for choice in offered if choice.card is card]))
    if not cards:
        console.print(_NO_CARD)


def show_candidates(console: Console, found: Sequence[Candidate], server: str) -> None:
    """Print patients with reports of spine MRI, the newest first."""
    if not found:
        console.print(f"No report of a spine MRI was found on {server}.")
        return
    # The id is typed in again, so it is never cut.
    table = Table()
    table.add_column("Patient", min_width=max(len(one.patient_id) for one in found), no_wrap=True)
    table.add_column("Newest", no_wrap=True)
    table.add_column("Report")
    table.add_column("Name")
    for one in found:
        cells = (one.patient_id, one.day or "no date", one.title, one.name)
        table.add_row(*(Text(_printable(cell)) for cell in cells))
    console.print(table)


def _findings(report: Mapping[str, Any]) -> Table:
    title = f"Read in {report['report']} ({(report['date'] or 'no date')[:10]})"
    table = Table("Finding", "Status", "Levels", "Sentence", title=title, title_justify="left")
    for finding in report["findings"]:
        cells = (finding["finding"], finding["status"], ", ".join(finding.get("levels", ())), finding["sentence"])
        table.add_row(*(Text(cell) for cell in cells))
    return table


def show_rules(console: Console, reasoning: Mapping[str, Any]) -> None:
    """Print what was read, every rule with its outcome and reason, then lanes and gaps."""
    for report in reasoning.get("findings", ()):
        console.print(_findings(report))
    if not reasoning.get("rules"):
        console.print(reasoning.get("note", "No rule ran: no spine report that is recent enough to judge was read."))
        return
    rules = Table("Rule", "Fired", "Why", "Unknown", title="Rules", title_justify="left")
    for rule in sorted(reasoning.get("rules", ()), key=lambda rule: not rule["fired"]):
        fired = Text("yes", style="bold green") if rule["fired"] else Text("no", style="dim")
        rules.add_row(Text(rule["id"]), fired, Text(rule["why"]), Text(", ".join(rule["missing"])))
    console.print(rules)
    lanes = Table("Lane", "Row", "Card", "Hidden behind", title="Lanes", title_justify="left")
    for lane in reasoning.get("lanes", ()):
        cells = (lane["lane"], lane["row"], lane.get("card", "none"), lane.get("suppressed_by", ""))
        lanes.add_row(*(Text(cell) for cell in cells))
    console.print(lanes)
    for gap in reasoning.get("gaps", ()):
        place = f"{gap['resource']} {gap.get('element', '')}".strip()
        console.print(Text(f"Not used: {place} ({gap['code']})", style="dim"))
