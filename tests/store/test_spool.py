"""The spool: nothing that was confirmed is lost or stored twice, whatever happens between two steps."""

import errno
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cds_service.store.audit import AuditStore
from cds_service.store.backup import counts
from cds_service.store.connection import Database
from cds_service.store.database import SqlStore
from cds_service.store.keeper import Keeper
from cds_service.store.records import StoreAway, StoreError
from cds_service.store.reserve import SEGMENT_BYTES, ReserveError
from cds_service.store.spool import Line, Spool, SpoolError, read_lines
from tests.servers.postgresql import PostgreSQL
from tests.store.keeping import WatchedDatabase, keep
from tests.store.test_audit import BARE
from tests.store.test_store import ACCEPTED, CARD

MEBIBYTE = 1024 * 1024


def lines(*numbers: int) -> list[Line]:
    return [Line("shown_card", {"card": f"c-{number}", "state": "s"}) for number in numbers]


def left(spool: Spool) -> list[Line]:
    with spool.taken() as paths:
        return [line for path in paths or () for line in read_lines(path)[0]]


def test_lines_come_back_in_order_and_are_private(spool: Spool, tmp_path: Path) -> None:
    for number in range(5):
        spool.append(lines(number))
    assert left(spool) == lines(0, 1, 2, 3, 4)
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "spool").rglob("*")}
    assert modes == {0}
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0


def test_files_of_a_process_that_still_writes_are_left_to_it(spool: Spool, tmp_path: Path) -> None:
    spool.append(lines(1))
    other = Spool(tmp_path / "spool", MEBIBYTE)
    assert left(other) == []
    spool.close()
    assert left(other) == lines(1)


def test_only_one_carries_over_at_a_time(spool: Spool, tmp_path: Path) -> None:
    with spool.taken(), Spool(tmp_path / "spool", MEBIBYTE).taken() as paths:
        assert paths is None


def test_full_spool_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    small = Spool(tmp_path / "spool", 150)
    small.append(lines(1))
    with pytest.raises(SpoolError, match="full"):
        small.append(lines(*range(10)))
    assert left(small) == lines(1)


