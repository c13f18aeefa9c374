"""Compares two replays of the same cohort: the regression test of a change of the clinical knowledge."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from cds_service.errors import MarrowError
from cds_service.replay.rows import TABLES
from cds_service.replay.tables import read_rows, table_path

_COLUMNS: Final = ("patient", "report", "lane", "indicator", "lanes", "rules", "knowledge", "error")
_RANK: Final = {"": 0, "info": 1, "warning": 2, "critical": 3}
_MOST_LISTED: Final = 10_000


class CompareError(MarrowError):
    """Two results cannot be compared."""


def compare(base: Path, new: Path) -> dict[str, Any]:
    """Return which reports change cards, lane or indicator from ``base`` to ``new``, with the rules that explain it.

    ``raised`` and ``lowered`` count changes of the highest indicator; ``changes`` lists every changed report, the
    lowered ones first, ``listed`` of them at most. Raises CompareError when a table is missing.
    """
    for folder in (base, new):
        if not all(table_path(folder, name).exists() for name in TABLES):
            raise CompareError(f"{folder}: holds no finished replay")
    moves: Counter[tuple[str, str]] = Counter()
    rules: Counter[tuple[str, str]] = Counter()
    found: list[dict[str, Any]] = []
    totals: Counter[str] = Counter()
    knowledge: dict[str, set[str]] = {"base": set(), "new": set()}
    for before, after in _pairs(base, new):
        totals["reports"] += 1
        knowledge["base"].update([before["knowledge"]] if before else [])
        knowledge["new"].update([after["knowledge"]] if after else [])
        if before is None or after is None:
            totals["only_in_new" if before is None else "only_in_base"] += 1
            continue
        change = _change(before, after)
        if change is None:
            totals["same"] += 1
            continue
        totals["changed"] += 1
        totals[change["direction"]] += 1
        moves[_state(before), _state(after)] += 1
        rules.update(("added", rule) for rule in change["rules_added"])
        rules.update(("removed", rule) for rule in change["rules_removed"])
        found.append(change)
    order = {"lowered": 0, "raised": 1, "same indicator": 2}
    found.sort(key=lambda one: (order[one["direction"]], one["patient"], one["report"]))
    return {
        "knowledge": {name: sorted(versions) for name, versions in knowledge.items()},
        "totals": {
            name: totals[name]
            for name in (
                "reports", "same", "changed", "lowered", "raised", "same indicator", "only_in_base", "only_in_new",
            )
        },
        "moves": [
            {"from": old, "to": later, "reports": number}
            for (old, later), number in sorted(moves.items(), key=lambda item: (-item[1], item[0]))
        ],
        "rules": [
            {"rule": rule, "change": change_word, "reports": number}
            for (change_word, rule), number in sorted(rules.items(), key=lambda item: (-item[1], item[0]))
        ],
        "listed": min(len(found), _MOST_LISTED),
        "changes": found[:_MOST_LISTED],
    }  # fmt: skip


def _change(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any] | None:
    same = all(before[name] == after[name] for name in ("cards", "lanes", "error"))
    if same:
        return None
    old, later = _highest(before), _highest(after)
    step = _RANK[later] - _RANK[old]
    return {
        "patient": before["patient"],
        "report": before["report"],
        "direction": "raised" if step > 0 else "lowered" if step < 0 else "same indicator",
        "from": _state(before),
        "to": _state(after),
        "cards_added": [card for card in after["cards"] if card not in before["cards"]],
        "cards_removed": [card for card in before["cards"] if card not in after["cards"]],
        "lanes_added": sorted(set(after["lanes"]) - set(before["lanes"])),
        "lanes_removed": sorted(set(before["lanes"]) - set(after["lanes"])),
        "rules_added": sorted(set(after["rules"]) - set(before["rules"])),
        "rules_removed": sorted(set(before["rules"]) - set(after["rules"])),
        "error": after["error"],
    }


def _highest(row: Mapping[str, Any]) -> str:
    return max((card.rpartition(" ")[2] for card in row["cards"]), key=lambda one: _RANK[one], default="")


def _state(row: Mapping[str, Any]) -> str:
    return f"{row['lane']} {row['indicator']}".strip() or "no card"


def _pairs(base: Path, new: Path) -> Iterator[tuple[dict[str, Any] | None, dict[str, Any] | None]]:
    """Yield the reports of both results side by side; both are in the order of the patients' keys."""
    first, second = _patients(base), _patients(new)
    before, after = next(first, None), next(second, None)
    while before or after:
        if after is None or (before is not None and before[0] < after[0]):
            yield from ((row, None) for row in (before[1].values() if before else ()))
            before = next(first, None)
        elif before is None or after[0] < before[0]:
            yield from ((None, row) for row in after[1].values())
            after = next(second, None)
        else:
            for report in {**before[1], **after[1]}:
                yield before[1].get(report), after[1].get(report)
            before, after = next(first, None), next(second, None)


def _patients(folder: Path) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    """Yield each patient with the assessments of the reports, each with its cards as words."""
    cards = groupby(read_rows(folder, "cards", ("patient", "report", "text", "indicator")), lambda row: row["patient"])
    waiting = next(cards, None)
    for patient, rows in groupby(read_rows(folder, "assessments", _COLUMNS), lambda row: str(row["patient"])):
        reports = {row["report"]: {**row, "cards": []} for row in rows}
        if waiting is not None and waiting[0] == patient:
            for card in waiting[1]:
                reports[card["report"]]["cards"].append(f"{card['text']} {card['indicator']}")
            waiting = next(cards, None)
        yield patient, reports
