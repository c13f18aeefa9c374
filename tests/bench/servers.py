"""Servers under measurement: started for a while, with the processor time and memory of all their processes."""

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.servers.processes import free_port

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "build"
COMPILED = ROOT / "build" / "compiled"
READY_SECONDS = 60.0
START_ATTEMPTS = 3
TICKS = os.sysconf("SC_CLK_TCK")
KIBIBYTES = 1024


class Served:
    """A running server by its first process."""

    def __init__(self, process_id: int, port: int) -> None:
        self._first = process_id
        self.port = port

    def members(self) -> list[int]:
        """Return all its processes."""
        found, waiting = [], [self._first]
        while waiting:
            one = waiting.pop()
            found.append(one)
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        return found

    def cpu_seconds(self) -> float:
        """Return user and system time of all processes, also of those that have ended."""
        fields = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in self.members()]
        return sum(sum(map(int, stat[11:15])) for stat in fields) / TICKS

    def memory(self) -> dict[str, float]:
        """Return resident and proportional memory of the largest worker, in MiB."""
        return max((_memory_of(one) for one in self.members()), key=lambda found: found["rss"])


def _memory_of(process_id: int) -> dict[str, float]:
    lines = Path(f"/proc/{process_id}/smaps_rollup").read_text().splitlines()
    held = {name: float(line.split()[1]) for line in lines for name in ("Rss", "Pss") if line.startswith(f"{name}:")}
    return {name.lower(): size / KIBIBYTES for name, size in held.items()}


@contextmanager
def served(
    arguments: Sequence[str], settings: Mapping[str, str] | None = None, *, compiled: bool = False
) -> Iterator[Served]:
    """Run ``python ARGUMENTS`` until the block ends; ``{port}`` in them is where it listens."""
    with tempfile.TemporaryDirectory() as state:
        process, port = _started(arguments, _environment(state, settings or {}, compiled=compiled))
        try:
            yield Served(process.pid, port)
        finally:
            process.terminate()
            process.wait(timeout=READY_SECONDS)


def _started(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple["subprocess.Popen[bytes]", int]:
    """Start it at a free port; a connection of somebody else may take that port right before, so more than once."""
    quiet = subprocess.DEVNULL
    for _ in range(START_ATTEMPTS):
        port = free_port()
        command = [sys.executable, *(argument.replace("{port}", str(port)) for argument in arguments)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=quiet, stdout=quiet, stderr=quiet)
        deadline = time.monotonic() + READY_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if _answers(port):
                return process, port
            time.sleep(0.05)
        process.kill()
        process.wait()
    sys.exit(f"{arguments} did not start")


def _environment(state: str, settings: Mapping[str, str], *, compiled: bool) -> dict[str, str]:
    # What is installed has its bytecode beside it, so the sources keep theirs as well.
    left_out = ("MARROW_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    given = {f"MARROW_{name}": value for name, value in settings.items()}
    form = {"PYTHONPATH": str(COMPILED), "PYTHONSAFEPATH": "1"} if compiled else {}
    return kept | {"MARROW_STATE_DIR": state} | given | form


def _answers(port: int) -> bool:
    """Whether it speaks; that somebody listens is not enough."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as opened:
        opened.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return opened.recv(5) == b"HTTP/"
    return False


def floor(workers: int) -> list[str]:
    """Return the arguments of the floor."""
    gunicorn = ["-m", "gunicorn", f"--workers={workers}", "--worker-class=sync", "--bind=127.0.0.1:{port}"]
    return [*gunicorn, "tests.bench.floor:app"]


def ours(workers: int) -> list[str]:
    """Return the arguments of the service."""
    return ["-m", "cds_service", "serve", "--host=127.0.0.1", "--port={port}", f"--workers={workers}"]


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 and p99 in ms."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {f"p{share}": 1000 * cuts[share - 1] for share in (50, 95, 99)}


def form_option(parser: argparse.ArgumentParser) -> None:
    """Let the caller choose the sources, where the compiled form would be measured because it is there."""
    parser.add_argument("--sources", action="store_true", help="measure the sources also where the compiled form is")


def runs_compiled(options: argparse.Namespace) -> bool:
    """Whether the compiled form is measured; the image of the service holds it."""
    return COMPILED.is_dir() and not options.sources


def keep(name: str, results: Mapping[str, Any]) -> None:
    """Write the figures of a bench as JSON."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"bench-{name}.json").write_text(json.dumps(results, indent=1), encoding="utf-8")


def machine() -> dict[str, str | int | None]:
    """Describe where it was measured, and how busy it was at the beginning."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }
