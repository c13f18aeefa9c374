"""Whole calls beside the floor, a Flask endpoint that parses the JSON with orjson and answers a constant card.

``python -m tests.bench.bench_service``; Linux, with gunicorn (extra ``bench``). Processor time is that of all processes
of a server, taken from the system; latency is what one client sees over one kept connection. The servers are measured
in turns, so that what else the machine does falls on all of them.
"""

import argparse
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cds_service.ehr.signing import Signer, load_key
from tests.bench import payloads
from tests.bench.payloads import Calls
from tests.bench.sending import Line, Seen, Template, at_rate, one_after_another
from tests.bench.servers import COMPILED, RESULTS, Served, floor, machine, ours, quantiles, served

# Characters of a request, and calls of one turn.
SIZES = {"30 kB": (30_000, 150), "500 kB": (500_000, 40), "5 MB": (5_000_000, 5)}
TURNS = 3
LINES_PER_WORKER = 4
RATE, RATE_SIZE, RATE_LINES = 150.0, 500_000, 12
ISSUER = "https://ehr.example.org"
OK = 200


@dataclass(slots=True)
class Series:
    """Calls of one kind to one server."""

    server: str
    size: str
    calls: str
    workers: int
    cpu: float = 0.0
    seen: Seen = field(default_factory=Seen)
    throughput: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Return what was found: ms of processor time a call, latencies in ms, calls a second."""
        number = len(self.seen.times)
        found: dict[str, Any] = {"server": self.server, "size": self.size, "calls": self.calls, "n": number}
        found |= {"workers": self.workers, "cpu_ms": 1000 * self.cpu / number, "errors": self.seen.errors}
        times = quantiles(self.seen.times)
        found |= times | {"p99_by_p50": times["p99"] / times["p50"]}
        if self.throughput:
            found["calls_a_second"] = max(self.throughput)
        return found


class Caller:
    """Makes calls of one kind, each with a number that none had before; with a signer each has its token."""

    # One series for all callers: a server remembers what it read, and a report is new only once in its life.
    _numbers = count(1)

    def __init__(self, path: str, template: Template, signer: Signer | None = None) -> None:
        self._path = path
        self._template = template
        self._signer = signer
        self._ready: dict[int, tuple[bytes, str]] = {}

    def prepare(self, number: int) -> list[int]:
        """Make so many requests in advance and return their numbers."""
        made = []
        for one in (next(self._numbers) for _ in range(number)):
            self._ready[one] = self._template.body(one), self._headers()
            made.append(one)
        return made

    def _headers(self) -> str:
        if self._signer is None:
            return ""
        return f"Authorization: {self._signer.authorization(ISSUER + self._path)}\r\n"

    def __call__(self, line: Line, number: int) -> int:
        """Make the call with a number, which need not have been prepared."""
        if number not in self._ready:
            self._ready[number] = self._template.body(number), self._headers()
        body, headers = self._ready.pop(number)
        status, answer = line.call(self._path, body, headers)
        if status == OK and b'"cards"' not in answer:
            sys.exit(f"{self._path} answered without cards: {answer[:200]!r}")
        return status


@contextmanager
def signing(kind: str) -> Iterator[tuple[Signer, dict[str, str]]]:
    """Yield what signs with a new key and the settings of a service that wants such tokens."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = ec.generate_private_key(ec.SECP384R1()) if kind == "ES384" else rsa.generate_private_key(65537, 2048)
        key = folder / "key.pem"
        key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        loaded = load_key(key)
        (folder / "keys.json").write_text(json.dumps({"keys": [loaded.public()]}))
        entry = f'[[client]]\nissuer = "{ISSUER}"\nname = "EHR"\njwks = "keys.json"\n'
        (folder / "clients.toml").write_text(entry)
        signer = Signer(loaded, ISSUER, time.time, lambda: str(uuid.uuid4()))
        yield signer, {"CLIENTS": str(folder / "clients.toml"), "PUBLIC_URL": ISSUER}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server, the calls that are made to it, and what signs them."""

    name: str
    server: Served
    calls: tuple[Calls, ...]
    signer: Signer | None = None


def candidates(running: ExitStack, workers: int, *, tokens: bool, compiled: bool) -> list[Candidate]:
    """Start the servers that are compared."""
    found = [Candidate("floor", running.enter_context(served(floor(workers))), (Calls.SAME,))]
    found.append(Candidate("ours", running.enter_context(served(ours(workers))), tuple(Calls)))
    if compiled:
        server = running.enter_context(served(ours(workers), compiled=True))
        found.append(Candidate("ours, compiled", server, tuple(Calls)))
    for kind in ("ES384", "RS384") if tokens else ():
        signer, settings = running.enter_context(signing(kind))
        server = running.enter_context(served(ours(workers), settings))
        found.append(Candidate(f"ours, {kind}", server, (Calls.WARM,), signer))
    return found


def by_size(found: Sequence[Candidate], workers: int, factor: float, sizes: Sequence[str]) -> list[Series]:
    """Measure all kinds of calls of each size to all servers in turns."""
    path, base = payloads.base_request()
    series = []
    for size in sizes:
        characters, most = SIZES[size]
        number = max(int(most * factor), 3)
        body = payloads.of_size(base, characters)
        pairs = []
        for one in found:
            for calls in one.calls:
                caller = Caller(path, payloads.template(body, calls), one.signer)
                pairs.append((one, caller, Series(one.name, size, calls, workers)))
                one_after_another(one.server.port, caller, caller.prepare(max(number // 4, 2)), workers)
        for _ in range(TURNS):
            for one, caller, into in pairs:
                _turn(one.server, caller, into, number)
        series += [into for _, _, into in pairs]
        for into in series[-len(pairs) :]:
            _say(into)
    return series


def _turn(server: Served, caller: Caller, into: Series, number: int) -> None:
    """Measure one client, and then how many calls a second several connections get through."""
    numbers = caller.prepare(number)
    before = server.cpu_seconds()
    seen = one_after_another(server.port, caller, numbers)
    into.cpu += server.cpu_seconds() - before
    into.seen.times += seen.times
    into.seen.broken += seen.broken
    for status, times in seen.statuses.items():
        into.seen.statuses[status] = into.seen.statuses.get(status, 0) + times
    several = one_after_another(server.port, caller, caller.prepare(number), LINES_PER_WORKER * into.workers)
    into.throughput.append(len(several.times) / several.seconds)


def _say(series: Series) -> None:
    one = series.figures()
    sys.stdout.write(
        f"{one['workers']} x {one['server']:<16} {one['size']:<7} {one['calls']:<13} n={one['n']:<5} "
        f"cpu {one['cpu_ms']:8.2f} ms  p50 {one['p50']:8.2f}  p95 {one['p95']:8.2f}  p99 {one['p99']:8.2f} ms  "
        f"{one.get('calls_a_second', 0):7.0f}/s  errors {one['errors']}\n"
    )
    sys.stdout.flush()


def ratios(series: Sequence[Series]) -> list[dict[str, Any]]:
    """Return processor time of a call to ours by that of the floor with as many workers."""
    base = {(one.workers, one.size): one.figures()["cpu_ms"] for one in series if one.server == "floor"}
    return [
        {
            "server": one.server,
            "size": one.size,
            "calls": one.calls,
            "workers": one.workers,
            "ratio": one.figures()["cpu_ms"] / base[one.workers, one.size],
        }
        for one in series
        if one.server != "floor"
    ]


def fixed_rate(calls: Calls, seconds: float, workers: int, *, compiled: bool) -> dict[str, Any]:
    """Send so many calls of one kind a second, whether the calls before are answered or not."""
    path, base = payloads.base_request()
    template = payloads.template(payloads.of_size(base, RATE_SIZE), calls)
    with served(ours(workers), compiled=compiled) as server:
        caller = Caller(path, template)
        one_after_another(server.port, caller, caller.prepare(60), workers)
        before = server.cpu_seconds()
        seen = at_rate(server.port, caller, RATE, seconds, RATE_LINES)
        found = {"calls": calls.value, "rate": RATE, "seconds": seconds, "workers": workers, "compiled": compiled}
        found["errors"] = seen.errors
        found["cpu_ms"] = 1000 * (server.cpu_seconds() - before) / max(len(seen.times), 1)
        found["reached"] = len(seen.times) / seen.seconds
        found |= quantiles(seen.times)
    sys.stdout.write(f"{json.dumps(found)}\n")
    return found


def main() -> None:
    """Measure, print, and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--factor", type=float, default=1.0, help="of the number of calls")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--sizes", nargs="*", default=list(SIZES), choices=SIZES)
    parser.add_argument("--rate-seconds", type=float, default=20.0, help="of the calls at a fixed rate; 0 for none")
    parser.add_argument("--no-tokens", action="store_true", help="without the servers that want tokens")
    parser.add_argument("--output", type=Path, default=RESULTS / "bench-service.json")
    options = parser.parse_args()
    compiled = COMPILED.is_dir()
    results: dict[str, Any] = {"machine": machine(), "series": [], "ratios": [], "fixed_rate": []}
    for workers in options.workers:
        with ExitStack() as running:
            found = candidates(running, workers, tokens=not options.no_tokens, compiled=compiled)
            series = by_size(found, workers, options.factor, options.sizes)
        results["series"] += [one.figures() for one in series]
        results["ratios"] += ratios(series)
        if options.rate_seconds:
            for calls in (Calls.SAME, Calls.WARM):
                results["fixed_rate"].append(fixed_rate(calls, options.rate_seconds, workers, compiled=compiled))
    for one in results["ratios"]:
        sys.stdout.write("{workers} x {server:<16} {size:<7} {calls:<13} {ratio:6.2f} times the floor\n".format(**one))
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text(json.dumps(results, indent=1, default=asdict))


if __name__ == "__main__":
    main()
