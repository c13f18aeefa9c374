"""Keeps cards and calls as a running service does, also in a database that can be away."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import event

from cds_service.store.audit import AuditRecord, AuditStore
from cds_service.store.calls import CallStore
from cds_service.store.connection import Database
from cds_service.store.database import SqlStore
from cds_service.store.records import IssuedCard, StoreAway
from cds_service.store.repeats import ShownCard


class WatchedDatabase(Database):
    """Counts how often a connection is taken, which is for one transaction, and can be away."""

    away = False

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.taken = 0
        event.listen(self.engine, "checkout", self._take)

    def _take(self, *_: object) -> None:
        self.taken += 1

    def _answered(self, ask: Any) -> Any:
        if self.away:
            raise StoreAway("away")
        return super()._answered(ask)


def keep(
    store: SqlStore | AuditStore,
    issued: Sequence[IssuedCard] = (),
    shown: Sequence[ShownCard] = (),
    record: AuditRecord | None = None,
) -> None:
    """Keep what a call leaves behind in the database of ``store``. Raises NotKept."""
    keeper = store._keeper
    CallStore(keeper, keeper, together=True).keep(issued, shown, record)
