"""Starts a server of this machine for tests on a port of its own, and ends it by its process id."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

START_SECONDS = 180


class MissingError(Exception):
    """A program is not installed; the text says which and what brings it."""


class Server:
    """A running process with its log; it can be stopped, frozen and started again at the same place."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        answers: Callable[[], bool],
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = list(command)
        self._log = log
        self._answers = answers
        self._user = user
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self._user,
                env=self._environment,
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            if self._answers():
                return
            time.sleep(0.05)
        self.stop(signal.SIGKILL)
        raise RuntimeError(f"{self._command[0]} did not start: {self._log.read_text()[-2000:]}")

    def heal(self) -> None:
        """Let it run, whether it is stopped, frozen or was never started."""
        if self._process is None:
            self.start()
        else:
            self.thaw()

    @property
    def process_id(self) -> int:
        """Its process id while it runs."""
        assert self._process is not None
        return self._process.pid

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it and wait for it; nothing when it has ended."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(how)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def freeze(self) -> None:
        """Let it hang: connections are taken, nothing is answered."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, what: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, what)
        # A server that forks for each connection hangs only with all of them.
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(int(child), what)


def program(name: str, package: str, *places: str) -> str:
    """Return where a program is. Raises MissingError."""
    for place in places:
        found = sorted(Path("/").glob(place.lstrip("/")))
        if found:
            return str(found[-1] / name)
    if found_name := shutil.which(name):
        return found_name
    raise MissingError(f"{name} was not found (Debian: {package})")


def unprivileged() -> str | None:
    """Return the user for programs that refuse to run as root; ``None`` to stay as we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            pwd.getpwnam(name)
            return name
    raise MissingError("no user without privileges was found")


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def takes_connections(port: int) -> bool:
    """Whether something listens on the port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
