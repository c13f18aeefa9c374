"""Writes what a reader wants of a finished replay: the summary, the page, and the list of dangerous misses."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow.dataset as ds

from cds_service.replay.labels import Labelled, read_labels
from cds_service.replay.page import page
from cds_service.replay.rows import Counts
from cds_service.replay.sources import lines, list_sources
from cds_service.replay.summary import summarise
from cds_service.replay.tables import table_path


def write_up(
    out: Path, counts: Counts, labels: Sequence[str], hash_key: bytes, *, software: str, day: datetime | None
) -> dict[str, Any]:
    """Write summary.json, report.html and, with label files, misses.ndjson beside the tables; return the summary."""
    summary = summarise(out, counts, software=software, as_of=day.isoformat() if day else "report")
    if labels:
        with Labelled() as labelled:
            for source in list_sources(labels):
                csv_format = ".csv" in source.place
                labelled.add_labels(read_labels(_contents(source), hash_key, csv_format=csv_format))
            labelled.add_assessments(_batches(out, "assessments"))
            labelled.add_cards(_batches(out, "cards"))
            summary["labelled"] = labelled.result()
            with (out / "misses.ndjson").open("wb") as listed:
                for row in labelled.misses():
                    listed.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    (out / "report.html").write_text(page(summary), encoding="utf-8")
    # Written last: where it stands, the rest is there as well.
    (out / "summary.json").write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2))
    return summary


def _contents(source: Any) -> Iterator[bytes]:
    return (line.content for line in lines(source))


def _batches(out: Path, table: str) -> Iterator[Any]:
    return iter(ds.dataset(table_path(out, table), format="parquet").to_batches(use_threads=False))
