"""Compares what a replay showed with what the patients turned out to have.

A card of a lane counts as a call for the outcome of that lane. An emergency may be of an infection or of a tumour, so
emergencies are left out of the figures of those two lanes. A report that could not be evaluated or not be read, and
gave no call, counts as missed where the outcome was the lane's; elsewhere it is left out, for silence that comes from a
failure is no right answer.
"""

import csv
import itertools
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import orjson
import pyarrow as pa

from cds_service.domain.outcome import DANGEROUS, Outcome
from cds_service.domain.proportion import wilson
from cds_service.domain.vocabulary import Indicator, Lane
from cds_service.replay.patient import keyed

_LISTED_MISSES: Final = 200
_LANES: Final[Mapping[Lane, tuple[tuple[Outcome, ...], tuple[Outcome, ...]]]] = {
    Lane.SAFETY: ((Outcome.EMERGENCY,), ()),
    Lane.INFECTION: ((Outcome.INFECTION,), (Outcome.EMERGENCY,)),
    Lane.MALIGNANCY: ((Outcome.MALIGNANCY,), (Outcome.EMERGENCY,)),
    Lane.BENIGN: (
        (Outcome.FRACTURE, Outcome.INFLAMMATORY, Outcome.POSTOPERATIVE, Outcome.DEGENERATIVE),
        (),
    ),
}
_URGENT: Final = (Indicator.WARNING, Indicator.CRITICAL)
_THRESHOLDS: Final[Mapping[str, int]] = {"any card": Indicator.INFO.rank, "warning or critical": Indicator.WARNING.rank}
_SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA cache_size = -65536;
CREATE TABLE label (patient BLOB, report BLOB, outcome INTEGER, PRIMARY KEY (patient, report)) WITHOUT ROWID;
CREATE TABLE judged (patient BLOB, report BLOB, language TEXT, unread TEXT, error TEXT, first TEXT,
  PRIMARY KEY (patient, report)) WITHOUT ROWID;
CREATE TABLE shown (patient BLOB, report BLOB, lane TEXT, rank INTEGER, PRIMARY KEY (patient, report, lane))
  WITHOUT ROWID;
