"""Memory of a worker over many mixed calls: known and new reports, large and small, feedback, and calls that are wrong.

``python -m tests.bench.bench_memory --calls 100000``.
"""

import argparse
import json
import statistics
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

from tests.bench import payloads
from tests.bench.payloads import Calls
from tests.bench.sending import Line, one_after_another
from tests.bench.servers import form_option, keep, machine, ours, runs_compiled, served

LINES_PER_WORKER = 2
STEPS = 20
# Of so many calls one is large.
LARGE_EVERY = 100


class Mixed:
    """Chooses the kind of a call by its number."""

    def __init__(self) -> None:
        self._path, base = payloads.base_request()
        small, large = payloads.of_size(base, 30_000), payloads.of_size(base, 500_000)
        kinds = (Calls.WARM, Calls.COLD, Calls.SAME, Calls.COLD, Calls.WARM)
        self._small = [payloads.template(small, kind) for kind in kinds]
        self._large = payloads.template(large, Calls.COLD)
        self.unexpected = 0

    def __call__(self, line: Line, number: int) -> int:
        """Make one call; counts answers that were not to be expected."""
        kind = number % 10
        if number % LARGE_EVERY == 0:
            status, wanted = line.call(self._path, self._large.body(number))[0], 200
        elif kind == 8:
            moment = datetime.now(UTC).isoformat(timespec="seconds")
            told = {"card": str(uuid.uuid4()), "outcome": "overridden", "outcomeTimestamp": moment}
            status, wanted = line.call(f"{self._path}/feedback", json.dumps({"feedback": [told]}).encode())[0], 200
        elif kind == 9:
            status, wanted = line.call(self._path, b'{"hook": 1}')[0], 400
        else:
            status, wanted = line.call(self._path, self._small[number % 5].body(number))[0], 200
        self.unexpected += status != wanted
        return status


def main() -> None:
    """Measure, print, and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=4_000)
    parser.add_argument("--workers", type=int, default=1)
    form_option(parser)
    options = parser.parse_args()
    call, points = Mixed(), []
    each = options.calls // STEPS
    compiled = runs_compiled(options)
    with served(ours(options.workers), compiled=compiled) as server:
        points.append((0, server.memory()))
        for step in range(STEPS):
            numbers = range(step * each, (step + 1) * each)
            seen = one_after_another(server.port, call, numbers, LINES_PER_WORKER * options.workers)
            points.append(((step + 1) * each, server.memory()))
            held = points[-1][1]
            sys.stdout.write(f"{points[-1][0]:7} calls: {held['rss']:6.1f} MiB, {held['pss']:6.1f} in proportion, ")
            sys.stdout.write(f"{len(seen.times) / seen.seconds:6.0f}/s\n")
            sys.stdout.flush()
    # What is remembered fills up in the first half.
    late = [(calls, held["rss"]) for calls, held in points[STEPS // 2 :]]
    slope = statistics.linear_regression([calls for calls, _ in late], [held for _, held in late]).slope
    results: dict[str, Any] = {"machine": machine(), "compiled": compiled, "points": points}
    results |= {"mib_per_10000_calls": 10_000 * slope, "unexpected": call.unexpected}
    sys.stdout.write(f"second half: {10_000 * slope:+.2f} MiB in 10,000 calls; unexpected answers {call.unexpected}\n")
    keep("memory", results)


if __name__ == "__main__":
    main()
