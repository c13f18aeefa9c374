"""What was read, laid along the spine: vertebrae C1 to the sacrum, the discs between them, and what has no level."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cds_service.hooks.preview.highlight import ReadReport, kind_of, level_name
from cds_service.hooks.preview.words import Words

_REGIONS = (("C", 7), ("T", 12), ("L", 5), ("S", 1))
# S stands for the sacrum below S1, and for the sacrum as a whole.
LEVELS: tuple[str, ...] = (*(f"{region}{n}" for region, last in _REGIONS for n in range(1, last + 1)), "S")
_PLACE = {level: number for number, level in enumerate(LEVELS)}
_ORDER = ("present", "possible", "historical", "absent", "other")
_ALIASES = {"L6": "S1", "T13": "L1", "SACRUM": "S"}

Item = dict[str, Any]


def _row(level: str) -> str:
    """Return the row of the diagram that a vertebra belongs to, empty for a name that no spine has."""
    name = _ALIASES.get(level, level)
    if name in _PLACE:
        return name
    return "S" if re.fullmatch(r"S[2-5]", name) else ""


def _between(level: str) -> tuple[str, str] | None:
    """Return the rows on both sides of a segment such as L4-L5."""
    ends = [_row(end) for end in level.upper().split("-")]
    return (ends[0], ends[-1]) if "-" in level and all(ends) else None


def strongest(kinds: Iterable[str]) -> str | None:
    """Return the kind that weighs most; ``None`` when there is none."""
    return min(kinds, key=_ORDER.index, default=None)


def _add(places: dict[str, list[Item]], level: str, item: Item) -> None:
    held = places.setdefault(level, [])
    if item["id"] not in {one["id"] for one in held}:
        held.append(item)


def spine_view(reports: Iterable[ReadReport], words: Words) -> dict[str, Any]:
    """Return the findings of the reports that count, by vertebra, by disc, and as rows of a table."""
    bones: dict[str, list[Item]] = {}
    discs: dict[str, list[Item]] = {}
    elsewhere: list[str] = []
    rows: dict[tuple[str, str], dict[str, None]] = {}
    labels: dict[str, str] = {}
    for name, finding, _ in (entry for one in reports if one.used for entry in one.findings):
        kind, label = kind_of(finding.status), words.cards.name("findings", finding.finding.value)
        item = {"id": name, "finding": finding.finding.value, "label": label, "kind": kind}
        labels[finding.finding.value] = label
        row = rows.setdefault((finding.finding.value, kind), {})
        row.update(dict.fromkeys(finding.levels))
        placed = False
        for level in finding.levels:
            ends = _between(level)
            if ends is not None:
                _add(discs, f"{ends[0]}-{ends[1]}", item)
            elif bone := _row(level.upper()):
                _add(bones, bone, item)
            else:
                continue
            placed = True
        if not placed:
            elsewhere.append(name)
    return {
        "levels": [_bone(level, bones.get(level, []), words) for level in LEVELS],
        "discs": [_disc(level, discs[level], words) for level in sorted(discs, key=_disc_place)],
        "elsewhere": elsewhere,
        "rows": [_table_row(key, tuple(levels), labels, words) for key, levels in rows.items()],
    }


def _disc_place(level: str) -> int:
    return _PLACE[level.split("-", maxsplit=1)[0]]


def _bone(level: str, items: list[Item], words: Words) -> dict[str, Any]:
    kind = strongest(item["kind"] for item in items)
    return {"level": level, "label": level_name(level, words), "region": level[0], "kind": kind, "findings": items}


def _disc(level: str, items: list[Item], words: Words) -> dict[str, Any]:
    kind = strongest(item["kind"] for item in items)
    return {
        "level": level,
        "label": level_name(level, words),
        "between": level.split("-"),
        "kind": kind,
        "findings": items,
    }


def _table_row(
    key: tuple[str, str], levels: tuple[str, ...], labels: Mapping[str, str], words: Words
) -> dict[str, Any]:
    finding, kind = key
    return {
        "finding": finding,
        "label": labels[finding],
        "kind": kind,
        "levels": list(levels),
        "levelLabels": [level_name(level, words) for level in levels],
    }
