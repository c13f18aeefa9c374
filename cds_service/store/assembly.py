"""Puts the stores together: which database each one writes to, and which spool stands behind it."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cds_service.config import MEBIBYTE, Settings
from cds_service.store.audit import AuditStore
from cds_service.store.connection import Database
from cds_service.store.database import SqlStore
from cds_service.store.keeper import Keeper
from cds_service.store.records import StoreAway
from cds_service.store.repeats import RepeatStore
from cds_service.store.spool import Spool

_log = logging.getLogger("cds_service.store")


@dataclass(frozen=True, slots=True)
class Stores:
    """What a running service keeps. ``audit`` is ``None`` where no record of calls is wanted."""

    cards: SqlStore
    shown: RepeatStore
    audit: AuditStore | None


def open_stores(settings: Settings) -> Stores:
    """Open all of them. Raises ConfigError, and StoreError for a database that is not fit."""
    database = Database(settings.database)
    keeper = Keeper(database, spools(settings)["store"])
    keeper.open()
    cards, shown = SqlStore(settings.database, keeper), RepeatStore(settings.database, keeper)
    return Stores(cards, shown, _open_audit(settings, database))


def _open_audit(settings: Settings, database: Database) -> AuditStore | None:
    """Open the audit record and remove what is older than its retention."""
    if settings.audit_days == 0:
        return None
    if database.is_file or settings.audit_database != settings.database:
        database = Database(settings.audit_database, "MARROW_AUDIT_URL", durable=True)
    audit = AuditStore(settings.audit_database, Keeper(database, spools(settings)["audit"]))
    audit.open()
    try:
        audit.purge(datetime.now(UTC) - timedelta(days=settings.audit_days))
    except StoreAway as reason:
        _log.error("%s; old records go at the next start", reason)
    return audit


def spools(settings: Settings) -> dict[str, Spool]:
    """Return the spools by the name of what stands before them."""
    return {name: Spool(settings.spool_path / name, settings.spool_megabytes * MEBIBYTE) for name in ("store", "audit")}
