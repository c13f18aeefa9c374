"""The explicit list of everything the service can conclude: rules, rows of the decision tables, order rules."""

from dataclasses import dataclass
from enum import StrEnum

from cds_service.rules import (
    degenerative,
    differential,
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
    *differential.RULES,
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
    FRAME = "frame"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One line of the catalogue that a clinician signs: id, field, sentence, what it leads to, references."""

    id: str
    kind: EntryKind
    field: str
    sentence: str
    outcome: str
    evidence: tuple[str, ...]


_GIVES_WAY = "gives way"
_ANSWER = "answer"

# What decides around the tables: which card gives way, how many are shown, and who is answered at all. The engine, the
# suppression and the arbitration name these ids as the row of a card or as the reason why one was left out.
FRAME: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "SCOPE",
        EntryKind.FRAME,
        _ANSWER,
        "Under 18 years no rule is evaluated; where a spine MRI would have been looked at, a card says so.",
        "C91 (info)",
        (),
    ),
    CatalogueEntry(
        "UNREAD",
        EntryKind.FRAME,
        _ANSWER,
        "A spine MRI report that could not be read, or a list of reports that is not complete, is named on a card, "
        "because silence would read as all-clear. So is a latest spine MRI that is too old to be used, and a report "
        "that was left out because it names another patient. Beside orders it is said where no card stands.",
        "C92 (info)",
        (),
    ),
    CatalogueEntry(
        "S1",
        EntryKind.FRAME,
        _GIVES_WAY,
        "Beside a safety card no conservative plan, no harmless cause and no line of conservative advice is shown.",
        "takes out C50, C60 to C63, C70 and C80 to C83, and plan lines of other cards",
        (),
    ),
    CatalogueEntry(
        "S2",
        EntryKind.FRAME,
        _GIVES_WAY,
        "Beside an open question of infection or tumour only fractures and inflammatory patterns stand as cause, and "
        "no conservative plan; time alone adds nothing to an open work-up, being worse does.",
        "takes out light causes, C80, C82, C83 and C81 unless clinically worse; C30 becomes C30-P",
        (),
    ),
    CatalogueEntry(
        "C15",
        EntryKind.FRAME,
        _GIVES_WAY,
        "A recheck of markers for a risk factor is part of the tumour work-up and is not shown beside it.",
        "takes out C15 of rows B11.1 and B11.4 beside C20 or C21",
        (),
    ),
    CatalogueEntry(
        "S3",
        EntryKind.FRAME,
        _ANSWER,
        "At most four cards are shown: safety, infection, malignancy, cause, plan, in this order.",
        "leaves out cards from the end",
        (),
    ),
    CatalogueEntry(
        "S5",
        EntryKind.FRAME,
        _ANSWER,
        "A contradiction in the report that may change the advice is shown as the last card, beyond the four.",
        "C90 (info)",
        (),
    ),
    CatalogueEntry(
        "S6",
        EntryKind.FRAME,
        _ANSWER,
        "No card says that there is no infection or no cancer, and every card says that its absence is no reassurance.",
        "words of every card",
        (),
    ),
)


def catalogue() -> tuple[CatalogueEntry, ...]:
    """All entries: rules in reading order, the rows of the lanes, what decides around them, then the order rules."""
    rules = (CatalogueEntry(r.id, EntryKind.RULE, r.pathway, r.sentence, r.variable, r.evidence) for r in RULES)
    rows = (CatalogueEntry(r.id, EntryKind.ROW, r.lane, r.sentence, r.outcome, r.evidence) for r in row_catalogue())
    orders = (CatalogueEntry(r.id, EntryKind.ORDER, "order", r.sentence, r.text_id, r.evidence) for r in order_rules())
    return (*rules, *rows, *FRAME, *orders)
