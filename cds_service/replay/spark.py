"""Replays a cohort on Apache Spark: the same routing, judging and tables, spread over the machines of a cluster.

Files are read in parallel, one task each; patients are brought together by a range of their keyed hashes, so that the
parts of a table one after the other are in the order of the local engine. The folder of the results must be one that
the driver and all executors see, and marrow-cds must be installed on each of them.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
from pyspark import SparkFiles
from pyspark.sql import DataFrame, SparkSession

from cds_service.replay.grouping import Problem, Shared, SharedWriter, shared_path
from cds_service.replay.local import PROBLEMS, Progress, Run, open_work, problem_line, sum_of, with_shared
from cds_service.replay.patient import PatientReplay, in_order, keyed
from cds_service.replay.routing import BadLineError, route
from cds_service.replay.rows import TABLES, Counts
from cds_service.replay.sources import Source, lines
from cds_service.replay.tables import SCHEMAS, arrow, table_of, table_path

_ROUTED: Final = "route string, key string, patient string, content binary"
_JUDGED: Final = "table string, key string, sequence bigint, payload binary"
_COLUMNS: Final = {
    "string": "string",
    "int64": "bigint",
    "bool": "boolean",
    "timestamp[us, tz=UTC]": "timestamp",
    "list<item: string>": "array<string>",
}
_COUNTS: Final = "counts"
_BATCH: Final = 2_000
Batches = Iterator[pa.RecordBatch]


def replay_on_spark(run: Run, progress: Progress) -> Counts:
    """Replay a cohort to Parquet folders in ``run.out`` and return the counts. Raises ReplayError and SourceError.

    The session is the one of ``spark-submit``, else one on this machine with ``run.jobs`` cores.
    """
    open_work(run)
    session = _session(run.jobs)
    try:
        progress.begin("Routing", None)
        routed = _staged(run.work / "routed", lambda: _routed(session, run), session)
        counts = _came_in(routed, run)
        progress.begin("Judging reports", None)
        session.sparkContext.addFile(str(shared_path(run.work)))
        judged = _staged(run.work / "judged", lambda: _judged(routed, run), session)
        for row in judged.where(judged.table == _COUNTS).select("payload").toLocalIterator():
            counts = sum_of(counts, Counts(**orjson.loads(bytes(row.payload))))
        progress.begin("Writing tables", len(TABLES))
        for name in TABLES:
            _write(judged, name, run.out)
            progress.advance()
    finally:
        session.stop()
    (run.work / PROBLEMS).replace(run.out / PROBLEMS)
    shutil.rmtree(run.work)
    return counts


def _session(jobs: int) -> SparkSession:
    """Return the session that spark-submit began, else one on this machine that runs this very Python."""
    builder = SparkSession.builder.appName("marrow-cds replay").config("spark.sql.session.timeZone", "UTC")
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = builder.master(f"local[{jobs}]").config("spark.ui.enabled", "false")
        builder = builder.config("spark.ui.showConsoleProgress", "false").config(
            "spark.driver.bindAddress", "127.0.0.1"
        )
    return builder.getOrCreate()


def _staged(folder: Path, make: Callable[[], DataFrame], session: SparkSession) -> DataFrame:
    """Return what a stage gave, computed once and kept on disk until the end of the run."""
    if not (folder / "_SUCCESS").exists():
        make().write.mode("overwrite").parquet(folder.as_posix())
    return session.read.parquet(folder.as_posix())


def _routed(session: SparkSession, run: Run) -> DataFrame:
    files = [(source.place, source.size) for source in run.sources]
    frame = session.createDataFrame(files, "place string, size bigint").repartition(max(1, len(files)), "place")
    return frame.mapInArrow(partial(_route_files, run.hash_key), _ROUTED)


def _route_files(hash_key: bytes, batches: Batches) -> Batches:
    """Route the lines of whole files; the last row of a file is its counts."""
    for batch in batches:
        for file in batch.to_pylist():
            yield from _in_batches(_route_file(hash_key, Source(file["place"], file["size"])), _ROUTED_SCHEMA)


def _route_file(hash_key: bytes, source: Source) -> Iterator[tuple[str, str, str, bytes]]:
    counts = Counts()
    for line in lines(source):
        counts.lines += 1
        content, reason = line.content.strip(), line.fault
        try:
            routed = None if reason else route(content)
        except BadLineError as error:
            routed, reason = None, str(error)
        if routed is None:
            counts.problems[reason] = counts.problems.get(reason, 0) + 1
            problem = problem_line(Problem(source.place, line.number, reason))
            yield "problem", f"{source.place}\0{line.number:012}", "", problem
        elif routed.skipped:
            counts.skipped[routed.skipped] = counts.skipped.get(routed.skipped, 0) + 1
        elif routed.shared:
            yield "shared", routed.shared, "", content
        else:
            yield "patient", keyed(hash_key, "Patient", routed.patient_id), routed.patient_id, content
    yield _COUNTS, "", "", orjson.dumps(asdict(counts))


def _came_in(routed: DataFrame, run: Run) -> Counts:
    """Return the counts of the input; write the list of problems and the resources that belong to nobody."""
    counts = Counts()
    for row in routed.where(routed.route == _COUNTS).select("content").toLocalIterator():
        counts = sum_of(counts, Counts(**orjson.loads(bytes(row.content))))
    with (run.work / PROBLEMS).open("wb") as listed:
        for row in routed.where(routed.route == "problem").orderBy("key").select("content").toLocalIterator():
            listed.write(bytes(row.content))
    shared_path(run.work).unlink(missing_ok=True)
    with SharedWriter(run.work) as shared:
        for row in routed.where(routed.route == "shared").select("key", "content").toLocalIterator():
            shared.keep(row.key, bytes(row.content))
    return counts


def _judged(routed: DataFrame, run: Run) -> DataFrame:
    own = routed.where(routed.route == "patient").select("key", "patient", "content")
    together = own.repartitionByRange("key").sortWithinPartitions("key", "patient")
    return together.mapInArrow(partial(_judge, run.build), _JUDGED)


def _judge(build: Callable[[], PatientReplay], batches: Batches) -> Batches:
    """Judge the patients of one partition, whose resources follow each other."""
    judge = build()
    with closing(Shared(Path(SparkFiles.get("shared.sqlite")))) as shared:
        yield from _in_batches(_judged_rows(judge, shared, batches), _JUDGED_SCHEMA)
    counts = [(_COUNTS, "", 0, orjson.dumps(asdict(judge.counts)))]
    yield from _in_batches(counts, _JUDGED_SCHEMA)


def _judged_rows(judge: PatientReplay, shared: Shared, batches: Batches) -> Iterator[tuple[str, str, int, bytes]]:
    resources = (row for batch in batches for row in batch.to_pylist())
    for (key, patient_id), own in groupby(resources, lambda row: (row["key"], row["patient"])):
        chart = with_shared(in_order(row["content"] for row in own), shared.get)
        for sequence, row in enumerate(judge.judge(patient_id, chart)):
            yield table_of(row), key, sequence, orjson.dumps(row)


def _write(judged: DataFrame, name: str, out: Path) -> None:
    own = judged.where(judged.table == name).select("key", "sequence", "payload")
    sorted_rows = own.repartitionByRange("key").sortWithinPartitions("key", "sequence")
    fields = ", ".join(f"{field.name} {_COLUMNS[str(field.type)]}" for field in SCHEMAS[name])
    sorted_rows.mapInArrow(partial(_decode, name), fields).write.mode("overwrite").parquet(
        table_path(out, name).as_posix()
    )


def _decode(name: str, batches: Batches) -> Batches:
    row_type = TABLES[name]
    for batch in batches:
        rows = (_row(row_type, payload) for payload in batch.column("payload").to_pylist())
        yield from arrow(name, rows).to_batches()


def _row(row_type: Any, payload: bytes) -> Any:
    values = orjson.loads(payload)
    if "as_of" in values:
        values["as_of"] = datetime.fromisoformat(values["as_of"])
    return row_type(**values)


_ROUTED_SCHEMA: Final = pa.schema(
    [("route", pa.string()), ("key", pa.string()), ("patient", pa.string()), ("content", pa.binary())]
)
_JUDGED_SCHEMA: Final = pa.schema(
    [("table", pa.string()), ("key", pa.string()), ("sequence", pa.int64()), ("payload", pa.binary())]
)


def _in_batches(rows: Iterable[tuple[Any, ...]], schema: Any) -> Batches:
    """Yield rows in record batches of a size that no row count can blow up."""
    waiting: list[tuple[Any, ...]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == _BATCH:
            yield _batch(waiting, schema)
            waiting = []
    if waiting:
        yield _batch(waiting, schema)


def _batch(rows: list[tuple[Any, ...]], schema: Any) -> Any:
    columns = [pa.array(column, one.type) for column, one in zip(zip(*rows, strict=True), schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
