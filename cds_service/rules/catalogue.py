"""The explicit list of everything the service can conclude: rules, rows of the decision tables, order rules."""

from dataclasses import dataclass
from enum import StrEnum

from cds_service.rules import (
    degenerative,
    fracture,
    infection,
    infection_clinical,
    inflammatory,
    laboratory,
    malignancy,
    malignancy_clinical,
    metabolic,
    safety,
    stability,
    time,
    trigger,
)
from cds_service.rules.lanes import row_catalogue
from cds_service.rules.orders import order_rules
from cds_service.rules.rule import Rule

# Ids of withdrawn rules; they are never given to another rule.
RETIRED_IDS: frozenset[str] = frozenset()

RULES: tuple[Rule, ...] = (
    *trigger.RULES,
    *safety.RULES,
    *stability.RULES,
    *infection.RULES,
    *infection_clinical.RULES,
    *laboratory.RULES,
    *malignancy.RULES,
    *malignancy_clinical.RULES,
    *fracture.RULES,
    *inflammatory.RULES,
    *degenerative.RULES,
    *metabolic.RULES,
    *time.RULES,
)


class EntryKind(StrEnum):
    """What a catalogue entry is."""

    RULE = "rule"
    ROW = "row"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One line of the catalogue that a clinician signs: id, field, sentence, what it leads to, references."""

    id: str
    kind: EntryKind
    field: str
    sentence: str
    outcome: str
    evidence: tuple[str, ...]


def catalogue() -> tuple[CatalogueEntry, ...]:
    """All entries: rules in reading order, then the rows of the lanes, then the order rules."""
    rules = (CatalogueEntry(r.id, EntryKind.RULE, r.pathway, r.sentence, r.variable, r.evidence) for r in RULES)
    rows = (
        CatalogueEntry(r.id, EntryKind.ROW, r.lane, r.sentence, r.outcome, r.evidence) for r in row_catalogue()
    )
    orders = (CatalogueEntry(r.id, EntryKind.ORDER, "order", r.sentence, r.text_id, r.evidence) for r in order_rules())
    return (*rules, *rows, *orders)
