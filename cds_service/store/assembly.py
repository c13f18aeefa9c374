"""Puts the stores together: which database each one writes to, and which spool stands behind it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cds_service.config import MEBIBYTE, Settings
from cds_service.store.audit import AuditStore
from cds_service.store.calls import CallStore
from cds_service.store.connection import Database
from cds_service.store.database import SqlStore
from cds_service.store.keeper import Keeper
from cds_service.store.records import StoreAway
from cds_service.store.repeats import RepeatStore
from cds_service.store.reserve import ReserveError
from cds_service.store.spool import Spool

_log = logging.getLogger("cds_service.store")


@dataclass(frozen=True, slots=True)
class Stores:
    """What a running service keeps: cards with their feedback, the states they were shown for, and whole calls.

    ``databases`` are what is behind them, by the name of what is kept there.
    """

    cards: SqlStore
    shown: RepeatStore
    calls: CallStore
    databases: Mapping[str, Database]


def open_stores(settings: Settings) -> Stores:
    """Open all of them. Raises ConfigError, and StoreError for a database that is not fit."""
    database = Database(settings.database)
    keeper = Keeper(database, spools(settings)["store"])
    keeper.open()
    audit = _open_audit(settings, database)
    together = audit is not None and settings.audit_database == settings.database
    # What calls write and look up goes over the same connections: their cached pages then stay good for the next call.
    shown = RepeatStore(audit.database if audit is not None and together else database)
    databases = {"store": database}
    if audit is not None and audit.database is not database:
        databases["audit"] = audit.database
    calls = CallStore(keeper, audit, together=together)
    return Stores(SqlStore(settings.database, keeper), shown, calls, databases)


def _open_audit(settings: Settings, database: Database) -> Keeper | None:
    """Open the audit record, if one is wanted, and remove what is older than its retention."""
    if settings.audit_days == 0:
        return None
    if database.is_file or settings.audit_database != settings.database:
        database = Database(settings.audit_database, "MARROW_AUDIT_URL", durable=True)
    keeper = Keeper(database, spools(settings)["audit"])
    audit = AuditStore(settings.audit_database, keeper)
    audit.open()
    try:
        audit.purge(datetime.now(UTC) - timedelta(days=settings.audit_days))
    except StoreAway as reason:
        _log.error("%s; old records go at the next start", reason)
    return keeper


def spools(settings: Settings) -> dict[str, Spool]:
    """Return the spools by the name of what stands before them."""
    limit, reserve = settings.spool_megabytes * MEBIBYTE, settings.spool_reserve_megabytes * MEBIBYTE
    return {name: Spool(settings.spool_path / name, limit, reserve) for name in ("store", "audit")}


def hold_reserve(settings: Settings) -> None:
    """Take from the disk what the spools are to have in any case; a disk without room for it is told."""
    for spool in spools(settings).values():
        try:
            spool.hold_reserve()
        except ReserveError as reason:
            _log.error("%s; when the disk is full and the database away, calls will be refused", reason)
