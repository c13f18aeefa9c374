"""How long the service takes from its start until it is ready, beside the floor; the first time it makes its tables.

``python -m tests.bench.bench_start``.
"""

import argparse
import http.client
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from tests.bench.servers import READY_SECONDS, floor, form_option, keep, machine, ours, runs_compiled, served

OK = 200


def _is_ready(port: int) -> bool:
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/readyz")
        return connection.getresponse().status == OK
    return False


def started(arguments: Sequence[str], settings: dict[str, str], *, compiled: bool, asked: bool) -> dict[str, float]:
    """Start a server once; return wall and processor time until it answers, or if ``asked`` until it says ready."""
    began = time.perf_counter()
    with served(arguments, settings, compiled=compiled) as server:
        while asked and not _is_ready(server.port):
            if time.perf_counter() - began > READY_SECONDS:
                sys.exit("the service did not become ready")
            time.sleep(0.01)
        return {"seconds": time.perf_counter() - began, "cpu_seconds": server.cpu_seconds(), **server.memory()}


def main() -> None:
    """Measure, print, and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    form_option(parser)
    options = parser.parse_args()
    compiled = runs_compiled(options)
    seen: dict[str, list[dict[str, float]]] = {"floor": [], "first start": [], "start": []}
    with tempfile.TemporaryDirectory() as state:
        for number in range(-1, options.rounds):
            found = {
                "floor": started(floor(1), {}, compiled=False, asked=False),
                "first start": started(ours(1), {}, compiled=compiled, asked=True),
                "start": started(ours(1), {"STATE_DIR": state}, compiled=compiled, asked=True),
            }
            # The round before the first fills the caches of the disk, and makes the tables of the last kind.
            for name, one in found.items() if number >= 0 else ():
                seen[name].append(one)
    results: dict[str, Any] = {"machine": machine(), "compiled": compiled}
    for name, all_of_it in seen.items():
        middle = {key: statistics.median(one[key] for one in all_of_it) for key in all_of_it[0]}
        results[name] = middle
        sys.stdout.write(f"{name:12} {middle['seconds']:5.2f} s, {middle['cpu_seconds']:5.2f} s of processor, ")
        sys.stdout.write(f"{middle['rss']:4.0f} MiB, {middle['pss']:4.0f} in proportion\n")
    keep("start", results)


if __name__ == "__main__":
    main()
