"""Backup and restore, also from one kind of database into the other."""

import gzip
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.cli.main import cli
from cds_service.store.audit import AuditStore
from cds_service.store.backup import counts
from cds_service.store.connection import Database
from cds_service.store.database import SqlStore
from tests.servers.postgresql import PostgreSQL
from tests.store.keeping import keep
from tests.store.test_audit import BARE, RECORD
from tests.store.test_store import ACCEPTED, CARD


def run(url: str, state: Path, *arguments: str) -> Result:
    environment = {"MARROW_DATABASE_URL": url, "MARROW_STATE_DIR": str(state)}
    return CliRunner().invoke(cli, ["store", *arguments], env=environment)


def fill(url: str) -> None:
    store, audit = SqlStore(url), AuditStore(url)
    store.open()
    keep(store, [CARD])
    store.record_feedback([ACCEPTED, ACCEPTED])
    keep(audit, record=RECORD)
    keep(audit, record=BARE)
    store.close()
    audit.close()


def test_restored_store_is_the_one_backed_up(url: str, postgresql: PostgreSQL, tmp_path: Path) -> None:
    fill(url)
    file = tmp_path / "backup.gz"
    assert run(url, tmp_path, "backup", str(file)).output == f"4 rows written to {file}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    for other in (f"sqlite:///{tmp_path / 'other.sqlite'}", postgresql.new_database()):
        assert run(other, tmp_path, "restore", str(file)).output == f"4 rows restored from {file}\n"
        store, audit = SqlStore(other), AuditStore(other)
        assert [(kept.card, kept.feedback, kept.repeats) for kept in store.feedback()] == [(CARD, ACCEPTED, 1)]
        assert list(audit.records()) == [RECORD, BARE]
        keep(audit, record=BARE)
        assert len(list(audit.records())) == 3
        store.close()
        audit.close()


def test_database_that_the_command_makes_is_for_this_user_only(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        assert run(f"sqlite:///{tmp_path / 'new.sqlite'}", tmp_path, "migrate").exit_code == 0
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    modes = {path.name: oct(path.stat().st_mode & 0o077) for path in tmp_path.iterdir()}
    assert modes["new.sqlite"] == "0o0"
    assert set(modes.values()) == {"0o0"}


def test_damaged_backup_leaves_the_store_empty(url: str, tmp_path: Path) -> None:
    fill(url)
    file = tmp_path / "backup.gz"
    run(url, tmp_path, "backup", str(file))
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    other = f"sqlite:///{tmp_path / 'other.sqlite'}"
    for content in (b"no backup", gzip.compress(b"".join(lines[:-2] + lines[-1:])), gzip.compress(b"{}\n")):
        file.write_bytes(content)
        answer = run(other, tmp_path, "restore", str(file))
        assert "restore:" in str(answer.exception)
    database = Database(other)
    assert not any(database.run("count", counts).values())
    database.close()


def test_full_store_is_not_filled_again(url: str, tmp_path: Path) -> None:
    fill(url)
    file = tmp_path / "backup.gz"
    run(url, tmp_path, "backup", str(file))
    assert "not empty" in str(run(url, tmp_path, "restore", str(file)).exception)


def test_check_tells_what_is_there_and_what_is_missing(url: str, tmp_path: Path) -> None:
    missing = run(url, tmp_path, "check")
    assert (missing.exit_code, "step none" in missing.output) == (1, True)
    assert run(url, tmp_path, "migrate").exit_code == 0
    found = run(url, tmp_path, "check")
    assert found.exit_code == 0
    assert "0 rows in audit_event" in found.output
    assert run(url, tmp_path, "replay").output.count("0 files") == 2


def test_unreachable_database_is_named(tmp_path: Path) -> None:
    nobody = "postgresql://marrow@127.0.0.1:9/none"
    answer = run(nobody, tmp_path, "check")
    assert (answer.exit_code, "OperationalError" in answer.output) == (1, True)


@pytest.mark.parametrize(("days", "left"), [("36500", 1), ("1", 0)])
def test_purge_takes_what_is_older(url: str, tmp_path: Path, days: str, left: int) -> None:
    store = SqlStore(url)
    store.open()
    old = CARD.issued_at.replace(year=2020)
    keep(store, [type(CARD)(**{name: getattr(CARD, name) for name in CARD.__slots__} | {"issued_at": old})])
    assert "rows older" in run(url, tmp_path, "purge", "--days", days).output
    assert (store.issued("c-1") is not None) == bool(left)
    store.close()
