"""What can be picked instead of typed: our groups of problems, drugs, procedures, implants, allergies and orders.

A pick becomes a resource with a word of its group, so that it is read like anything else in a chart.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from cds_service.domain.vocabulary import ConditionGroup, DeviceGroup, DrugGroup, Language, OrderKind, ProcedureGroup
from cds_service.hooks.entries import Resource
from cds_service.hooks.preview import resources
from cds_service.knowledge.code_groups import LEVEL_SIGN, PAIR_SIGN, DrugEntry, Terms
from cds_service.knowledge.codes import Codes

_MOST_WORDS = 12
_LONGEST_WORD = 40
# What makes a term a pattern, when its star at the end is gone.
_PATTERN = re.compile("|".join(map(re.escape, ("*", "~", PAIR_SIGN, LEVEL_SIGN))))
# Drugs that no rule asks for are there to be told apart, not to be picked.
_NOT_PICKED = frozenset({DrugGroup.WITHOUT_BEARING})


class PickKind(StrEnum):
    """Sort of a group; an id that several sorts share means the first of them unless the pick names another."""

    CONDITION = "condition"
    DRUG = "drug"
    PROCEDURE = "procedure"
    DEVICE = "device"
    ALLERGY = "allergy"


Group = ConditionGroup | DrugGroup | ProcedureGroup | DeviceGroup


@dataclass(frozen=True, slots=True)
class Pick:
    """One group that can be picked: ``text`` stands for it in a chart, ``words`` find it, by language."""

    kind: PickKind
    group: Group
    text: str
    words: Mapping[Language, tuple[str, ...]]


def _plain(terms: Iterable[str]) -> list[str]:
    """Return terms that are words as people write them; a stem counts without its star."""
    found = []
    for term in terms:
        word = term.removesuffix("*")
        if not _PATTERN.search(word):
            found.append(word)
    return found


def _text(terms: Terms) -> str:
    whole = [term for term in terms.en if term in _plain([term])]
    return (whole or _plain(terms.all()))[0]


def _words(terms: Terms) -> Mapping[Language, tuple[str, ...]]:
    return MappingProxyType(
        {
            language: tuple(word for word in dict.fromkeys(_plain(terms.of(language))) if len(word) <= _LONGEST_WORD)[
                :_MOST_WORDS
            ]
            for language in Language
        }
    )


class Picks:
    """Everything that can be picked, made once from the code groups."""

    def __init__(self, codes: Codes) -> None:
        self._codes = codes
        self.groups: tuple[Pick, ...] = (
            *(Pick(PickKind.CONDITION, g, _text(e.terms), _words(e.terms)) for g, e in codes.conditions.items()),
            *(Pick(PickKind.DRUG, g, _text(e.terms), _words(e.terms)) for g, e in self._drugs()),
            *(Pick(PickKind.PROCEDURE, g, _text(e.terms), _words(e.terms)) for g, e in codes.procedures.items()),
            *(Pick(PickKind.DEVICE, g, _text(e.terms), _words(e.terms)) for g, e in codes.devices.items()),
            *(Pick(PickKind.ALLERGY, g, _text(e.terms), _words(e.terms)) for g, e in self._drugs()),
        )
        self._by_id: dict[tuple[str, str], Pick] = {}
        for pick in self.groups:
            self._by_id.setdefault(("", pick.group.value), pick)
            self._by_id[pick.kind.value, pick.group.value] = pick
        # A drug may be asked for by its group; the other sorts of order have words of their own.
        self._drug_orders: Mapping[OrderKind, DrugGroup] = MappingProxyType(
            {kind: group for group, kind in reversed(tuple(codes.drug_orders.items()))}
        )

    def _drugs(self) -> Iterable[tuple[DrugGroup, DrugEntry]]:
        return ((group, entry) for group, entry in self._codes.drugs.items() if group not in _NOT_PICKED)

    def find(self, group: str, kind: str = "") -> Pick | None:
        """Return the pick of an id; ``None`` for an id or sort that does not exist."""
        return self._by_id.get((kind, group))

    def orders(self) -> tuple[OrderKind, ...]:
        """Sorts of order that can be picked."""
        return tuple(kind for kind in OrderKind if kind is not OrderKind.OTHER)

    def order(self, kind: OrderKind, identity: str) -> Resource:
        """Return a draft of this sort."""
        group = self._drug_orders.get(kind)
        if group is not None:
            return resources.drug_order(identity, _text(self._codes.drugs[group].terms))
        words = _text(self._codes.orders[kind].terms)
        # "with contrast" alone may as well be a CT
        named = f"MRI {words}" if kind is OrderKind.MRI_CONTRAST else words
        return resources.order(identity, named)


def resource_of(pick: Pick, identity: str, on: str, today: str) -> Resource:
    """Return the resource that a pick stands for; ``on`` is since when or when, empty where it is not known."""
    match pick.kind:
        case PickKind.CONDITION:
            return resources.condition(identity, pick.text, on)
        case PickKind.DRUG:
            return resources.medication(identity, pick.text, on or today)
        case PickKind.PROCEDURE:
            return resources.procedure(identity, pick.text, on)
        case PickKind.DEVICE:
            return resources.device(identity, pick.text)
        case PickKind.ALLERGY:
            return resources.allergy(identity, pick.text)
