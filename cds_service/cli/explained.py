"""The chain of reasons of a preview on a terminal: marked report, spine, course, lanes, rules, what would change."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_STYLES = {
    "present": "bold black on yellow",
    "possible": "black on cyan",
    "absent": "green underline",
    "historical": "magenta underline",
    "other": "dim underline",
}
# The strongest reading of a piece of text that several findings share.
_ORDER = tuple(_STYLES)
_INDICATORS = {"info": "blue", "warning": "yellow", "critical": "red"}
_MOST_WAYS = 4
_MARKS = {"added": "+", "removed": "-", "changed": "~", "same": "=", "fired": "+", "silent": "-"}
_MARK_STYLES = {"added": "green", "removed": "red", "changed": "yellow", "fired": "green", "silent": "red"}

Row = Mapping[str, Any]


def _safe(text: object) -> str:
    """Return text without characters that act on a terminal or turn its direction."""
    return "".join(c for c in str(text) if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf"})


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left")


def _add(table: Table, *cells: object, style: str = "") -> None:
    table.add_row(*(cell if isinstance(cell, Text) else Text(_safe(cell)) for cell in cells), style=style or None)


def marked_report(report: Row) -> Text:
    """Return the texts of a report with each finding in the style of its status."""
    kinds = {one["id"]: one["kind"] for one in (*report["findings"], *report["stated"])}
    shown = Text()
    for text in report["texts"]:
        for piece in text["segments"]:
            over = [kinds[name] for name in piece["findings"]]
            style = _STYLES[min(over, key=_ORDER.index)] if over else "italic" if piece["cues"] else ""
            shown.append(_safe(piece["text"]), style=style)
        shown.append("\n")
    return shown


def _show_reports(console: Console, reports: Iterable[Row]) -> None:
    legend = Text("Marks: ")
    for kind, style in _STYLES.items():
        legend.append(kind, style=style)
        legend.append(" ")
    console.print(legend)
    for report in reports:
        role = "leads" if report["leading"] else "used" if report["used"] else "not used"
        named = f"{report['title'] or 'Report'} ({report['date'] or 'no date'}, {report['region']}, {role})"
        console.rule(Text(_safe(named)), align="left")
        console.print(marked_report(report))
        table = _table("Findings", "Finding", "Status", "Levels", "Section", "Cue", "Rules")
        for one in report["findings"]:
            where = ", ".join(one["levelLabels"])
            rules = ", ".join(one["rules"])
            _add(table, one["label"], one["statusLabel"], where, one["sectionLabel"], one["cue"] or "", rules)
        if report["findings"]:
            console.print(table)


def _show_spine(console: Console, spine: Row) -> None:
    table = _table("Spine", "Level", "Findings")
    for row in (*spine["levels"], *spine["discs"]):
        if row["findings"]:
            cell = Text()
            for label, kind in dict.fromkeys((one["label"], one["kind"]) for one in row["findings"]):
                cell.append(_safe(label), style=_STYLES[kind])
                cell.append("  ")
            _add(table, row["label"], cell)
    if table.row_count:
        console.print(table)


def _show_course(console: Console, timeline: Row) -> None:
    if not timeline["rows"]:
        return
    table = _table("Course", "Date", "What", "Value")
    for row in timeline["rows"]:
        _add(table, row["date"] or "no date", row["label"], row["value"])
    console.print(table)
    for series in timeline["series"]:
        limits = ", ".join(f"{one['label']} {one['shown']}" for one in series["thresholds"])
        console.print(Text(_safe(f"{series['label']}: {limits}"), style="dim"))


def _show_lanes(console: Console, lanes: Sequence[Row]) -> None:
    table = _table("Lanes, in order of precedence", "Lane", "Row", "Card", "Gave way to")
    for lane in lanes:
        gave_way = f"{', '.join(lane['suppressedByLanes'])} ({lane['suppressedBy']})" if lane["suppressedBy"] else ""
        card = f"{lane['card']} {lane['cardTitle']}".strip() or "none"
        _add(table, lane["label"], f"{lane['row']}: {lane['rowLabel']}", card, gave_way)
    if lanes:
        console.print(table)


def _show_rules(console: Console, rules: Sequence[Row], near: Sequence[Row]) -> None:
    fired = _table("Rules that fired", "Rule", "Sentence", "Why", "Cards")
    for rule in rules:
        if rule["fired"]:
            _add(fired, rule["id"], rule["label"], rule["why"], ", ".join(rule["cards"]))
    if fired.row_count:
        console.print(fired)
    missed = _table("Silent rules that a fact would make fire", "Rule", "Sentence", "Unknown", "Would fire with")
    for miss in near:
        unknown = ", ".join(one["label"] for one in miss["missing"])
        by = [one["label"] for one in miss["by"][:_MOST_WAYS]] + ["…"] * (len(miss["by"]) > _MOST_WAYS)
        _add(missed, miss["rule"], miss["label"], unknown, "; ".join(by))
    if missed.row_count:
        console.print(missed)


def _card_line(card: Row, mark: str) -> Text:
    line = Text(f"{_MARKS[mark]} ", style=_MARK_STYLES.get(mark, "dim"))
    line.append(card["indicator"].upper(), style=_INDICATORS[card["indicator"]])
    line.append(f" {card['text']} ", style="bold")
    line.append(_safe(card["summary"]), style="dim" if mark == "same" else "")
    return line


def _show_changes(console: Console, changes: Row) -> None:
    table = _table("What would change this?", "Fact", "Now", "If it were", "Cards then")
    unchanged = []
    for fact in changes["facts"]:
        for option in fact["options"]:
            if not option["changes"]:
                unchanged.append(f"{fact['label']}: {option['label']}")
                continue
            lines = [_card_line(card, card["mark"]) for card in option["cards"]]
            lines += [_card_line(card, "removed") for card in option["removed"]]
            _add(table, fact["label"], fact["stateLabel"], option["label"], Text("\n").join(lines))
    if table.row_count:
        console.print(table)
    if unchanged:
        console.print(Text(_safe(f"No change with: {'; '.join(unchanged)}"), style="dim"))
    if not changes["complete"]:
        console.print(Text("The time was over before every fact was tried.", style="yellow"))


def show_explained(console: Console, view: Row, changes: Row) -> None:
    """Print everything behind the cards."""
    if view["note"]:
        console.print(Text(_safe(view["note"])))
        return
    _show_reports(console, view["reports"])
    _show_spine(console, view["spine"])
    _show_course(console, view["timeline"])
    _show_lanes(console, view["lanes"])
    _show_rules(console, view["rules"], changes["nearMisses"])
    _show_changes(console, changes)
    for one in view["evidence"]:
        console.print(Text(_safe(f"[{one['id']}] {one['title']}. {one['source']} {one['year']} {one['url'] or ''}")))
    for gap in view["gaps"]:
        console.print(Text(_safe(f"Not used: {gap['label']}"), style="dim"))


def show_compared(console: Console, found: Row) -> None:
    """Print what differs between two previews."""
    difference = found["difference"]
    if difference["same"]:
        console.print("Nothing differs.")
    cards = _table("Cards", "", "Left", "Right", "Differs in")
    for pair in difference["cards"]:
        sides = [
            found[side]["cards"][pair[side]]["summary"] if pair[side] is not None else "" for side in ("left", "right")
        ]
        style = _MARK_STYLES.get(pair["mark"], "")
        _add(cards, f"{_MARKS[pair['mark']]} {pair['card']}", *sides, ", ".join(pair["what"]), style=style)
    if cards.row_count:
        console.print(cards)
    for one in difference["findings"]:
        where = f" {', '.join(one['levelLabels'])}" if one["levelLabels"] else ""
        named = _safe(f"{_MARKS[one['mark']]} {one['label']}{where} ({one['statusLabel']})")
        console.print(Text(named, style=_MARK_STYLES[one["mark"]]))
    for rule in difference["rules"]:
        named = _safe(f"{_MARKS[rule['mark']]} {rule['rule']}: {rule['label']}")
        console.print(Text(named, style=_MARK_STYLES[rule["mark"]]))
    for value in difference["values"]:
        console.print(Text(_safe(f"~ {value['name']}: {value['left']} -> {value['right']}"), style="yellow"))
