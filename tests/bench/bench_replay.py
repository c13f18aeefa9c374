"""Measure the replay on synthetic cohorts of growing size: speed beside the bare evaluation, memory, Spark.

Run it with ``make bench-replay``; it is no test. The floor is one process that evaluates charts which are grouped and
in memory already, without writing anything: what grouping, Parquet and the second process cost is on top of it.
A cohort that exists already is measured with ``--cohort FOLDER``; its size does not count towards ``--sizes``.
"""

import argparse
import importlib
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from cds_service.app import build_clinic
from cds_service.replay.patient import PatientReplay, Questions, in_order
from cds_service.replay.routing import route
from cds_service.replay.sources import lines, list_sources

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "build/tools/bin/python"
RESULTS = ROOT / "build/bench-replay.json"
PLOT = ROOT / "docs/images/replay-time.svg"
SIZES = (300, 1_000, 3_000, 10_000)
# Enough that few texts come twice, as a reading is remembered.
FLOOR_PATIENTS = 2_000
MEBIBYTE = 1024 * 1024
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: patients, resources, reports, seconds on the clock and of the processors, mebibytes of all processes."""

    engine: str
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
    watch = Watch(process)
    watch.start()
    if process.wait():
        raise SystemExit(f"{engine} failed on {inputs}")
    watch.join()
    wall, after = time.perf_counter() - began, os.times()
    waited_for = after.children_user + after.children_system - before.children_user - before.children_system
    # Spark's processes are no children of the command's end, so that only looking at them tells.
    processor = max(waited_for, watch.processor)
    summary = orjson.loads((out / "summary.json").read_bytes())
    counts = summary["counts"]
    return Measured(engine, counts["patients"], counts["lines"], counts["reports"], wall, processor, watch.memory)


class Watch(threading.Thread):
    """Looks at a process and all below it until it ends: the most memory held together, and processor time in seconds.

    Shared pages count once for each process; what a process did after the last look is not seen.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self.memory = 0.0
        self._process = process
        self._ticks: dict[int, int] = {}

    @property
    def processor(self) -> float:
        """Processor time seen so far."""
        return sum(self._ticks.values()) / TICKS

    def run(self) -> None:
        """Look five times a second."""
        while self._process.poll() is None:
            self.memory = max(self.memory, self._look(self._process.pid))
            time.sleep(0.2)

    def _look(self, pid: int) -> float:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
            told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            # each thread has its own list of the processes that it began
            threads = [path.read_text(encoding="ascii") for path in Path(f"/proc/{pid}/task").glob("*/children")]
        except (OSError, IndexError):
            return 0.0
        self._ticks[pid] = int(told[11]) + int(told[12])
        held = pages * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE
        return held + sum(self._look(int(child)) for children in threads for child in children.split())


def exponent(measured: Sequence[Measured], value: str) -> float:
    """Return the slope of a cost against the number of resources on logarithmic scales, from the two largest sizes."""
    first, last = sorted(measured, key=lambda one: one.resources)[-2:]
    return math.log(getattr(last, value) / getattr(first, value)) / math.log(last.resources / first.resources)


def plot(measured: Sequence[Measured], path: Path) -> str:
    """Draw seconds over the number of resources for each engine; return where, or why not."""
    try:
        figures: Any = importlib.import_module("matplotlib.figure")
        importlib.import_module("matplotlib").rcParams["svg.hashsalt"] = "replay-time"
    except ImportError as error:
        return f"not drawn: {error}"
    figure = figures.Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for engine in dict.fromkeys(one.engine for one in measured):
        points = sorted((one.resources, one.wall) for one in measured if one.engine == engine)
        axes.loglog([x for x, _ in points], [y for _, y in points], marker="o", label=engine)
    most = max((one for one in measured if one.engine == "local"), key=lambda one: one.resources)
    sizes = sorted({one.resources for one in measured})
    axes.loglog(sizes, [most.wall * x / most.resources for x in sizes], linestyle=":", label="linear")
    axes.set(xlabel="resources of the export", ylabel="seconds with two processes")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    return str(path)


def cohorts(sizes: Sequence[int], given: Sequence[Path], folder: Path) -> Iterator[Path]:
    """Yield the folder of each cohort, made for as long as it is measured or there already."""
    for patients in sizes:
        inputs = cohort(patients, folder)
        yield inputs
        shutil.rmtree(inputs.parent)
    yield from given


def measure(inputs: Path, engines: Sequence[str], rate: float, folder: Path) -> Iterator[Measured]:
    """Replay one cohort with each engine and print a line for each."""
    for engine in engines:
        out = folder / f"out-{engine}"
        one = run(inputs, out, engine, TOOLS if engine == "spark" else sys.executable)
        share = one.reports / one.wall / (2 * rate)
        share_of_work = one.reports / one.processor / rate
        say(
            engine, one.patients, one.resources, one.reports, f"{one.wall:.1f}", f"{one.processor:.1f}",
            f"{one.memory:.0f}", f"{share:.2f} ({share_of_work:.2f} by processor time)",
        )  # fmt: skip
        sys.stdout.flush()
        shutil.rmtree(out)
        yield one


def main() -> None:
    """Print the tables, draw the curve and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="patients of each cohort")
    parser.add_argument(
        "--cohort", type=Path, action="append", default=[], help="folder of an export to measure as well"
    )
    parser.add_argument("--spark", action="store_true", help="measure Spark in local mode as well (needs make tools)")
    parser.add_argument("--plot", type=Path, default=PLOT)
    options = parser.parse_args()
    engines = ("local", "spark") if options.spark else ("local",)
    folder = Path(tempfile.mkdtemp(prefix="replay-"))
    try:
        (folder / "floor").mkdir()
        rate = floor(cohort(FLOOR_PATIENTS, folder / "floor"))
        sys.stdout.write(f"floor: {rate:.0f} reports a second of one core\n\n")
        names = ("engine", "patients", "resources", "reports", "seconds", "processor seconds", "MiB", "of floor × 2")
        say(*names)
        say(*["---"] * len(names))
        measured = [
            one
            for inputs in cohorts(options.sizes, options.cohort, folder)
            for one in measure(inputs, engines, rate, folder)
        ]
    finally:
        shutil.rmtree(folder)
    for engine in engines:
        own = [one for one in measured if one.engine == engine]
        if len(own) > 1:
            sys.stdout.write(f"\n{engine}: exponent of processor time {exponent(own, 'processor'):.2f}, ")
            sys.stdout.write(f"of time {exponent(own, 'wall'):.2f}\n")
    sys.stdout.write(f"plot {plot(measured, options.plot)}\n")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        json.dumps({"floor": rate, "runs": [asdict(one) for one in measured]}, indent=1), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