def test_line_that_a_full_disk_cut_off_is_taken_back(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.append(lines(1))
    whole = os.write

    def half(descriptor: int, data: bytes) -> int:
        if len(data) > 20:
            return whole(descriptor, data[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(SpoolError, match="No space left"):
        spool.append(lines(2))
    monkeypatch.undo()
    spool.append(lines(3))
    assert left(spool) == lines(1, 3)


def test_reserve_is_used_first_and_filled_up_again(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spool = Spool(folder, 4 * MEBIBYTE, 2 * SEGMENT_BYTES)
    spool.hold_reserve()
    free = set(folder.glob("*.free"))
    assert [path.stat().st_blocks * 512 >= SEGMENT_BYTES for path in free] == [True, True]
    spool.append(lines(1, 2))
    (begun,) = folder.glob("*.rows")
    assert begun.stat().st_size == SEGMENT_BYTES
    assert spool.sizes() == (1, len(begun.read_bytes().rstrip(b"\0")))
    assert read_lines(begun) == (lines(1, 2), 0)
    assert len(free - set(folder.glob("*.free"))) == 1
    spool.hold_reserve()
    assert len(list(folder.glob("*.free"))) == 2
    assert left(spool) == lines(1, 2)
    assert begun.stat().st_size == len(begun.read_bytes().rstrip(b"\0"))


def test_rows_of_a_killed_process_are_read_before_the_space_that_it_held(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MEBIBYTE, SEGMENT_BYTES)
    spool.hold_reserve()
    spool.append(lines(1))
    (begun,) = tmp_path.glob("*.rows")
    raw = begun.read_bytes()
    begun.write_bytes(raw[:20] + raw[20:].replace(b"}", b"\0"))
    assert read_lines(begun) == ([], 1)


def test_long_rows_go_on_in_the_next_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 4 * MEBIBYTE, 2 * SEGMENT_BYTES)
    spool.hold_reserve()
    long = [Line("shown_card", {"card": f"{number}", "state": "s" * (SEGMENT_BYTES // 3)}) for number in range(4)]
    for line in long:
        spool.append([line])
    assert len(list(tmp_path.glob("*.rows"))) == 2
    assert left(spool) == long


def test_disk_without_room_for_the_reserve_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, MEBIBYTE, 2 * SEGMENT_BYTES)

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ReserveError, match="only 0 of 524288 bytes"):
        spool.hold_reserve()
    assert [path.name for path in tmp_path.iterdir()] == ["reserve.lock"]


def test_what_lies_aside_is_bounded_and_each_loss_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path, 4000)
    for number in range(30):
        path = tmp_path / f"{number:03}.rows"
        spool.refuse(lines(*range(number, number + 4)), path)
        os.utime(path.with_suffix(".refused"), (number, number))
    files, size = spool.aside()
    assert 0 < files < 30
    assert size <= 1000 + size // files
    assert (tmp_path / "029.refused").exists()
    assert spool.discarded == 4 * (30 - files)
    assert "000.refused with 4 rows was deleted" in caplog.text


@pytest.fixture
def carried_over_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the folder list a file that another process deletes before it is looked at."""
    listed = Spool._files
    monkeypatch.setattr(Spool, "_files", lambda this: [tmp_path / "spool" / "0-gone.rows", *listed(this)])


@pytest.mark.usefixtures("carried_over_meanwhile")
def test_file_that_another_process_deletes_meanwhile_does_not_count(spool: Spool) -> None:
    spool.append(lines(1))
    assert spool.sizes()[0] == 1
    assert spool.room()
    spool.append(lines(2))
    assert left(spool) == lines(1, 2)


def test_place_that_cannot_be_written_is_a_named_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    nowhere = Spool(tmp_path / "file" / "spool", MEBIBYTE)
    assert not nowhere.room()
    with pytest.raises(SpoolError, match="Not a directory"):
        nowhere.append(lines(1))


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-20], lambda raw: raw.replace(b"c-2", b"c-9"), lambda raw: raw + b"x"]
)
def test_damaged_lines_are_known_and_the_others_kept(spool: Spool, tmp_path: Path, damage: Any) -> None:
    spool.append(lines(1, 2))
    spool.close()
    (path,) = (tmp_path / "spool").glob("*.rows")
    path.write_bytes(damage(path.read_bytes()))
    found, damaged = read_lines(path)
    assert found[0] == lines(1)[0]
    assert damaged == 1
    spool.forget(path, whole=False)
    assert path.with_suffix(".damaged").exists()


def test_rows_of_every_kind_wait_and_are_stored_once(url: str, database: WatchedDatabase, keeper: Keeper) -> None:
    store, audit = SqlStore(url, keeper), AuditStore(url, keeper)
    database.away = True
    keep(store, [CARD])
    store.record_feedback([ACCEPTED])
    store.record_feedback([ACCEPTED])
    keep(audit, record=BARE)
    assert store.can_write()
    with pytest.raises(StoreAway):
        keeper.replay()
    database.away = False
    assert keeper.replay() == 1
    assert keeper.replay() == 0
    (kept,) = store.feedback()
    assert (kept.card, kept.feedback, kept.repeats) == (CARD, ACCEPTED, 1)
    assert list(audit.records()) == [BARE]


def test_file_that_outlives_a_crash_is_not_stored_twice(
    url: str, database: WatchedDatabase, keeper: Keeper, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = SqlStore(url, keeper)
    database.away = True
    store.record_feedback([ACCEPTED])
    store.record_feedback([ACCEPTED])
    database.away = False

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Spool, "forget", crash)
        with pytest.raises(KeyboardInterrupt):
            keeper.replay()
    assert list((tmp_path / "spool").glob("*.rows"))
    assert keeper.replay() == 1
    assert [kept.repeats for kept in store.feedback()] == [1]
    assert list((tmp_path / "spool").glob("*.rows")) == []


def test_row_that_was_stored_although_the_answer_got_lost_is_not_stored_again(
    url: str, keeper: Keeper, spool: Spool, engine: Engine
) -> None:
    store, audit = SqlStore(url, keeper), AuditStore(url, keeper)
    keep(store, [CARD])
    store.record_feedback([ACCEPTED])
    keep(audit, record=BARE)
    with engine.connect() as connection:
        written = connection.execute(text("SELECT last_write FROM feedback")).scalar_one()
        entry = connection.execute(text("SELECT entry FROM audit_event")).scalar_one()
    spool.append([Line("issued_card", {"uuid": CARD.uuid})])
    row = {name: getattr(ACCEPTED, name) for name in ACCEPTED.__slots__} | {"identity": ACCEPTED.identity, "repeats": 0}
    spool.append([Line("feedback", row | {"last_write": written}), Line("audit_event", {"entry": entry})])
    keeper.replay()
    assert [kept.repeats for kept in store.feedback()] == [0]
    assert keeper.database.run("count", counts)["audit_event"] == 1


def test_row_that_the_database_never_takes_is_put_aside(keeper: Keeper, spool: Spool, tmp_path: Path) -> None:
    spool.append([Line("issued_card", {"uuid": "c-9"}), *lines(1), Line("no_table", {})])
    keeper.replay()
    (aside,) = (tmp_path / "spool").glob("*.refused")
    assert [line.table for line in read_lines(aside)[0]] == ["issued_card", "no_table"]
    assert keeper.database.run("count", counts)["shown_card"] == 1


def test_without_a_spool_the_failure_is_told(url: str, database: WatchedDatabase) -> None:
    store = SqlStore(url, Keeper(database))
    database.away = True
    with pytest.raises(StoreError):
        keep(store, [CARD])
    assert not store.can_write()


def test_what_was_left_is_carried_over_at_the_next_start(database: WatchedDatabase, spool: Spool) -> None:
    Keeper(database).open()
    spool.append(lines(1))
    spool.close()
    keeper = Keeper(database, spool)
    keeper.open()
    while keeper.waiting()[0]:
        assert keeper.can_write()
    keeper.close()
    assert database.run("count", counts)["shown_card"] == 1


def test_look_at_the_spool_that_fails_does_not_end_the_carrying_over(
    database: WatchedDatabase, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(database, spool)
    keeper.open()
    looks = iter([PermissionError("sizes")])
    look, known = Spool.sizes, threading.Event()

    def sizes(this: Spool) -> tuple[int, int]:
        known.wait()
        for failure in looks:
            raise failure
        return look(this)

    spool.append(lines(1))
    monkeypatch.setattr(Spool, "sizes", sizes)
    assert keeper._replay_soon()
    thread = keeper._thread
    assert thread is not None
    known.set()
    thread.join()
    assert next(looks, None) is None
    assert keeper._thread is None
    keeper.close()
    assert database.run("count", counts)["shown_card"] == 1


@pytest.mark.parametrize("away", [False, True])
def test_odd_characters_lose_no_record(url: str, database: WatchedDatabase, keeper: Keeper, *, away: bool) -> None:
    store = SqlStore(url, keeper)
    database.away = away
    store.record_feedback([replace(ACCEPTED, comment="a\0b\ud800c", reason_display="x" * 5000)])
    database.away = False
    keeper.replay()
    assert store.feedback()[0].feedback.comment == "a\ufffdb?c"


def test_silent_postgresql_is_given_up_and_then_left_alone(own_postgresql: PostgreSQL) -> None:
    database = Database(own_postgresql.new_database())
    database.check()
    own_postgresql.server.freeze()
    with pytest.raises(StoreAway, match="OperationalError"):
        database.check()
    with pytest.raises(StoreAway, match="is away"):
        database.check()
    own_postgresql.server.thaw()
    database.reach("look", lambda connection: connection.execute(text("SELECT 1")))
    database.check()
    database.close()
