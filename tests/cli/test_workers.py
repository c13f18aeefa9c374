"""Worker processes: what is found out before they begin, and the gate at which their calls wait for a place."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from cds_service.cli import workers
from cds_service.cli.receiving import Receivers
from cds_service.cli.workers import Gate, serve_workers
from cds_service.config import Settings
from cds_service.errors import ConfigError
from cds_service.web.admission import WAITING
from tests.servers.service import Service

LIMIT = 100


def environ(body: bytes, **more: str) -> dict[str, Any]:
    return {"wsgi.input": BytesIO(body)} | more


def test_call_is_received_whole_and_has_a_length() -> None:
    seen: list[tuple[bytes, str, int]] = []

    def application(given: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [])
        seen.append((given["wsgi.input"].read(), given["CONTENT_LENGTH"], given[WAITING]))
        return [b"answer"]

    gate = Gate(application, 1, LIMIT, Receivers(1, 1.0, 0))
    assert list(gate(environ(b"chunked"), lambda *_: None)) == [b"answer"]
    assert list(gate(environ(b"with length", CONTENT_LENGTH="11"), lambda *_: None)) == [b"answer"]
    assert seen == [(b"chunked", "7", 0), (b"with length", "11", 0)]


def test_call_that_was_cut_off_never_reaches_the_service() -> None:
    def application(_given: dict[str, Any], _start: Any) -> list[bytes]:
        pytest.fail("half a call was answered")

    statuses: list[str] = []
    gate = Gate(application, 1, LIMIT, Receivers(1, 1.0, 0))
    assert gate(environ(b"{", CONTENT_LENGTH="70"), lambda status, _: statuses.append(status)) == []
    assert statuses == ["408 Request Timeout"]


def test_no_more_than_a_little_over_the_limit_is_received() -> None:
    lengths: list[int] = []

    def application(given: dict[str, Any], _start: Any) -> list[bytes]:
        lengths.append(len(given["wsgi.input"].read()))
        return []

    huge = b"x" * (LIMIT + 2 * workers._BODY_MARGIN)
    Gate(application, 1, LIMIT, Receivers(1, 1.0, 0))(environ(huge, CONTENT_LENGTH=str(len(huge))), lambda *_: None)
    assert lengths == [LIMIT + workers._BODY_MARGIN]


def test_calls_beyond_the_places_wait_and_are_counted() -> None:
    entered, leave = threading.Semaphore(0), threading.Semaphore(0)
    waiting: list[int] = []

    def application(given: dict[str, Any], _start: Any) -> Iterator[bytes]:
        waiting.append(given[WAITING])
        entered.release()
        leave.acquire()
        return iter([b""])

    gate = Gate(application, 1, LIMIT, Receivers(1, 1.0, 0))
    threads = [threading.Thread(target=gate, args=(environ(b""), None)) for _ in range(3)]
    threads[0].start()
    entered.acquire()
    for thread in threads[1:]:
        thread.start()
    while gate._waiting < 2:
        assert all(thread.is_alive() for thread in threads)
    for _ in threads:
        leave.release()
    for thread in threads:
        thread.join()
    assert sorted(waiting) == [0, 0, 1]


def test_what_would_end_every_worker_is_told_before_they_begin(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        used = Settings(port=taken.getsockname()[1], state_dir=tmp_path)
        with pytest.raises(ConfigError, match="MARROW_PORT"):
            serve_workers(used, 2)
    with pytest.raises(ConfigError, match=r"none\.toml"):
        serve_workers(Settings(port=0, state_dir=tmp_path, clients=tmp_path / "none.toml"), 2)


def test_workers_get_the_service_and_the_database_is_ready_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Any] = {}

    class Server:
        def __init__(self, check: Any, **options: Any) -> None:
            made.update(options, check=check)

        def serve(self, target_loader: Any, *, wrap_loader: bool) -> None:
            made.update(gate=target_loader(), wrap=wrap_loader)

    monkeypatch.setattr(workers, "Replacing", Server)
    serve_workers(Settings(port=0, state_dir=tmp_path, threads=3), 2)
    assert (made["workers"], made["respawn_failed_workers"], made["wrap"]) == (2, True, False)
    assert (tmp_path / "marrow-cds.sqlite").exists()
    statuses: list[str] = []
    answer = made["gate"](
        environ(b"", REQUEST_METHOD="GET", PATH_INFO="/readyz", SERVER_NAME="127.0.0.1", SERVER_PORT="80")
        | {"wsgi.url_scheme": "http", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.errors": None},
        lambda status, _headers, *_: statuses.append(status),
    )
    assert (statuses, b'"store":"ok"' in b"".join(answer)) == (["200 OK"], True)


def test_faulty_registry_keeps_the_old_workers(tmp_path: Path) -> None:
    registry = tmp_path / "clients.toml"
    entry = '[[client]]\nissuer = "https://ehr.example.org"\nname = "A"\njwks_url = "https://127.0.0.1:9/keys"\n'
    registry.write_text(entry)
    service = Service(tmp_path, {"CLIENTS": str(registry)})
    service.server.start()
    try:
        old = service.workers()
        registry.write_text("[[client")
        service.reload()
        told = until(lambda: [line for line in service.logged() if "the old workers stay" in str(line)])
        assert "clients.toml" in str(told)
        assert service.workers() == old
        registry.write_text(entry)
        service.reload()
        until(lambda: len(service.workers()) == len(old) and not set(old) & set(service.workers()))
        assert service.is_live()
    finally:
        service.stop()


def until(look: Callable[[], Any]) -> Any:
    """Look until there is something to see; the time is for a machine that is busy."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError("nothing came")
