"""Cards and rules on a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

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
        console.print("No card. Missing data are not negative findings.")


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
