"""What a chart led to, apart from the single call: a moment later the same chart leads to the same cards.

Each answer has uuids of its own all the same, so that feedback tells one answer from another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from cds_service.hooks.profiles import in_version
from cds_service.hooks.repeat import CardState
from cds_service.hooks.writing import WrittenCard


@dataclass(frozen=True, slots=True)
class AdvisedCard:
    """A card as it is sent, with what is kept on record of it. ``state`` is what the repeat lock knows it by, if any.

    ``suggestions`` are the uuids of its suggestions, ``body`` is its JSON.
    """

    uuid: str
    suggestions: tuple[str, ...]
    card_id: str
    text_id: str
    indicator: str
    rule_ids: tuple[str, ...]
    body: bytes
    state: CardState | None = None

    def anew(self, new_uuid: Callable[[], str]) -> "AdvisedCard":
        """Return the same words for another answer, with uuids of its own."""
        uuid, suggestions = new_uuid(), tuple([new_uuid() for _ in self.suggestions])
        body = self.body
        # The old ones are random and stand nowhere else.
        for old, new in zip((self.uuid, *self.suggestions), (uuid, *suggestions), strict=True):
            body = body.replace(old.encode(), new.encode())
        return AdvisedCard(
            uuid, suggestions, self.card_id, self.text_id, self.indicator, self.rule_ids, body, self.state
        )


@dataclass(frozen=True, slots=True)
class Advice:
    """The cards for one chart. ``gaps`` are the codes of what was missing or unreadable.

    ``missing`` and ``fetched`` are prefetch keys, ``report_at`` is when the report was issued that the advice rests on.
    ``lasting`` says that it rests on the call alone: no server was asked and the time did not run out.
    """

    cards: tuple[AdvisedCard, ...]
    knowledge_version: str
    report_at: datetime | None = None
    gaps: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    fetched: tuple[str, ...] = ()
    lasting: bool = False

    def anew(self, new_uuid: Callable[[], str]) -> "Advice":
        """Return the same cards for another answer."""
        cards = tuple([card.anew(new_uuid) for card in self.cards])
        return Advice(
            cards, self.knowledge_version, self.report_at, self.gaps, self.missing, self.fetched, self.lasting
        )


def advised(
    written: Sequence[WrittenCard], version: str = "2.0", states: Sequence[CardState] | None = None
) -> tuple[AdvisedCard, ...]:
    """Return the cards as they are sent to a client of specification ``version``."""
    wires: list[dict[str, Any]] = in_version({"cards": [one.card.to_wire() for one in written]}, version)["cards"]
    known = states if states is not None else (None,) * len(written)
    return tuple(
        AdvisedCard(
            uuid=one.card.uuid,
            suggestions=tuple(step.uuid for step in one.card.suggestions or ()),
            card_id=one.plan.card_id,
            text_id=one.plan.text_id,
            indicator=one.plan.indicator,
            rule_ids=one.plan.rule_ids,
            body=_no_larger_than_it_is(orjson.dumps(wire)),
            state=state,
        )
        for one, wire, state in zip(written, wires, known, strict=True)
    )


def _no_larger_than_it_is(raw: bytes) -> bytes:
    """Return a copy: what the writer of JSON gives keeps up to four times the room of its content, for as long."""
    return bytes(memoryview(raw))
