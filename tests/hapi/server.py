"""A real FHIR server, HAPI FHIR's JPA server: built from Maven Central once, started on a port of this machine.

``python -m tests.hapi.server PORT`` (``make hapi``) serves until it is interrupted.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "hapi"
STAMP = BUILD / "built-for"
JAVA_AT_LEAST = 17
BUILD_SECONDS = 900
START_SECONDS = 300
JAVA = ("java", "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # starts in half the processor time


class UnavailableError(Exception):
    """The server cannot be had on this machine; the text says what is missing."""


@contextmanager
def only_one() -> Iterator[None]:
    """Let one process at a time build or start; the others wait."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def class_path() -> str:
    """Build again if the sources changed, and return the class path; ``UnavailableError`` says what is missing."""
    _need_java()
    wanted = _fingerprint()
    if not _is_built(wanted):
        if not shutil.which("mvn"):
            raise UnavailableError("mvn was not found; it builds the FHIR server of these tests (Debian: maven)")
        STAMP.unlink(missing_ok=True)
        # Without the network first: with every artifact in the local repository it is not needed, nor waited for.
        if _maven("--offline").returncode != 0 and (online := _maven()).returncode != 0:
            raise UnavailableError(f"the FHIR server of these tests could not be built: {online.stdout.strip()[-600:]}")
        STAMP.write_text(wanted)
    return f"{BUILD / 'server.jar'}:{(BUILD / 'classpath').read_text().strip()}"


def start(port: int, log: Path, owner: int) -> int:
    """Start the server, which ends by itself after process ``owner``, and return its process id."""
    command = [*JAVA, "-cp", class_path(), "org.marrowcds.hapi.FhirServer", str(port), str(owner)]
    quiet = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    logged = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    # A session of its own: an interrupt from the keyboard first ends the tests, then the server.
    return os.posix_spawnp(
        command[0], command, os.environ, file_actions=[quiet, logged, (os.POSIX_SPAWN_DUP2, 1, 2)], setsid=True
    )


def ready(process: int, url: str) -> None:
    """Wait until the server answers for its capabilities; ``RuntimeError`` if it ends or takes too long."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and not ended(process):
        if answers(url):
            return
        time.sleep(0.25)
    stop(process)
    raise RuntimeError(f"HAPI FHIR did not start, see the log in {BUILD}")


def ended(process: int) -> bool:
    """Whether a server that this process started has ended."""
    try:
        return os.waitpid(process, os.WNOHANG)[0] == process
    except ChildProcessError:
        return True


def stop(process: int) -> None:
    """End a server that this process started, and wait for it."""
    for order, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, 20)):
        if ended(process):
            return
        os.kill(process, order)
        until = time.monotonic() + seconds
        while time.monotonic() < until and not ended(process):
            time.sleep(0.1)


def answers(url: str) -> bool:
    """Whether a FHIR server answers there."""
    with suppress(requests.RequestException):
        return requests.get(f"{url}/metadata", timeout=60).ok
    return False


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def address(port: int) -> str:
    """Return the base URL of the server at a port."""
    return f"http://127.0.0.1:{port}/fhir"


def _need_java() -> None:
    if not shutil.which("java"):
        raise UnavailableError(
            f"java was not found; the FHIR server of these tests needs Java {JAVA_AT_LEAST} or newer"
        )
    told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if not version or int(version[1]) < JAVA_AT_LEAST:
        raise UnavailableError(
            f"the FHIR server of these tests needs Java {JAVA_AT_LEAST} or newer, not: {told.strip()}"
        )


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in [HERE / "pom.xml", *sorted(path for path in (HERE / "src").rglob("*") if path.is_file())]:
        digest.update(path.relative_to(HERE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _is_built(wanted: str) -> bool:
    with suppress(FileNotFoundError):
        artifacts = (BUILD / "classpath").read_text().strip().split(":")
        return STAMP.read_text() == wanted and all(map(os.path.exists, artifacts))
    return False


def _maven(*options: str) -> subprocess.CompletedProcess[str]:
    try:
        return _run_maven(options)
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"the FHIR server of these tests was not built in {BUILD_SECONDS} seconds") from None


def _run_maven(options: Iterable[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["mvn", "--batch-mode", "--quiet", "--no-transfer-progress", *options, "-f", HERE / "pom.xml", "package"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=BUILD_SECONDS,
    )


def main() -> int:
    """Serve at a port until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.hapi.server", description="An empty FHIR R4 server.")
    parser.add_argument("port", type=int)
    port = parser.parse_args().port
    try:
        with only_one():
            process = start(port, BUILD / f"port-{port}.log", owner=os.getpid())
    except UnavailableError as reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    try:
        ready(process, address(port))
        sys.stdout.write(f"HAPI FHIR R4 at {address(port)}, empty and in memory; interrupt to end.\n")
        sys.stdout.flush()
        os.waitpid(process, 0)
    except KeyboardInterrupt:
        stop(process)
    return 0


if __name__ == "__main__":
    sys.exit(main())
