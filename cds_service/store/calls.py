"""What one call leaves behind, stored before its answer leaves: issued cards, what they were shown for, and the call.

All of it goes in one transaction where one database holds it.
"""

from collections.abc import Iterator, Sequence

from cds_service.store import schema
from cds_service.store.audit import AuditRecord, audit_row
from cds_service.store.keeper import Keeper
from cds_service.store.records import IssuedCard, StoreError
from cds_service.store.repeats import ShownCard
from cds_service.store.rows import Batch, row_of

_OPERATION = "record a call"


class NotKept(StoreError):  # noqa: N818 - an outcome; the family name is in the base
    """Some of it is stored nowhere, not even in a spool. ``tables`` names what."""

    def __init__(self, tables: frozenset[str], reason: str) -> None:
        super().__init__(reason)
        self.tables = tables


class CallStore:
    """Stores calls. ``audit`` is ``None`` where no record of calls is wanted.

    With ``together`` both keepers write to one database, and ``audit`` is the one that writes everything.
    """

    def __init__(self, cards: Keeper, audit: Keeper | None = None, *, together: bool = False) -> None:
        self._cards = cards
        self._audit = audit
        self._together = together

    def keep(
        self, issued: Sequence[IssuedCard], shown: Sequence[ShownCard] = (), record: AuditRecord | None = None
    ) -> None:
        """Keep all of it, in the database or in the spool. Raises NotKept when some is kept nowhere."""
        lost: set[str] = set()
        reasons: list[str] = []
        for keeper, batches in self._parts(issued, shown, record):
            try:
                keeper.write_new(_OPERATION, batches)
            except StoreError as error:
                lost |= {table.name for table, _ in batches}
                reasons.append(str(error))
        if lost:
            raise NotKept(frozenset(lost), "; ".join(reasons))

    def _parts(
        self, issued: Sequence[IssuedCard], shown: Sequence[ShownCard], record: AuditRecord | None
    ) -> Iterator[tuple[Keeper, list[Batch]]]:
        """Yield the rows for each database."""
        own: list[Batch] = []
        if issued:
            own.append((schema.issued_card, [row_of(card) for card in issued]))
        if shown:
            own.append((schema.shown_card, [row_of(one) for one in shown]))
        called: list[Batch] = []
        if record is not None and self._audit is not None:
            called.append((schema.audit_event, [audit_row(record)]))
        if self._audit is not None and (called or self._together):
            yield self._audit, [*own, *called] if self._together else called
        if own and not self._together:
            yield self._cards, own
