"""Each row of each table decides some case, and without it that case ends differently."""

import tomllib
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from cds_service.domain.state import LaneState
from cds_service.domain.vocabulary import Lane
from cds_service.rules.arbitration import Decision, decide
from cds_service.rules.lanes import TABLES, Tables, row_catalogue

EVIDENCE = Path(__file__).parents[3] / "cds_service" / "knowledge" / "evidence.toml"
ROWS = [(table.name, row.id) for table in fields(Tables) for row in getattr(TABLES, table.name)]
# Paravertebral change without markers gives the same card as any other edema without markers; the row exists because
# its reason, its evidence and its sentence on the card differ.
SAME_CARD_OTHER_REASON = {"B14"}


def without(table: str, row_id: str) -> Tables:
    rows = tuple(row for row in getattr(TABLES, table) if row.id != row_id)
    assert len(rows) == len(getattr(TABLES, table)) - 1
    return replace(TABLES, **{table: rows})


def ending(state: LaneState, tables: Tables) -> Decision | None:
    """What is decided, or nothing when the table has a hole."""
    try:
        return decide(state, tables)
    except LookupError:
        return None


def cards(decision: Decision | None) -> list[tuple[str, str]] | None:
    return None if decision is None else [(card.text_id, card.indicator) for card in decision.cards]


def decided_rows(state: LaneState) -> set[str]:
    return {outcome.row for outcome in decide(state).lanes}


@pytest.mark.parametrize(("table", "row_id"), ROWS)
def test_a_case_ends_differently_without_the_row(table: str, row_id: str, table_cases: Any) -> None:
    changed = [
        case.id
        for case in table_cases
        if row_id in decided_rows(case.state)
        and (
            decide(case.state).lanes != getattr(ending(case.state, without(table, row_id)), "lanes", None)
            if row_id in SAME_CARD_OTHER_REASON
            else cards(decide(case.state)) != cards(ending(case.state, without(table, row_id)))
        )
    ]
    assert changed


@pytest.mark.parametrize(("table", "row_id"), ROWS)
def test_the_row_decides_some_cases_and_not_others(table: str, row_id: str, table_cases: Any) -> None:
    triggered = [case for case in table_cases if case.state.trigger]
    deciding = [case.id for case in triggered if row_id in decided_rows(case.state)]
    assert table
    assert 0 < len(deciding) < len(triggered)


def test_only_the_last_row_of_a_table_applies_always() -> None:
    catalogue = row_catalogue()
    lasts = [getattr(TABLES, table.name)[-1].id for table in fields(Tables)]
    assert lasts == ["A6", "B17", "M8", "D12", "E7"]
    assert [entry.id for entry in catalogue] == [row_id for _, row_id in ROWS]


def test_row_ids_are_used_once() -> None:
    ids = [row_id for _, row_id in ROWS]
    assert len(ids) == len(set(ids))


def test_every_row_reads_as_a_clinical_sentence() -> None:
    wrong = [
        entry.id for entry in row_catalogue() if not (entry.sentence[:1].isupper() and entry.sentence.endswith("."))
    ]
    assert wrong == []


def test_rows_stand_in_their_lane() -> None:
    lanes = dict(zip((table.name for table in fields(Tables)), list(Lane)[:5], strict=True))
    assert {(table, row.lane) for table, lane in lanes.items() for row in getattr(TABLES, table)} == set(lanes.items())


def test_outcome_of_a_row_is_told_in_words() -> None:
    words = {entry.id: entry.outcome for entry in row_catalogue()}
    assert words["A1"] == "C01 (critical)"
    assert words["B5"] == "C14 (warning with a risk factor or masked markers, else info)"
    assert words["B17"] == "no card"


def cited() -> Iterator[tuple[str, str]]:
    return ((entry.id, evidence) for entry in row_catalogue() for evidence in entry.evidence)


def test_rows_cite_registered_evidence() -> None:
    known = set(tomllib.loads(EVIDENCE.read_text(encoding="utf-8")))
    assert [(row, evidence) for row, evidence in cited() if evidence not in known] == []


def test_rows_that_give_a_card_cite_evidence() -> None:
    silent = [entry.id for entry in row_catalogue() if entry.outcome != "no card" and not entry.evidence]
    assert silent == ["D12"]
