"""Measure whole calls beside the floor, a Flask endpoint that parses the JSON and answers a constant card.

Run it with ``make bench``; it needs the extra ``bench`` and Linux. Processor time is that of the server and its
workers, taken from the system; latency is seen by one client over a loopback connection. Cold means that no request
has a report that was read before, warm that all have the same.
"""

import argparse
import http.client
import importlib
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from cds_service.cli.listening import listen

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
payloads = importlib.import_module("tests.bench.payloads")

PLOT = ROOT / "docs" / "images" / "service-cost.svg"
RESULTS = ROOT / "build" / "bench-service.json"
SIZES = {"30 kB": (30_000, 400), "500 kB": (500_000, 100), "5 MB": (5_000_000, 12)}
COUNTS = (1, 10, 100, 1_000, 10_000)
CALLS_BY_COUNT = (200, 200, 100, 40, 8)
WARM_UP = 30
READY_SECONDS = 60.0
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Measured:
    """One line: processor time of the server a call, latencies (all in ms) and memory of server and workers (MiB)."""

    server: str
    case: str
    calls: int
    cpu: float
    p50: float
    p95: float
    p99: float
    memory: float


class Server:
    """A running server, with its processor time and memory."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.name = name
        self._process = process
        self.port = port

    def _members(self) -> Iterator[int]:
        waiting = [self._process.pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            tasks = Path(f"/proc/{pid}/task")
            waiting += [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]

    def cpu_seconds(self) -> float:
        """Return user and system time of the server and its workers."""
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self._members()]
        return sum(int(stat[11]) + int(stat[12]) for stat in fields) / TICKS

    def memory(self) -> float:
        """Return the resident memory of the largest process, in MiB: one worker."""
        return max(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._members()) * PAGE / MEBIBYTE

    def stop(self) -> None:
        """End the server and its workers."""
        self._process.terminate()
        self._process.wait(timeout=READY_SECONDS)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with listen("127.0.0.1", 0) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def served(name: str, *arguments: str, state: Path) -> Iterator[Server]:
    """Run a server until the block ends; ``{port}`` in its arguments is where it listens."""
    port = free_port()
    command = [sys.executable, *(argument.replace("{port}", str(port)) for argument in arguments)]
    environment = {**os.environ, "MARROW_STATE_DIR": str(state)}
    quiet = subprocess.DEVNULL
    server = Server(name, subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet), port)
    try:
        _wait_for(server)
        yield server
    finally:
        server.stop()


def _wait_for(server: Server) -> None:
    deadline = time.monotonic() + READY_SECONDS
    path, body = payloads.base_request()
    while True:
        try:
            ask(http.client.HTTPConnection("127.0.0.1", server.port), path, json.dumps(body).encode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def ask(connection: http.client.HTTPConnection, path: str, data: bytes) -> None:
    """Make one call; stops the program at an answer that is not 200."""
    connection.request("POST", path, data, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != http.client.OK:
        sys.exit(f"{path} answered {answer.status}: {said[:200]!r}")


def measure(server: Server, case: str, path: str, requests: Sequence[bytes], calls: int) -> Measured:
    """Make ``calls`` calls one after the other over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    source = cycle(requests)
    if len(requests) == 1:
        for data in islice(source, WARM_UP if len(requests[0]) < MEBIBYTE else 2):
            ask(connection, path, data)
    taken = []
    before = server.cpu_seconds()
    for data in islice(source, calls):
        start = time.perf_counter()
        ask(connection, path, data)
        taken.append(1000 * (time.perf_counter() - start))
    cpu = 1000 * (server.cpu_seconds() - before) / calls
    cuts = statistics.quantiles(taken, n=100, method="inclusive")
    return Measured(server.name, case, calls, cpu, cuts[49], cuts[94], cuts[98], server.memory())


def exponent(points: Sequence[tuple[int, float]]) -> float:
    """Return the slope of log cost over log size, of the points given."""
    xs, ys = [math.log(x) for x, _ in points], [math.log(y) for _, y in points]
    return statistics.linear_regression(xs, ys).slope


def by_size(servers: Sequence[Server], factor: float) -> list[Measured]:
    """Measure each size, the floor and ours in turn, ours warm and cold."""
    path, body = payloads.base_request()
    found: list[Measured] = []
    for name, (characters, most) in SIZES.items():
        calls = max(int(most * factor), 5)
        sized = payloads.of_size(body, characters)
        same = [json.dumps(sized).encode()]
        found += [say(measure(server, f"{name}, warm", path, same, calls)) for server in servers]
        new = list(payloads.cold(sized, calls))
        found.append(say(measure(servers[-1], f"{name}, cold", path, new, calls)))
    return found


