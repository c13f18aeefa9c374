"""Places of the vertebrae in the drawing of the spine: a column from C1 to the sacrum, seen from the side."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 298.0
_TOP = 10.0
_GAP = 3.0
_MIDDLE = 96.0
_LABEL_CHARACTERS = 21
# Height and width of a vertebra by region, in units of the drawing; the last row is the sacrum below S1.
_SIZES = {"C": (12.0, 26.0), "T": (16.0, 32.0), "L": (22.0, 42.0), "S": (24.0, 38.0)}
_REST_OF_SACRUM = (44.0, 26.0)
_SHOWN_KINDS = ("present", "possible", "historical")


@dataclass(frozen=True, slots=True)
class Vertebra:
    """One vertebra: its box, what was found there, and the line of text beside it."""

    row: Mapping[str, Any]
    x: float
    y: float
    width: float
    height: float
    text: str

    @property
    def middle(self) -> float:
        """Height of its middle."""
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        """Where it ends on the right."""
        return self.x + self.width


@dataclass(frozen=True, slots=True)
class SpineDrawing:
    """Everything to be drawn, and how high the drawing is."""

    vertebrae: tuple[Vertebra, ...]
    discs: tuple[Vertebra, ...]
    height: float
    width: float = WIDTH


def draw_spine(spine: Mapping[str, Any]) -> SpineDrawing:
    """Place the levels of ``spine`` (``levels``, ``discs``) below each other along the curves of a spine."""
    rows: Sequence[Mapping[str, Any]] = spine["levels"]
    vertebrae: list[Vertebra] = []
    y = _TOP
    for index, row in enumerate(rows):
        height, width = _REST_OF_SACRUM if row["level"] == "S" else _SIZES[str(row["level"])[0]]
        x = _MIDDLE + _curve(index) - width / 2
        vertebrae.append(Vertebra(row, x, y, width, height, _line(row["findings"])))
        y += height + _GAP
    by_level = {str(each.row["level"]): each for each in vertebrae}
    discs = tuple(_disc(row, by_level[row["between"][0]]) for row in spine["discs"] if row["between"][0] in by_level)
    return SpineDrawing(tuple(vertebrae), discs, y + _TOP)


def _curve(index: int) -> float:
    """Swing of the column: forward in neck and loin, backward between them."""
    return 9.0 * math.sin((index - 3) / 22 * 2 * math.pi) * -1


def _disc(row: Mapping[str, Any], above: Vertebra) -> Vertebra:
    return Vertebra(row, above.x + 2, above.y + above.height - 0.5, above.width - 4, _GAP + 1, _line(row["findings"]))


def _line(findings: Sequence[Mapping[str, Any]]) -> str:
    """One line for the findings at a level: the first, and how many more; what is denied is left to the table."""
    names = list(dict.fromkeys(str(one["label"]) for one in findings if one["kind"] in _SHOWN_KINDS))
    if not names:
        return ""
    more = f" +{len(names) - 1}" if len(names) > 1 else ""
    room = _LABEL_CHARACTERS - len(more)
    first = names[0] if len(names[0]) <= room else f"{names[0][: room - 1].rstrip()}…"
    return first + more
