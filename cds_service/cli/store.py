"""``store``: upgrade, check, back up, restore and clean the database of cards, feedback and calls."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from cds_service.config import Settings, read_settings
from cds_service.store.assembly import spools
from cds_service.store.backup import counts, read_backup, write_backup
from cds_service.store.connection import Database
from cds_service.store.database import SqlStore
from cds_service.store.keeper import Keeper
from cds_service.store.records import StoreError
from cds_service.store.upgrade import HEAD, open_tables, revision_of


@contextmanager
def _databases(settings: Settings) -> Iterator[dict[str, Database]]:
    """Open the database of the store, and that of the audit record where it is another one, by name."""
    found = {"store": Database(settings.database)}
    if settings.audit_database != settings.database:
        found["audit"] = Database(settings.audit_database, "MARROW_AUDIT_URL")
    try:
        yield found
    finally:
        for database in found.values():
            database.close()


@click.group("store")
def command() -> None:
    """Look after the database named by MARROW_DATABASE_URL, and MARROW_AUDIT_URL where that is another one."""


@command.command("migrate")
def migrate() -> None:
    """Bring the tables up to this release, before or while the service of the release before runs."""
    with _databases(read_settings()) as databases:
        for name, database in databases.items():
            open_tables(database)
            click.echo(f"{name}: step {database.reach('look', revision_of)}")


@command.command("check")
def check() -> None:
    """Tell step, rows and what waits in the spool; status 1 unless all is in order."""
    settings = read_settings()
    with _databases(settings) as databases:
        told = [_told(name, database) for name, database in databases.items()]
    fit = all(told)
    for name, spool in spools(settings).items():
        files, size = spool.sizes()
        click.echo(f"spool {name}: {files} files, {size} bytes")
        fit = fit and not files
    sys.exit(0 if fit else 1)


def _told(name: str, database: Database) -> bool:
    """Print the state of one database and return whether it is in order."""
    try:
        step = database.reach("look", revision_of)
        click.echo(f"{name}: step {step or 'none'}, this release needs {HEAD}")
        if step < HEAD:
            return False
        for table, number in database.reach("count", counts).items():
            click.echo(f"{name}: {number} rows in {table}")
    except StoreError as reason:
        click.echo(f"{name}: {reason}")
        return False
    return True


@command.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write the whole store to FILE (compressed JSON lines), as it stands now, while the service runs on."""
    with _databases(read_settings()) as databases:
        for name, database in databases.items():
            target = _file_of(name, file)
            click.echo(f"{write_backup(database, target)} rows written to {target}")


@command.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(file: Path) -> None:
    """Fill an empty store from FILE, whichever database it came from."""
    with _databases(read_settings()) as databases:
        for name, database in databases.items():
            source = _file_of(name, file)
            click.echo(f"{read_backup(database, source)} rows restored from {source}")


def _file_of(name: str, file: Path) -> Path:
    """Return the file itself for the store, one beside it for an audit record of its own."""
    return file if name == "store" else file.with_name(f"{file.name}.{name}")


@command.command("replay")
def replay() -> None:
    """Store what waits in the spool; the service does so by itself, this is for a machine that is taken out."""
    settings = read_settings()
    with _databases(settings) as databases:
        for name, spool in spools(settings).items():
            keeper = Keeper(databases.get(name, databases["store"]), spool)
            click.echo(f"{keeper.replay()} files of the spool {name} were stored")
            keeper.close()


@command.command("purge")
@click.option("--days", type=click.IntRange(1), required=True, help="Age in days from which to delete.")
def purge(days: int) -> None:
    """Delete issued cards and feedback that are older; `audit purge` does the same for the record of calls."""
    store = SqlStore(read_settings().database)
    store.open()
    click.echo(f"{store.purge(datetime.now(UTC) - timedelta(days=days))} rows older than {days} days were deleted.")
    store.close()
