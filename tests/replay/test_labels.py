"""Labelled evaluation: what was shown against what the patients had."""

from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa
import pytest

from cds_service.domain.outcome import Outcome
from cds_service.domain.proportion import wilson
from cds_service.replay.labels import Label, Labelled, read_labels
from cds_service.replay.patient import keyed

_KEY = b"a key of this test only"


def _line(report: str, outcome: str) -> bytes:
    return orjson.dumps({"patient": f"p-{report}", "report": report, "outcome": outcome})


def _keys(report: str) -> tuple[str, str]:
    return keyed(_KEY, "Patient", f"p-{report}"), keyed(_KEY, "DiagnosticReport", report)


def _assessments(*rows: tuple[str, str, str, str]) -> Iterator[pa.RecordBatch]:
    """Rows are (report, first card, unread, error); a batch for each of them, the last first."""
    for report, first, unread, error in reversed(rows):
        patient, key = _keys(report)
        lane, _, indicator = first.partition(" ")
        yield pa.RecordBatch.from_pylist(
            [{
                "patient": patient, "report": key, "language": "en", "unread": unread, "error": error, "lane": lane,
                "indicator": indicator, "cards": 1,
            }]
        )  # fmt: skip


def _cards(*rows: tuple[str, str, str]) -> list[pa.RecordBatch]:
    table = [
        {"patient": _keys(report)[0], "report": _keys(report)[1], "lane": lane, "indicator": indicator}
        for report, lane, indicator in rows
    ]
    return [pa.RecordBatch.from_pylist(table)]


@pytest.fixture
def result() -> dict[str, Any]:
    with Labelled() as labelled:
        labelled.add_labels(
            read_labels(
                [
                    _line("abscess", "emergency"), _line("seen", "infection"), _line("only-info", "infection"),
                    _line("failed", "infection"), _line("tumour", "Malignancy"), _line("failed-none", "none"),
                    _line("modic", "degenerative"), _line("quiet", "none"), _line("elsewhere", "none"),
                ],
                _KEY,
            )
        )  # fmt: skip
        labelled.add_assessments(
            _assessments(
                ("abscess", "A critical", "", ""), ("seen", "B warning", "", ""), ("only-info", "B info", "", ""),
                ("failed", "", "", "ValueError"), ("tumour", "D info", "", ""), ("failed-none", "", "", "ValueError"),
                ("modic", "B warning", "", ""), ("quiet", "", "", ""), ("not-labelled", "", "", ""),
            )
        )  # fmt: skip
        labelled.add_cards(
            _cards(
                ("abscess", "A", "critical"), ("abscess", "B", "warning"), ("seen", "B", "info"),
                ("seen", "B", "warning"), ("only-info", "B", "info"), ("tumour", "D", "info"),
                ("modic", "B", "warning"),
            )
        )  # fmt: skip
        return labelled.result()


def _lane(result: dict[str, Any], lane: str, threshold: str) -> dict[str, Any]:
    return next(one for one in result["lanes"] if (one["lane"], one["threshold"]) == (lane, threshold))


def test_reports_and_labels_without_a_counterpart_are_counted(result: dict[str, Any]) -> None:
    assert (result["matched"], result["labels_without_report"], result["reports_without_label"]) == (8, 1, 1)
    assert result["outcomes"]["infection"] == 3


def test_an_emergency_counts_neither_for_nor_against_infection(result: dict[str, Any]) -> None:
    lane = _lane(result, "B", "warning or critical")
    # left out: the emergency, and the failed report of a healthy patient
    assert {name: lane[name] for name in ("tp", "fp", "fn", "tn", "left_out")} == {
        "tp": 1, "fp": 1, "fn": 2, "tn": 2, "left_out": 2,
    }  # fmt: skip


def test_a_card_for_information_counts_at_the_lower_threshold_only(result: dict[str, Any]) -> None:
    assert _lane(result, "B", "any card")["tp"] == 2
    assert _lane(result, "B", "warning or critical")["tp"] == 1


def test_a_failed_evaluation_is_a_miss_of_what_the_patient_had(result: dict[str, Any]) -> None:
    missed = {(one["outcome"], one["error"], one["first"], *one["shown"]) for one in result["misses"]}
    assert missed == {
        ("infection", "ValueError", "no card"), ("infection", "", "B info", "B info"),
        ("malignancy", "", "D info", "D info"),
    }  # fmt: skip
    assert result["misses_total"] == 3
    assert result["dangerous"] == 5


def test_the_matrices_hold_every_labelled_report(result: dict[str, Any]) -> None:
    first = result["first_card"]
    assert first["columns"] == ["A critical", "B warning", "B info", "D info", "failed", "no card"]
    counts = {row["outcome"]: row["counts"] for row in first["rows"]}
    assert counts["infection"] == [0, 1, 1, 0, 1, 0]
    assert sum(map(sum, counts.values())) == result["matched"]
    shown = {row["outcome"]: dict(zip(result["any_card"]["columns"], row["counts"], strict=True))
             for row in result["any_card"]["rows"]}  # fmt: skip
    assert shown["emergency"]["B warning"] == 1


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    # Newcombe 1998 (Stat Med 17:857-872), table I, method 3: Wilson score without continuity correction
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval(hits: int, of: int, low: float, high: float) -> None:
    found = wilson(hits, of)
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=5e-5)


def test_a_share_of_nothing_is_not_zero() -> None:
    assert wilson(0, 0)["value"] is None


def test_csv_and_references_give_the_same_labels() -> None:
    lines = [b"\xef\xbb\xbfOutcome,Patient,Report\r\n", b"INFECTION,Patient/p-1,DiagnosticReport/1\r\n"]
    assert list(read_labels(lines, _KEY, csv_format=True)) == list(read_labels([_line("1", "infection")], _KEY))


def test_bad_lines_are_counted_and_the_rest_is_used() -> None:
    lines = [b"{", b"[]", b"\n", b'{"patient": "a"}', _line("1", "sepsis"), _line("2", "none")]
    *reasons, label = read_labels(lines, _KEY)
    expected = ["no JSON", "no JSON object", "no patient or report", "unknown outcome"]
    assert reasons == expected
    assert isinstance(label, Label)
    with Labelled() as labelled:
        labelled.add_labels(read_labels(lines, _KEY))
        assert labelled.result()["problems"] == dict.fromkeys(sorted(expected), 1)


def test_of_two_outcomes_for_one_report_the_dangerous_one_stays() -> None:
    with Labelled() as labelled:
        labelled.add_labels(read_labels([_line("1", "none"), _line("1", "infection"), _line("1", "infection")], _KEY))
        labelled.add_assessments(_assessments(("1", "", "", "")))
        result = labelled.result()
    assert (result["repeated"], result["contradicting"]) == (1, 1)
    assert result["outcomes"][Outcome.INFECTION] == 1


def test_misses_beyond_those_listed_are_there_to_be_written() -> None:
    with Labelled() as labelled:
        labelled.add_labels(read_labels([_line(str(number), "infection") for number in range(250)], _KEY))
        labelled.add_assessments(_assessments(*((str(number), "", "", "") for number in range(250))))
        result = labelled.result()
        assert (len(result["misses"]), result["misses_total"], len(list(labelled.misses()))) == (200, 250, 250)