def by_count(server: Server, factor: float) -> list[tuple[int, float]]:
    """Return processor time a call against the number of further resources, in ms."""
    path, body = payloads.base_request()
    points = []
    for count, most in zip(COUNTS, CALLS_BY_COUNT, strict=True):
        data = [json.dumps(payloads.with_results(body, count)).encode()]
        measured = say(measure(server, f"{count} more resources", path, data, max(int(most * factor), 5)))
        points.append((count, measured.cpu))
    return points


def memory_over(server: Server, calls: int) -> list[tuple[int, float]]:
    """Return (calls so far, MiB) while mixed calls are made."""
    path, body = payloads.base_request()
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    points = []
    steps = 10
    for step in range(steps):
        for data in payloads.cold(payloads.with_results(body, step), calls // steps):
            ask(connection, path, data)
        points.append(((step + 1) * (calls // steps), server.memory()))
    return points


def say(one: Measured) -> Measured:
    """Print one line of the result, and return it."""
    times = f"p50 {one.p50:8.2f}  p95 {one.p95:8.2f}  p99 {one.p99:8.2f} ms"
    sys.stdout.write(f"{one.server:<6} {one.case:<24} n={one.calls:<5} cpu {one.cpu:8.2f} ms  {times}  ")
    sys.stdout.write(f"{one.memory:6.0f} MiB\n")
    sys.stdout.flush()
    return one


def plot(points: Sequence[tuple[int, float]], path: Path) -> str:
    """Draw cost over number of resources; return where, or why not."""
    try:
        figures: Any = importlib.import_module("matplotlib.figure")
        importlib.import_module("matplotlib").rcParams["svg.hashsalt"] = "service-cost"
    except ImportError as error:
        return f"not drawn: {error}"
    figure = figures.Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.loglog([count for count, _ in points], [cost for _, cost in points], marker="o", label="measured")
    last, most = points[-1]
    axes.loglog([c for c, _ in points[2:]], [most * c / last for c, _ in points[2:]], linestyle=":", label="linear")
    axes.set(xlabel="resources beside those of the patient", ylabel="processor time of a call (ms)")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    return str(path)


def ratios(found: Sequence[Measured]) -> dict[str, float]:
    """Return processor time of ours by that of the floor for each case."""
    floor = {one.case.partition(",")[0]: one.cpu for one in found if one.server == "floor"}
    return {one.case: one.cpu / floor[one.case.partition(",")[0]] for one in found if one.server == "ours"}


def machine() -> dict[str, str | int | None]:
    """Describe where it was measured."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def main() -> None:
    """Measure, print, and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--factor", type=float, default=1.0, help="of the number of calls")
    parser.add_argument("--memory-calls", type=int, default=2_000, help="mixed calls while memory is watched")
    parser.add_argument("--plot", type=Path, default=PLOT)
    options = parser.parse_args()
    gunicorn = ("-m", "gunicorn", "--workers=1", "--worker-class=sync", "--bind=127.0.0.1:{port}")
    service = ("-m", "cds_service", "serve", "--host=127.0.0.1", "--port={port}")
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        with (
            served("floor", *gunicorn, "tests.bench.floor:app", state=state) as floor,
            served("ours", *service, state=state) as ours,
        ):
            sized = by_size((floor, ours), options.factor)
            points = by_count(ours, options.factor)
            memory = memory_over(ours, options.memory_calls)
    found = ratios(sized)
    for case, ratio in found.items():
        sys.stdout.write(f"{case:<24} {ratio:6.2f} times the floor\n")
    power = exponent(points[2:])
    sys.stdout.write(f"cost grows with resources to the power of {power:.2f} from {points[2][0]} on\n")
    sys.stdout.write("memory " + ", ".join(f"{calls} calls {size:.0f} MiB" for calls, size in memory) + "\n")
    sys.stdout.write(f"plot {plot(points, options.plot)}\n")
    RESULTS.parent.mkdir(exist_ok=True)
    results = {
        "machine": machine(),
        "calls": [asdict(one) for one in sized],
        "ratios": found,
        "resources": points,
        "exponent": power,
        "memory": memory,
    }
    RESULTS.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
