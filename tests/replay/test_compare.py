"""Two results side by side: who changes, how, and which rules explain it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.replay.compare import CompareError, compare
from cds_service.replay.rows import Assessed, CardRow, Row
from cds_service.replay.tables import PartWriter, join_parts

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)


def assessed(patient: str, lane: str = "", indicator: str = "", cards: int = 0, **members: Any) -> Assessed:
    values: dict[str, Any] = {
        "patient": patient, "report": f"r-{patient}", "as_of": AS_OF, "department": "", "clinician": "",
        "language": "en", "modality": "MR", "region": "lumbar", "unread": "", "error": "", "lane": lane,
        "indicator": indicator, "cards": cards, "lanes": [], "rules": [], "knowledge": "1", "later": 0, "undated": 0,
    }  # fmt: skip
    return Assessed(**values | members)


def card(patient: str, text: str, lane: str, indicator: str) -> CardRow:
    return CardRow(patient, f"r-{patient}", 0, text, text, lane, "", indicator, [], [])


def result(folder: Path, assessments: list[Row], cards: list[Row]) -> Path:
    folder.mkdir()
    with PartWriter(folder, "part") as part:
        for row in (*assessments, *cards):
            part.add(row)
    join_parts(folder, ["part"], folder)
    return folder


def test_changes_are_named_with_their_rules(tmp_path: Path) -> None:
    base = result(
        tmp_path / "base",
        [
            assessed("a", "B", "info", 1, rules=["LAB-CRP-RAISED"], lanes=["B:B9"]),
            assessed("b", "B", "warning", 1, rules=["X"]),
            assessed("c"),
            assessed("d"),
        ],
        [card("a", "C10", "B", "info"), card("b", "C11", "B", "warning")],
    )
    new = result(
        tmp_path / "new",
        [
            assessed("a", "B", "warning", 1, rules=["LAB-CRP-RAISED", "IMG-TWO-SIGNS"], lanes=["B:B1"], knowledge="2"),
            assessed("b", knowledge="2"),
            assessed("c", knowledge="2"),
            assessed("e", knowledge="2"),
        ],
        [card("a", "C11", "B", "warning")],
    )
    found = compare(base, new)
    assert found["knowledge"] == {"base": ["1"], "new": ["2"]}
    assert found["totals"] == {
        "reports": 5, "same": 1, "changed": 2, "lowered": 1, "raised": 1, "same indicator": 0, "only_in_base": 1,
        "only_in_new": 1,
    }  # fmt: skip
    lowered, raised = found["changes"]
    assert (lowered["patient"], lowered["from"], lowered["to"]) == ("b", "B warning", "no card")
    assert (raised["from"], raised["to"], raised["rules_added"]) == ("B info", "B warning", ["IMG-TWO-SIGNS"])
    assert (raised["cards_added"], raised["cards_removed"]) == (["C11 warning"], ["C10 info"])
    assert (raised["lanes_added"], raised["lanes_removed"]) == (["B:B1"], ["B:B9"])
    assert {"rule": "IMG-TWO-SIGNS", "change": "added", "reports": 1} in found["rules"]
    assert {"from": "B info", "to": "B warning", "reports": 1} in found["moves"]


def test_a_folder_without_a_replay_is_named(tmp_path: Path) -> None:
    with pytest.raises(CompareError, match="no finished replay"):
        compare(tmp_path, tmp_path)
