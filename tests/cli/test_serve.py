"""The served process: demonstration, kept connections, quiet log, calls finished before it stops."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

import fhir_fixtures
from cds_service.hooks.services import PATIENT_VIEW

STARTED = re.compile(r"http://127\.0\.0\.1:(\d+)/cds-services$", re.MULTILINE)


@dataclass
class Served:
    process: subprocess.Popen[bytes]
    port: int
    out: Path
    err: Path

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)


def start(folder: Path, *options: str, clients: Path | None = None) -> Served:
    """Start in a strange directory with a fresh HOME and nothing else set."""
    out, err = folder / "out", folder / "err"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MARROW_", "XDG_"))}
    with out.open("wb") as to_out, err.open("wb") as to_err:
        process = subprocess.Popen(
            [sys.executable, "-m", "cds_service", "serve", "--port", "0", *options],
            cwd=folder,
            env=environ
            | {"HOME": str(folder), "COLUMNS": "200"}
            | ({"MARROW_CLIENTS": str(clients)} if clients else {}),
            stdout=to_out,
            stderr=to_err,
        )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        match = STARTED.search(out.read_text(encoding="utf-8"))
        if match:
            return Served(process, int(match[1]), out, err)
        time.sleep(0.05)
    process.kill()
    raise AssertionError(out.read_text(encoding="utf-8") + err.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = start(tmp_path_factory.mktemp("demo"), "--demo")
    yield running
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0


def case() -> bytes:
    return json.dumps(fhir_fixtures.hook_request("t11-before-labs", PATIENT_VIEW.to_wire(), datetime.now(UTC))).encode()


def test_demonstration_prints_cards_and_addresses(served: Served) -> None:
    shown = served.out.read_text(encoding="utf-8")
    assert "t11-before-labs (synthetic)" in shown
    assert "HTTP 200" in shown
    assert "T11" in shown
    assert "Source: Marrow CDS" in shown
    for path in ("/cds-services", "/preview", "/health", "/about/knowledge"):
        assert f"http://127.0.0.1:{served.port}{path}" in shown


def test_database_is_in_the_home_directory(served: Served) -> None:
    assert list(served.out.parent.rglob("marrow-cds.sqlite"))


def test_files_are_for_the_user_of_the_service_only(served: Served) -> None:
    kept = [path for path in served.out.parent.rglob("*") if path.is_file() and path not in {served.out, served.err}]
    assert {path.name for path in kept} >= {"marrow-cds.sqlite", "patient-hash.key"}
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in kept if path.stat().st_mode & 0o077} == {}


def test_connection_is_kept_for_further_calls(served: Served) -> None:
    connection = served.connection()
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("POST", f"/cds-services/{PATIENT_VIEW.id}", case(), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert (answer.status, answer.version) == (200, 11)
        assert json.loads(answer.read())["cards"]
        assert connection.sock is first
    connection.close()


def test_body_over_the_limit_is_refused_in_our_own_form(served: Served) -> None:
    connection = served.connection()
    headers = {"Content-Type": "application/json"}
    connection.request("POST", f"/cds-services/{PATIENT_VIEW.id}", b" " * (11 * 1024 * 1024), headers)
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["resourceType"] == "OperationOutcome"
    connection.close()


def test_log_tells_no_query_and_no_patient(served: Served) -> None:
    connection = served.connection()
    connection.request("GET", "/livez?patient=Loopback")
    assert connection.getresponse().read()
    connection.close()
    logged = served.err.read_text(encoding="utf-8")
    assert '"endpoint":"health.live"' in logged
    assert "Loopback" not in logged
    assert "t11-before-labs" not in logged


def test_taken_port_is_told_at_once(served: Served) -> None:
    command = [sys.executable, "-m", "cds_service", "serve", "--port", str(served.port)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 2
    assert refused.stderr.startswith("marrow-cds: MARROW_HOST/MARROW_PORT")


def status_of(running: Served) -> int:
    connection = running.connection()
    connection.request("POST", f"/cds-services/{PATIENT_VIEW.id}", case(), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def wait_for(said: str, err: Path) -> None:
    deadline = time.monotonic() + 60
    while said not in err.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, err.read_text(encoding="utf-8")
        time.sleep(0.05)


def test_registry_is_read_again_on_sighup_and_a_faulty_one_is_not_taken(tmp_path: Path) -> None:
    registry = tmp_path / "clients.toml"
    entry = '[[client]]\nissuer = "https://ehr.example.org"\nname = "A"\njwks_url = "https://127.0.0.1:9/keys"\n'
    registry.write_text(entry)
    running = start(tmp_path, clients=registry)
    assert status_of(running) == 401
    registry.write_text(f"{entry}tokens_required = false\n")
    running.process.send_signal(signal.SIGHUP)
    wait_for("registry read again: 1 clients", running.err)
    assert status_of(running) == 200
    registry.write_text("[[client")
    running.process.send_signal(signal.SIGHUP)
    wait_for("registry not read again, the old one stays", running.err)
    assert status_of(running) == 200
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0


@pytest.mark.full
def test_running_calls_are_finished_before_the_process_stops(tmp_path: Path) -> None:
    running = start(tmp_path)
    big = json.loads(case())
    entry = big["prefetch"]["reports"]["entry"][0]
    big["prefetch"]["labs"]["entry"] = []
    text = entry["resource"].get("conclusion", "") * 20
    entry["resource"]["conclusion"] = text
    statuses: list[int] = []

    def call() -> None:
        connection = running.connection()
        headers = {"Content-Type": "application/json"}
        connection.request("POST", f"/cds-services/{PATIENT_VIEW.id}", json.dumps(big).encode(), headers)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    running.process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert running.process.wait(60) == 0
    assert statuses == [200] * 6


def test_connections_that_only_begin_a_request_keep_nobody_out(served: Served) -> None:
    begun = []
    try:
        for _ in range(120):
            connection = served.connection()
            connection.connect()
            connection.sock.sendall(b"POST /cds-services/x HTTP/1.1\r\nHost: localhost\r\nContent-Le")
            begun.append(connection)
        other = served.connection()
        other.request("GET", "/livez")
        assert other.getresponse().status == 200
        other.close()
    finally:
        for connection in begun:
            connection.close()
