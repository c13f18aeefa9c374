"""Reads the case files of the tests, so that the catalogue can name the cases that show a rule, row or text.

The files belong to the source distribution, not to the installed package; where they are missing the index is empty.
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cds_service.domain.state import LaneState
from cds_service.domain.vocabulary import OrderKind
from cds_service.rules.arbitration import decide
from cds_service.rules.orders import ROWS, order_rules

_DEFAULTS = LaneState()
_TYPES = {each.name: type(getattr(_DEFAULTS, each.name)) for each in fields(LaneState)}
_ORDER_TEXTS = MappingProxyType({rule.id: rule.text_id for rule in order_rules()})
Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReviewCase:
    """One case: ``file/id``, the situation in words, the cards it must give, and what it shows.

    ``fires`` and ``silent`` are ids of the catalogue, ``texts`` text ids and added lines (``extra:c13``).
    """

    id: str
    situation: str
    cards: tuple[str, ...] = ()
    fires: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CaseIndex:
    """All cases by id, and which of them show an entry or a text."""

    cases: Mapping[str, ReviewCase] = field(default_factory=dict)

    def firing(self, entry: str) -> tuple[str, ...]:
        """Cases in which the rule fires or the row decides."""
        return tuple(case.id for case in self.cases.values() if entry in case.fires)

    def silent(self, entry: str) -> tuple[str, ...]:
        """Cases that hold the rule to silence."""
        return tuple(case.id for case in self.cases.values() if entry in case.silent)

    def showing(self, text: str) -> tuple[str, ...]:
        """Cases that show a card text or an added line."""
        return tuple(case.id for case in self.cases.values() if text in case.texts)


def state_of(values: Raw) -> LaneState:
    """State of the decision tables from the values that a case file names. Raises KeyError for an unknown name."""

    def value(name: str, raw: Any) -> Any:
        kind = _TYPES[name]
        return kind[raw] if issubclass(kind, IntEnum) and isinstance(raw, str) else kind(raw)

    return LaneState(**{name: value(name, raw) for name, raw in values.items()})


def _rule_case(stem: str, raw: Raw) -> ReviewCase:
    name, fires, silent = raw["name"], raw.get("fires", ()), raw.get("silent", ())
    return ReviewCase(f"{stem}/{name}", name, (), frozenset(fires), frozenset(silent))


def _table_case(stem: str, raw: Raw) -> ReviewCase:
    decision = decide(state_of(raw["state"]))
    rows = {lane.row for lane in decision.lanes} | {card.row for card in decision.cards}
    gave_way = {lane.suppressed_by for lane in decision.lanes if lane.suppressed_by}
    added = {f"extra:{line}" for card in decision.cards for line in card.add_lines}
    texts = {card.text_id for card in decision.cards}
    drafts = {f"draft:{draft.kind}" for card in decision.cards for draft in card.drafts}
    return ReviewCase(
        f"{stem}/{raw['id']}",
        raw["situation"],
        tuple(raw["cards"]),
        frozenset(rows | gave_way),
        texts=frozenset(texts | added | drafts),
    )


def _order_case(stem: str, raw: Raw) -> ReviewCase:
    """Without any card every rule on the ordered kinds was silent; with one, only the deciding rule is known."""
    cards = tuple(raw["cards"])
    words = [card.split() for card in cards]
    kinds = {OrderKind(kind) for order in raw["orders"] for kind in order["kinds"]}
    concerned = {rule.id for row in ROWS if row.kinds & kinds for rule in row.rules}
    return ReviewCase(
        f"{stem}/{raw['id']}",
        raw["situation"],
        cards,
        frozenset(parts[0] for parts in words),
        frozenset() if cards else frozenset(concerned),
        frozenset(parts[1] for parts in words),
    )


def _request_case(stem: str, raw: Raw) -> ReviewCase:
    cards = tuple(raw["cards"])
    fires = frozenset(card.split()[0] for card in cards)
    situation = f"{raw.get('drug') or raw['service']}, with the report {raw['report']}"
    texts = frozenset(_ORDER_TEXTS[rule] for rule in fires)
    return ReviewCase(f"{stem}/{raw['id']}", situation, cards, fires, texts=texts)


def _report_case(stem: str, raw: Raw) -> ReviewCase:
    cards = tuple(raw["cards"])
    texts = {card.split()[0] for card in cards}
    added = {f"extra:{named.split()[1]}" for named in raw.get("lines", ())}
    drafts = {f"draft:{named.split()[1]}" for named in raw.get("drafts", ())}
    return ReviewCase(
        f"{stem}/{raw['id']}",
        raw["situation"],
        cards,
        frozenset(raw.get("fires", ())),
        frozenset(raw.get("silent", ())),
        frozenset(texts | added | drafts),
    )


_Reader = Callable[[str, Raw], ReviewCase]
_FILES: tuple[tuple[str, _Reader], ...] = (
    ("rules/cases/rules/*.toml", _rule_case),
    ("rules/cases/safety_cases.toml", _table_case),
    ("rules/cases/table_examples.toml", _table_case),
    ("rules/cases/orders.toml", _order_case),
    ("rules/cases/order_requests.toml", _request_case),
    ("safety/cases/*.toml", _report_case),
)


def _read(folder: Path) -> Iterator[ReviewCase]:
    for pattern, reader in _FILES:
        for path in sorted(folder.glob(pattern)):
            for raw in tomllib.loads(path.read_text(encoding="utf-8"))["case"]:
                yield reader(path.stem, raw)


def index(cases: Iterable[ReviewCase]) -> CaseIndex:
    """Index of cases in their order."""
    return CaseIndex(MappingProxyType({case.id: case for case in cases}))


def load_cases(folder: Path) -> CaseIndex:
    """Read every case file below the folder of the tests; an empty index where there are none."""
    return index(_read(folder))