"""
_OUTCOMES: Final = tuple(Outcome)
_BY_NAME: Final = {outcome.value: outcome for outcome in Outcome}
_RANKS: Final = {indicator.value: indicator.rank for indicator in Indicator}
_INDICATORS: Final = {indicator.rank: indicator.value for indicator in Indicator}


@dataclass(frozen=True, slots=True)
class Label:
    """The outcome of one report, under the keys of the replay."""

    patient: str
    report: str
    outcome: Outcome


def read_labels(lines: Iterable[bytes], hash_key: bytes, *, csv_format: bool = False) -> Iterator[Label | str]:
    """Yield the labels of an NDJSON or CSV file with ``patient``, ``report``, ``outcome``; a bad line as its reason.

    Ids stand as in the export, ``Patient/x`` or ``x``. Capital letters of an outcome make no difference.
    """
    for row in _csv_rows(lines) if csv_format else _json_rows(lines):
        yield row if isinstance(row, str) else _label(row, hash_key)


class Labelled:
    """Joins labels with assessments and cards, in a temporary file, so that memory stays bounded."""

    def __init__(self) -> None:
        # The empty name is a database of its own that SQLite moves to disk when its cache is full.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._problems: Counter[str] = Counter()
        self._lines = self._again = self._contradicting = 0

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """Let the temporary file go."""
        self._database.close()

    def add_labels(self, labels: Iterable[Label | str]) -> None:
        """Take labels in. Of two outcomes for one report the more dangerous one stays, and the conflict is counted."""
        self._database.execute("BEGIN")
        for label in labels:
            self._lines += 1
            if isinstance(label, str):
                self._problems[label] += 1
                continue
            key = (bytes.fromhex(label.patient), bytes.fromhex(label.report))
            rank = _OUTCOMES.index(label.outcome)
            known = self._database.execute("SELECT outcome FROM label WHERE patient = ? AND report = ?", key).fetchone()
            if known is None:
                self._database.execute("INSERT INTO label VALUES (?, ?, ?)", (*key, rank))
                continue
            self._again += known[0] == rank
            self._contradicting += known[0] != rank
            if rank < known[0]:
                change = "UPDATE label SET outcome = ? WHERE patient = ? AND report = ?"
                self._database.execute(change, (rank, *key))
        self._database.execute("COMMIT")

    def add_assessments(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take the table ``assessments`` in, in any order."""
        columns = ("patient", "report", "language", "unread", "error", "lane", "indicator")
        rows = (
            (patient, report, language, unread, error, f"{lane} {indicator}" if lane else "no card")
            for patient, report, language, unread, error, lane, indicator in _rows(batches, columns)
        )
        self._take("INSERT INTO judged VALUES (?, ?, ?, ?, ?, ?)", rows)

    def add_cards(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take the table ``cards`` in, in any order; of each lane the most urgent card counts."""
        rows = (
            (patient, report, lane, _RANKS[indicator])
            for patient, report, lane, indicator in _rows(batches, ("patient", "report", "lane", "indicator"))
        )
        self._take(
            "INSERT INTO shown VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET rank = max(rank, excluded.rank)", rows
        )

    def result(self) -> dict[str, Any]:
        """Return all figures, as the summary holds them."""
        misses = list(itertools.islice(self.misses(), _LISTED_MISSES))
        return {
            "lines": self._lines,
            "problems": dict(sorted(self._problems.items())),
            "repeated": self._again,
            "contradicting": self._contradicting,
            "matched": self._one("SELECT count(*) FROM label JOIN judged USING (patient, report)"),
            "labels_without_report": self._one(
                "SELECT count(*) FROM label LEFT JOIN judged USING (patient, report) WHERE first IS NULL"
            ),
            "reports_without_label": self._one(
                "SELECT count(*) FROM judged LEFT JOIN label USING (patient, report) WHERE outcome IS NULL"
            ),
            "outcomes": self._outcomes(),
            "lanes": [
                self._lane(lane, name, rank)
                for lane in _LANES
                for name, rank in _THRESHOLDS.items()
                # a harmless cause is told for information; to ask for a warning would say nothing
                if lane is not Lane.BENIGN or rank == Indicator.INFO.rank
            ],
            "first_card": self._matrix(
                "SELECT outcome, CASE WHEN error <> '' THEN 'failed' ELSE first END, count(*)"
                " FROM label JOIN judged USING (patient, report) GROUP BY 1, 2"
            ),
            "any_card": self._matrix(
                "SELECT outcome, lane || ' ' || rank, count(*) FROM label JOIN judged USING (patient, report)"
                " JOIN shown USING (patient, report) GROUP BY 1, 2"
            ),
            "dangerous": self._one(
                f"SELECT count(*) FROM label JOIN judged USING (patient, report) WHERE outcome < {len(DANGEROUS)}"  # noqa: S608 - a number
            ),
            "misses": misses,
            "misses_total": self._one(f"SELECT count(*) {_MISSED}"),
        }

    def misses(self) -> Iterator[dict[str, Any]]:
        """Yield every report of a dangerous outcome without an urgent card of safety, infection or malignancy."""
        query = (
            f"SELECT label.patient, label.report, outcome, language, unread, error, first {_MISSED} ORDER BY 3, 1, 2"
        )
        for patient, report, outcome, language, unread, error, first in self._database.execute(query):
            yield {
                "patient": patient.hex(),
                "report": report.hex(),
                "outcome": _OUTCOMES[outcome].value,
                "language": language,
                "unread": unread,
                "error": error,
                "first": first,
                "shown": self._shown(patient, report),
            }

    def _take(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        self._database.execute("BEGIN")
        self._database.executemany(statement, rows)
        self._database.execute("COMMIT")

    def _one(self, query: str) -> int:
        return int(self._database.execute(query).fetchone()[0])

    def _outcomes(self) -> dict[str, int]:
        query = "SELECT outcome, count(*) FROM label JOIN judged USING (patient, report) GROUP BY 1"
        found = dict(self._database.execute(query).fetchall())
        return {outcome.value: found.get(position, 0) for position, outcome in enumerate(_OUTCOMES)}

    def _lane(self, lane: Lane, threshold: str, rank: int) -> dict[str, Any]:
        """Count calls of a lane at a threshold against the outcomes."""
        wanted, aside = _LANES[lane]
        query = """
            SELECT outcome, coalesce(shown.rank >= ?, 0), error <> '' OR unread <> '', count(*)
            FROM label JOIN judged USING (patient, report)
            LEFT JOIN shown ON shown.patient = label.patient AND shown.report = label.report AND shown.lane = ?
            GROUP BY 1, 2, 3"""
        counts: Counter[str] = Counter()
        for position, called, silent, number in self._database.execute(query, (rank, lane.value)):
            outcome = _OUTCOMES[position]
            if outcome in aside or (silent and not called and outcome not in wanted):
                counts["left_out"] += number
            else:
                counts[("tp" if called else "fn") if outcome in wanted else ("fp" if called else "tn")] += number
        return {
            "lane": lane.value,
            "threshold": threshold,
            "outcomes": [outcome.value for outcome in wanted],
            **{name: counts[name] for name in ("tp", "fp", "fn", "tn", "left_out")},
            "sensitivity": wilson(counts["tp"], counts["tp"] + counts["fn"]),
            "specificity": wilson(counts["tn"], counts["tn"] + counts["fp"]),
            "ppv": wilson(counts["tp"], counts["tp"] + counts["fp"]),
        }

    def _matrix(self, query: str) -> dict[str, Any]:
        """Return outcome against what was shown, only the columns that occur."""
        cells: dict[tuple[int, str], int] = {}
        for position, column, number in self._database.execute(query):
            lane, _, rank = column.partition(" ")
            cells[position, f"{lane} {_INDICATORS[int(rank)]}" if rank.isdigit() else column] = number
        columns = sorted({column for _, column in cells}, key=_column_order)
        rows = [
            {"outcome": outcome.value, "counts": [cells.get((position, column), 0) for column in columns]}
            for position, outcome in enumerate(_OUTCOMES)
        ]
        return {"columns": columns, "rows": rows}

    def _shown(self, patient: bytes, report: bytes) -> list[str]:
        query = "SELECT lane, rank FROM shown WHERE patient = ? AND report = ? ORDER BY lane"
        return [f"{lane} {_INDICATORS[rank]}" for lane, rank in self._database.execute(query, (patient, report))]


_MISSED: Final = f"""
FROM label JOIN judged USING (patient, report) WHERE outcome < {len(DANGEROUS)} AND NOT EXISTS (
  SELECT 1 FROM shown WHERE shown.patient = label.patient AND shown.report = label.report
  AND shown.lane IN ('{Lane.SAFETY.value}', '{Lane.INFECTION.value}', '{Lane.MALIGNANCY.value}')
  AND shown.rank >= {min(one.rank for one in _URGENT)})"""  # noqa: S608 - our own words


def _column_order(column: str) -> tuple[bool, str, int]:
    lane, _, indicator = column.partition(" ")
    return (indicator not in _RANKS, lane, -_RANKS.get(indicator, 0))


def _rows(batches: Iterable[pa.RecordBatch], columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the columns of each row; the two keys as bytes."""
    for batch in batches:
        for patient, report, *rest in zip(*(batch.column(name).to_pylist() for name in columns), strict=True):
            yield (bytes.fromhex(patient), bytes.fromhex(report), *rest)


def _json_rows(lines: Iterable[bytes]) -> Iterator[Mapping[str, Any] | str]:
    for line in lines:
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            yield "no JSON"
            continue
        yield row if isinstance(row, dict) else "no JSON object"


def _csv_rows(lines: Iterable[bytes]) -> Iterator[Mapping[str, Any] | str]:
    texts = (line.decode("utf-8", "replace").removeprefix("\ufeff") for line in lines)
    reader = csv.DictReader(texts)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield "no CSV"
            continue
        yield {str(name).strip().lower(): value for name, value in row.items()}


def _label(row: Mapping[str, Any], hash_key: bytes) -> Label | str:
    patient, report = (_identity(row.get(name)) for name in ("patient", "report"))
    if not patient or not report:
        return "no patient or report"
    outcome = _BY_NAME.get(str(row.get("outcome") or "").strip().lower())
    if outcome is None:
        return "unknown outcome"
    return Label(keyed(hash_key, "Patient", patient), keyed(hash_key, "DiagnosticReport", report), outcome)


def _identity(value: Any) -> str:
    """Return the bare id of an id or a reference."""
    return str(value).strip().rsplit("/", 1)[-1] if isinstance(value, str | int) else ""
