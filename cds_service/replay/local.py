"""Replays a cohort on one machine: deal the export to buckets, judge them in several processes, join the tables.

The run can be stopped at any moment and started again with the same words: dealing begins anew when it was not
finished, finished buckets are kept. What a bucket gives depends on nothing but its patients, so a run that was
disturbed ends with the same files as one that was not.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, Protocol

import orjson

from cds_service.errors import MarrowError
from cds_service.replay.grouping import Dealer, Problem, Shared, bucket_count, patients, shared_path
from cds_service.replay.patient import PatientReplay, in_order
from cds_service.replay.routing import wanted
from cds_service.replay.rows import Counts
from cds_service.replay.sources import Source
from cds_service.replay.tables import PartWriter, join_parts

_WORK: Final = "work"
_PLAN: Final = "plan.json"
PROBLEMS: Final = "problems.ndjson"


class ReplayError(MarrowError):
    """A replay cannot begin or go on."""


class Progress(Protocol):
    """Shows how far a run is."""

    def begin(self, title: str, total: int | None) -> None:
        """Begin a stage of so many steps, if that is known."""

    def advance(self, steps: int = 1) -> None:
        """Take steps forward."""


@dataclass(frozen=True, slots=True)
class Run:
    """What to replay. ``build`` makes the judge of one process; ``marks`` are what the result depends on beside input.

    ``hash_key`` makes the ids that are written; only its own hash is kept beside the results.
    """

    sources: tuple[Source, ...]
    out: Path
    build: Callable[[], PatientReplay]
    hash_key: bytes
    marks: tuple[str, ...]
    jobs: int = 1
    day: datetime | None = None

    @property
    def work(self) -> Path:
        """Folder of what is only needed until the end."""
        return self.out / _WORK

    @property
    def plan(self) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        key = hashlib.sha256(b"replay" + self.hash_key).hexdigest()
        inputs = [[source.place, source.size] for source in self.sources]
        return {"inputs": inputs, "key": key, "day": str(self.day or ""), "marks": list(self.marks)}


def replay(run: Run, progress: Progress) -> Counts:
    """Replay a cohort to Parquet files in ``run.out`` and return the counts. Raises ReplayError and SourceError."""
    counts = _dealt(run, progress)
    buckets = bucket_count(run.sources)
    for part in _judged(run, buckets, progress):
        counts = sum_of(counts, part)
    join_parts(run.work, [_part(number) for number in range(buckets)], run.out)
    (run.work / PROBLEMS).replace(run.out / PROBLEMS)
    shutil.rmtree(run.work)
    return counts


def open_work(run: Run) -> None:
    """Make the work folder, or find that of an earlier run of the same plan. Raises ReplayError for another plan."""
    plan_path = run.work / _PLAN
    if not plan_path.exists():
        run.work.mkdir(parents=True, exist_ok=True, mode=0o700)
        plan_path.write_text(json.dumps(run.plan), encoding="utf-8")
    elif json.loads(plan_path.read_text(encoding="utf-8")) != run.plan:
        raise ReplayError(f"{run.out}: an unfinished replay of other input or settings is there; choose another --out")


def _dealt(run: Run, progress: Progress) -> Counts:
    """Deal the input to buckets unless an earlier run did; returns what came in."""
    open_work(run)
    done_path = run.work / "dealt.json"
    if done_path.exists():
        return Counts(**json.loads(done_path.read_text(encoding="utf-8")))
    progress.begin("Grouping by patient", sum(source.size for source in run.sources) or None)
    dealer = Dealer(run.work, bucket_count(run.sources), run.hash_key)
    with (run.work / PROBLEMS).open("wb") as listed, dealer:
        for source in run.sources:
            for problem in dealer.deal(source):
                if problem:
                    listed.write(problem_line(problem))
            progress.advance(source.size)
    _write_whole(done_path, dealer.counts)
    return dealer.counts


def _judged(run: Run, buckets: int, progress: Progress) -> Iterator[Counts]:
    """Judge the buckets that are not done, in processes; yields the counts of every bucket, in any order."""
    progress.begin("Judging reports", buckets)
    missing = []
    for number in range(buckets):
        path = _done(run.work, number)
        if path.exists():
            progress.advance()
            yield Counts(**json.loads(path.read_text(encoding="utf-8")))
        else:
            missing.append(number)
    if run.jobs == 1:
        for number in missing:
            yield _judge_bucket(run.work, number, run.build)
            progress.advance()
        return
    with ProcessPoolExecutor(run.jobs, get_context("spawn"), _start, (run.build,)) as pool:
        waiting: set[Future[Counts]] = {pool.submit(_judge_here, run.work, number) for number in missing}
        try:
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for one in finished:
                    yield one.result()
                    progress.advance()
        except BrokenProcessPool:
            raise ReplayError("a process of the replay died; start it again to go on, with fewer --jobs") from None
        finally:
            pool.shutdown(cancel_futures=True)


_BUILDERS: list[Callable[[], PatientReplay]] = []


def _start(build: Callable[[], PatientReplay]) -> None:
    _BUILDERS[:] = [build]


def _judge_here(work: Path, number: int) -> Counts:
    return _judge_bucket(work, number, _BUILDERS[0])


def _judge_bucket(work: Path, number: int, build: Callable[[], PatientReplay]) -> Counts:
    """Judge the patients of one bucket and write its part of the tables; the counts are written last."""
    judge = build()
    with closing(Shared(shared_path(work))) as shared, PartWriter(work, _part(number)) as part:
        for _, patient_id, content in patients(work, number):
            resources = with_shared(in_order(content), shared.get)
            for row in judge.judge(patient_id, resources):
                part.add(row)
    _write_whole(_done(work, number), judge.counts)
    return judge.counts


def with_shared(resources: Sequence[dict[str, Any]], find: Callable[[str], bytes | None]) -> list[dict[str, Any]]:
    """Return the resources of a patient with those that they point to and that belong to nobody."""
    names = dict.fromkeys(name for resource in resources for name in wanted(resource))
    found = [content for name in names if (content := find(name)) is not None]
    return [*resources, *(orjson.loads(content) for content in found)]


def sum_of(first: Counts, second: Counts) -> Counts:
    """Return the counts of two parts of a cohort."""
    joined: dict[str, Any] = {}
    for field in fields(Counts):
        one, other = getattr(first, field.name), getattr(second, field.name)
        if isinstance(one, dict):
            joined[field.name] = {key: one.get(key, 0) + other.get(key, 0) for key in sorted({*one, *other})}
        else:
            joined[field.name] = one + other
    return Counts(**joined)


def _part(number: int) -> str:
    return f"part-{number:03}"


def _done(work: Path, number: int) -> Path:
    return work / f"{_part(number)}.json"


def _write_whole(path: Path, counts: Counts) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(asdict(counts)), encoding="utf-8")
    unfinished.replace(path)


def problem_line(problem: Problem) -> bytes:
    """Return a line of the list of problems."""
    return orjson.dumps(asdict(problem), option=orjson.OPT_APPEND_NEWLINE)
