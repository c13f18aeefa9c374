"""Processor time of a call against the number of resources in it, drawn, with the power by which it grows.

``python -m tests.bench.bench_growth``; the plot needs matplotlib (extra ``bench``).
"""

import argparse
import importlib
import json
import math
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench import payloads
from tests.bench.bench_service import Caller
from tests.bench.payloads import Calls
from tests.bench.sending import one_after_another
from tests.bench.servers import COMPILED, ROOT, keep, machine, ours, served

PLOT = ROOT / "docs" / "images" / "service-cost.svg"
# Further resources, and calls with so many.
COUNTS = {1: 400, 10: 400, 100: 300, 300: 150, 1_000: 80, 3_000: 30, 10_000: 12}
WARM_UP = 5
Points = list[tuple[int, float]]


def measured(calls: Calls, factor: float) -> Points:
    """Return ms of processor time a call for each number of resources beside the patient's own."""
    path, base = payloads.base_request()
    points = []
    with served(ours(1), compiled=COMPILED.is_dir()) as server:
        for number, most in COUNTS.items():
            times = max(int(most * factor), 3)
            caller = Caller(path, payloads.template(payloads.with_results(base, number), calls))
            one_after_another(server.port, caller, caller.prepare(WARM_UP))
            numbers = caller.prepare(times)
            before = server.cpu_seconds()
            one_after_another(server.port, caller, numbers)
            points.append((number, 1000 * (server.cpu_seconds() - before) / times))
            sys.stdout.write(f"{calls:<13} {number:6} more resources: {points[-1][1]:8.2f} ms\n")
            sys.stdout.flush()
    return points


def exponent(points: Points) -> float:
    """Return the slope of log cost over log size."""
    xs, ys = [math.log(x) for x, _ in points], [math.log(y) for _, y in points]
    return statistics.linear_regression(xs, ys).slope


def plot(found: Sequence[tuple[Calls, Points]], path: Path) -> str:
    """Draw cost over number of resources; return where, or why not."""
    try:
        figures: Any = importlib.import_module("matplotlib.figure")
        importlib.import_module("matplotlib").rcParams["svg.hashsalt"] = "service-cost"
    except ImportError as error:
        return f"not drawn: {error}"
    figure = figures.Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for calls, points in found:
        axes.loglog([number for number, _ in points], [cost for _, cost in points], marker="o", label=calls.value)
    last, most = found[0][1][-1]
    from_hundred = [number for number, _ in found[0][1] if number >= 100]
    axes.loglog(from_hundred, [most * number / last for number in from_hundred], linestyle=":", label="linear")
    axes.set(xlabel="resources beside those of the patient", ylabel="processor time of a call (ms)")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    return str(path)


def main() -> None:
    """Measure, draw, and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--factor", type=float, default=1.0, help="of the number of calls")
    parser.add_argument("--plot", type=Path, default=PLOT)
    options = parser.parse_args()
    found = [(calls, measured(calls, options.factor)) for calls in (Calls.WARM, Calls.COLD)]
    results: dict[str, Any] = {"machine": machine()}
    for calls, points in found:
        # All of it, and from where the resources outweigh what every call costs.
        powers = {"all": exponent(points), "from 1000": exponent([point for point in points if point[0] >= 1000])}
        sys.stdout.write(f"{calls}: grows by the power of {json.dumps(powers)}\n")
        results[calls.value] = {"points": points, "exponent": powers}
    sys.stdout.write(f"plot {plot(found, options.plot)}\n")
    keep("growth", results)


if __name__ == "__main__":
    main()
