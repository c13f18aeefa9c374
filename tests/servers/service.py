"""The service as a hospital runs it: two worker processes over a database, a Redis and a spool."""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import requests

from tests.servers.moved_clock import AHEAD
from tests.servers.processes import Server, free_port
from tests.telemetry.whole_run import named_in

WORKERS = 2


class Service:
    """``server`` stops and starts it; settings are given as in the environment, without their prefix."""

    def __init__(self, state: Path, settings: Mapping[str, str], port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.clock = state / "hours-ahead"
        self.clock.write_text("0")
        self._log = state / "service.log"
        sparing = {"SPOOL_RESERVE_MEGABYTES": "1"}
        given = {f"MARROW_{name}": value for name, value in (sparing | dict(settings)).items()}
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("MARROW_")}
        self._environment |= given | {"MARROW_STATE_DIR": str(state), AHEAD: str(self.clock)}
        module = "tests.servers.moved_clock"
        command = [sys.executable, "-m", module, "serve", "--workers", str(WORKERS), "--port", str(self.port)]
        self.server = Server(command, self._log, self.is_live, environment=self._environment)

    def is_live(self) -> bool:
        """Whether a worker answers."""
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/livez", timeout=5).ok
        return False

    def state(self) -> dict[str, object]:
        """What one of the workers says of itself."""
        found: dict[str, object] = requests.get(f"{self.url}/health", timeout=30).json()
        return found

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        parent = self.server.process_id
        return [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]

    def kill_a_worker(self) -> None:
        """End one worker as the kernel would when memory is short."""
        os.kill(self.workers()[-1], signal.SIGKILL)

    def kill(self) -> None:
        """End all processes at once, as a crash of the machine would; only its disk is left."""
        processes = [self.server.process_id, *self.workers()]
        for process in processes:
            os.kill(process, signal.SIGKILL)
        self.server.stop(signal.SIGKILL)
        while any(_runs(process) for process in processes):
            time.sleep(0.01)

    def move_clock(self, hours: float) -> None:
        """Let the clock of the machine jump: it is so many hours ahead from now on."""
        # At once, as workers read it at any time.
        new = self.clock.with_suffix(".new")
        new.write_text(f"{hours} machine")
        new.replace(self.clock)

    def reload(self) -> None:
        """Replace the workers one by one."""
        os.kill(self.server.process_id, signal.SIGHUP)

    def stop(self) -> None:
        """Let running calls end, then end; whatever happened, its log names no patient."""
        self.server.stop(signal.SIGTERM)
        assert named_in(self._log.read_text(encoding="utf-8")) == []

    def logged(self) -> list[dict[str, object]]:
        """What it logged, line by line."""
        lines = self._log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def _runs(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
