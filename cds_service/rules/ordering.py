"""Puts facts into one order, so that an answer never depends on the order in which resources arrive."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TypeVar

from cds_service.domain.facts import Gap, KnownCondition, Medication, PatientFacts, Provenance
from cds_service.rules.measured import standing
from cds_service.rules.reports import newest_first

_Fact = TypeVar("_Fact")


def _newest(first: date | None, second: date | None = None) -> int:
    """Rank of a day: later days first, unknown ones last."""
    day = first or second
    return -day.toordinal() if day else 0


def _place(provenance: Provenance) -> tuple[str, str]:
    return provenance.reference, provenance.element


def _condition(entry: KnownCondition) -> tuple[int, str, tuple[str, str]]:
    return _newest(entry.onset, entry.recorded), entry.text, _place(entry.provenance)


def _medication(drug: Medication) -> tuple[int, str, tuple[str, str]]:
    return _newest(drug.start, drug.end), drug.text, _place(drug.provenance)


def _gap(gap: Gap) -> tuple[str, str, str, tuple[tuple[str, str], ...]]:
    return gap.resource, gap.element, gap.code.value, gap.params


def _sorted(facts: tuple[_Fact, ...], key: Callable[[_Fact], tuple[object, ...]]) -> tuple[_Fact, ...]:
    return tuple(sorted(facts, key=key)) if len(facts) > 1 else facts


def in_one_order(facts: PatientFacts) -> PatientFacts:
    """Return the same facts, newest first; draft orders stay as the clinician listed them."""
    return replace(
        facts,
        reports=newest_first(facts.reports),
        labs=tuple(sorted(facts.labs, key=lambda lab: (standing(lab), lab.analyte), reverse=True)),
        conditions=_sorted(facts.conditions, _condition),
        medications=_sorted(facts.medications, _medication),
        procedures=_sorted(
            facts.procedures, lambda each: (_newest(each.performed), each.text, _place(each.provenance))
        ),
        allergies=_sorted(facts.allergies, lambda each: (each.text, _place(each.provenance))),
        devices=_sorted(facts.devices, lambda each: (each.text, _place(each.provenance))),
        gaps=_sorted(facts.gaps, _gap),
    )
