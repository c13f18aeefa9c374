"""Keeps cards and calls as a running service does."""

from collections.abc import Sequence

from cds_service.store.audit import AuditRecord, AuditStore
from cds_service.store.calls import CallStore
from cds_service.store.database import SqlStore
from cds_service.store.records import IssuedCard
from cds_service.store.repeats import ShownCard


def keep(
    store: SqlStore | AuditStore,
    issued: Sequence[IssuedCard] = (),
    shown: Sequence[ShownCard] = (),
    record: AuditRecord | None = None,
) -> None:
    """Keep what a call leaves behind in the database of ``store``. Raises NotKept."""
    keeper = store._keeper
    CallStore(keeper, keeper, together=True).keep(issued, shown, record)
