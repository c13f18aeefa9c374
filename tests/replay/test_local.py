"""A cohort on one machine: the same result however the export was cut, packed, shuffled or the run disturbed."""

import gzip
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import zstandard

from cds_service.replay.local import ReplayError, replay
from cds_service.replay.rows import TABLES, Counts
from cds_service.replay.summary import summarise
from cds_service.replay.tables import read_rows, table_path
from tests.replay.conftest import Silent, run_of


@pytest.fixture(scope="module")
def undisturbed(export: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Counts]:
    out = tmp_path_factory.mktemp("undisturbed")
    return out, replay(run_of(export, out=out), Silent())


def digests(out: Path) -> dict[str, str]:
    return {name: hashlib.sha256(table_path(out, name).read_bytes()).hexdigest() for name in TABLES}


def test_every_report_is_judged_or_counted(undisturbed: tuple[Path, Counts]) -> None:
    out, counts = undisturbed
    assessed = list(read_rows(out, "assessments"))
    assert len(assessed) == counts.reports > 30
    assert counts.problems == {}
    assert not [row for row in assessed if row["error"]]
    keys = [row["patient"] for row in assessed]
    assert keys == sorted(keys)
    assert not (out / "work").exists()


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_cut_and_packed_differently_gives_the_same_bytes(
    export: Path, undisturbed: tuple[Path, Counts], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a shuffle
    lines = [line for path in sorted(export.iterdir()) for line in path.read_bytes().splitlines()]
    chance.shuffle(lines)
    folder = tmp_path / "in"
    folder.mkdir()
    files = chance.randrange(1, 9)
    for number in range(files):
        content = b"".join(line + b"\n" for line in lines[number::files])
        packed, suffix = chance.choice(
            [(content, ""), (gzip.compress(content), ".gz"), (zstandard.compress(content), ".zst")]
        )
        (folder / f"part-{number}.ndjson{suffix}").write_bytes(packed)
    out = tmp_path / "out"
    counts = replay(run_of(folder, out=out), Silent())
    assert digests(out) == digests(undisturbed[0])
    assert counts == undisturbed[1]


def test_bad_lines_are_listed_and_cost_nothing_else(
    export: Path, undisturbed: tuple[Path, Counts], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.ndjson"
    bad.write_bytes(
        b'{"resourceType": "Patient", "id": \n[1]\n{"resourceType": "Observation", "id": "x"}\n'
        b'{"resourceType": "Questionnaire"}\n{"resourceType": "Patient"}\n'
    )
    out = tmp_path / "out"
    counts = replay(run_of(export, bad, out=out), Silent())
    assert counts.problems == {
        "is not JSON": 1,
        "is no FHIR resource": 1,
        "Observation without a patient": 1,
        "Patient without an id": 1,
    }
    assert counts.skipped == {"Questionnaire": 1}
    listed = (out / "problems.ndjson").read_text()
    assert len(listed.splitlines()) == 4
    assert '"line":3' in listed
    assert digests(out) == digests(undisturbed[0])


def test_another_plan_does_not_go_on_with_the_work(export: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = run_of(export, out=out)
    run.work.mkdir(parents=True)
    (run.work / "plan.json").write_text("{}")
    with pytest.raises(ReplayError, match="choose another"):
        replay(run, Silent())


PROGRAM = """
import sys
from pathlib import Path
from cds_service.replay import grouping, local
from tests.replay.conftest import Silent, run_of

# small buckets, so that there is something to lose between them
grouping._BUCKET_BYTES = 12_000
if __name__ == "__main__":
    local.replay(run_of(Path(sys.argv[1]), out=Path(sys.argv[2]), jobs=int(sys.argv[3])), Silent())
"""


def start(program: Path, export: Path, out: Path, jobs: int = 1) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, program, export, out, str(jobs)], cwd=Path(__file__).parents[2],
                            env=os.environ | {"PYTHONPATH": str(Path.cwd())}, start_new_session=True)  # fmt: skip


@pytest.mark.parametrize("attempt", range(10))
def test_killed_at_any_moment_and_started_again_it_ends_the_same(
    export: Path, undisturbed: tuple[Path, Counts], tmp_path: Path, attempt: int
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    out = tmp_path / "out"
    first = start(program, export, out)
    work = out / "work"
    # Killed after so many files of its work are there: before, while and after the buckets are judged.
    while first.poll() is None and (len(list(work.iterdir())) if work.exists() else 0) < 4 + 14 * attempt:
        time.sleep(0.002)
    if first.poll() is None:
        os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    again = start(program, export, out)
    assert again.wait() == 0
    assert digests(out) == digests(undisturbed[0])


def test_several_processes_give_the_same(export: Path, undisturbed: tuple[Path, Counts], tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    assert start(program, export, tmp_path / "out", jobs=2).wait() == 0
    assert digests(tmp_path / "out") == digests(undisturbed[0])


def test_the_summary_adds_up(undisturbed: tuple[Path, Counts]) -> None:
    out, counts = undisturbed
    summary = summarise(out, counts, software="1", as_of="report")
    cards = list(read_rows(out, "cards"))
    assert summary["reports"] == counts.reports
    assert summary["cards_total"] == len(cards) == sum(one["cards"] for one in summary["cards"])
    assert sum(one["cards"] for one in summary["lanes"]) == len(cards)
    for units in (summary["months"], summary["departments"]):
        assert sum(unit["reports"] for unit in units) == counts.reports
        shown = sum(sum(by.values()) for unit in units for by in unit["cards"].values())
        assert shown == len(cards)
    assert max(one["fired"] for one in summary["rules"]) <= counts.reports
    lanes = [sample["lane"] for sample in summary["samples"]]
    assert max(lanes.count(lane) for lane in lanes) <= 20
