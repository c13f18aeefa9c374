"""Measure the replay on synthetic cohorts of growing size: speed beside the bare evaluation, memory, Spark.

Run it with ``make bench-replay``; it is no test. The floor is one process that evaluates charts which are grouped and
in memory already, without writing anything: what grouping, Parquet and the second process cost is on top of it.
"""

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import orjson

from cds_service.app import build_clinic
from cds_service.replay.patient import PatientReplay, Questions, in_order
from cds_service.replay.routing import route
from cds_service.replay.sources import lines, list_sources

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "build/tools/bin/python"
SIZES = (300, 1_000, 3_000, 10_000)
FLOOR_PATIENTS = 300
MEBIBYTE = 1024 * 1024
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: patients, resources, reports, seconds on the clock and of the processors, mebibytes of all processes."""

    patients: int
    resources: int
    reports: int
    wall: float
    processor: float
    memory: float


def say(*cells: object) -> None:
    """Print one line of a table."""
    sys.stdout.write("| " + " | ".join(str(cell) for cell in cells) + " |\n")


def environment() -> dict[str, str]:
    """Return what the started processes need."""
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "MARROW_PATIENT_HASH_KEY": "made-up key of a measurement",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


def cohort(patients: int, folder: Path) -> Path:
    """Write a synthetic cohort and return the folder of its resources."""
    out = folder / f"cohort-{patients}"
    command = [
        sys.executable,
        "-m",
        "cds_service",
        "synth",
        "--patients",
        str(patients),
        "--seed",
        "7",
        "--out",
        str(out),
    ]
    subprocess.run(command, check=True, env=environment(), stdout=subprocess.DEVNULL)
    return out / "fhir"


def floor(folder: Path) -> float:
    """Return how many reports one process evaluates in a second of processor time."""
    grouped: dict[str, list[bytes]] = {}
    for source in list_sources([str(folder)]):
        for line in lines(source):
            routed = route(line.content)
            if routed.patient_id:
                grouped.setdefault(routed.patient_id, []).append(line.content)
    clinic = build_clinic()
    judge = PatientReplay(clinic.evaluator, Questions(b"key", frozenset(clinic.knowledge.codes.laboratory_categories)))
    began = time.process_time()
    for patient_id, content in grouped.items():
        for _ in judge.judge(patient_id, in_order(content)):
            pass
    return judge.counts.reports / (time.process_time() - began)


def run(inputs: Path, out: Path, engine: str, python: str | Path = sys.executable) -> Measured:
    """Replay a cohort with two processes and measure it from outside."""
    command = [python, "-m", "cds_service", "replay", inputs, "--out", out, "--jobs", "2", "--engine", engine]
    began, before = time.perf_counter(), os.times()
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = [0.0]
    watch = threading.Thread(target=_watch, args=(process, most))
    watch.start()
    if process.wait():
        raise SystemExit(f"{engine} failed on {inputs}")
    watch.join()
    wall, after = time.perf_counter() - began, os.times()
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    summary = orjson.loads((out / "summary.json").read_bytes())
    counts = summary["counts"]
    return Measured(counts["patients"], counts["lines"], counts["reports"], wall, processor, most[0])


def _watch(process: subprocess.Popen[bytes], most: list[float]) -> None:
    """Note the most memory that a process and its children hold together; shared pages count once for each."""
    while process.poll() is None:
        most[0] = max(most[0], _resident(process.pid))
        time.sleep(0.2)


def _resident(pid: int) -> float:
    total = 0.0
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except (OSError, IndexError):
        return 0.0
    total += pages * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE
    return total + sum(_resident(int(child)) for child in children)


def exponent(measured: list[Measured], value: str) -> float:
    """Return the slope of a cost against the number of resources on logarithmic scales, from the two largest sizes."""
    first, last = measured[-2:]
    return math.log(getattr(last, value) / getattr(first, value)) / math.log(last.resources / first.resources)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="patients of each cohort")
    parser.add_argument("--spark", action="store_true", help="measure Spark in local mode as well (needs make tools)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="replay-"))
    try:
        (folder / "floor").mkdir()
        rate = floor(cohort(FLOOR_PATIENTS, folder / "floor"))
        sys.stdout.write(f"floor: {rate:.0f} reports a second of one core\n\n")
        names = ("engine", "patients", "resources", "reports", "seconds", "processor seconds", "MiB", "of floor × 2")
        say(*names)
        say(*["---"] * len(names))
        measured = []
        for patients in options.sizes:
            inputs = cohort(patients, folder)
            for engine in ("local", "spark") if options.spark else ("local",):
                out = folder / f"out-{patients}-{engine}"
                one = run(inputs, out, engine, TOOLS if engine == "spark" else sys.executable)
                share = one.reports / one.wall / (2 * rate)
                share_of_work = one.reports / one.processor / rate
                say(
                    engine, one.patients, one.resources, one.reports, f"{one.wall:.1f}", f"{one.processor:.1f}",
                    f"{one.memory:.0f}", f"{share:.2f} ({share_of_work:.2f} by processor time)",
                )  # fmt: skip
                if engine == "local":
                    measured.append(one)
                shutil.rmtree(out)
            shutil.rmtree(inputs.parent)
        if len(measured) > 1:
            sys.stdout.write(f"\nexponent of processor time: {exponent(measured, 'processor'):.2f}\n")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
