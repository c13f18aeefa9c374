"""A full disk below the spool, the database stopped: the reserve takes what comes, beyond it calls are refused."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.servers.postgresql import PostgreSQL
from tests.servers.redis import Redis
from tests.stack.world import BATCH, world

_PIECE = bytes(4096)


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(folder: Path) -> None:
    """Take all that is left of the disk, as somebody else would."""
    with suppress(OSError), (folder / "others").open("wb", buffering=0) as file:
        while True:
            file.write(_PIECE)


@pytest.mark.parametrize("small_disk", ["8m"], indirect=True)
def test_disk_filled_by_others(
    tmp_path: Path, small_disk: Path, own_postgresql: PostgreSQL, own_redis: Redis, record_property: Any
) -> None:
    with world(tmp_path, own_postgresql, own_redis, record_property, spool=small_disk / "spool") as at:
        own_postgresql.server.stop()
        fill(small_disk)
        at.callers.run(2 * BATCH)
        own_postgresql.server.start()
        seen = at.account("disk full for the spool, PostgreSQL stopped")
        assert seen.answered == seen.sent


@pytest.mark.parametrize("small_disk", ["64k"], indirect=True)
def test_disk_full_and_no_reserve(
    tmp_path: Path, small_disk: Path, own_postgresql: PostgreSQL, own_redis: Redis, record_property: Any
) -> None:
    with world(tmp_path, own_postgresql, own_redis, record_property, spool=small_disk / "spool") as at:
        own_postgresql.server.stop()
        at.callers.run(2 * BATCH)
        told = [str(line.get("message")) for line in at.service.logged()]
        own_postgresql.server.start()
        seen = at.account("disk full and the reserve used up, PostgreSQL stopped")
        assert set(seen.refused) == {503}, "what can be kept nowhere is refused, and never answered"
        assert any("held in reserve" in line for line in told), "it was said at the start"
        assert any("not recorded" in line for line in told)
