"""The decision tables of the algorithm, one ordered table for each lane, and their rows for the catalogue."""

from dataclasses import dataclass

from cds_service.domain.state import LaneState
from cds_service.domain.vocabulary import Lane
from cds_service.rules.lanes import benign, infection, malignancy, plan, safety
from cds_service.rules.lanes.plan import PlanInput
from cds_service.rules.lanes.row import Row


@dataclass(frozen=True, slots=True)
class Tables:
    """The five tables in order of precedence."""

    safety: tuple[Row[LaneState], ...]
    infection: tuple[Row[LaneState], ...]
    malignancy: tuple[Row[LaneState], ...]
    benign: tuple[Row[LaneState], ...]
    plan: tuple[Row[PlanInput], ...]


@dataclass(frozen=True, slots=True)
class RowEntry:
    """A row as the catalogue shows it to a clinician."""

    id: str
    lane: Lane
    sentence: str
    outcome: str
    evidence: tuple[str, ...]


TABLES = Tables(safety.ROWS, infection.ROWS, malignancy.ROWS, benign.ROWS, plan.ROWS)


def row_catalogue(tables: Tables = TABLES) -> tuple[RowEntry, ...]:
    """Every row of every table in the order in which it is tried."""
    rows: tuple[Row[LaneState] | Row[PlanInput], ...]
    rows = (*tables.safety, *tables.infection, *tables.malignancy, *tables.benign, *tables.plan)
    return tuple(RowEntry(row.id, row.lane, row.sentence, row.outcome_text, row.evidence) for row in rows)
