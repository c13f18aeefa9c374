"""What a replay writes down: one row type for each table, without names, ids or texts of patients.

Patients, reports and clinicians are keyed hashes, so that two runs with the same key can be compared and the site can
find a case again, and nobody else.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class Assessed:
    """One report as it was judged. ``lane`` and ``indicator`` are those of the first card, empty without a card.

    ``lanes`` holds ``lane:row`` for each lane, ``rules`` the ids of those that fired, ``unread`` why the report could
    not be read, ``error`` the sort of fault that ended the evaluation; then nothing is known of the cards.
    """

    patient: str
    report: str
    as_of: datetime
    department: str
    clinician: str
    language: str
    modality: str
    region: str
    unread: str
    error: str
    lane: str
    indicator: str
    cards: int
    lanes: list[str]
    rules: list[str]
    knowledge: str
    later: int
    undated: int


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding of the report."""

    patient: str
    report: str
    position: int
    finding: str
    status: str
    certainty: str
    section: str
    levels: list[str]


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule that fired, or one that would need facts that were ``missing``."""

    patient: str
    report: str
    rule: str
    fired: bool
    missing: list[str]


@dataclass(frozen=True, slots=True)
class CardRow:
    """One card that would have been shown, in the order of showing."""

    patient: str
    report: str
    position: int
    card: str
    text: str
    lane: str
    row: str
    indicator: str
    rules: list[str]
    drafts: list[str]


@dataclass(frozen=True, slots=True)
class GapRow:
    """Something that could not be used; ``resource`` is its type."""

    patient: str
    report: str
    position: int
    code: str
    resource: str
    element: str
    clinical: bool


@dataclass(frozen=True, slots=True)
class SampleRow:
    """Sentences behind a card with dates, numbers and names taken out, for a look at what the rules saw."""

    patient: str
    report: str
    position: int
    card: str
    lane: str
    indicator: str
    snippet: str


Row = Assessed | FindingRow | RuleRow | CardRow | GapRow | SampleRow

TABLES: Final[dict[str, type[Row]]] = {
    "assessments": Assessed,
    "findings": FindingRow,
    "rules": RuleRow,
    "cards": CardRow,
    "gaps": GapRow,
    "samples": SampleRow,
}


@dataclass(slots=True)
class Counts:
    """What came in and what became of it. ``problems`` counts lines by reason, ``skipped`` resources by type."""

    lines: int = 0
    problems: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    patients: int = 0
    reports: int = 0
    unfinished_reports: int = 0
    undated_reports: int = 0
    laboratory_reports: int = 0
    other_reports: int = 0
